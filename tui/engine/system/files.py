"""The one place where operating systems differ: reading, replacing, locking, links."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TextIO

from tui.config.state_files import growing_name

_seek_lock = threading.Lock()


def _seek_and_read(descriptor: int, n_bytes: int, offset: int) -> bytes:
    """Read at an offset where the system has no call for it; threads must not seek in between."""
    with _seek_lock:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, n_bytes)


#: ``read_at(descriptor, n_bytes, offset)``: up to that many bytes; moves no shared position.
read_at: Callable[[int, int, int], bytes] = getattr(os, "pread", _seek_and_read)


def open_for_reading(path: Path, is_refused: Callable[[os.stat_result], bool]
                     = lambda status: False) -> int:
    """Open a file without blocking and without keeping its writer from renaming or deleting it.

    Links are followed; :class:`Below` follows none.

    Args:
        path: of the file.
        is_refused: see :class:`Below`.

    Returns:
        A descriptor that child processes do not inherit.

    Raises:
        OSError: it cannot be opened.
    """
    if sys.platform == "win32":
        return _open_shared(path)
    return _open_unless(path, 0, is_refused)


class NotBelowError(OSError):
    """A name is no plain path below a directory, and nothing was opened."""


class Below:
    """Opens files below a directory, following no link on the way, so that nothing escapes.

    The directory of the last file is kept open, so that its neighbours cost one call each. For a
    batch of files, and no longer: a directory that is moved away meanwhile takes its files along.

    Args:
        root: absolute path of the directory; itself it may be reached by links.
        is_refused: called with what a file is, before it is opened: true of one that must not be
            opened, since only closing it may do harm.
    """

    def __init__(self, root: Path,
                 is_refused: Callable[[os.stat_result], bool] = lambda status: False) -> None:
        self.root = root
        self.is_refused = is_refused
        self._parent = ""
        self._directory = -1

    def __enter__(self) -> Below:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close what is kept open; harmless when done twice."""
        if self._directory >= 0:
            os.close(self._directory)
            self._directory = -1

    def open(self, rel_path: str) -> int:
        """Open a file.

        Args:
            rel_path: POSIX path relative to the root.

        Returns:
            A descriptor as :func:`open_for_reading` returns it.

        Raises:
            OSError: it cannot be opened; with ``ELOOP`` where a link is on the way.
        """
        parent, _, name = rel_path.rpartition("/")
        parts = parent.split("/") if parent else []
        if name in _NO_NAMES or rel_path.startswith("/") or not _NO_NAMES.isdisjoint(parts):
            raise NotBelowError(errno.EINVAL, "it is no path below the directory", rel_path)
        if sys.platform == "win32":
            return _open_below_by_name(self.root, rel_path)
        if self._directory >= 0 and parent == self._parent:
            try:
                return self._open_in_directory(name)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ESTALE):
                    raise
                # Perhaps another directory has taken the place of this one.
        self.close()
        self._directory, self._parent = _open_directory(self.root, parts), parent
        return self._open_in_directory(name)

    def _open_in_directory(self, name: str) -> int:
        return _open_unless(name, os.O_NOFOLLOW, self.is_refused, self._directory)


def _open_unless(name: Path | str, flags: int, is_refused: Callable[[os.stat_result], bool],
                 directory: int | None = None) -> int:
    """Open a file for reading, unless it must not be opened.

    Where the system can, the very file that was looked at is opened: Linux gives a handle that can
    neither read nor drop a lock when it is closed.
    """
    flags |= os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    if not hasattr(os, "O_PATH"):
        follow = not flags & os.O_NOFOLLOW
        if is_refused(os.stat(name, dir_fd=directory, follow_symlinks=follow)):
            raise NotBelowError(errno.EPERM, "it is the ledger of this program", str(name))
        return os.open(name, flags, dir_fd=directory)
    handle = os.open(name, os.O_PATH | os.O_CLOEXEC | flags & os.O_NOFOLLOW, dir_fd=directory)
    try:
        status = os.fstat(handle)
        if stat.S_ISLNK(status.st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(name))
        if is_refused(status):
            raise NotBelowError(errno.EPERM, "it is the ledger of this program", str(name))
        try:
            return os.open(f"/proc/self/fd/{handle}", flags & ~os.O_NOFOLLOW)
        except FileNotFoundError:  # no /proc here
            return os.open(name, flags, dir_fd=directory)
    finally:
        os.close(handle)


_NO_NAMES = frozenset({"", ".", ".."})


