"""Waits until a file has rested for the lag time; a stop forgets nothing that is waiting here."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tui.config.settings import Settings
from tui.engine.finding.changes import has_other_ctime, is_as_seen, is_as_settled
from tui.engine.finding.lag import Lags
from tui.engine.finding.scan_requests import ScanRequests
from tui.engine.finding.selection import NOT_UTF8, FileRecords, Selection
from tui.engine.finding.stuck_files import FinderEvents, StuckFiles
from tui.engine.finding.upload_root import UploadRoot
from tui.engine.model.files import EventKind, FileState, FileStatus, Observation
from tui.engine.system.guarded_calls import GuardedCalls, Touching
from tui.engine.system.paths import is_utf8, matches
from tui.engine.system.workers import Worker
from tui.errors import FileSystemHangError

logger = logging.getLogger(__name__)

_INTAKE_PATHS = 200_000
_BATCH_PATHS = 2000
_SAY_CHANGING_SECONDS = 60.0
_COMMIT_SECONDS = 0.1
#: A file that changes for so many lags does not come to rest.
_RESTLESS_LAGS = 3
_COUNT_SECONDS = 0.5
#: After these, a file is looked at even if size and time are as before.
_FORCING = (EventKind.CREATED, EventKind.MOVED, EventKind.MODIFIED)

#: What a look at one path gave.
_Look = tuple[str, Observation | None, str]


@dataclass(slots=True)
class _Heard:
    """What was reported of a path since the last time, beyond that it was seen.

    Attributes:
        is_forced: it may be another file, or was written to.
        is_closed: it was closed after writing.
    """

    is_forced: bool = False
    is_closed: bool = False


@dataclass(slots=True)
class _Unsettled:
    """A file that was seen to change. Times are monotonic seconds, but for ``since``."""

    observation: Observation
    due: float
    first: float
    since: float
    is_forced: bool
    n_changes: int = 0
    said: float = 0.0


class Settling(Worker):
    """Queues files once they have been unmodified for the lag time.

    Args:
        settings: ``--max_settle_seconds``.
        selection: judges names and looks at the disk.
        ledger: where everything is recorded.
        lags: how long each path has to rest.
        root: asked before a file is taken for gone, whether the directory is there.
        requests: too much came at once; a scan has to find it again.
        stuck: receives what cannot be sent.
        events: receives that files were queued.
    """

    def __init__(self, settings: Settings, selection: Selection, ledger: FileRecords, lags: Lags,
                 root: UploadRoot, requests: ScanRequests, stuck: StuckFiles,
                 events: FinderEvents) -> None:
        super().__init__("settling")
        self._max_settle = settings.max_settle_seconds
        self._selection = selection
        self._ledger = ledger
        self._lags = lags
        self._root = root
        self._requests = requests
        self._stuck = stuck
        self.events = events
        self.calls = GuardedCalls("settling", lambda path: self.note(path, EventKind.FOUND),
                                  self.stopping)
        self._changed = threading.Condition()
        self._intake: dict[str, _Heard] = {}
        self._settling: dict[str, _Unsettled] = {}
        self._heap: list[tuple[float, str]] = []
        self._changing: set[str] = set()  #: paths that changed while they settled
        self._n_growing, self._count_again = 0, 0.0
        self._committed = 0.0
        self._is_uncommitted = False
        self._covered_ns: int | None = None

    # From other threads.

    def note(self, rel_path: str, kind: EventKind) -> None:
        """Say that something happened to a path; cheap."""
        with self._changed:
            heard = self._intake.get(rel_path)
            if heard is None:
                if len(self._intake) >= _INTAKE_PATHS:
                    self._requests.scan("more happened at once than could be taken in")
                    return
                heard = self._intake[rel_path] = _Heard()
            heard.is_forced = heard.is_forced or kind in _FORCING
            heard.is_closed = heard.is_closed or kind is EventKind.CLOSED
            self._changed.notify()

    def cover(self, until_ns: int) -> None:
        """Say that everything which came before a time was noticed, and is or will be taken in.

        Args:
            until_ns: by the file system's clock, nanoseconds since the epoch.
        """
        with self._changed:
            self._covered_ns = until_ns
            self._changed.notify()

    def has_room(self, timeout_seconds: float) -> bool:
        """Wait until a scan, which finds more at once than events tell, may go on."""
        with self._changed:
            return self._changed.wait_for(
                lambda: len(self._intake) < _INTAKE_PATHS // 2, timeout_seconds)

    def settle_again(self, rel_path: str) -> None:
        """Say that a path changed while it was sent: it may have to rest longer from now on."""
        self._lags.changed_while_sent(rel_path)
        self.note(rel_path, EventKind.MODIFIED)

    @property
    def n_heard(self) -> int:
        """Number of paths to which something happened, and that were not looked at yet."""
        return len(self._intake)

    def n_growing(self) -> int:
        """Return how many files do not come to rest."""
        now = time.monotonic()
        with self._changed:
            if now >= self._count_again:
                self._n_growing = sum(self._is_restless(self._settling[path], now)
                                      for path in self._changing if path in self._settling)
                self._changing.intersection_update(self._settling)
                self._count_again = now + _COUNT_SECONDS
            return self._n_growing

    @property
    def hanging(self) -> list[tuple[str, float]]:
        """See :attr:`GuardedCalls.hanging`."""
        return self.calls.hanging

    def status(self, rel_path: str) -> FileStatus | None:
        """Return where a path stands, if it is settling."""
        with self._changed:
            entry = self._settling.get(rel_path)
            return None if entry is None else self._status(rel_path, entry)

    def page(self, offset: int, n_rows: int, pattern: str) -> tuple[int, tuple[FileStatus, ...]]:
        """Return how many files settle, and some of them, the next one due first."""
        with self._changed:
            items = [(e.due, path) for path, e in self._settling.items()
                     if not pattern or matches(pattern, path)]
            first = heapq.nsmallest(offset + n_rows, items)[offset:]
            return len(items), tuple(
                self._status(path, self._settling[path]) for _, path in first)

    def _status(self, rel_path: str, entry: _Unsettled) -> FileStatus:
        now = time.monotonic()
        is_restless = self._is_restless(entry, now)
        return FileStatus(
            rel_path=rel_path, state=FileState.GROWING if is_restless else FileState.SETTLING,
            n_bytes=entry.observation.n_bytes,
            settles_in_seconds=max(0.0, entry.due - now), since=entry.since,
            changing_since=entry.since if is_restless else None, reason=self._lags.why(rel_path))

    def _is_restless(self, entry: _Unsettled, now: float) -> bool:
        """Return whether a file changes again and again, for longer than files usually do."""
        return entry.n_changes > 0 and now - entry.first > _RESTLESS_LAGS * max(
            1.0, self._lags.common)

    # The thread.

    def work(self) -> None:
        self._take_up()
        while not self.stopping.is_set():
            with self._changed:
                self._changed.wait_for(self._has_work, self._seconds_to_next())
            self._take_in()
            self._make_durable()
            self._settle()
        self._take_in()  # what was noticed last is recorded, too
        self.calls.stop()

    def stop(self) -> None:
        super().stop()
        with self._changed:
            self._changed.notify_all()

    def _take_up(self) -> None:
        """Go on with what the last run left settling, unless it is no longer wanted."""
        unwanted = []
        for rel_path in list(self._ledger.settling_paths()):
            if self._selection.why_not_name(rel_path):
                unwanted.append(rel_path)
            else:
                self.note(rel_path, EventKind.FOUND)
        self._ledger.forget(unwanted)

    def _has_work(self) -> bool:
        return bool(self._intake) or self._covered_ns is not None or self.stopping.is_set()

    def _seconds_to_next(self) -> float:
        longest = _COMMIT_SECONDS if self._is_uncommitted else 0.5
        if not self._heap:
            return longest
        return min(longest, max(0.0, self._heap[0][0] - time.monotonic()))

    def _make_durable(self) -> None:
        """Commit what was recognized at once, but no more often than disks like."""
        now = time.monotonic()
        if self._is_uncommitted and now - self._committed > _COMMIT_SECONDS:
            self._is_uncommitted, self._committed = False, now
            self._ledger.make_durable()

    # Looking at the disk.

    def look_at(self, rel_paths: Sequence[str]) -> list[_Look]:
        """Look at files; (path, None, why) where there is nothing to send or no answer."""
        looks: list[_Look] = []
        while len(looks) < len(rel_paths):  # again after each that hangs
            rest = rel_paths[len(looks):]

            def look(found: list[_Look], touching: Touching, rest: Sequence[str] = rest) -> None:
                for rel_path in rest:
                    found.append(self._look_at_one(rel_path, touching))

            found, hang = self.calls.answers([], len(rest), look)
            looks += found
            if hang is not None:
                hung = rest[len(found)]
                self._stuck.hold(hung, hang.what)
                looks.append((hung, None, hang.what))
        return looks

    def _look_at_one(self, rel_path: str, touching: Touching) -> _Look:
        try:
            touching(rel_path)
            excluded = self._selection.why_not_directory(rel_path.rpartition("/")[0])
            if excluded:
                return rel_path, None, excluded
            return (rel_path, *self._selection.observe(rel_path))
        except OSError as error:
            reason = f"it cannot be looked at: {error.strerror or error}"
        except FileSystemHangError as error:
            reason = error.what
        self._stuck.hold(rel_path, reason)
        return rel_path, None, reason

    def _drop(self, look: _Look) -> None:
        """End the settling of a path that holds nothing to send."""
        rel_path, _, reason = look
        known = self._ledger.known(rel_path)
        if known is not None and known.state is FileState.HELD and reason:
            pass  # held just now, or before
        elif self._root.why_offline():
            return  # nothing is taken for gone while nothing can be seen
        else:
            self._ledger.forget([rel_path])
        with self._changed:
            self._settling.pop(rel_path, None)

    # Taking in.

    def _take_in(self) -> None:
        with self._changed:
            intake, self._intake = self._intake, {}
            covered_ns, self._covered_ns = self._covered_ns, None
            self._changed.notify_all()
        wanted = []
        for rel_path in intake:
            if is_utf8(rel_path):
                wanted.append(rel_path)
            else:
                self._stuck.refuse(rel_path, NOT_UTF8)
        for start in range(0, len(wanted), _BATCH_PATHS):
            self._begin(self.look_at(wanted[start:start + _BATCH_PATHS]), intake)
        if covered_ns is not None:
            self._ledger.record_covered(covered_ns)

    def _begin(self, looks: list[_Look], intake: dict[str, _Heard]) -> None:
        changed: list[Observation] = []
        new: list[Observation] = []
        closed: list[str] = []
        for look in looks:
            rel_path, observation, _ = look
            if observation is None:
                self._drop(look)
                continue
            heard = intake[rel_path]
            if self._enter(observation, heard):
                (new if heard.is_forced else changed).append(observation)
            elif heard.is_closed and rel_path not in self._settling:
                closed.append(rel_path)
        self._ledger.record_settling(changed)
        self._ledger.record_settling(new, is_new=True)
        # Written through a memory map, say: nothing else tells, and only its content does.
        self._ledger.record_in_doubt(closed)
        self._is_uncommitted = self._is_uncommitted or bool(changed or new or closed)

    def _enter(self, observation: Observation, heard: _Heard) -> bool:
        """Begin to wait for a file, or start over; False where nothing is to be recorded."""
        rel_path = observation.rel_path
        with self._changed:
            entry = self._settling.get(rel_path)
        if entry is not None:
            self._start_over(entry, observation, heard)
            return heard.is_forced and not entry.is_forced
        known = self._ledger.known(rel_path)
        if known is not None and known.state is not FileState.SETTLING \
                and is_as_seen(known, observation) and not heard.is_forced:
            return False  # an event that changed nothing, such as an open for writing
        if known is not None:
            self._lags.stirred(observation)
        now = time.monotonic()
        due = self._due(rel_path, now)
        with self._changed:
            self._settling[rel_path] = _Unsettled(observation, due, now, time.time(),
                                                  heard.is_forced)
            heapq.heappush(self._heap, (due, rel_path))
        return True

    def _start_over(self, entry: _Unsettled, observation: Observation, heard: _Heard) -> None:
        if entry.observation != observation:
            entry.n_changes += 1
            with self._changed:
                self._changing.add(observation.rel_path)
        elif not heard.is_forced:
            return  # seen once more, or closed, as it was: that is no modification
        rel_path = observation.rel_path
        due = self._due(rel_path, entry.first)
        with self._changed:
            entry.observation, entry.due = observation, due
            entry.is_forced = entry.is_forced or heard.is_forced
            heapq.heappush(self._heap, (due, rel_path))
        self._say_changing(rel_path, entry)

    def _due(self, rel_path: str, first: float) -> float:
        now = time.monotonic()
        due = now + self._lags.of(rel_path)
        return due if self._max_settle <= 0 else min(due, max(now, first + self._max_settle))

    def _say_changing(self, rel_path: str, entry: _Unsettled) -> None:
        now = time.monotonic()
        if entry.n_changes and now - max(entry.first, entry.said) >= _SAY_CHANGING_SECONDS:
            entry.said = now
            since = time.strftime("%H:%M", time.localtime(entry.since))
            logger.info("%s is still changing since %s; it is uploaded once it stops "
                        "changing", rel_path,
                        since)

    # Settling.

    def _settle(self) -> None:
        """Look at every file whose time has come."""
        due: dict[str, _Unsettled] = {}
        while self._heap and self._heap[0][0] <= time.monotonic() and len(due) < _BATCH_PATHS:
            due_at, rel_path = heapq.heappop(self._heap)
            entry = self._settling.get(rel_path)
            if entry is not None and entry.due == due_at:  # else it started over since
                due[rel_path] = entry
        if not due:
            return
        queued: list[Observation] = []
        overdue: list[Observation] = []
        unchanged: list[str] = []
        in_doubt: list[str] = []
        for look in self.look_at(list(due)):
            rel_path, observation, _ = look
            entry = due[rel_path]
            if observation is None:
                self._drop(look)
                self._wait_for_source(rel_path, entry)
            elif observation != entry.observation and not self._is_long_enough(entry):
                self._start_over(entry, observation, _Heard())
            else:
                self._end(entry, observation, unchanged, in_doubt,
                          overdue if observation != entry.observation
                          or self._is_long_enough(entry) else queued)
        self._ledger.record_unchanged(unchanged)
        self._ledger.record_in_doubt(in_doubt)
        self._ledger.record_waiting(queued)
        self._ledger.record_waiting(overdue, may_change=True)
        with self._changed:
            for rel_path in [*unchanged, *(o.rel_path for o in [*queued, *overdue])]:
                self._settling.pop(rel_path, None)
        if queued or overdue:
            self.events.files_queued()

    def _end(self, entry: _Unsettled, observation: Observation, unchanged: list[str],
             in_doubt: list[str], queued: list[Observation]) -> None:
        known = None if entry.is_forced else self._ledger.known(observation.rel_path)
        if known is not None and is_as_settled(known, observation):
            unchanged.append(observation.rel_path)
            if has_other_ctime(known, observation):
                in_doubt.append(observation.rel_path)
            return
        self._lags.queued(observation)
        queued.append(observation)

    def _wait_for_source(self, rel_path: str, entry: _Unsettled) -> None:
        """Come back later to a file that is not taken for gone."""
        with self._changed:
            if rel_path in self._settling:
                entry.due = time.monotonic() + max(1.0, self._lags.of(rel_path))
                heapq.heappush(self._heap, (entry.due, rel_path))

    def _is_long_enough(self, entry: _Unsettled) -> bool:
        return 0 < self._max_settle <= time.monotonic() - entry.first
