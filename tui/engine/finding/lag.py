"""How long each path has to rest: longer while it is sent again and again because it grew."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tui.engine.model.files import Observation

#: No lag is lengthened beyond this; a file that has rested so long is treated like a new one.
LONGEST_SECONDS = 300.0
_MOST_PATHS = 20_000


@dataclass(slots=True)
class _Path:
    lag: float
    n_bytes: int = -1
    inode: int = 0
    last: float = 0.0
    n_abandoned: int = 0
    why: str = ""


class Lags:
    """The lag of each path; of one that has given no trouble, the common one.

    Args:
        common_seconds: ``--watchdog_lag_time``.
        now: a clock that only runs forward, seconds.
    """

    def __init__(self, common_seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self.common = common_seconds
        self._longest = max(LONGEST_SECONDS, common_seconds)
        self._now = now
        self._lock = threading.Lock()
        self._paths: dict[str, _Path] = {}

    def of(self, rel_path: str) -> float:
        """Return the seconds that a path has to rest before it is queued."""
        path = self._paths.get(rel_path)
        return self.common if path is None else path.lag

    def why(self, rel_path: str) -> str:
        """Return why a path has to rest longer than others; empty where it has not."""
        path = self._paths.get(rel_path)
        if path is None or not path.why:
            return ""
        return f"{path.why}, so it must stay unchanged for {path.lag:g} s"

    def queued(self, observation: Observation) -> None:
        """Note that a file has come to rest, as it was then seen."""
        with self._lock:
            path = self._of(observation.rel_path)
            path.n_bytes, path.inode = observation.n_bytes, observation.inode
            path.last = self._now()

    def stirred(self, observation: Observation) -> None:
        """Note that a file which had come to rest changes, in whatever way: its lag lengthens.

        A file that is filled in place, in bursts, keeps its size.
        """
        with self._lock:
            path = self._paths.get(observation.rel_path)
            if path is None:
                return
            if self._now() - path.last > self._longest:
                del self._paths[observation.rel_path]  # it did rest
            elif path.n_bytes >= 0 and path.inode == observation.inode:
                self._lengthen(path, "it grew after it had settled"
                               if observation.n_bytes > path.n_bytes
                               else "it changed after it had settled")

    def changed_while_sent(self, rel_path: str) -> None:
        """Note that a file changed while it was read; the second time lengthens its lag."""
        with self._lock:
            path = self._of(rel_path)
            path.last = self._now()
            path.n_abandoned += 1
            if path.n_abandoned >= 2:
                self._lengthen(path, "it changed while it was being sent")

    def _lengthen(self, path: _Path, why: str) -> None:
        path.lag = min(self._longest, max(path.lag, 0.5) * 2)
        path.why = why

    def _of(self, rel_path: str) -> _Path:
        path = self._paths.pop(rel_path, None)
        if path is None:
            path = _Path(self.common)
            while len(self._paths) >= _MOST_PATHS:
                del self._paths[next(iter(self._paths))]
        self._paths[rel_path] = path  # the last to be dropped
        return path
