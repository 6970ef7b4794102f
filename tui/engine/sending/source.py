"""Reads the bytes of a version, and lets no byte pass that is not the version's."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tui.config.state_files import is_ledger_name
from tui.engine.model.files import FileState, FileStatus
from tui.engine.sending.chunk_digests import ChunkDigests, checksum
from tui.engine.system.file_status import change_time_ns, mtime_in_64_bits
from tui.engine.system.files import (
    Below,
    NotBelowError,
    open_for_reading,
    path_of_descriptor,
    read_at,
)
from tui.errors import (
    SourceChangedError,
    SourceGoneError,
    SourceRefusedError,
    SourceUnreadableError,
)

#: Bytes read at a time; a file no larger is sent from memory.
SLICE_BYTES = 4 * 1024 * 1024


@dataclass(slots=True)
class Source:
    """An open file: a descriptor that survives renaming and deletion of its name.

    Attributes:
        rel_path: the name it was opened by.
        n_bytes, mtime_ns, mtime_seconds, inode, ctime_ns: as ``fstat`` said when it was opened.
        slice_bytes: size of the slices that ``checksums`` speak of.
        checksums: XXH3 (64 bits) of each slice, from the pass that computed the SHA-512.
        digests: of the chunks, from the same pass; None before it.
        n_hashed: bytes that this pass has seen so far.
        opened: monotonic seconds.
    """

    rel_path: str
    descriptor: int
    n_bytes: int
    mtime_ns: int
    mtime_seconds: float
    inode: int
    ctime_ns: int
    slice_bytes: int = SLICE_BYTES
    checksums: list[int] = field(default_factory=list)
    digests: ChunkDigests | None = None
    n_hashed: int = 0
    opened: float = field(default_factory=time.monotonic)

    def status(self) -> FileStatus:
        """Return how far the reading for the SHA-512 has come."""
        seconds = time.monotonic() - self.opened
        rate = self.n_hashed / seconds if seconds > 0 else 0.0
        return FileStatus(
            rel_path=self.rel_path, state=FileState.READING, n_bytes=self.n_bytes,
            n_bytes_hashed=self.n_hashed, bytes_per_second=rate,
            seconds_left=(self.n_bytes - self.n_hashed) / rate if rate > 0 else None)

    def close(self) -> None:
        """Close the descriptor; harmless when done twice."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def is_unchanged(self, *, is_time_believed: bool = True) -> bool:
        """Return whether size and time are still those of when it was opened.

        Args:
            is_time_believed: False where a writer that restores the time must be noticed, too; the
                time of the last change, which nobody can set, changes also by renaming.
        """
        try:
            now = os.fstat(self.descriptor)
        except OSError as error:
            raise unreadable(self.rel_path, error) from error
        return now.st_size == self.n_bytes and mtime_in_64_bits(now) == self.mtime_ns \
            and (is_time_believed or change_time_ns(now) == self.ctime_ns)

    def read_whole(self, *, may_change: bool = False) -> bytes:
        """Return all bytes of a file that fits one slice.

        Args:
            may_change: take the bytes as they are now, even if more are being written.

        Raises:
            SourceChangedError: it changed while it was read.
            SourceUnreadableError: reading failed.
        """
        data = self._read(0, self.n_bytes)
        # No slice is compared later: this look alone tells whether two contents were mixed here.
        if len(data) != self.n_bytes or not (
                may_change or self.is_unchanged(is_time_believed=False)):
            raise SourceChangedError("it changed while it was read", where=self.rel_path)
        return data

    def hash_whole(self, is_stopping: Callable[[], bool], chunk_size: int, *,
                   may_change: bool = False) -> bytes | None:
        """Return the SHA-512 of the whole file, and keep each slice's checksum.

        Args:
            is_stopping: asked between slices; where it says so, None is returned.
            chunk_size: bytes of the chunks whose digests are computed as well.
            may_change: take the bytes as they are now, even if more are being written.

        Raises:
            SourceChangedError: it changed while it was read.
            SourceUnreadableError: reading failed.
        """
        digest, digests = hashlib.sha512(), ChunkDigests(chunk_size)
        checksums: list[int] = []
        beside: Future[int] | None = None
        with ThreadPoolExecutor(1, "digesting") as pool:
            for offset in range(0, self.n_bytes, self.slice_bytes):
                if is_stopping():
                    return None
                data = self._read(offset, min(self.slice_bytes, self.n_bytes - offset))
                if beside is not None:
                    checksums.append(beside.result())
                beside = pool.submit(digests.add, data)
                digest.update(data)
                self.n_hashed = offset + len(data)
            if beside is not None:
                checksums.append(beside.result())
        digests.end()
        if not (self.n_hashed == self.n_bytes and (may_change or self.is_unchanged())):
            raise SourceChangedError("it changed while it was read", where=self.rel_path)
        self.checksums, self.digests = checksums, digests
        return digest.digest()

    def hash_content(self, may_go_on: Callable[[], bool]) -> bytes | None:
        """Return the SHA-512 of the whole file, and keep nothing.

        Args:
            may_go_on: asked before each slice; where it says no, None is returned.

        Raises:
            SourceChangedError: it changed while it was read.
            SourceUnreadableError: reading failed.
        """
        digest = hashlib.sha512()
        for offset in range(0, self.n_bytes, self.slice_bytes):
            if not may_go_on():
                return None
            digest.update(self._read(offset, min(self.slice_bytes, self.n_bytes - offset)))
        if not self.is_unchanged(is_time_believed=False):
            raise SourceChangedError("it changed while it was read", where=self.rel_path)
        return digest.digest()

    def read_slice(self, number: int) -> bytes:
        """Return a slice, checked against the pass that computed the SHA-512.

        Raises:
            SourceChangedError: its bytes are others now, or fewer.
            SourceUnreadableError: reading failed.
        """
        offset = number * self.slice_bytes
        data = self._read(offset, min(self.slice_bytes, self.n_bytes - offset))
        if checksum(data) != self.checksums[number]:
            raise SourceChangedError(
                f"its bytes changed in place near offset {offset}", where=self.rel_path)
        return data

    def _read(self, offset: int, n_bytes: int) -> bytes:
        """Return up to ``n_bytes``; fewer where the file ends before."""
        try:
            data = read_at(self.descriptor, n_bytes, offset)
            while 0 < len(data) < n_bytes:
                more = read_at(self.descriptor, n_bytes - len(data), offset + len(data))
                if not more:
                    break
                data += more
        except OSError as error:
            raise unreadable(self.rel_path, error) from error
        return data


