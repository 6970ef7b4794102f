"""The recording thread: one group commit at a time, and the tables for people after it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from tui.engine.recording.database import Database
from tui.engine.threads import StoppableThread
from tui.errors import LedgerError

logger = logging.getLogger(__name__)

#: Acknowledgements are durable within a second; this leaves time for a slow disk.
_PERIOD_SECONDS = 0.25
_LONGEST_PERIOD_SECONDS = 2.0


class RecordingThread(StoppableThread):
    """Commits what happened since the last time.

    Args:
        database: the ledger's.
        gather: writes what is to be recorded into the open transaction.
        committed: told True after a commit, False after one that the disk refused.
        on_death: see :class:`StoppableThread`.
    """

    def __init__(self, database: Database, gather: Callable[[], None],
                 committed: Callable[[bool], None],
                 on_death: Callable[[str, BaseException], None]) -> None:
        super().__init__("recording", on_death)
        self._database = database
        self._gather = gather
        self._committed = committed
        self._one_at_a_time = threading.Lock()

    def work(self) -> None:
        period = _PERIOD_SECONDS
        while not self.stopping.wait(period):
            is_written = self.record_now()
            period = _PERIOD_SECONDS if is_written else _LONGEST_PERIOD_SECONDS

    def record_now(self) -> bool:
        """Commit everything that is known now; return whether the disk took it."""
        with self._one_at_a_time:
            self._gather()
            try:
                self._database.commit()
            except LedgerError as error:
                logger.debug("%s", error)
                self._committed(False)
                return False
            self._committed(True)
            return True
