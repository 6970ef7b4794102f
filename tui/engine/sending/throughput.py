"""Rates: what was acknowledged now, in the last minute, and at the most."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence

from tui.engine.sending.transfer import Transfer

_HISTORY_SECONDS = 60
_NOW_SECONDS = 3
_LEAST_SECONDS, _AVERAGE_SECONDS = 0.5, 3.0


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

    def count(self, n_bytes: int, n_value_bytes: int, n_chunks: int = 1) -> None:
        """Count acknowledged chunks; only the polling thread calls it."""
        self.n_bytes += n_bytes
        self.n_value_bytes += n_value_bytes
        self.n_chunks += n_chunks
        self.last_acknowledgement = time.monotonic()

    def count_file(self) -> None:
        """Count one file of which every chunk is acknowledged; any thread."""
        with self._lock:
            self.n_files += 1

    def tick(self) -> None:
        """Close the seconds that have passed; called several times a second."""
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


class TransferRates:
    """The rates at which single versions are acknowledged, averaged over some seconds."""

    def __init__(self) -> None:
        #: By number of the version: when it was looked at, its chunks, its bytes a second.
        self._rates: dict[int, tuple[float, int, float]] = {}
        self._lock = threading.Lock()

    def note(self, transfers: Sequence[Transfer]) -> None:
        """Look how far all versions on their way have come; to be called several times a second."""
        now = time.monotonic()
        with self._lock:
            known, self._rates = self._rates, {}
            for transfer in transfers:
                number = transfer.version.version_id
                before = known.get(number)
                self._rates[number] = (now, transfer.n_delivered, 0.0) if before is None \
                    else _rate_after(before, now, transfer)

    def of(self, transfer: Transfer) -> float:
        """Return the rate of one of them, bytes a second; 0 where it is not known."""
        with self._lock:
            known = self._rates.get(transfer.version.version_id)
        return 0.0 if known is None else known[2]


def _rate_after(before: tuple[float, int, float], now: float,
                transfer: Transfer) -> tuple[float, int, float]:
    when, n_before, average = before
    seconds = now - when
    if seconds < _LEAST_SECONDS:
        return before
    rate = (transfer.n_delivered - n_before) * transfer.version.chunk_size / seconds
    weight = min(1.0, seconds / _AVERAGE_SECONDS)
    return now, transfer.n_delivered, average + weight * (rate - average) if average else rate
