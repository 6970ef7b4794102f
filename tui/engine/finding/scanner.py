"""Scans the directory again and again: what events missed is found, whatever was lost."""

from __future__ import annotations

import logging
import threading
import time
from array import array
from collections.abc import Callable

from tui.config.settings import Settings
from tui.engine.finding.changes import Comparison
from tui.engine.finding.selection import Selection
from tui.engine.finding.upload_root import UploadRoot
from tui.engine.finding.walk import Batch, walk
from tui.engine.finding.watcher import Watcher
from tui.engine.system.guarded_calls import GuardedCalls, Touching
from tui.engine.system.workers import Worker
from tui.errors import FileSystemHangError

logger = logging.getLogger(__name__)

#: Share of the time that scans may take: more of it where events are known to go missing.
_MOST_OF_THE_TIME, _MOST_WHERE_EVENTS_SUFFICE = 0.05, 0.005
_LOOK_SECONDS = 1.0
#: A new directory is looked into so long after it was heard of.
_LOOK_INTO_SECONDS = 0.5
#: A clean stop waits no longer than this for its last scan.
_LAST_SCAN_SECONDS = 5.0
_MOST_NEW_DIRECTORIES = 10_000
#: Stands for no path, but for all of them.
_BEGINNING_TO_WATCH = "the beginning of watching"


