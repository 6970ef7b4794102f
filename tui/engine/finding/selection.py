"""Which files are wanted: every reason for which a path is never, or not now, uploaded."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from tui.config.settings import Settings
from tui.config.state_files import (
    STATE_DIRECTORY_NAME,
    StateFiles,
    is_ledger_name,
    may_be_ledger_name,
)
from tui.engine.finding.path_regex import PathRegex, TooLongError
from tui.engine.model.files import KnownFile, Observation
from tui.engine.system.file_status import change_time_ns, is_link, mtime_in_64_bits
from tui.engine.system.mounts import file_system_kind, keeps_file_numbers

logger = logging.getLogger(__name__)

TOO_LONG = "it takes too long to see whether --upload_regex matches its name: write another one"
NOT_UTF8 = "its name is not valid UTF-8, which messages need"
_KINDS = ((stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"), (stat.S_ISBLK, "a device"),
          (stat.S_ISCHR, "a device"), (stat.S_ISDIR, "a directory"))
_LIST_AGAIN_SECONDS = 0.5


class FileRecords(Protocol):
    """What finding needs of the ledger."""

    is_new: bool

    def known(self, rel_path: str) -> KnownFile | None: ...
    def known_among(self, directory: str, names: Sequence[str]) -> dict[str, KnownFile]: ...
    def record_not_taken(self, observations: Sequence[Observation]) -> None: ...
    def record_settling(self, observations: Sequence[Observation], *,
                        is_new: bool = False) -> None: ...
    def record_waiting(self, observations: Sequence[Observation], *,
                       may_change: bool = False) -> None: ...
    def record_unchanged(self, rel_paths: Sequence[str]) -> None: ...
    def record_ctimes(self, observations: Sequence[Observation]) -> None: ...
    def record_in_doubt(self, rel_paths: Sequence[str]) -> None: ...
    def record_held(self, rel_path: str, reason: str) -> None: ...
    def record_covered(self, until_ns: int, *, is_seen: bool = True) -> None: ...
    def make_durable(self) -> bool: ...
    def forget(self, rel_paths: Sequence[str]) -> None: ...
    def settling_paths(self) -> Iterator[str]: ...


class Selection:
    """Judges paths.

    Args:
        settings: the regex, the directories, and whether links are followed.
    """

    def __init__(self, settings: Settings) -> None:
        self.upload_dir = settings.upload_dir
        self._root = str(settings.upload_dir)
        self.follow_symlinks = settings.follow_symlinks
        self._regex = PathRegex(settings.upload_regex)
        self._ledger_path = StateFiles(settings.state_dir, settings.topic_name).ledger
        self._is_default = settings.upload_regex_is_default
        self._state_dir = ""
        if settings.state_dir.is_relative_to(settings.upload_dir):
            self._state_dir = settings.state_dir.relative_to(settings.upload_dir).as_posix()
        self._has_file_numbers = keeps_file_numbers(file_system_kind(settings.upload_dir))
        self._said: set[str] = set()
        self._names: dict[str, tuple[int, float, list[str]]] = {}
        # Half a lag at the most: before a file is queued its directory is judged again.
        self._list_again_seconds = min(_LIST_AGAIN_SECONDS, settings.lag_seconds / 2)

    def _path(self, rel_path: str) -> str:
        """Return where a path is; strings, because this is done for every event."""
        return os.path.join(self._root, rel_path)  # noqa: PTH118

    def why_not_name(self, rel_path: str) -> str:
        """Return why a path is never uploaded whatever it holds; empty where it may be."""
        return self.why_not_file_name(rel_path) \
            or self.why_not_directory(rel_path.rpartition("/")[0])

    def why_not_file_name(self, rel_path: str) -> str:
        """Return what speaks against a path, its directory apart; asks no file system."""
        if rel_path.rpartition("/")[2].startswith("."):
            return "its name begins with a dot"
        try:
            is_wanted = self._regex.matches(rel_path)
        except TooLongError:
            return TOO_LONG
        if not is_wanted:
            if self._is_default:
                return "names ending in .log, and directories beginning with a dot, are left out" \
                    " by the default --upload_regex"
            return f"it does not match --upload_regex {self._regex.pattern}"
        return ""

    def why_not_path(self, rel_path: str) -> str:
        """Return what speaks against a path by its name alone; asks no file system."""
        return self.why_not_file_name(rel_path) \
            or self.why_not_ours(rel_path.rpartition("/")[0])

    def why_not_directory(self, directory: str) -> str:
        """Return why nothing below a directory is ever uploaded; empty where it may be."""
        reason = self.why_not_ours(directory)
        while directory and not reason:
            if self._holds_ledgers(directory):
                reason = f"the directory {directory} holds ledgers of this program"
            directory = directory.rpartition("/")[0]
        return reason

    def why_not_ours(self, directory: str) -> str:
        """Return whether a directory is one of this program's own, in words; empty if not."""
        if directory == STATE_DIRECTORY_NAME or directory.startswith(STATE_DIRECTORY_NAME + "/"):
            return f"it is in the directory {STATE_DIRECTORY_NAME}"
        if self._state_dir and (directory == self._state_dir
                                or directory.startswith(self._state_dir + "/")):
            return "it is in the state directory"
        return ""

    def _holds_ledgers(self, directory: str) -> bool:
        try:
            names = self._cached_names(directory)
        except OSError:
            return False
        return any(is_ledger_name(name) for name in names)

    def _cached_names(self, directory: str) -> list[str]:
        """List a directory's names, again only when it has changed, and not for every event.

        A directory that thousands of files come to would be listed thousands of times.
        """
        path = self._path(directory)
        stamp = os.stat(path).st_mtime_ns  # noqa: PTH116
        known = self._names.get(directory)
        now = time.monotonic()
        if known is None or (known[0] != stamp and now - known[1] >= self._list_again_seconds):
            with os.scandir(path) as entries:
                found = [e.name for e in entries if may_be_ledger_name(e.name)]
            if len(self._names) > 10_000:
                self._names.clear()
            known = (stamp, now, found)
            self._names[directory] = known
        return known[2]

    def observe(self, rel_path: str) -> tuple[Observation | None, str]:
        """Return what is on the disk, or None and why it is not uploaded.

        The reason is empty where there is nothing at that path.

        Raises:
            OSError: it is there and cannot be looked at.
        """
        path = self._path(rel_path)
        try:
            status = os.lstat(path)
            reason = self._why_not_way(rel_path)
            if is_link(status) and not reason:
                reason = self.why_not_link(rel_path)
            if reason:
                self.say_once(rel_path, reason)
                return None, reason
            if is_link(status):
                status = os.stat(path)  # noqa: PTH116
        except (FileNotFoundError, NotADirectoryError):
            return None, ""
        if not stat.S_ISREG(status.st_mode):
            return None, f"it is {kind_of(status)}"
        if status.st_nlink > 1 and self._is_ledger(status):
            reason = "it is another name of the ledger"
            self.say_once(rel_path, reason)
            return None, reason
        return self.observation(rel_path, status), ""

    def _is_ledger(self, status: os.stat_result) -> bool:
        """Return whether it is the ledger: closing it once read would give its lock away."""
        try:
            return os.path.samestat(os.stat(self._ledger_path), status)  # noqa: PTH116
        except OSError:
            return False

    def observation(self, rel_path: str, status: os.stat_result) -> Observation:
        """Return what a ``stat`` says of a regular file."""
        return Observation(rel_path, status.st_size, mtime_in_64_bits(status),
                           status.st_ino if self._has_file_numbers else 0,
                           change_time_ns(status))

    def why_not_link(self, rel_path: str) -> str:
        """Return why what a link leads to is not uploaded; empty where it may be."""
        if not self.follow_symlinks:
            return "it is a symbolic link, and --follow_symlinks is off"
        real = os.path.realpath(self.upload_dir / rel_path)
        root = os.path.join(os.path.realpath(self.upload_dir), "")  # noqa: PTH118 (a prefix)
        if not os.path.join(real, "").startswith(root):  # noqa: PTH118
            return "it leads outside the upload directory"
        inside = real[len(root):].replace(os.sep, "/")
        reason = self.why_not_directory(inside) or self.why_not_directory(
            inside.rpartition("/")[0])
        return f"it leads to a place that is never uploaded: {reason}" if reason else ""

    def _why_not_way(self, rel_path: str) -> str:
        """Return what speaks against the directories that a path goes through."""
        parts = rel_path.split("/")
        if not all(part not in ("", ".", "..") for part in parts):
            return "it is no path below the upload directory"
        if len(parts) == 1:
            return ""
        above = [os.stat(self.upload_dir)] if self.follow_symlinks else []  # noqa: PTH116
        has_link = False
        path = self._root
        for i, part in enumerate(parts[:-1]):
            path = os.path.join(path, part)  # noqa: PTH118 (hot, strings)
            status = os.lstat(path)
            if is_link(status):
                reason = self.why_not_link("/".join(parts[:i + 1]))
                if reason:
                    return f"a directory above it is left out: {reason}"
                status = os.stat(path)  # noqa: PTH116
                has_link = True
            if self.follow_symlinks:
                if has_link and any(os.path.samestat(status, other) for other in above):
                    return "it is below a link to a directory above it"
                above.append(status)
        return ""

    def say_once(self, rel_path: str, reason: str) -> None:
        """Log that a path is skipped, once."""
        if rel_path not in self._said and len(self._said) < 100_000:
            self._said.add(rel_path)
            logger.info("%s is skipped: %s", rel_path, reason)


def kind_of(status: os.stat_result) -> str:
    """Return what a file is that is no regular one, in words."""
    return next((word for test, word in _KINDS if test(status.st_mode)), "a special file")
