"""Makes the state directory, and uses what stands there only if it can be a file of this program.

Whoever may write to the directory could lay links and FIFOs under its names: what a link leads to
would be overwritten, and opening a FIFO waits for ever.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import sys
import tempfile
from pathlib import Path

from tui.config.checks import is_directory
from tui.config.settings import Settings
from tui.config.state_files import StateFiles
from tui.engine.system.file_status import is_link
from tui.errors import StateDirectoryError

_SHARED_BY_ALL = stat.S_IWOTH
_REMEDY_ELSEWHERE = "Choose another state directory with --logger_file_path"


def prepare(settings: Settings) -> list[str]:
    """Make the state directory, see whether it can be used, and keep it private.

    Returns:
        What is to be warned of.

    Raises:
        StateDirectoryError: it cannot be used.
    """
    folder = settings.state_dir
    try:
        if settings.state_dir_is_temporary:
            folder.mkdir(mode=0o700)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        what = "is no directory" if folder.exists() and not is_directory(folder) \
            else f"cannot be written: {error.strerror}"
        raise StateDirectoryError(
            f"the state directory {folder} {what}", where="--logger_file_path",
            remedy="Make it writable, or choose another") from error
    if settings.state_dir_is_temporary:
        return []
    warnings = check_directory(folder)
    files = check_files(folder, settings.topic_name, settings.log_file)
    keep_private(folder, files, settings.state_group)
    return warnings


def clear(settings: Settings) -> None:
    """Remove a temporary state directory; a real one stays."""
    if settings.state_dir_is_temporary:
        shutil.rmtree(settings.state_dir, ignore_errors=True)


def check_directory(folder: Path) -> list[str]:
    """Return what is to be said of a directory that others share.

    Raises:
        StateDirectoryError: it is a link that somebody else laid.
    """
    if sys.platform == "win32":
        return []
    link, status = os.lstat(folder), folder.stat()
    if is_link(link) and link.st_uid not in (os.geteuid(), 0):
        raise StateDirectoryError(
            f"{folder} is a link that {_owner(link)} laid", where=str(folder),
            remedy=f"Remove it, or name {folder.resolve()} with --logger_file_path")
    mode = status.st_mode
    if mode & _SHARED_BY_ALL or (mode & stat.S_IWGRP and status.st_gid != os.getegid()):
        who = "everybody" if mode & _SHARED_BY_ALL else "a group"
        return [f"{who} may write to the state directory {folder}, and so change what counts as "
                f"uploaded: chmod go-w {folder}"]
    return []


def check_files(folder: Path, topic_name: str, log_file: Path) -> list[Path]:
    """See that what has a name of ours is a file that can be used; remove what a kill left.

    Returns:
        The files of this program that are there.

    Raises:
        StateDirectoryError: something cannot be used.
    """
    files = StateFiles(folder, topic_name)
    ours, left = files.names(), files.growing_names()
    log = re.compile(rf"{re.escape(log_file.name)}(\.\d+)?")
    found = []
    try:
        for path in folder.iterdir():
            if left.fullmatch(path.name):
                with contextlib.suppress(OSError):
                    path.unlink()  # a link itself, not what it leads to
            elif ours.fullmatch(path.name) or log.fullmatch(path.name):
                # A log that cannot be written is left out, and that is said.
                _check_file(path, is_needed=ours.fullmatch(path.name) is not None)
                found.append(path)
    except OSError as error:
        raise StateDirectoryError(f"it cannot be read: {error.strerror}", where=str(folder),
                                  remedy=_REMEDY_ELSEWHERE) from error
    return found


def _check_file(path: Path, *, is_needed: bool) -> None:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return  # removed meanwhile
    if not stat.S_ISREG(status.st_mode):
        raise StateDirectoryError(
            f"it is {_kind(status)}, and this program writes only to files of its own",
            where=str(path), remedy="Move it away, or choose another state directory with "
            "--logger_file_path")
    if is_needed and not os.access(path, os.R_OK | os.W_OK):
        raise StateDirectoryError(
            f"permission denied: it belongs to {_owner(status)}, and may not be read and written "
            "here", where=str(path), remedy="Run the program as before, change the owner of the "
            "state directory and all in it, or choose another with --logger_file_path")


def _kind(status: os.stat_result) -> str:
    if is_link(status):
        return "a link"
    return "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"


def _owner(status: os.stat_result) -> str:
    try:
        import pwd

        return pwd.getpwuid(status.st_uid).pw_name
    except (ImportError, KeyError):
        return f"user {status.st_uid}"


def keep_private(folder: Path, files: list[Path], group: str | None) -> None:
    """Have files be made that only the user, and a group if one is named, may read.

    Holds for the process, which makes no others.

    Args:
        folder: the state directory, which may hold files of others.
        files: those of this program that are there already.
        group: name or number of a group that may read them; None for none.

    Raises:
        StateDirectoryError: there is no such group, or this user may not give it the files.
    """
    if sys.platform == "win32":
        return
    number = None if group is None else _group_number(group)
    os.umask(0o077 if number is None else 0o027)
    try:
        if number is not None and folder.stat().st_uid == os.geteuid():
            os.chown(folder, -1, number)
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) | 0o2050)  # new files get the group
        for path in files:
            if os.lstat(path).st_uid == os.geteuid():
                if number is not None:
                    os.chown(path, -1, number)
                path.chmod(0o600 if number is None else 0o640)
    except FileNotFoundError:
        pass  # one was removed meanwhile
    except OSError as error:
        raise StateDirectoryError(
            f"the state directory cannot be given to the group {group}: {error.strerror}"
            if group else f"its files cannot be made private: {error.strerror}",
            where="--state_group" if group else str(folder),
            remedy="Name a group that you are in" if group else _REMEDY_ELSEWHERE) from error


def _group_number(group: str) -> int:
    import grp

    try:
        return int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise StateDirectoryError(f"there is no group {group}", where="--state_group",
                                  remedy="Name a group that you are in") from error