class Scanner(Worker):
    """Scans at start, every ``--rescan_seconds``, when asked to, and once more at a clean stop.

    Args:
        settings: the period.
        selection: judges names.
        comparison: judges files.
        root: the upload directory.
        watcher: is looked after between scans.
        has_room: waits for room for what a scan finds, as many seconds as it is told.
        on_refused: told a path and why it can never be uploaded.
        on_refused_seen: told all such paths that a whole scan saw.
        now_ns: asked for the time by the file system's clock, nanoseconds since the epoch.
        on_covered: told the time at which a scan began that has seen everything.
        on_death: see :class:`Worker`.
        is_first: whether no scan has been completed since the start.
    """

    def __init__(self, settings: Settings, selection: Selection, comparison: Comparison,
                 root: UploadRoot, watcher: Watcher, has_room: Callable[[float], bool],
                 on_refused: Callable[[str, str], None],
                 on_refused_seen: Callable[[set[str]], None], now_ns: Callable[[], int],
                 on_covered: Callable[[int], None],
                 on_death: Callable[[str, BaseException], None], *, knew_files: bool,
                 is_first: bool) -> None:
        super().__init__("scanning", on_death)
        self._period = settings.rescan_seconds
        self._upload_existing = settings.upload_existing
        self._selection = selection
        self._comparison = comparison
        self._root = root
        self._watcher = watcher
        self._has_room = has_room
        self._on_refused = on_refused
        self._on_refused_seen = on_refused_seen
        self._now_ns = now_ns
        self._on_covered = on_covered
        self._knew_files = knew_files
        self._calls = GuardedCalls("scanning", self._answers_again, self.stopping.is_set)
        self._asked = threading.Event()
        self._lock = threading.Lock()
        self._new_directories: dict[str, float] = {}
        self.is_first = is_first
        self._never_read: set[str] = set()
        self._unreadable: dict[str, str] = {}
        self._left_out: tuple[str, ...] = ()
        self._elsewhere = ""
        self._ended: float | None = None
        self._next: float | None = None
        self._is_last = self._has_said_left_alone = False
        self.last_seconds: float | None = None
        self.n_missed = 0
        self.source_offline = ""

    # From other threads.

    def scan_soon(self, why: str) -> None:
        """Ask for a scan at once."""
        logger.warning("%s; the directory is scanned again", why)
        self._asked.set()

    def look_into(self, directory: str) -> None:
        """Ask for a look into a directory that has just appeared; events in it may be missing."""
        with self._lock:
            if len(self._new_directories) < _MOST_NEW_DIRECTORIES:
                self._new_directories.setdefault(directory, time.monotonic() + _LOOK_INTO_SECONDS)
            else:
                self._asked.set()

    def _answers_again(self, path: str) -> None:
        if path == _BEGINNING_TO_WATCH:
            self._asked.set()
        else:
            self.look_into(path.rpartition("/")[0])

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
        found = [text for text in (self.source_offline, self._elsewhere) if text]
        unreadable = list(self._unreadable.items())
        found += [f"{name or 'the upload directory'} cannot be read: {why}; the next scan tries "
                  "again" for name, why in unreadable[:3]]
        if len(unreadable) > 3:
            found.append(f"{len(unreadable) - 3:,} more files and directories cannot be read")
        if self._left_out:
            found.append(_left_out_words(self._left_out))
        return found

    @property
    def n_unreadable(self) -> int:
        """Number of files and directories that could not be looked at."""
        return len(self._unreadable)

    def stop(self, *, last_scan: bool = False) -> None:
        """Ask the thread to end.

        Args:
            last_scan: have it look once more, so that nothing is forgotten that is there.
        """
        self._is_last = last_scan and not self.is_first
        super().stop()
        self._asked.set()

    # The thread.

    def work(self) -> None:
        self._listen(self._watcher.start)
        while not self.stopping.is_set():
            self._asked.clear()
            if self._is_root_there():
                self._scan()
            self._wait()
        if self._is_last and not self.source_offline:
            self._scan(last_seconds=_LAST_SCAN_SECONDS)
        self._calls.stop()

    def _wait(self) -> None:
        """Wait for the next scan, looking after root and observer meanwhile."""
        took = self.last_seconds or 0.0
        cost = took / (_MOST_OF_THE_TIME if self.n_missed or self._watcher.problems()
                       else _MOST_WHERE_EVENTS_SUFFICE)
        period = self._period if self._period > 0 or not self._needs_scans() else 60.0
        self._next = time.monotonic() + max(period, cost) if period > 0 else None
        # Even when asked, scans must not follow one another without a pause.
        self.stopping.wait(min(took, 60.0) if self._asked.is_set() else 0)
        while not self.stopping.is_set() and not self._asked.wait(self._seconds_to_look()):
            was_offline = bool(self.source_offline)
            is_there = self._is_root_there()
            if is_there and (was_offline or self._is_watching_restarted()):
                return
            if is_there:
                self._look_into_new_directories()
            if self._next is not None and time.monotonic() >= self._next:
                return

    def _needs_scans(self) -> bool:
        """Return whether something can only be found by a scan, even where they are off."""
        return bool(self.source_offline or self._unreadable or self._watcher.problems())

    def _seconds_to_look(self) -> float:
        with self._lock:
            first = next(iter(self._new_directories.values()), None)
        if first is None:
            return _LOOK_SECONDS
        return min(_LOOK_SECONDS, max(0.01, first - time.monotonic()))

    def _is_watching_restarted(self) -> bool:
        """Listen anew where the observer is deaf, or could not watch and now may."""
        if self._watcher.is_well():
            self._watcher.look_for_unwatched()
            has_changed = self._watcher.have_mounts_changed()
            if not self._watcher.is_out_of_pace(self.last_seconds or 0.0) and not has_changed:
                return False
        is_due = self._next is not None and time.monotonic() >= self._next
        if self._watcher.problem and not is_due:
            return False
        self._watcher.say_deaf()
        self._listen(self._watcher.restart)
        return True

    def _listen(self, begin: Callable[[], None]) -> None:
        """Begin to watch, which takes a walk through all directories, and so may hang."""
        def call(touching: Touching) -> None:
            touching(_BEGINNING_TO_WATCH)
            begin()

        try:
            self._calls.run(call)
        except FileSystemHangError as error:
            self._watcher.cannot_begin(error.what)

    def _is_root_there(self) -> bool:
        """Look whether the upload directory is there, and is still the same one."""
        try:
            why = self._calls.run(lambda touching: self._root.why_offline())
            is_another = not why and self._calls.run(lambda touching: self._root.is_another())
        except FileSystemHangError as error:
            why = f"source offline: {self._root.path} cannot be seen ({error.what})"
        except OSError as error:
            why = f"source offline: {self._root.path} cannot be seen ({error.strerror})"
        self._note_elsewhere()
        if why:
            if not self.source_offline:
                logger.error("%s; nothing is taken for deleted, and watching goes on when it is "
                             "back", why)
            self.source_offline = why
            return False
        if self.source_offline:
            logger.warning("%s can be seen again", self._root.path)
        elif is_another:
            logger.warning("%s was replaced by another directory of that name: it is watched "
                           "and scanned anew", self._root.path)
        if self.source_offline or is_another:
            self.source_offline = ""
            self._listen(self._watcher.restart)
            self._asked.set()
        return True

    def _note_elsewhere(self) -> None:
        try:
            where = self._calls.run(lambda touching: self._root.why_elsewhere())
        except FileSystemHangError:
            return
        if where and where != self._elsewhere:
            logger.warning("%s", where)
        self._elsewhere = where

    # Scanning.

    def _scan(self, last_seconds: float | None = None) -> None:
        """Compare everything that is there with the ledger.

        Args:
            last_seconds: for the last scan, which a stop does not end: how long it may take.
        """
        began, began_ns = time.monotonic(), self._now_ns()
        self._comparison.n_left_alone = self._comparison.n_left_alone_new = n_found = 0
        self._comparison.n_in_doubt = 0
        unreadable: dict[str, str] = {}
        inodes = array("Q")
        refused: set[str] = set()
        left_out: list[str] = []
        for batch in walk(self._selection, self._calls):
            if self.stopping.is_set() and (
                    last_seconds is None or time.monotonic() - began > last_seconds):
                return
            inodes.append(batch.inode)
            refused.update(rel_path for rel_path, _ in batch.refused)
            left_out += batch.left_out
            n_found += self._take(batch, unreadable)
        if not self._is_root_there():
            return  # the walk may have seen nothing for want of an upload directory
        self._unreadable = unreadable
        self._never_read &= set(unreadable)
        self._on_refused_seen(refused)
        self._note_left_out(tuple(sorted(left_out)))
        self._watcher.seen(inodes)
        self.last_seconds = time.monotonic() - began
        self._ended = time.monotonic()
        self._say_found(n_found)
        # What was there already must be known to have been so, or the next scan takes it for new.
        self.is_first = self.is_first and not self._comparison.make_durable()
        if not unreadable and not self.is_first:
            self._on_covered(began_ns)

    def _note_left_out(self, left_out: tuple[str, ...]) -> None:
        if left_out and left_out != self._left_out:
            logger.warning("%s", _left_out_words(left_out))
        self._left_out = left_out

    def _take(self, batch: Batch, unreadable: dict[str, str]) -> int:
        while not self._has_room(1.0) and not self.stopping.is_set():
            pass
        for name, why in batch.unreadable:
            unreadable[name] = why
            if self.is_first:
                self._never_read.add(name)
            if self._unreadable.get(name) != why:
                logger.warning("%s cannot be read: %s; it is tried again with every scan",
                               name or "the upload directory", why)
                self._unreadable[name] = why
        for rel_path, why in batch.refused:
            self._on_refused(rel_path, why)
        return self._comparison.compare(batch, is_first=self._is_first_look(batch))

    def _is_first_look(self, batch: Batch) -> bool:
        """Return whether what is in a directory may have been there before the program."""
        if self.is_first or not self._never_read:
            return self.is_first
        if batch.directory in self._never_read:
            return True
        directory = batch.directory
        while directory:
            directory = directory.rpartition("/")[0]
            if directory in self._never_read:
                return True
        return any(f"{batch.directory}/{name}".removeprefix("/") in self._never_read
                   for name, _ in batch.files)

    def _say_found(self, n_found: int) -> None:
        if n := self._comparison.n_in_doubt:
            logger.info("%s since %s uploaded, but not in size or modification time: %s read again "
                        "to see whether the content did",
                        "1 file changed" if n == 1 else f"{n:,} files changed",
                        "it was" if n == 1 else "they were", "it is" if n == 1 else "they are")
        if not self.is_first:
            self.n_missed = n_found
            if n_found:
                logger.info("the scan found %s that no event had told of",
                            "1 file" if n_found == 1 else f"{n_found:,} files")
            return
        n, n_new = self._comparison.n_left_alone, self._comparison.n_left_alone_new
        if self._has_said_left_alone:
            return
        self._has_said_left_alone = True
        if n and not self._upload_existing:
            new = f", {n_new:,} of them new since the last run" if self._knew_files else ""
            what = "1 file was here already and is" if n == 1 \
                else f"{n:,} files were here already and are"
            logger.info("%s left alone%s; --upload_existing sends %s", what, new,
                        "it" if n == 1 else "them")

    def _look_into_new_directories(self) -> None:
        now = time.monotonic()
        with self._lock:
            due = [name for name, due_at in self._new_directories.items() if due_at <= now]
            for name in due:
                del self._new_directories[name]
        seen: set[str] = set()
        for name in sorted(due):
            if any(name.startswith(other + "/") for other in seen):
                continue
            seen.add(name)
            if not self._selection.why_not_directory(name):
                for batch in walk(self._selection, self._calls, name):
                    self._take(batch, {})


def _left_out_words(directories: tuple[str, ...]) -> str:
    n, first = len(directories), directories[0]
    what = f"the directory {first} is" if n == 1 else f"{n:,} directories, such as {first}, are"
    return f"{what} left out, because a file there has the name of a ledger " \
        "(upload_to_*.sqlite3): move that file away if it is none"
