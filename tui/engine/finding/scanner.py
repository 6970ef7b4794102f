"""Scans the directory again and again: what events missed is found, whatever was lost."""

from __future__ import annotations

import logging
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass

from tui.config.settings import Settings
from tui.engine.finding.changes import Changes, Comparison
from tui.engine.finding.scan_requests import ScanRequests
from tui.engine.finding.selection import FileRecords
from tui.engine.finding.settling import Settling
from tui.engine.finding.stuck_files import StuckFiles
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
#: A clean stop waits no longer than this for its last scan.
_LAST_SCAN_SECONDS = 5.0
#: Stands for no path, but for all of them.
_BEGINNING_TO_WATCH = "the beginning of watching"


class Scanner(Worker):
    """Scans at start, every ``--rescan_seconds``, when asked to, and once more at a clean stop.

    Args:
        settings: the period.
        ledger: where what need not settle is recorded.
        comparison: judges files.
        root: the upload directory.
        watcher: is looked after between scans.
        settling: takes what is new or has changed.
        stuck: receives names that cannot be sent.
        requests: what is to be looked at before the next scan is due.

    Attributes:
        is_first: whether no scan has been completed since the start.
        knew_files: whether the ledger knew files before the start.
    """

    def __init__(self, settings: Settings, ledger: FileRecords, comparison: Comparison,
                 root: UploadRoot, watcher: Watcher, settling: Settling, stuck: StuckFiles,
                 requests: ScanRequests) -> None:
        super().__init__("scanning")
        self._period = settings.rescan_seconds
        self._upload_existing = settings.upload_existing
        self._ledger = ledger
        self._selection = comparison.selection
        self._comparison = comparison
        self._root = root
        self._watcher = watcher
        self._settling = settling
        self._stuck = stuck
        self._requests = requests
        self.is_first = self.knew_files = True
        self._calls = GuardedCalls("scanning", self._answers_again, self.stopping)
        self._never_read: set[str] = set()
        self._unreadable: dict[str, str] = {}
        self._left_out: tuple[str, ...] = ()
        self._elsewhere = ""
        self._ended: float | None = None
        self._next: float | None = None
        self._is_last = self._has_said_not_taken = False
        self.last_seconds: float | None = None
        self.n_missed = 0
        self.source_offline = ""

    # From other threads.

    def _answers_again(self, path: str) -> None:
        if path == _BEGINNING_TO_WATCH:
            self._requests.scan()
        else:
            self._requests.look_into(path.rpartition("/")[0])

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
        self._requests.scan()

    # The thread.

    def work(self) -> None:
        self._listen(self._watcher.start)
        while not self.stopping.is_set():
            self._requests.begin_scan()
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
        self.stopping.wait(min(took, 60.0) if self._requests.is_scan_asked else 0)
        while not self.stopping.is_set() and not self._requests.wait(_LOOK_SECONDS):
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

    def _is_watching_restarted(self) -> bool:
        """Listen again where the observer is deaf, or could not watch and now may."""
        if self._watcher.is_well():
            self._watcher.look_for_unwatched()
            has_changed = self._watcher.have_mounts_changed()
            if not self._watcher.needs_new_interval(self.last_seconds or 0.0) and not has_changed:
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
                logger.error("%s; no file counts as deleted, and watching resumes when it is "
                             "back", why)
            self.source_offline = why
            return False
        if self.source_offline:
            logger.warning("%s can be seen again", self._root.path)
        elif is_another:
            logger.warning("%s was replaced by another directory of that name: it is watched and "
                           "scanned again", self._root.path)
        if self.source_offline or is_another:
            self.source_offline = ""
            self._listen(self._watcher.restart)
            self._requests.scan()
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
        began, began_ns = time.monotonic(), self._root.clock.now_ns()
        found = _Found()
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
            found.add(self._take(batch, unreadable))
        if not self._is_root_there():
            return  # the walk may have seen nothing for want of an upload directory
        self._unreadable = unreadable
        self._never_read &= set(unreadable)
        self._stuck.forget_others(refused)
        self._note_left_out(tuple(sorted(left_out)))
        self._watcher.seen(inodes)
        self.last_seconds = time.monotonic() - began
        self._ended = time.monotonic()
        self._say_found(found)
        # What was there already must be known to have been so, or the next scan takes it for new.
        self.is_first = self.is_first and not self._ledger.make_durable()
        if not unreadable and not self.is_first:
            self._settling.cover(began_ns)

    def _note_left_out(self, left_out: tuple[str, ...]) -> None:
        if left_out and left_out != self._left_out:
            logger.warning("%s", _left_out_words(left_out))
        self._left_out = left_out

    def _take(self, batch: Batch, unreadable: dict[str, str]) -> Changes:
        """Compare some files with the ledger, record what can be, and have the rest settle."""
        while not self._settling.has_room(1.0) and not self.stopping.is_set():
            pass
        for name, why in batch.unreadable:
            unreadable[name] = why
            if self.is_first:
                self._never_read.add(name)
            if self._unreadable.get(name) != why:
                logger.warning("%s cannot be read: %s; every scan tries again",
                               name or "the upload directory", why)
                self._unreadable[name] = why
        for rel_path, why in batch.refused:
            self._stuck.refuse(rel_path, why)
        changes = self._comparison.compare(batch, is_first=self._is_first_look(batch))
        for rel_path, kind in changes.touched:
            self._settling.note(rel_path, kind)
        changes.record(self._ledger)
        if changes.settled:
            self._settling.events.files_queued()
        return changes

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

    def _say_found(self, found: _Found) -> None:
        if n := found.n_in_doubt:
            logger.info("%s since %s uploaded, but not in size or modification time: %s read again "
                        "to see whether the content did",
                        "1 file changed" if n == 1 else f"{n:,} files changed",
                        "it was" if n == 1 else "they were", "it is" if n == 1 else "they are")
        if not self.is_first:
            self.n_missed = found.n_news
            if found.n_news:
                logger.info("the scan found %s that no event had reported",
                            "1 file" if found.n_news == 1 else f"{found.n_news:,} files")
            return
        n, n_new = found.n_not_taken, found.n_not_taken_new
        if self._has_said_not_taken:
            return
        self._has_said_not_taken = True
        if n and not self._upload_existing:
            new = f", {n_new:,} of them new since the last run" if self.knew_files else ""
            what = "1 file was here already and is" if n == 1 \
                else f"{n:,} files were here already and are"
            logger.info("%s not taken%s; the command take uploads %s", what, new,
                        "it" if n == 1 else "them")

    def _look_into_new_directories(self) -> None:
        seen: set[str] = set()
        for name in self._requests.take_directories():
            if any(name.startswith(other + "/") for other in seen):
                continue
            seen.add(name)
            if not self._selection.why_not_directory(name):
                for batch in walk(self._selection, self._calls, name):
                    self._take(batch, {})


@dataclass(slots=True)
class _Found:
    """What a scan found, in numbers of files."""

    n_news: int = 0
    n_not_taken: int = 0
    n_not_taken_new: int = 0
    n_in_doubt: int = 0

    def add(self, changes: Changes) -> None:
        self.n_news += changes.n_news
        self.n_not_taken += changes.n_not_taken
        self.n_not_taken_new += len(changes.not_taken)
        self.n_in_doubt += len(changes.in_doubt)


def _left_out_words(directories: tuple[str, ...]) -> str:
    n, first = len(directories), directories[0]
    what = f"the directory {first} is" if n == 1 else f"{n:,} directories, such as {first}, are"
    return f"{what} left out, because a file there has the name of a ledger " \
        "(upload_to_*.sqlite3): move that file away if it is none"