def open_source(below: Below, rel_path: str, *, follow_symlinks: bool) -> Source:
    """Open a file of the upload directory, never blocking and never leaving the directory.

    Args:
        below: the upload directory, its path absolute and resolved.
        rel_path: POSIX path relative to it.
        follow_symlinks: whether the name, or a directory on the way, may be a link.

    Raises:
        SourceGoneError: there is no regular file any more; a link counts as none.
        SourceUnreadableError: it cannot be opened.
        SourceRefusedError: it leads to a ledger, or resolves outside the directory.
    """
    try:
        descriptor = _open_link(below, rel_path) if follow_symlinks else below.open(rel_path)
    except OSError as error:
        raise unreadable(rel_path, error) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SourceGoneError("a regular file is no longer there", where=rel_path)
        if follow_symlinks:
            _refuse_outside(below.root, rel_path, descriptor)
    except OSError as error:
        os.close(descriptor)
        raise unreadable(rel_path, error) from error
    except BaseException:
        os.close(descriptor)
        raise
    return Source(rel_path, descriptor, status.st_size, mtime_in_64_bits(status),
                  status.st_mtime, status.st_ino, change_time_ns(status))


def _open_link(below: Below, rel_path: str) -> int:
    """Open what a path leads to, but never a ledger: closing it again would drop its lock."""
    path = below.root / rel_path
    if is_ledger_name(os.path.basename(os.path.realpath(path))):  # noqa: PTH119
        raise SourceRefusedError("it leads to a ledger of this program", where=rel_path)
    return open_for_reading(path, below.is_refused)


def _refuse_outside(upload_dir: Path, rel_path: str, descriptor: int) -> None:
    """Judge the opened file, not its name: what was swapped in between must not escape."""
    real = path_of_descriptor(descriptor)
    if real is None:
        real = os.path.realpath(upload_dir / rel_path)
        if not os.path.samestat(os.stat(real), os.fstat(descriptor)):  # noqa: PTH116
            real = ""
    inside = os.path.join(os.path.realpath(upload_dir), "")  # noqa: PTH118 (hot, strings)
    if not real.startswith(inside):
        raise SourceRefusedError(
            "it resolves to a place outside the upload directory", where=rel_path,
            remedy="Move the file into the directory, or leave the link out")


def unreadable(rel_path: str, error: OSError) -> Exception:
    """Return the error of ours that says the same as an OSError about a file."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return SourceGoneError("it is no longer there", where=rel_path)
    if isinstance(error, NotBelowError):
        what = "it is the ledger of this program" if error.errno == errno.EPERM \
            else "it is no path below the upload directory"
        return SourceRefusedError(what, where=rel_path)
    if error.errno == errno.ELOOP:
        return SourceGoneError("a symbolic link has taken its place, or that of a directory above "
                               "it", where=rel_path)
    return SourceUnreadableError(
        f"it cannot be read: {error.strerror or error}", where=rel_path,
        remedy="Check its permissions and the disk; it is retried automatically")
