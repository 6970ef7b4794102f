"""Which files are wanted: every reason for which a path is never, or not now, uploaded."""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from tui.engine.model import KnownFile, Observation
from tui.engine.operating_system import is_link
from tui.settings import STATE_DIRECTORY_NAME, Settings

logger = logging.getLogger(__name__)

NOT_UTF8 = "its name is not valid UTF-8, which messages need"
_LEDGER_NAME = re.compile(r"upload_to_.+\.sqlite3")
_KINDS = ((stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"), (stat.S_ISBLK, "a device"),
          (stat.S_ISCHR, "a device"), (stat.S_ISDIR, "a directory"))


class FileLedger(Protocol):
    """What finding needs of the ledger."""

    is_new: bool

    def known(self, rel_path: str) -> KnownFile | None: ...
    def known_in(self, directory: str) -> dict[str, KnownFile]: ...
    def record_left_alone(self, observations: Sequence[Observation]) -> None: ...
    def record_settling(self, observations: Sequence[Observation]) -> None: ...
    def record_waiting(self, observations: Sequence[Observation]) -> None: ...
    def record_unchanged(self, rel_paths: Sequence[str]) -> None: ...
    def record_held(self, rel_path: str, reason: str) -> None: ...
    def forget(self, rel_paths: Sequence[str]) -> None: ...
    def settling_paths(self) -> Iterator[str]: ...


class Selection:
    """Judges paths.

    Args:
        settings: the regex, the directories, and whether links are followed.
    """

    def __init__(self, settings: Settings) -> None:
        self.upload_dir = settings.upload_dir
        self.follow_symlinks = settings.follow_symlinks
        self._regex = settings.upload_regex
        self._is_default = settings.upload_regex_is_default
        self._state_dir = ""
        if settings.state_dir.is_relative_to(settings.upload_dir):
            self._state_dir = settings.state_dir.relative_to(settings.upload_dir).as_posix()
        self._said: set[str] = set()
        self._names: dict[str, tuple[int, list[str]]] = {}

    def why_not_name(self, rel_path: str) -> str:
        """Return why a path is never uploaded whatever it holds; empty where it may be."""
        parent, _, name = rel_path.rpartition("/")
        if name.startswith("."):
            return "its name begins with a dot"
        reason = self.why_not_directory(parent)
        if reason:
            return reason
        if not self._regex.match(rel_path):
            if self._is_default:
                return "names ending in .log, and directories beginning with a dot, are left out" \
                    " by the default --upload_regex"
            return f"it does not match --upload_regex {self._regex.pattern}"
        return ""

    def why_not_directory(self, directory: str) -> str:
        """Return why nothing below a directory is ever uploaded; empty where it may be."""
        if directory == STATE_DIRECTORY_NAME or directory.startswith(STATE_DIRECTORY_NAME + "/"):
            return f"it is in the directory {STATE_DIRECTORY_NAME}"
        if self._state_dir and (directory == self._state_dir
                                or directory.startswith(self._state_dir + "/")):
            return "it is in the state directory"
        while directory:
            if self._holds_ledgers(directory):
                return f"the directory {directory} holds ledgers of this program"
            directory = directory.rpartition("/")[0]
        return ""

    def _holds_ledgers(self, directory: str) -> bool:
        try:
            names = self._cached_names(directory)
        except OSError:
            return False
        return any(_LEDGER_NAME.fullmatch(name) for name in names)

    def _cached_names(self, directory: str) -> list[str]:
        """List a directory's names, again only when the directory has changed."""
        path = self.upload_dir / directory
        stamp = path.stat().st_mtime_ns
        known = self._names.get(directory)
        if known is None or known[0] != stamp:
            with os.scandir(path) as entries:
                found = [e.name for e in entries if e.name.startswith("upload_to_")]
            if len(self._names) > 10_000:
                self._names.clear()
            known = (stamp, found)
            self._names[directory] = known
        return known[1]

    def observe(self, rel_path: str) -> tuple[Observation | None, str]:
        """Return what is on the disk, or None and why it is not uploaded.

        The reason is empty where there is nothing at that path.

        Raises:
            OSError: it is there and cannot be looked at.
        """
        path = self.upload_dir / rel_path
        try:
            status = os.lstat(path)
            if is_link(status):
                if not self.follow_symlinks:
                    self.say_once(rel_path, "it is a symbolic link")
                    return None, "it is a symbolic link, and --follow_symlinks is off"
                real = os.path.realpath(path)
                if not Path(real).is_relative_to(os.path.realpath(self.upload_dir)):
                    self.say_once(rel_path, "it leads outside the upload directory")
                    return None, "it is a symbolic link that leads outside the upload directory"
                status = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None, ""
        if not stat.S_ISREG(status.st_mode):
            kind = next((word for test, word in _KINDS if test(status.st_mode)), "a special file")
            return None, f"it is {kind}"
        return Observation(rel_path, status.st_size, status.st_mtime_ns, status.st_ino), ""

    def say_once(self, rel_path: str, reason: str) -> None:
        """Log that a path is skipped, once."""
        if rel_path not in self._said and len(self._said) < 100_000:
            self._said.add(rel_path)
            logger.info("%s is skipped: %s", rel_path, reason)
