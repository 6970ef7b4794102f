"""Reads what a large version sends, one slice ahead of what is being produced."""

from __future__ import annotations

import contextlib

from tui.engine.patience import At, HangError, Patient
from tui.engine.sending.delivery import Sending
from tui.engine.sending.reading import SLICE_BYTES
from tui.errors import SourceError, SourceUnreadableError


def chunks_of_unit(chunk_size: int) -> int:
    """Return how many chunks are read together: those of one slice, or one of several slices."""
    return max(1, SLICE_BYTES // chunk_size)


class ReadAhead:
    """Reads for one uploading thread, which must :meth:`drop` what it did not ask for after all.

    Args:
        patient: makes the calls; nobody else may use it between :meth:`get` and :meth:`drop`.
    """

    def __init__(self, patient: Patient) -> None:
        self._patient = patient
        self._begun: tuple[Sending, int] | None = None

    def get(self, sending: Sending, number: int, *, goes_on: bool) -> tuple[bytes, int]:
        """Return the bytes of a unit, checked, and their offset in the file.

        Args:
            sending: the version; its bytes are not held in memory.
            number: of the unit, from 0.
            goes_on: whether the next unit is likely to be asked for next; it is then begun.

        Raises:
            SourceError: they cannot be read, or are others now.
        """
        if self._begun != (sending, number):
            self.drop()
            self._begin(sending, number)
        self._begun = None
        try:
            found: tuple[bytes, int] = self._patient.end()
        except HangError as error:
            raise no_answer(sending.version.rel_path, error) from error
        after = (number + 1) * chunks_of_unit(sending.version.chunk_size)
        if goes_on and after < sending.version.n_chunks and not sending.is_delivered(after):
            self._begin(sending, number + 1)
        return found

    def drop(self) -> None:
        """Forget what was begun; an error in it will be met again by whoever needs it."""
        if self._begun is not None:
            self._begun = None
            with contextlib.suppress(HangError, SourceError):
                self._patient.end()

    def _begin(self, sending: Sending, number: int) -> None:
        def read(at: At) -> tuple[bytes, int]:
            at(sending.version.rel_path)
            return _read(sending, number)

        self._patient.begin(read)
        self._begun = sending, number


def _read(sending: Sending, number: int) -> tuple[bytes, int]:
    source, size = sending.source, sending.version.chunk_size
    if source is None:
        raise SourceUnreadableError("its bytes were given up", where=sending.version.rel_path)
    if size <= source.slice_bytes:
        return source.read_slice(number), number * source.slice_bytes
    n_slices = size // source.slice_bytes
    numbers = range(number * n_slices, min((number + 1) * n_slices, len(source.checksums)))
    return b"".join([source.read_slice(n) for n in numbers]), number * size


def no_answer(rel_path: str, error: HangError) -> SourceUnreadableError:
    """Return the error of ours that says that a file hangs."""
    return SourceUnreadableError(f"it cannot be read: {error.what}", where=rel_path,
                                 remedy="Check the disk or the network; it is tried again by "
                                 "itself")
