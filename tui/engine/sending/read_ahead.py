"""Reads what a large version sends, one slice ahead of what is being produced."""

from __future__ import annotations

import contextlib

from tui.engine.sending.source import SLICE_BYTES
from tui.engine.sending.transfer import Transfer
from tui.engine.system.guarded_calls import GuardedCalls, Touching
from tui.errors import FileSystemHangError, SourceError, SourceUnreadableError


def chunks_of_unit(chunk_size: int) -> int:
    """Return how many chunks are read together: those of one slice, or one of several slices."""
    return max(1, SLICE_BYTES // chunk_size)


class ReadAhead:
    """Reads for one uploading thread, which must :meth:`drop` what it did not ask for after all.

    Args:
        calls: makes the calls; nobody else may use it between :meth:`get` and :meth:`drop`.
    """

    def __init__(self, calls: GuardedCalls) -> None:
        self._calls = calls
        self._begun: tuple[Transfer, int] | None = None

    def get(self, transfer: Transfer, number: int, *, goes_on: bool) -> tuple[bytes, int]:
        """Return the bytes of a unit, checked, and their offset in the file.

        Args:
            transfer: the version; its bytes are not held in memory.
            number: of the unit, from 0.
            goes_on: whether the next unit is likely to be asked for next; it is then begun.

        Raises:
            SourceError: they cannot be read, or are others now.
        """
        if self._begun != (transfer, number):
            self.drop()
            self._begin(transfer, number)
        self._begun = None
        try:
            found: tuple[bytes, int] = self._calls.end()
        except FileSystemHangError as error:
            raise no_answer(transfer.version.rel_path, error) from error
        after = (number + 1) * chunks_of_unit(transfer.version.chunk_size)
        if goes_on and after < transfer.version.n_chunks and not transfer.is_delivered(after):
            self._begin(transfer, number + 1)
        return found

    def drop(self) -> None:
        """Forget what was begun; an error in it will be met again by whoever needs it."""
        if self._begun is not None:
            self._begun = None
            with contextlib.suppress(FileSystemHangError, SourceError):
                self._calls.end()

    def _begin(self, transfer: Transfer, number: int) -> None:
        def read(touching: Touching) -> tuple[bytes, int]:
            touching(transfer.version.rel_path)
            return _read(transfer, number)

        self._calls.begin(read)
        self._begun = transfer, number


def _read(transfer: Transfer, number: int) -> tuple[bytes, int]:
    source, size = transfer.source, transfer.version.chunk_size
    if source is None:
        raise SourceUnreadableError("its bytes were given up", where=transfer.version.rel_path)
    if size <= source.slice_bytes:
        return source.read_slice(number), number * source.slice_bytes
    n_slices = size // source.slice_bytes
    numbers = range(number * n_slices, min((number + 1) * n_slices, len(source.checksums)))
    return b"".join([source.read_slice(n) for n in numbers]), number * size


def no_answer(rel_path: str, error: FileSystemHangError) -> SourceUnreadableError:
    """Return the error of ours that says that a file hangs."""
    return SourceUnreadableError(f"it cannot be read: {error.what}", where=rel_path,
                                 remedy="Check the disk or the network; it is retried "
                                 "automatically")
