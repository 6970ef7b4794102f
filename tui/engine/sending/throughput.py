"""Rates: what was acknowledged now, in the last minute, and at the most."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from tui.engine.sending.transfer import Transfer

_HISTORY_SECONDS = 60
_NOW_SECONDS = 3
#: A rate that times left are computed from: over so many seconds, and not before so many.
_STEADY_SECONDS, _LEAST_STEADY_SECONDS = 20, 3
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
        #: Of each second since something has been on its way, the last ones.
        self._steady: deque[int] = deque(maxlen=_STEADY_SECONDS)
        self._is_busy = False
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

    def tick(self, *, is_busy: bool = True) -> None:
        """Close the seconds that have passed; called several times a second.

        Args:
            is_busy: whether anything is on its way.
        """
        with self._lock:
            now = int(time.monotonic())
            self._is_busy |= is_busy
            while self._second < now:
                seen_bytes, seen_files = self._seen
                if self._is_busy:
                    self._steady.append(self.n_bytes - seen_bytes)
                else:
                    self._steady.clear()
                self._is_busy = is_busy
                self._bytes.append(self.n_bytes - seen_bytes)
                self._files.append(self.n_files - seen_files)
                self._seen = (self.n_bytes, self.n_files)
                self._n_seconds += 1
                self._second = max(self._second + 1, now - _HISTORY_SECONDS)
            self.peak_bytes_per_second = max(self.peak_bytes_per_second, self._rate())

    def _rate(self) -> float:
        n = max(1, min(_NOW_SECONDS, self._n_seconds))
        return sum(list(self._bytes)[-n:]) / n

    def age(self) -> float | None:
        """Return the seconds since the last acknowledgement; None before the first."""
        last = self.last_acknowledgement
        return None if last is None else time.monotonic() - last

    def steady_rate(self) -> float | None:
        """Return bytes a second since something has been on its way; None in the first seconds."""
        with self._lock:
            whole = list(self._steady)[1:]  # the first one may have been half over
        return sum(whole) / len(whole) if len(whole) >= _LEAST_STEADY_SECONDS and any(whole) \
            else None

    def rates(self) -> tuple[float, float, tuple[float, ...]]:
        """Return bytes a second, files a second, and the bytes of each of the last 60 seconds."""
        with self._lock:
            n = max(1, min(_NOW_SECONDS, self._n_seconds))
            return self._rate(), sum(list(self._files)[-n:]) / n, tuple(map(float, self._bytes))


@dataclass(slots=True)
class _Progress:
    """How far a version had come.

    Attributes:
        looked: monotonic seconds of the look. n_delivered: chunks acknowledged by then.
        bytes_per_second: averaged over some seconds.
        moved: when the last acknowledgement, or the first chunk under way, was seen.
    """

    looked: float
    n_delivered: int
    bytes_per_second: float
    moved: float

    def look(self, now: float, transfer: Transfer) -> None:
        seconds = now - self.looked
        if transfer.n_delivered != self.n_delivered or not transfer.n_in_flight:
            self.moved = now
        if seconds < _LEAST_SECONDS:
            return
        n_chunks = transfer.n_delivered - self.n_delivered
        rate = n_chunks * transfer.version.chunk_size / seconds
        weight = min(1.0, seconds / _AVERAGE_SECONDS) if self.bytes_per_second else 1.0
        self.bytes_per_second += weight * (rate - self.bytes_per_second)
        self.looked, self.n_delivered = now, transfer.n_delivered


class TransferRates:
    """How single versions get on: at which rate, and whether at all."""

    def __init__(self) -> None:
        self._known: dict[int, _Progress] = {}  #: by number of the version
        self._lock = threading.Lock()

    def note(self, transfers: Iterable[Transfer]) -> None:
        """Look how far all versions on their way have come; to be called several times a second."""
        now = time.monotonic()
        with self._lock:
            known, self._known = self._known, {}
            for transfer in transfers:
                number = transfer.version.version_id
                progress = known.get(number) or _Progress(now, transfer.n_delivered, 0.0, now)
                progress.look(now, transfer)
                self._known[number] = progress

    def of(self, transfer: Transfer) -> tuple[float, float]:
        """Return the rate of one of them, and for how long it has waited for an acknowledgement.

        Returns:
            Bytes a second, and seconds; 0 where they are not known.
        """
        with self._lock:
            known = self._known.get(transfer.version.version_id)
        return (0.0, 0.0) if known is None else (
            known.bytes_per_second, time.monotonic() - known.moved)