def _open_directory(root: Path, parts: list[str]) -> int:
    directory = os.open(root, _DIRECTORY)
    for part in parts:
        try:
            below = _step_into(part, directory)
        finally:
            os.close(directory)
        directory = below
    return directory


#: Enough to go through a directory that may be searched and not read, where the system has it.
_DIRECTORY = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) \
    | getattr(os, "O_CLOEXEC", 0)


def _step_into(name: str, directory: int) -> int:
    try:
        return os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
    except NotADirectoryError:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name) from None
        raise


def _open_below_by_name(root: Path, rel_path: str) -> int:
    """Open by the whole name, and keep it only if the system gives back that very name."""
    descriptor = open_for_reading(root / rel_path)
    real = path_of_descriptor(descriptor)
    expected = os.path.join(os.path.realpath(root), *rel_path.split("/"))  # noqa: PTH118
    if real is not None and os.path.normcase(real) == os.path.normcase(expected):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), rel_path)


def path_of_descriptor(descriptor: int) -> str | None:
    """Return where an open file is, as the kernel knows it; None where it does not tell."""
    try:
        if sys.platform == "win32":
            return _final_path(descriptor)
        if sys.platform == "darwin":
            import fcntl
            return os.fsdecode(fcntl.fcntl(descriptor, 50, bytes(1024)).rstrip(b"\0"))  # F_GETPATH
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 (no Path is needed)
    except OSError:
        return None


def _final_path(descriptor: int) -> str:
    import ctypes
    import msvcrt

    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    text = ctypes.create_unicode_buffer(32768)
    handle = msvcrt.get_osfhandle(descriptor)  # type: ignore[attr-defined,unused-ignore]
    if not kernel32.GetFinalPathNameByHandleW(ctypes.c_void_p(handle), text, 32768, 0):
        raise OSError(errno.EIO, "GetFinalPathNameByHandle")
    return text.value.removeprefix("\\\\?\\")


def _open_shared(path: Path) -> int:
    """Open on Windows, sharing reads, writes and deletes with the writer."""
    import ctypes
    import msvcrt

    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    create_file = kernel32.CreateFileW
    create_file.restype = ctypes.c_void_p
    generic_read, share_all, open_existing, sequential = 0x80000000, 0x7, 3, 0x08000000
    handle = create_file(str(path), generic_read, share_all, None, open_existing, sequential, None)
    if handle in (None, ctypes.c_void_p(-1).value):
        code = ctypes.get_last_error()  # type: ignore[attr-defined,unused-ignore]
        raise OSError(None, ctypes.FormatError(code), str(path), code)  # type: ignore[attr-defined,unused-ignore]
    return int(msvcrt.open_osfhandle(  # type: ignore[attr-defined,unused-ignore]
        handle, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)))

        # The file system has no locks: then no instance can hold one.


def replace_file(source: Path, target: Path, *,
                 replace: Callable[[Path, Path], object] = os.replace,
                 wait: Callable[[float], None] = time.sleep) -> None:
    """Rename a file over another one, giving a program that looks at it some time to let go.

    Args:
        source: the new file.
        target: what it replaces.
        replace, wait: for tests of what only Windows does.

    Raises:
        PermissionError: another program holds the target open.
        OSError: the renaming failed otherwise.
    """
    for seconds in (0.02, 0.1, 0.3):
        try:
            replace(source, target)
            return
        except PermissionError:
            if sys.platform != "win32" and replace is os.replace:
                raise  # here it means what it says, and does not pass
            wait(seconds)
    replace(source, target)


def replace_with(path: Path, fill: Callable[[TextIO], object]) -> bool:
    """Replace a text file atomically and durably; False where another program holds it open.

    Args:
        path: of the file.
        fill: writes the new content.

    Raises:
        OSError: the disk refuses; the old file is as it was.
    """
    temporary = growing_name(path)
    try:
        with temporary.open("x", encoding="utf-8", errors="surrogateescape", newline="") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        try:
            replace_file(temporary, path)
        except PermissionError:
            return False
        fsync_directory(path.parent)
        return True
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def rename_to_free_name(source: Path, target: Path) -> None:
    """Give a file another name, never that of a file which is there.

    Raises:
        FileExistsError: something has that name.
        OSError: it cannot be renamed.
    """
    try:
        os.link(source, target)  # renaming would replace what is there
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        source.rename(target)
    else:
        source.unlink()


def fsync_directory(path: Path) -> None:
    """Make a renaming in a directory durable, where the system can."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
