"""What a file's status tells: kind, modification time, and the time of the last change."""

from __future__ import annotations

import os
import stat
import sys

_HAS_JUNCTIONS = hasattr(os.stat_result, "st_reparse_tag")
_JUNCTION = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", 0xA0000003)


def is_link(status: os.stat_result) -> bool:
    """Return whether an ``lstat`` result is that of a symbolic link or a Windows junction."""
    return stat.S_ISLNK(status.st_mode) \
        or _HAS_JUNCTIONS and getattr(status, "st_reparse_tag", 0) == _JUNCTION


def last_change_ns(status: os.stat_result, now_ns: int, platform: str = sys.platform) -> int:
    """Return when a file was last changed, or came to its place, by the file system's own clock.

    On POSIX the change time tells both, and no program can set it. Windows has a time of creation
    in its place; there the mtime tells of changes, unless it lies in the future, where only a
    program can have put it.

    Args:
        status: of the file.
        now_ns: the present, nanoseconds since the epoch.
        platform: for tests of what only Windows does.
    """
    if platform != "win32":
        return status.st_ctime_ns
    created_ns: int = getattr(status, "st_birthtime_ns", status.st_ctime_ns)
    return max(created_ns, status.st_mtime_ns) if status.st_mtime_ns <= now_ns else created_ns


def change_time_ns(status: os.stat_result, platform: str = sys.platform) -> int:
    """Return when content or attributes of a file last changed; 0 on Windows, which has no such.

    Args:
        status: of the file.
        platform: for tests of what only Windows does.
    """
    return 0 if platform == "win32" else _in_64_bits(status.st_ctime_ns)


def _in_64_bits(time_ns: int) -> int:
    return (time_ns + (1 << 63)) % (1 << 64) - (1 << 63)


def mtime_in_64_bits(status: os.stat_result) -> int:
    """Return an mtime in nanoseconds that fits signed 64 bits, as the ledger needs.

    Years beyond 2262 are folded back: two times that differ still differ.
    """
    return _in_64_bits(status.st_mtime_ns)
