"""Files that cannot be sent: held for now, or refused because of their names."""

from __future__ import annotations

import logging
import threading
import time
from typing import Protocol

from tui.engine.finding.selection import TOO_LONG, FileRecords
from tui.engine.model.files import FileState, FileStatus

logger = logging.getLogger(__name__)

_MOST_UNSENDABLE = 10_000


class FinderEvents(Protocol):
    """Who receives what becomes of files that are found; on any thread."""

    def files_queued(self) -> None:
        """Files were queued."""

    def stuck(self, rel_path: str, state: FileState, reason: str) -> None:
        """A file is held, or has failed."""


class StuckFiles:
    """What finding cannot hand on; any thread.

    The ledger cannot know a name that is not UTF-8: those that can never be sent are kept here.

    Args:
        ledger: knows what is held.
        events: receives each path that is held or has failed.
    """

    def __init__(self, ledger: FileRecords, events: FinderEvents) -> None:
        self._ledger = ledger
        self._events = events
        self._unsendable: dict[str, FileStatus] = {}
        self._lock = threading.Lock()

    def hold(self, rel_path: str, reason: str) -> None:
        """Note that a file cannot be looked at just now."""
        self._ledger.record_held(rel_path, reason)
        self._events.stuck(rel_path, FileState.HELD, reason)

    def refuse(self, rel_path: str, reason: str) -> None:
        """Note that a path can never be sent under its name."""
        with self._lock:
            if rel_path in self._unsendable or len(self._unsendable) > _MOST_UNSENDABLE:
                return
            n_before = len(self._unsendable)
            self._unsendable[rel_path] = FileStatus(
                rel_path=rel_path, state=FileState.FAILED, n_bytes=0, since=time.time(),
                reason=reason if reason == TOO_LONG else f"{reason}. Rename it")
        if n_before == _MOST_UNSENDABLE:
            logger.warning("more than %d files cannot be uploaded; no more of them are named",
                           _MOST_UNSENDABLE)
        self._events.stuck(rel_path, FileState.FAILED, reason)

    def forget_others(self, still_there: set[str]) -> None:
        """Forget paths that a whole scan did not see any more."""
        with self._lock:
            for rel_path in [path for path in self._unsendable if path not in still_there]:
                del self._unsendable[rel_path]

    def unsendable(self) -> tuple[FileStatus, ...]:
        """Return the files whose names cannot be sent, as they are."""
        with self._lock:
            return tuple(self._unsendable.values())
