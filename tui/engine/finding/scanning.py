"""Compares the directory with the ledger, a directory at a time: what events missed is found."""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator

from tui.engine.finding.selection import NOT_UTF8, FileLedger, Selection
from tui.engine.finding.watching import Watching
from tui.engine.model import EventKind, FileState, KnownFile, Observation
from tui.engine.operating_system import is_link
from tui.engine.paths import is_utf8
from tui.engine.threads import StoppableThread
from tui.settings import Settings

logger = logging.getLogger(__name__)

#: A file that rested so much longer than the lag at the first scan is queued without waiting.
_SURELY_AT_REST_SECONDS = 120.0
_MOST_OF_THE_TIME = 0.05
_LOOK_SECONDS = 1.0
_FOLLOW_UP_SECONDS = 0.5


class ScanningThread(StoppableThread):
    """Scans at start, every ``--rescan_seconds``, and when asked to.

    Args:
        settings: the period, and what to do with files that are there at start.
        selection: judges names.
        ledger: what is known.
        watching: is looked after between scans.
        touch: told of each file that is new or has changed.
        on_queued: told how many files were put in line without settling.
        on_refused: told a path and why it can never be uploaded.
        start_ns: the program's start by the file system's own clock, nanoseconds.
        on_death: see :class:`StoppableThread`.
    """

    def __init__(self, settings: Settings, selection: Selection, ledger: FileLedger,
                 watching: Watching, touch: Callable[[str, EventKind], None],
                 on_queued: Callable[[int], None], on_refused: Callable[[str, str], None],
                 start_ns: int, on_death: Callable[[str, BaseException], None], *,
                 is_first: bool = True) -> None:
        super().__init__("scanning", on_death)
        self._period = settings.rescan_seconds
        self._lag = settings.lag_seconds
        self._upload_existing = settings.upload_existing
        self._root = settings.upload_dir
        self._selection = selection
        self._ledger = ledger
        self._watching = watching
        self._touch = touch
        self._on_queued = on_queued
        self._on_refused = on_refused
        self._start_ns = start_ns
        self._asked = threading.Event()
        self.is_first = is_first
        self._knew_files = not ledger.is_new
        self._n_left_alone = self._n_left_alone_new = 0
        self._unreadable: dict[str, str] = {}
        self._root_id: tuple[int, int] | None = None
        self._ended: float | None = None
        self._next: float | None = None
        self.last_seconds: float | None = None
        self.n_missed = 0
        self.source_offline = ""

    # From other threads.

    def scan_soon(self, why: str) -> None:
        """Ask for a scan at once."""
        logger.warning("%s; the directory is scanned again", why)
        self._asked.set()

    @property
    def last_age(self) -> float | None:
        """Seconds since the last scan ended; None before."""
        return None if self._ended is None else time.monotonic() - self._ended

    @property
    def next_seconds(self) -> float | None:
        """Seconds until the next scan; None where there will be none."""
        return None if self._next is None else max(0.0, self._next - time.monotonic())

    def problems(self) -> list[str]:
        """Return what could not be scanned, and why, one sentence each."""
        found = [self.source_offline] if self.source_offline else []
        return found + [f"the directory {name or '.'} cannot be read: {why}"
                        for name, why in list(self._unreadable.items())[:3]]

    def stop(self) -> None:
        super().stop()
        self._asked.set()

    # The thread.

    def work(self) -> None:
        while not self.stopping.is_set():
            self._asked.clear()
            if self._is_root_there():
                self._scan_once()
            self._wait()

    def _wait(self) -> None:
        """Wait for the next scan, looking after root and observer meanwhile."""
        if self._period <= 0 and not self.source_offline:
            self._next = None
        else:
            period = self._period if self._period > 0 else 60.0
            self._next = time.monotonic() + max(
                period, (self.last_seconds or 0.0) / _MOST_OF_THE_TIME)
        while not self.stopping.is_set() and not self._asked.wait(_LOOK_SECONDS):
            was_offline = bool(self.source_offline)
            is_there = self._is_root_there()
            if is_there and was_offline:
                return
            if is_there and not self._watching.problem and not self._watching.is_well():
                self._watching.restart()
                return
            if self._next is not None and time.monotonic() >= self._next:
                if self._watching.problem:
                    self._watching.restart()
                return

    def _is_root_there(self) -> bool:
        """Look whether the upload directory is there, and is still the same one."""
        try:
            status = self._root.stat()
        except OSError as error:
            self._offline(f"source offline: {self._root} cannot be seen ({error.strerror})")
            return False
        found = (status.st_dev, status.st_ino)
        if self._root_id is not None and found != self._root_id:
            logger.warning("%s was replaced by another directory of that name: it is watched "
                           "and scanned anew", self._root)
            self._root_id = found
            self._watching.restart()
            self._asked.set()
        self._root_id = found
        if self.source_offline:
            logger.warning("%s can be seen again", self._root)
            self.source_offline = ""
            self._watching.restart()
            self._asked.set()
        return True

    def _offline(self, why: str) -> None:
        if not self.source_offline:
            logger.error("%s; nothing is taken for deleted, and watching goes on when it is back",
                         why)
        self.source_offline = why

    def _scan_once(self) -> None:
        began = time.monotonic()
        self._n_left_alone = self._n_left_alone_new = n_found = 0
        unreadable, self._unreadable = self._unreadable, {}
        for directory, entries in self._walk(unreadable):
            if self.stopping.is_set():
                return
            n_found += self._compare(directory, entries)
        self.last_seconds = time.monotonic() - began
        self._ended = time.monotonic()
        if self.is_first:
            self._say_left_alone()
        else:
            self.n_missed = n_found
            if n_found:
                logger.info("the scan found %d files that no event had told of", n_found)
        self.is_first = False

    def _say_left_alone(self) -> None:
        if self._n_left_alone and not self._upload_existing:
            new = f", {self._n_left_alone_new:,} of them new since the last run" \
                if self._knew_files else ""
            what = "1 file was here already and is" if self._n_left_alone == 1 \
                else f"{self._n_left_alone:,} files were here already and are"
            logger.info("%s left alone%s; --upload_existing sends %s", what, new,
                        "it" if self._n_left_alone == 1 else "them")

    def _walk(self, unreadable: dict[str, str]) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
        """Yield each directory, POSIX and relative, with its entries that are no directories."""
        root = () if self._root_id is None else (self._root_id,)
        pending: list[tuple[str, tuple[tuple[int, int], ...]]] = [("", root)]
        while pending:
            directory, above = pending.pop()
            files = []
            try:
                with os.scandir(self._root / directory if directory else self._root) as entries:
                    for entry in entries:
                        below = self._below(directory, entry, above)
                        if below is not None:
                            pending.append(below)
                        elif not entry.is_dir(follow_symlinks=False):
                            files.append(entry)
            except OSError as error:
                self._cannot_read(directory, error, unreadable)
                continue
            yield directory, files

    def _below(self, directory: str, entry: os.DirEntry[str],
               above: tuple[tuple[int, int], ...]) \
            -> tuple[str, tuple[tuple[int, int], ...]] | None:
        """Return a subdirectory that is to be entered; None for anything else."""
        rel_path = f"{directory}/{entry.name}" if directory else entry.name
        is_directory = entry.is_dir(follow_symlinks=False)
        if is_directory and is_link(entry.stat(follow_symlinks=False)):
            is_directory = False  # a junction
        if not is_directory:
            if not self._selection.follow_symlinks or not entry.is_symlink() \
                    or not entry.is_dir():
                return None
            if not self._is_inside(rel_path):
                self._selection.say_once(rel_path, "it leads outside the upload directory")
                return None
        if self._selection.why_not_directory(rel_path):
            return None
        if not self._selection.follow_symlinks:
            return rel_path, ()
        status = entry.stat()
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            self._selection.say_once(rel_path, "it is a link to a directory above it")
            return None
        return rel_path, (*above, identity)

    def _is_inside(self, rel_path: str) -> bool:
        real = os.path.realpath(self._root / rel_path)
        root = os.path.realpath(self._root)
        return real == root or real.startswith(os.path.join(root, ""))  # noqa: PTH118

    def _cannot_read(self, directory: str, error: OSError, before: dict[str, str]) -> None:
        if isinstance(error, FileNotFoundError):
            return  # deleted while we looked
        why = error.strerror or str(error)
        self._unreadable[directory] = why
        if before.get(directory) != why:
            logger.warning("the directory %s cannot be read: %s; it is tried again with every "
                           "scan", directory or ".", why)

    def _compare(self, directory: str, entries: list[os.DirEntry[str]]) -> int:
        """Compare the files of one directory with the ledger; return how many were news."""
        if not entries:
            return 0
        known = self._ledger.known_in(directory) if is_utf8(directory) else {}
        prefix = f"{directory}/" if directory else ""
        left_alone: list[Observation] = []
        at_rest: list[Observation] = []
        n_found = 0
        for entry in entries:
            rel_path = prefix + entry.name
            if self._is_out(entry, rel_path):
                continue
            try:
                status = os.stat(entry.path, follow_symlinks=self._selection.follow_symlinks)  # noqa: PTH116
            except OSError as error:
                if not isinstance(error, FileNotFoundError) and is_utf8(rel_path):
                    self._ledger.record_held(rel_path, f"it cannot be read: {error.strerror}")
                continue
            if not stat.S_ISREG(status.st_mode):
                self._selection.say_once(rel_path, "it is no regular file")
                continue
            was = known.get(entry.name)
            if was is not None and (was.n_bytes, was.mtime_ns) == (
                    status.st_size, status.st_mtime_ns) and not self._is_wanted_now(was):
                self._n_left_alone += was.state is FileState.LEFT_ALONE
                continue
            observation = Observation(rel_path, status.st_size, status.st_mtime_ns, status.st_ino)
            if self._is_left_alone(was, status):
                left_alone.append(observation)
            elif self._is_surely_at_rest(status):
                at_rest.append(observation)
            else:
                n_found += was is None or was.state is not FileState.SETTLING
                self._touch(rel_path, EventKind.CREATED if was is None or self.is_first
                            else EventKind.FOUND)
        self._record(left_alone, at_rest)
        return n_found

    def _record(self, left_alone: list[Observation], at_rest: list[Observation]) -> None:
        self._n_left_alone += len(left_alone)
        self._n_left_alone_new += len(left_alone)
        self._ledger.record_left_alone(left_alone)
        self._ledger.record_waiting(at_rest)
        if at_rest:
            self._on_queued(len(at_rest))

    def _is_out(self, entry: os.DirEntry[str], rel_path: str) -> bool:
        if self._selection.why_not_name(rel_path):
            return True
        if not is_utf8(rel_path):
            self._on_refused(rel_path, NOT_UTF8)
            return True
        if entry.is_symlink():
            if not self._selection.follow_symlinks:
                self._selection.say_once(rel_path, "it is a symbolic link")
                return True
            if not self._is_inside(rel_path):
                self._selection.say_once(rel_path, "it leads outside the upload directory")
                return True
        return False

    def _is_wanted_now(self, was: KnownFile) -> bool:
        """Return whether a file that has not changed is to be sent all the same."""
        return self.is_first and self._upload_existing and was.state is FileState.LEFT_ALONE

    def _is_left_alone(self, was: KnownFile | None, status: os.stat_result) -> bool:
        if was is not None or not self.is_first or self._upload_existing:
            return False
        return max(status.st_mtime_ns, status.st_ctime_ns) < self._start_ns

    def _is_surely_at_rest(self, status: os.stat_result) -> bool:
        if not self.is_first:
            return False
        age_ns = self._start_ns - max(status.st_mtime_ns, status.st_ctime_ns)
        return age_ns > (self._lag + _SURELY_AT_REST_SECONDS) * 1e9
