"""The recording thread: one group commit at a time, and the tables for people after it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from tui.engine.recording.database import Database
from tui.engine.system.workers import Worker
from tui.errors import LedgerError

logger = logging.getLogger(__name__)

#: Acknowledgements are durable within a second; this leaves time for a slow disk.
_PERIOD_SECONDS = 0.25
_LONGEST_PERIOD_SECONDS = 2.0
#: Between two commits that are asked for; also so many times what one takes, so that a slow disk
#: has time for others.
_LEAST_REST_SECONDS, _REST_PER_COMMIT = 0.05, 4.0


class Recorder(Worker):
    """Commits what happened since the last time.

    Args:
        database: the ledger's.
        gather: writes what is to be recorded into the open transaction.
        committed: told True after a commit, False after one that the disk refused.
        on_death: see :class:`Worker`.
    """

    def __init__(self, database: Database, gather: Callable[[], None],
                 committed: Callable[[bool], None],
                 on_death: Callable[[str, BaseException], None]) -> None:
        super().__init__("recording", on_death)
        self._database = database
        self._gather = gather
        self._committed = committed
        self._one_at_a_time = threading.Lock()
        self._asked = threading.Event()
        self._commit_seconds = 0.0

    def work(self) -> None:
        rests_until = 0.0
        while not self.stopping.is_set():
            began = time.monotonic()
            is_asked = self._asked.wait(_PERIOD_SECONDS)
            if is_asked:
                until = min(rests_until, began + _PERIOD_SECONDS)
                self.stopping.wait(max(0.0, until - time.monotonic()))
            if self.stopping.is_set():
                return
            self._asked.clear()
            if not self.record_now():
                self.stopping.wait(_LONGEST_PERIOD_SECONDS)
            elif is_asked:
                rests_until = time.monotonic() + max(_LEAST_REST_SECONDS,
                                                     _REST_PER_COMMIT * self._commit_seconds)

    def stop(self) -> None:
        super().stop()
        self._asked.set()

    def record_soon(self) -> None:
        """Ask for a commit before the period is over, because nothing more is on its way."""
        self._asked.set()

    def record_now(self) -> bool:
        """Commit everything that is known now; return whether the disk took it."""
        with self._one_at_a_time:
            self._gather()
            began = time.monotonic()
            try:
                self._database.commit()
            except LedgerError as error:
                logger.debug("%s", error)
                self._committed(False)
                return False
            self._commit_seconds = time.monotonic() - began
            self._committed(True)
            return True
