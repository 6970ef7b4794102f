"""Records what became of versions on their way: one group commit at a time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tui.engine.model.files import FileState
from tui.engine.model.versions import Outcome, OutcomeKind, VersionState
from tui.engine.recording.ledger import Ledger
from tui.engine.system.workers import Worker
from tui.errors import LedgerError

logger = logging.getLogger(__name__)

_LOOK_AT_HELD_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the ledger is written.

    Attributes:
        period_seconds: between two commits; acknowledgements are durable within a second, and this
            leaves time for a slow disk.
        longest_period_seconds: after one that the disk refused.
        least_rest_seconds: between two commits that are asked for.
        rest_per_commit: also so many times what one takes, so that a slow disk has time for others.
    """

    period_seconds: float = 0.25
    longest_period_seconds: float = 2.0
    least_rest_seconds: float = 0.05
    rest_per_commit: float = 4.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a commit has made durable.

    Attributes:
        outcomes: of versions that have ended.
        has_more_queued: files were queued, or those that were can only be seen now.
    """

    outcomes: tuple[Outcome, ...]
    has_more_queued: bool


class OutcomeSource(Protocol):
    """Where the sending side puts what is to be recorded."""

    @property
    def news(self) -> threading.Event:
        """Set where a commit is wanted before the period is over."""

    def take(self) -> list[Outcome]:
        """Return what happened since the last call."""


class Recorder(Worker):
    """Commits what happened since the last time.

    Args:
        ledger: where it goes.
        outcomes: what happened to versions, and what asks for a commit before the period is over.
        on_recorded: called with what is durable now; None where the disk refused it.
        pace: how often.
    """

    def __init__(self, ledger: Ledger, outcomes: OutcomeSource,
                 on_recorded: Callable[[Recorded | None], None], pace: Pace = Pace()) -> None:
        super().__init__("recording")
        self._ledger = ledger
        self._database = ledger.database
        self._outcomes = outcomes
        self._on_recorded = on_recorded
        self._pace = pace
        self._one_at_a_time = threading.Lock()
        self._commit_seconds = 0.0
        self._unreported: list[Outcome] = []
        self._has_more_queued = False
        self._next_look = 0.0
        self._n_mended = 0

    def work(self) -> None:
        rests_until = 0.0
        pace = self._pace
        while not self.stopping.is_set():
            began = time.monotonic()
            is_asked = self._outcomes.news.wait(pace.period_seconds)
            if is_asked:
                until = min(rests_until, began + pace.period_seconds)
                self.stopping.wait(max(0.0, until - time.monotonic()))
            if self.stopping.is_set():
                return
            self._outcomes.news.clear()
            if not self.record_now():
                self.stopping.wait(pace.longest_period_seconds)
            elif is_asked:
                rests_until = time.monotonic() + max(
                    pace.least_rest_seconds, pace.rest_per_commit * self._commit_seconds)

    def stop(self) -> None:
        super().stop()
        self._outcomes.news.set()

    def record_now(self) -> bool:
        """Commit everything that is known now; return whether the disk took it."""
        with self._one_at_a_time:
            self._write(self._outcomes.take())
            self._look_at_held()
            self._ledger.files.note_unrecorded()
            began = time.monotonic()
            try:
                self._database.commit()
            except LedgerError as error:
                logger.debug("%s", error)
                self._on_recorded(None)
                return False
            self._commit_seconds = time.monotonic() - began
            n_mended, self._n_mended = self._n_mended, self._database.n_mended
            recorded = Recorded(tuple(self._unreported),
                                self._has_more_queued or n_mended != self._n_mended)
            self._unreported, self._has_more_queued = [], False
            self._on_recorded(recorded)
            return True

    def _write(self, outcomes: list[Outcome]) -> None:
        """Write outcomes into the open transaction."""
        if not outcomes:
            return
        versions = self._ledger.versions
        complete = [o for o in outcomes if o.kind is OutcomeKind.COMPLETE]
        progress = [o for o in outcomes
                    if o.kind is OutcomeKind.PROGRESS and o.delivery.completed is None]
        with self._database.together():
            for outcome in outcomes:
                if outcome.is_sent_twice and outcome.version.n_chunks > 1:
                    versions.mark_sent_twice(outcome.version.version_id)
            versions.record([o.delivery for o in [*complete, *progress]])
            self._ledger.files.record_uploaded(
                [(o.file, o.version.n_bytes, o.version.mtime_ns) for o in complete])
            for outcome in outcomes:
                if outcome.kind in (OutcomeKind.ABANDONED, OutcomeKind.HELD):
                    self._write_unfinished(outcome)
        self._unreported += [o for o in outcomes if o.kind is not OutcomeKind.PROGRESS]

    def _write_unfinished(self, outcome: Outcome) -> None:
        versions, version = self._ledger.versions, outcome.version
        if version.n_chunks > 1:
            versions.record([outcome.delivery])
        if outcome.kind is OutcomeKind.ABANDONED:
            versions.close(version.version_id, VersionState.ABANDONED)
            return
        if version.n_chunks > 1 and not outcome.may_be_on_topic:
            versions.close(version.version_id, VersionState.REFUSED)
        self._ledger.files.set_unsent(outcome.file, FileState.HELD, outcome.reason,
                                      outcome.retry_after_seconds)

    def _look_at_held(self) -> None:
        """Put held files whose time has come back in the queue."""
        now = time.monotonic()
        # While the ledger cannot be written they would be found due again and again.
        if now >= self._next_look and not self._database.problem:
            self._next_look = now + _LOOK_AT_HELD_SECONDS
            self._has_more_queued |= self._ledger.files.put_back_due() > 0
