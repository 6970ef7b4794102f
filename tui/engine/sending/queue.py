"""Who goes next: a window on the ledger's line, large versions taking turns with small files."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Protocol

from tui.engine.model.files import WaitingFile
from tui.engine.sending.in_flight import InFlightLimit
from tui.engine.sending.source import SLICE_BYTES
from tui.engine.sending.transfer import Transfer
from tui.engine.system.back_off import BackOff

_WINDOW_FILES = 4096
_LARGE_FILES = 1024
_BATCH_FILES = 64
_BATCH_BYTES = 8 * 1024 * 1024
_BACK_OFF = BackOff(0.4, 24.0)
#: Paths in hand at most: empty files cost no bytes, but each of them costs memory.
_MOST_IN_HAND = 16_384
#: Threads hold each other up with small files, since all of them need the interpreter all the time:
#: two are slower than one. So another one begins with some only where the batch before has been in
#: work for so long that it must be waiting for a disk, a network or the broker.
_SMALL_ALONE_SECONDS = 0.025
_PAUSED = "paused"


class Line(Protocol):
    """The waiting files, in the ledger."""

    def next_in_line(self, after_position: int, n_rows: int) -> list[WaitingFile]:
        """Return waiting files behind a place in line, in order."""


class UploadQueue:
    """Hands work to the uploading threads.

    Only a window of the line is in memory. A path has one version in hand at a time; another one
    waits until :meth:`release`. At most ``n_threads`` + 2 large versions are in hand, and they
    take turns with the small files, so that neither starves. Small files are held in memory until
    they are acknowledged, and together they stay within the gate's limit.

    Args:
        line: the waiting files.
        n_threads: number of uploading threads.
        in_flight: is shut while paused, so that a thread in the middle of a version stops as well.
    """

    def __init__(self, line: Line, n_threads: int, in_flight: InFlightLimit) -> None:
        self._line = line
        self._n_large_allowed = n_threads + 2
        self._in_flight = in_flight
        self._changed = threading.Condition()
        self._window: deque[WaitingFile] = deque()
        self._large: deque[WaitingFile] = deque()
        self._listed: set[str] = set()  #: paths with a row in the window, or among the large
        self._parked: dict[str, WaitingFile] = {}
        self._ready: deque[Transfer] = deque()
        self._later: list[tuple[float, int, Transfer]] = []
        self._numbers = itertools.count()
        self._in_hand: dict[str, Transfer | None] = {}
        self._large_in_hand: set[str] = set()
        self._held_bytes: dict[str, int] = {}
        self._n_held_bytes = 0
        self._refusal_seconds: float | None = None  #: between two attempts, while all is refused
        self._next_attempt = 0.0
        self._last_position = 0
        self._n_uploading = 0
        self._may_have_more = True
        self._is_refilling = False
        self._released_meanwhile: set[str] = set()  #: paths released while the line is read
        self._is_short_of_room = False  #: something was not handed out for want of room
        self._small_taker = 0  #: the thread that works on the last batch of small files
        self._small_alone_until = 0.0
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
            self._in_flight.shut(_PAUSED)

    def resume(self) -> None:
        """Hand out work again."""
        with self._changed:
            self.is_paused = False
            self._in_flight.open(_PAUSED)
            self._changed.notify_all()

    def refused(self, seconds: float | None) -> None:
        """Hand out one version an interval, because the broker would refuse any.

        Args:
            seconds: the interval; None once the broker accepts again.
        """
        with self._changed:
            self._refusal_seconds = seconds
            if seconds is not None:
                self._next_attempt = time.monotonic() + seconds
            self._changed.notify_all()

    def doubt(self) -> None:
        """Note that what is in flight just now may reach the topic twice."""
        with self._changed:
            for transfer in self._in_hand.values():
                if transfer is not None and transfer.n_in_flight:
                    transfer.sent_twice = True

    def take(self, timeout_seconds: float) -> Transfer | list[WaitingFile] | None:
        """Return a large version to go on with, or files to begin; None where there is nothing.

        The files are either one large one or a batch of small ones; the paths are in hand until
        they are released.
        """
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            if self._small_taker == threading.get_ident():
                self._small_taker = 0
        while True:
            self._refill()
            with self._changed:
                now = time.monotonic()  # before choosing, or the end of a wait could be missed
                work = None if self.is_paused or self.is_blocked else self._choose_if_accepted()
                if work:
                    return work
                left = deadline - now
                if left <= 0:
                    return None
                if self._needs_more():
                    continue
                if self._later:
                    left = min(left, max(0.01, self._later[0][0] - now))
                if self._small_taker and now < self._small_alone_until:
                    left = min(left, self._small_alone_until - now)
                self._changed.wait(left)

    def _choose_if_accepted(self) -> Transfer | list[WaitingFile] | None:
        if self._refusal_seconds is None:
            return self._choose(_BATCH_FILES)
        if time.monotonic() < self._next_attempt:
            return None
        work = self._choose(1)
        if work:
            self._next_attempt = time.monotonic() + self._refusal_seconds
        return work

    def _choose(self, n_files: int) -> Transfer | list[WaitingFile] | None:
        while self._later and self._later[0][0] <= time.monotonic():
            self._ready.append(heapq.heappop(self._later)[2])
        self._large_turn = not self._large_turn
        if self._large_turn:
            # Choosing small ones may have brought a large one to light.
            return self._choose_large() or self._choose_small(n_files) or self._choose_large()
        return self._choose_small(n_files) or self._choose_large()

    def _choose_large(self) -> Transfer | list[WaitingFile] | None:
        if self._large and len(self._large_in_hand) < self._n_large_allowed:
            file = self._large.popleft()
            self._listed.discard(file.rel_path)
            if file.rel_path in self._in_hand:
                self._park(file)
            else:
                self._in_hand[file.rel_path] = None
                self._large_in_hand.add(file.rel_path)
                return [file]
        self._is_short_of_room |= bool(self._large)
        while self._ready:
            transfer = self._ready.popleft()
            if _goes_on(transfer):
                return transfer
            self.give_back(transfer)  # it has ended since it was put in line
        return None

    def _choose_small(self, n_files: int) -> list[WaitingFile] | None:
        batch: list[WaitingFile] = []
        n_bytes = 0
        now = time.monotonic()
        is_alone = self._small_taker and now < self._small_alone_until
        while self._window and len(batch) < n_files and n_bytes < _BATCH_BYTES:
            file = self._window[0]
            if file.n_bytes > SLICE_BYTES:
                if len(self._large) >= _LARGE_FILES:
                    break
                self._large.append(self._window.popleft())
                continue
            if is_alone:
                break
            if not self._has_room(file):
                self._is_short_of_room = True
                break
            self._window.popleft()
            self._listed.discard(file.rel_path)
            if file.rel_path in self._in_hand:
                self._park(file)
                continue
            self._in_hand[file.rel_path] = None
            self._held_bytes[file.rel_path] = file.n_bytes
            self._n_held_bytes += file.n_bytes
            batch.append(file)
            n_bytes += file.n_bytes
        if not batch:
            return None
        self._small_taker = threading.get_ident()
        self._small_alone_until = now + _SMALL_ALONE_SECONDS
        return batch

    def _has_room(self, file: WaitingFile) -> bool:
        if len(self._in_hand) >= _MOST_IN_HAND:
            return False
        return not self._n_held_bytes or \
            self._n_held_bytes + file.n_bytes <= self._in_flight.max_bytes

    def _needs_more(self) -> bool:
        return self._may_have_more and not self._is_refilling \
            and len(self._window) < _WINDOW_FILES // 4

    def _refill(self) -> None:
        """Read more of the line; what is in the window can be taken meanwhile."""
        with self._changed:
            if not self._needs_more():
                return
            self._is_refilling, self._may_have_more = True, False
            self._released_meanwhile.clear()
            after = self._last_position
        rows: list[WaitingFile] | None = None
        try:
            rows = self._line.next_in_line(after, _WINDOW_FILES)
        finally:
            with self._changed:
                self._is_refilling = False
                self._may_have_more |= rows is None or len(rows) == _WINDOW_FILES
                self._append(rows or [])
                self._changed.notify_all()

    def _append(self, rows: list[WaitingFile]) -> None:
        for row in rows:
            path = row.rel_path
            # What a version in hand changes in its path's row may not be in this one yet.
            is_twice = path in self._in_hand or path in self._listed \
                or path in self._released_meanwhile
            self._listed.add(path)
            self._window.append(row._replace(is_stale=True) if is_twice else row)
        if rows:
            self._last_position = rows[-1].position

    def _park(self, file: WaitingFile) -> None:
        """Put a row aside until the path's version in hand is recorded."""
        self._parked[file.rel_path] = file._replace(is_stale=True)

    def hold(self, transfers: Iterable[Transfer]) -> None:
        """Note the versions that paths in hand have become."""
        with self._changed:
            for transfer in transfers:
                transfer.is_in_hand = True
                self._in_hand[transfer.version.rel_path] = transfer
                self._n_uploading += 1

    def ended(self, rel_path: str) -> None:
        """Note that a version in hand has nothing left to be sent or acknowledged."""
        with self._changed:
            self._n_uploading -= 1
            self._give_room(rel_path)  # others may begin before it is recorded
            self._tell_takers()

    def give_back(self, transfer: Transfer) -> None:
        """End an uploading thread's turn with a version; it goes on later if there is more."""
        # First, and without the lock: what fails from here on is put in line by its report.
        transfer.is_in_hand = False
        if transfer.is_ended:
            transfer.close()
        elif not transfer.is_produced:
            self.again(transfer)

    def again(self, transfer: Transfer) -> None:
        """Note that a version has chunks to be produced again."""
        with self._changed:
            if not transfer.is_in_hand and _goes_on(transfer):
                self._put_in_line(transfer)

    def _put_in_line(self, transfer: Transfer) -> None:
        transfer.is_in_hand = True
        if transfer.again:
            due = time.monotonic() + _BACK_OFF.seconds(transfer.n_failures)
            transfer.n_failures += 1
            heapq.heappush(self._later, (due, next(self._numbers), transfer))
        else:
            self._ready.append(transfer)
        self._changed.notify_all()

    def release(self, rel_paths: Iterable[str]) -> None:
        """Note that nothing of some paths is in hand any more."""
        with self._changed:
            for rel_path in rel_paths:
                self._in_hand.pop(rel_path, None)
                self._give_room(rel_path)
                if self._is_refilling:
                    self._released_meanwhile.add(rel_path)
                parked = self._parked.pop(rel_path, None)
                if parked is not None:
                    self._window.appendleft(parked)
                    self._is_short_of_room = True
            self._tell_takers()

    def _give_room(self, rel_path: str) -> None:
        self._large_in_hand.discard(rel_path)
        self._n_held_bytes -= self._held_bytes.pop(rel_path, 0)

    def _tell_takers(self) -> None:
        if self._is_short_of_room:  # asked, since this comes with every version that ends
            self._is_short_of_room = False
            self._changed.notify_all()

    def transfers(self, n_most: int | None = None) -> list[Transfer]:
        """Return the versions in hand, or the first of them, in the order of their taking."""
        with self._changed:
            found = (transfer for transfer in self._in_hand.values() if transfer is not None)
            return list(itertools.islice(found, n_most))

    def transfer_of(self, rel_path: str) -> Transfer | None:
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


def _goes_on(transfer: Transfer) -> bool:
    return not (transfer.is_ended or transfer.is_abandoned or transfer.refusal)
