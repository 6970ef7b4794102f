"""Locks on files, as readers and SQLite take them, where the file system has any."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path


def share_file_lock(descriptor: int, start: int, n_bytes: int) -> None:
    """Take a lock on a part of a file, as readers do, until the descriptor is closed.

    Args:
        descriptor: of the file, open for reading.
        start, n_bytes: which part.

    Raises:
        BlockingIOError: another process holds it for writing.
    """
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, start, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, n_bytes)
        except OSError as error:
            raise BlockingIOError(error.errno, error.strerror) from error
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return
    import fcntl

    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB, n_bytes, start)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            raise BlockingIOError(error.errno, error.strerror) from error


def _lock_at_once(descriptor: int) -> None:
    """Lock a file's first byte as SQLite locks; raise OSError where that cannot be."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def why_not_lockable(directory: Path, *, lock: Callable[[int], None] = _lock_at_once) -> str:
    """Return why files in a directory cannot be locked; empty where they can.

    Args:
        directory: a file of its own is made there for the trial.
        lock: for tests of what only some network file systems do.
    """
    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            lock(file.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return ""
