"""Rates: what was acknowledged now, in the last minute, and at the most."""

from __future__ import annotations

import threading
import time
from collections import deque

_HISTORY_SECONDS = 60
_NOW_SECONDS = 3


class ThroughputMeter:
    """Counts acknowledged bytes, chunks and files, second by second."""

    def __init__(self) -> None:
        self.n_bytes = 0
        self.n_chunks = 0
        self.n_value_bytes = 0  #: of whole message values, as heartbeats count them
        self.n_files = 0
        self.peak_bytes_per_second = 0.0
        self._lock = threading.Lock()
        self._second = int(time.monotonic())
        self._seen = (0, 0)
        self._bytes: deque[int] = deque([0] * _HISTORY_SECONDS, _HISTORY_SECONDS)
        self._files: deque[int] = deque([0] * _NOW_SECONDS, _NOW_SECONDS)
        self._n_seconds = 0
        self.last_acknowledgement: float | None = None  #: monotonic seconds

    def count(self, n_bytes: int, n_value_bytes: int) -> None:
        """Count one acknowledged chunk; only the polling thread calls it."""
        self.n_bytes += n_bytes
        self.n_value_bytes += n_value_bytes
        self.n_chunks += 1

    def tick(self) -> None:
        """Close the seconds that have passed; called some times a second."""
        with self._lock:
            now = int(time.monotonic())
            while self._second < now:
                seen_bytes, seen_files = self._seen
                self._bytes.append(self.n_bytes - seen_bytes)
                self._files.append(self.n_files - seen_files)
                self._seen = (self.n_bytes, self.n_files)
                self._n_seconds += 1
                self._second = max(self._second + 1, now - _HISTORY_SECONDS)
            self.peak_bytes_per_second = max(self.peak_bytes_per_second, self._rate())

    def _rate(self) -> float:
        n = max(1, min(_NOW_SECONDS, self._n_seconds))
        return sum(list(self._bytes)[-n:]) / n

    def rates(self) -> tuple[float, float, tuple[float, ...]]:
        """Return bytes a second, files a second, and the bytes of each of the last 60 seconds."""
        with self._lock:
            n = max(1, min(_NOW_SECONDS, self._n_seconds))
            return self._rate(), sum(list(self._files)[-n:]) / n, tuple(map(float, self._bytes))
