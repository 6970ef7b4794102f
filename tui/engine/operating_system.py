"""The one place where operating systems differ: reading, replacing, signals, links, mounts."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

#: Signals that do what quit does; SIGHUP (the terminal is gone) exists on POSIX only.
STOP_SIGNALS: tuple[signal.Signals, ...] = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name))

#: File systems whose changes on other machines or layers reach no native observer.
_SILENT_FILE_SYSTEMS = frozenset({
    "nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs",
    "beegfs", "vboxsf", "prl_fs", "davfs", "ncpfs"})

_seek_lock = threading.Lock()


def _seek_and_read(descriptor: int, n_bytes: int, offset: int) -> bytes:
    """Read at an offset where the system has no call for it; threads must not seek in between."""
    with _seek_lock:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, n_bytes)


#: ``read_at(descriptor, n_bytes, offset)``: up to that many bytes; moves no shared position.
read_at: Callable[[int, int, int], bytes] = getattr(os, "pread", _seek_and_read)


def open_for_reading(path: Path, *, follow_symlinks: bool) -> int:
    """Open a file without blocking and without keeping its writer from renaming or deleting it.

    Args:
        path: of the file.
        follow_symlinks: whether the last part of the name may be a link.

    Returns:
        A descriptor that child processes do not inherit.

    Raises:
        OSError: it cannot be opened.
    """
    if sys.platform == "win32":
        return _open_shared(path)
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    if not follow_symlinks:
        flags |= os.O_NOFOLLOW
    return os.open(path, flags)


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


def is_link(status: os.stat_result) -> bool:
    """Return whether an ``lstat`` result is that of a symbolic link or a Windows junction."""
    if stat.S_ISLNK(status.st_mode):
        return True
    mount_point = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", 0xA0000003)
    return getattr(status, "st_reparse_tag", 0) == mount_point


def file_system_kind(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """Return the type of the file system that holds a path; empty where it cannot be known.

    Args:
        path: an existing path.
        mounts: Linux's table of mounts (proc(5), mountinfo).
    """
    with contextlib.suppress(OSError):
        real = os.path.realpath(path)
        best = ("", "")
        for line in mounts.read_text("utf-8", "surrogateescape").splitlines():
            left, _, right = line.partition(" - ")
            point = _unescaped(left.split()[4])
            if (real == point or real.startswith(point.rstrip("/") + "/")) \
                    and len(point) >= len(best[0]):
                best = (point, right.split()[0])
        return best[1]
    return "network" if str(path).startswith("\\\\") else ""


def _unescaped(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def delivers_events(kind: str) -> bool:
    """Return whether a file system is believed to tell a native observer of every change."""
    return not (kind in _SILENT_FILE_SYSTEMS or kind == "network" or kind.startswith("fuse"))


@contextlib.contextmanager
def stop_signals_handled(handler: Callable[[], None]) -> Iterator[None]:
    """Call a function, on the main thread, for each signal that asks the program to stop.

    Args:
        handler: runs between two instructions, perhaps while a lock is held: it must not wait.
    """
    def handle(_number: int, _frame: FrameType | None) -> None:
        handler()

    before = {}
    for number in STOP_SIGNALS:
        if number.name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN:
            continue  # started by nohup: the hang-up of the terminal means nothing
        before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def interrupted_by_stop_signals() -> contextlib.AbstractContextManager[None]:
    """Have every signal that asks to stop raise KeyboardInterrupt, so that clean-up is done."""
    def interrupt() -> None:
        raise KeyboardInterrupt

    return stop_signals_handled(interrupt)


def ignoring_stop_signals() -> contextlib.AbstractContextManager[None]:
    """Let no signal that asks to stop interrupt a clean-up."""
    return stop_signals_handled(lambda: None)


def fail_to_read_in_background() -> None:
    """Have reads of the terminal fail while another program has it, instead of stopping us."""
    if hasattr(signal, "SIGTTIN"):
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)
