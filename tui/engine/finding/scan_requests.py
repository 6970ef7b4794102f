"""What is to be looked at before the next scan is due."""

from __future__ import annotations

import logging
import threading
import time

logger = logging.getLogger(__name__)

#: A new directory is scanned so long after it was noticed.
_LOOK_INTO_SECONDS = 0.5
_MOST_NEW_DIRECTORIES = 10_000


class ScanRequests:
    """Asked for by any thread, and met by the scanner."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._lock = threading.Lock()
        self._new_directories: dict[str, float] = {}

    def scan(self, why: str = "") -> None:
        """Ask for a scan at once, and say why where there is a reason that people should know."""
        if why:
            logger.warning("%s; the directory is scanned again", why)
        self._asked.set()

    def look_into(self, directory: str) -> None:
        """Ask for a look into a directory that has just appeared; events in it may be missing."""
        with self._lock:
            if len(self._new_directories) < _MOST_NEW_DIRECTORIES:
                self._new_directories.setdefault(directory, time.monotonic() + _LOOK_INTO_SECONDS)
                return
        self._asked.set()

    # For the scanner.

    @property
    def is_scan_asked(self) -> bool:
        """Whether a scan is asked for."""
        return self._asked.is_set()

    def begin_scan(self) -> None:
        """Note that a scan begins, which meets what was asked for until now."""
        self._asked.clear()

    def wait(self, longest_seconds: float) -> bool:
        """Wait for something to do; return whether a scan is asked for."""
        with self._lock:
            first = next(iter(self._new_directories.values()), None)
        seconds = longest_seconds if first is None \
            else min(longest_seconds, max(0.01, first - time.monotonic()))
        return self._asked.wait(seconds)

    def take_directories(self) -> list[str]:
        """Return the directories that are due to be looked into, and forget them."""
        now = time.monotonic()
        with self._lock:
            due = [name for name, due_at in self._new_directories.items() if due_at <= now]
            for name in due:
                del self._new_directories[name]
        return sorted(due)
