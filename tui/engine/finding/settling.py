"""Waits until a file has rested for the lag time; a stop forgets nothing that is waiting here."""

from __future__ import annotations

import datetime
import heapq
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tui.engine.finding.selection import NOT_UTF8, FileLedger, Selection
from tui.engine.model import EventKind, FileState, FileStatus, KnownFile, Observation
from tui.engine.paths import is_utf8, matches
from tui.engine.threads import StoppableThread
from tui.settings import Settings

logger = logging.getLogger(__name__)

_INTAKE_PATHS = 200_000
_LONGEST_LAG_SECONDS = 300.0
_SAY_CHANGING_SECONDS = 60.0
_FORCING = (EventKind.CREATED, EventKind.MOVED)


@dataclass(slots=True)
class _Settling:
    """A file that was seen to change. Times are monotonic seconds, but for ``since``."""

    observation: Observation | None
    due: float
    first: float
    since: float
    is_forced: bool
    n_changes: int = 0
    said: float = 0.0


class SettlingThread(StoppableThread):
    """Queues files once they have been unmodified for the lag time.

    Args:
        settings: the lag time.
        selection: judges names and looks at the disk.
        ledger: where everything is recorded.
        on_queued: told how many files were put in line.
        ask_for_scan: too much came at once; a scan has to find it again.
        on_refused: told a path and why it can never be uploaded.
        on_death: see :class:`StoppableThread`.
    """

    def __init__(self, settings: Settings, selection: Selection, ledger: FileLedger,
                 on_queued: Callable[[int], None], ask_for_scan: Callable[[str], None],
                 on_refused: Callable[[str, str], None],
                 on_death: Callable[[str, BaseException], None]) -> None:
        super().__init__("settling", on_death)
        self._lag = settings.lag_seconds
        self._max_settle = settings.max_settle_seconds
        self._selection = selection
        self._ledger = ledger
        self._on_queued = on_queued
        self._ask_for_scan = ask_for_scan
        self._on_refused = on_refused
        self._changed = threading.Condition()
        self._intake: dict[str, bool] = {}
        self._settling: dict[str, _Settling] = {}
        self._heap: list[tuple[float, str]] = []
        self._longer_lags: dict[str, float] = {}

    # From other threads.

    def touch(self, rel_path: str, kind: EventKind) -> None:
        """Say that something happened to a path; cheap."""
        with self._changed:
            if len(self._intake) >= _INTAKE_PATHS:
                self._intake.clear()
                self._ask_for_scan("more happened at once than could be taken in")
            self._intake[rel_path] = self._intake.get(rel_path, False) or kind in _FORCING
            self._changed.notify()

    def touch_again(self, rel_path: str) -> None:
        """Say that a path changed while it was sent: it has to rest longer from now on."""
        lag = self._longer_lags.get(rel_path, self._lag)
        self._longer_lags[rel_path] = min(_LONGEST_LAG_SECONDS, max(lag, 0.5) * 2)
        if len(self._longer_lags) > 10_000:
            self._longer_lags.pop(next(iter(self._longer_lags)))
        self.touch(rel_path, EventKind.MODIFIED)

    @property
    def n_settling(self) -> int:
        """Number of files that have not come to rest."""
        return len(self._settling) + len(self._intake)

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

    def _status(self, rel_path: str, entry: _Settling) -> FileStatus:
        now = time.monotonic()
        is_restless = entry.n_changes > 0 and now - entry.first > 3 * max(1.0, self._lag)
        return FileStatus(
            rel_path=rel_path, state=FileState.SETTLING,
            n_bytes=entry.observation.n_bytes if entry.observation else 0,
            settles_in_seconds=max(0.0, entry.due - now), since=entry.since,
            changing_since=entry.since if is_restless else None)

    # The thread.

    def work(self) -> None:
        for rel_path in list(self._ledger.settling_paths()):
            self._intake.setdefault(rel_path, False)
        while not self.stopping.is_set():
            with self._changed:
                self._changed.wait_for(self._has_work, self._seconds_to_next())
                intake, self._intake = self._intake, {}
            self._take_in(intake)
            self._settle()

    def stop(self) -> None:
        super().stop()
        with self._changed:
            self._changed.notify()

    def _has_work(self) -> bool:
        return bool(self._intake) or self.stopping.is_set()

    def _seconds_to_next(self) -> float:
        if not self._heap:
            return 0.5
        return min(0.5, max(0.0, self._heap[0][0] - time.monotonic()))

    def _observe(self, rel_path: str) -> Observation | None:
        """Look at the disk; what cannot be looked at is held, what is refused is said."""
        try:
            observation, reason = self._selection.observe(rel_path)
        except OSError as error:
            self._ledger.record_held(rel_path, f"it cannot be looked at: {error.strerror}")
            return None
        if observation is None and not reason:
            self._ledger.forget([rel_path])
        return observation

    def _take_in(self, intake: dict[str, bool]) -> None:
        new = []
        for rel_path, is_forced in intake.items():
            if not is_utf8(rel_path):
                self._on_refused(rel_path, NOT_UTF8)
                continue
            observation = self._observe(rel_path)
            if observation is None:
                with self._changed:
                    self._settling.pop(rel_path, None)
                continue
            if self._enter(observation, is_forced):
                new.append(observation)
        self._ledger.record_settling(new)

    def _enter(self, observation: Observation, is_forced: bool) -> bool:
        """Begin, or begin anew, to wait for a file; False where it has not changed at all."""
        rel_path, now = observation.rel_path, time.monotonic()
        lag = self._longer_lags.get(rel_path, self._lag)
        with self._changed:
            entry = self._settling.get(rel_path)
            if entry is not None:
                if entry.observation != observation:
                    entry.n_changes += 1
                entry.observation, entry.due = observation, now + lag
                entry.is_forced = entry.is_forced or is_forced
                heapq.heappush(self._heap, (entry.due, rel_path))
                return True
        known = self._ledger.known(rel_path)
        if known is not None and known.state is not FileState.SETTLING \
                and (known.n_bytes, known.mtime_ns) == (observation.n_bytes, observation.mtime_ns) \
                and not (is_forced and known.state is FileState.LEFT_ALONE) \
                and rel_path not in self._longer_lags:
            return False  # an event that changed nothing, such as an open for writing
        with self._changed:
            self._settling[rel_path] = _Settling(observation, now + lag, now, time.time(),
                                                 is_forced)
            heapq.heappush(self._heap, (now + lag, rel_path))
        return True

    def _settle(self) -> None:
        """Look at every file whose time has come."""
        queued: list[Observation] = []
        unchanged: list[str] = []
        while self._heap and self._heap[0][0] <= time.monotonic() and len(queued) < 2000:
            due, rel_path = heapq.heappop(self._heap)
            entry = self._settling.get(rel_path)
            if entry is None or entry.due != due:
                continue  # began anew since; a later entry stands for it
            observation = self._observe(rel_path)
            if observation is not None and observation != entry.observation \
                    and not self._has_settled_long_enough(entry):
                self._enter(observation, False)
                self._say_changing(rel_path, entry)
                continue
            with self._changed:
                self._settling.pop(rel_path, None)
            if observation is None:
                continue
            self._longer_lags.pop(rel_path, None) if entry.n_changes == 0 else None
            if _is_as_before(self._ledger.known(rel_path), observation, entry.is_forced):
                unchanged.append(rel_path)
            else:
                queued.append(observation)
        self._ledger.record_unchanged(unchanged)
        self._ledger.record_waiting(queued)
        if queued:
            self._on_queued(len(queued))

    def _has_settled_long_enough(self, entry: _Settling) -> bool:
        return 0 < self._max_settle <= time.monotonic() - entry.first

    def _say_changing(self, rel_path: str, entry: _Settling) -> None:
        now = time.monotonic()
        if now - max(entry.first, entry.said) >= _SAY_CHANGING_SECONDS:
            entry.said = now
            since = datetime.datetime.fromtimestamp(entry.since).strftime("%H:%M")
            logger.info("%s is still changing since %s; it is sent once it rests", rel_path,
                        since)


def _is_as_before(known: KnownFile | None, observation: Observation, is_forced: bool) -> bool:
    """Return whether a file that seemed to change is what was uploaded, or left alone."""
    if known is None or known.rest_state is None:
        return False
    if (known.rest_n_bytes, known.rest_mtime_ns) != (observation.n_bytes, observation.mtime_ns):
        return False
    return known.rest_state is FileState.UPLOADED or not is_forced
