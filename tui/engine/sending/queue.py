"""Who goes next: a window on the ledger's line, large versions taking turns with small files."""

from __future__ import annotations

import heapq
import itertools
import random
import threading
import time
from collections import deque
from dataclasses import replace
from typing import Protocol

from tui.engine.model import WaitingFile
from tui.engine.sending.delivery import Sending
from tui.engine.sending.reading import SLICE_BYTES

_WINDOW_FILES = 4096
_LARGE_FILES = 1024
_BATCH_FILES = 64
_BATCH_BYTES = 8 * 1024 * 1024
_LONGEST_BACK_OFF_SECONDS = 30.0


class Line(Protocol):
    """The waiting files, in the ledger."""

    def next_in_line(self, after_position: int, n_rows: int) -> list[WaitingFile]:
        """Return waiting files behind a place in line, in order."""


class UploadQueue:
    """Hands work to the uploading threads.

    Only a window of the line is in memory. A path has one version in hand at a time; another one
    waits until :meth:`release`. At most ``n_threads`` + 2 large versions are in hand, and they
    take turns with the small files, so that neither starves.

    Args:
        line: the waiting files.
        n_threads: number of uploading threads.
    """

    def __init__(self, line: Line, n_threads: int) -> None:
        self._line = line
        self._n_large_allowed = n_threads + 2
        self._changed = threading.Condition()
        self._window: deque[WaitingFile] = deque()
        self._large: deque[WaitingFile] = deque()
        self._listed: set[str] = set()  #: paths with a row in the window, or among the large
        self._parked: dict[str, WaitingFile] = {}
        self._ready: deque[Sending] = deque()
        self._later: list[tuple[float, int, Sending]] = []
        self._numbers = itertools.count()
        self._in_hand: dict[str, Sending | None] = {}
        self._large_in_hand: set[str] = set()
        self._last_position = 0
        self._n_uploading = 0
        self._may_have_more = True
        self._large_turn = False
        self.is_paused = False
        self.is_blocked = False  #: the ledger cannot be written: nothing more may begin

    def wake(self) -> None:
        """Say that files were put in line."""
        with self._changed:
            self._may_have_more = True
            self._changed.notify_all()

    def pause(self) -> None:
        """Hand out nothing until :meth:`resume`."""
        with self._changed:
            self.is_paused = True

    def resume(self) -> None:
        """Hand out work again."""
        with self._changed:
            self.is_paused = False
            self._changed.notify_all()

    def take(self, timeout_seconds: float) -> Sending | list[WaitingFile] | None:
        """Return a large version to go on with, or files to begin; None where there is nothing.

        The files are either one large one or a batch of small ones; the paths are in hand until
        they are released.
        """
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            while True:
                work = None if self.is_paused or self.is_blocked else self._choose()
                if work:
                    return work
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                if self._later:
                    left = min(left, max(0.01, self._later[0][0] - time.monotonic()))
                self._changed.wait(left)

    def _choose(self) -> Sending | list[WaitingFile] | None:
        while self._later and self._later[0][0] <= time.monotonic():
            self._ready.append(heapq.heappop(self._later)[2])
        self._refill()
        self._large_turn = not self._large_turn
        if self._large_turn:
            return self._choose_large() or self._choose_small()
        return self._choose_small() or self._choose_large()

    def _choose_large(self) -> Sending | list[WaitingFile] | None:
        if self._large and len(self._large_in_hand) < self._n_large_allowed:
            file = self._large.popleft()
            self._listed.discard(file.rel_path)
            if file.rel_path in self._in_hand:
                self._park(file)
            else:
                self._in_hand[file.rel_path] = None
                self._large_in_hand.add(file.rel_path)
                return [file]
        return self._ready.popleft() if self._ready else None

    def _choose_small(self) -> list[WaitingFile] | None:
        batch: list[WaitingFile] = []
        n_bytes = 0
        while self._window and len(batch) < _BATCH_FILES and n_bytes < _BATCH_BYTES:
            file = self._window[0]
            if file.n_bytes > SLICE_BYTES:
                if len(self._large) >= _LARGE_FILES:
                    break
                self._large.append(self._window.popleft())
                continue
            self._window.popleft()
            self._listed.discard(file.rel_path)
            if file.rel_path in self._in_hand:
                self._park(file)
                continue
            self._in_hand[file.rel_path] = None
            batch.append(file)
            n_bytes += file.n_bytes
        return batch or None

    def _refill(self) -> None:
        if not self._may_have_more or len(self._window) >= _WINDOW_FILES // 4:
            return
        rows = self._line.next_in_line(self._last_position, _WINDOW_FILES)
        for row in rows:
            is_twice = row.rel_path in self._in_hand or row.rel_path in self._listed
            self._listed.add(row.rel_path)
            self._window.append(replace(row, is_stale=True) if is_twice else row)
        if rows:
            self._last_position = rows[-1].position
        self._may_have_more = len(rows) == _WINDOW_FILES

    def _park(self, file: WaitingFile) -> None:
        """Put a row aside until the path's version in hand is recorded."""
        self._parked[file.rel_path] = replace(file, is_stale=True)

    def hold(self, sending: Sending) -> None:
        """Note the version that a path in hand has become."""
        with self._changed:
            sending.is_in_hand = True
            self._in_hand[sending.version.rel_path] = sending
            self._n_uploading += 1

    def ended(self) -> None:
        """Note that a version in hand has nothing left to be sent or acknowledged."""
        with self._changed:
            self._n_uploading -= 1

    def give_back(self, sending: Sending) -> None:
        """End an uploading thread's turn with a version; it goes on later if there is more."""
        with self._changed:
            sending.is_in_hand = False
            if not sending.is_ended and not sending.is_produced and not sending.refusal \
                    and not sending.is_abandoned:
                self._put_in_line(sending)

    def again(self, sending: Sending) -> None:
        """Note that a version has chunks to be produced again."""
        with self._changed:
            if not sending.is_in_hand and not sending.is_ended:
                self._put_in_line(sending)

    def _put_in_line(self, sending: Sending) -> None:
        sending.is_in_hand = True
        if sending.again:
            sending.n_failures += 1
            seconds = min(_LONGEST_BACK_OFF_SECONDS, 0.25 * 2 ** min(sending.n_failures, 10))
            due = time.monotonic() + seconds * random.uniform(0.5, 1.0)
            heapq.heappush(self._later, (due, next(self._numbers), sending))
        else:
            self._ready.append(sending)
        self._changed.notify_all()

    def release(self, rel_path: str) -> None:
        """Note that nothing of a path is in hand any more."""
        with self._changed:
            self._in_hand.pop(rel_path, None)
            self._large_in_hand.discard(rel_path)
            parked = self._parked.pop(rel_path, None)
            if parked is not None:
                self._window.appendleft(parked)
            self._changed.notify_all()

    def sendings(self, n_most: int | None = None) -> list[Sending]:
        """Return the versions in hand, or the first of them, in the order of their taking."""
        with self._changed:
            found = (sending for sending in self._in_hand.values() if sending is not None)
            return list(itertools.islice(found, n_most))

    def sending_of(self, rel_path: str) -> Sending | None:
        """Return the version of a path that is in hand."""
        with self._changed:
            return self._in_hand.get(rel_path)

    @property
    def n_uploading(self) -> int:
        """Number of versions that are being sent, or wait for acknowledgements."""
        return self._n_uploading

    @property
    def n_in_hand(self) -> int:
        """Number of paths in hand."""
        return len(self._in_hand)
