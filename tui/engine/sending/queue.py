"""Who is sent next: small files and large versions take turns, and failed chunks wait a little."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Iterable

from tui.engine.model.files import WaitingFile
from tui.engine.sending.claims import Claims
from tui.engine.sending.connection import Connection
from tui.engine.sending.in_flight import InFlightLimit
from tui.engine.sending.transfer import Transfer
from tui.engine.sending.window import Line, Window
from tui.engine.system.back_off import BackOff

_BATCH_FILES = 64
_BATCH_BYTES = 8 * 1024 * 1024
_BACK_OFF = BackOff(0.4, 24.0)
#: Threads hold each other up with small files, since all of them need the interpreter all the time:
#: two are slower than one. So another one begins with some only where the batch before has been in
#: work for so long that it must be waiting for a disk, a network or the broker.
_SMALL_ALONE_SECONDS = 0.1
_NOBODY = 0
#: After so long a version is tried again whose partition acknowledged nothing.
_STALLED_SECONDS = 1.0


class UploadQueue:
    """Hands work to the uploading workers.

    Only a window of the line is in memory. Of large files two more than there are workers are on
    their way at the most, and they take turns with the small ones, so that neither starves. Small
    ones are handed out as far as the line takes them, since they are held in memory.

    Args:
        line: the waiting files.
        n_workers: number of uploading workers.
        in_flight: how many bytes the line takes.
        connection: while it lets nothing pass, nothing is handed out.
    """

    def __init__(self, line: Line, n_workers: int, in_flight: InFlightLimit,
                 connection: Connection) -> None:
        self._connection = connection
        self._changed = threading.Condition()
        self._in_flight = in_flight
        self._claims = Claims(in_flight, n_workers + 2)
        self._window = Window(line, self._claims)
        self._ready: deque[Transfer] = deque()
        self._ready_small: deque[Transfer] = deque()
        self._later: list[tuple[float, int, Transfer]] = []
        self._numbers = itertools.count()
        self._throttle_seconds: float | None = None  #: between two attempts
        self._next_attempt = 0.0
        self._is_short_of_room = False  #: something was not handed out for want of room
        self._small_taker = _NOBODY  #: the worker that has the last batch of small files
        self._small_alone_until = 0.0
        self._large_turn = False

    def wake(self) -> None:
        """Say that files were queued."""
        with self._changed:
            self._window.expect_more()
            self._changed.notify_all()

    def throttle(self, seconds: float | None) -> None:
        """Hand out one version an interval, because the broker would reject any.

        Args:
            seconds: the interval; None once the broker accepts again.
        """
        with self._changed:
            self._throttle_seconds = seconds
            if seconds is not None:
                self._next_attempt = time.monotonic() + seconds
            self._changed.notify_all()

    def mark_possible_duplicates(self) -> None:
        """Note that what is in flight just now may reach the topic twice."""
        with self._changed:
            for transfer in self._claims.transfers():
                if transfer.n_in_flight:
                    transfer.sent_twice = True

    # Handing out.

    def take(self, taker: int, timeout_seconds: float, *,
             only_small: bool = False) -> Transfer | list[WaitingFile] | None:
        """Return a large version to go on with, or files to begin; None where there is nothing.

        The files are either one large one or a batch of small ones; their paths are claimed until
        they are released.

        Args:
            taker: number of the worker, from 1.
            timeout_seconds: how long to wait for something; not at all while nothing may be sent.
            only_small: nothing of a large file.
        """
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            if self._small_taker == taker:
                self._small_taker = _NOBODY
        while True:
            self._refill()
            with self._changed:
                now = time.monotonic()  # before choosing, or the end of a wait could be missed
                if not self._connection.may_send:
                    return None
                work = self._choose_unless_throttled(taker, only_small)
                if work:
                    return work
                left = deadline - now
                if left <= 0:
                    return None
                if self._window.needs_more:
                    continue
                if self._later:
                    left = min(left, max(0.01, self._later[0][0] - now))
                if self._small_taker and now < self._small_alone_until:
                    left = min(left, self._small_alone_until - now)
                self._changed.wait(left)

    def _choose_unless_throttled(self, taker: int,
                                 only_small: bool) -> Transfer | list[WaitingFile] | None:
        if self._throttle_seconds is None:
            return self._choose(taker, _BATCH_FILES, only_small)
        if time.monotonic() < self._next_attempt:
            return None
        work = self._choose(taker, 1, only_small)
        if work:
            self._next_attempt = time.monotonic() + self._throttle_seconds
        return work

    def _choose(self, taker: int, n_files: int,
                only_small: bool) -> Transfer | list[WaitingFile] | None:
        while self._later and self._later[0][0] <= time.monotonic():
            self._make_ready(heapq.heappop(self._later)[2])
        if only_small:
            return self._choose_ready(only_small=True) or self._choose_small(taker, n_files)
        self._large_turn = not self._large_turn
        if self._large_turn:
            return self._choose_large() or self._choose_small(taker, n_files)
        return self._choose_small(taker, n_files) or self._choose_large()

    def _choose_large(self) -> Transfer | list[WaitingFile] | None:
        if self._window.has_large and self._claims.has_room_for_large():
            file = self._window.take_large()
            if file is not None:
                self._claims.claim_large(file)
                return [file]
        self._is_short_of_room |= self._window.has_large
        return self._choose_ready(only_small=False)

    def _choose_ready(self, *, only_small: bool) -> Transfer | None:
        """Return the next version that has more to produce; small ones first."""
        for ready in (self._ready_small,) if only_small else (self._ready_small, self._ready):
            while ready:
                transfer = ready.popleft()
                if transfer.take():
                    return transfer
        return None

    def _choose_small(self, taker: int, n_files: int) -> list[WaitingFile] | None:
        batch: list[WaitingFile] = []
        n_bytes = 0
        now = time.monotonic()
        is_alone = self._small_taker and now < self._small_alone_until
        while len(batch) < n_files and n_bytes < _BATCH_BYTES:
            first = self._window.small()
            if first is None or is_alone:
                break
            if not self._claims.has_room_for(first.n_bytes):
                self._is_short_of_room = True
                break
            file = self._window.take_small()
            if file is not None:
                self._claims.claim_small(file)
                batch.append(file)
                n_bytes += file.n_bytes
        if not batch:
            return None
        self._small_taker = taker
        self._small_alone_until = now + _SMALL_ALONE_SECONDS
        return batch

    def _refill(self) -> None:
        """Read more of the line; what is in the window can be taken meanwhile."""
        with self._changed:
            if not self._window.needs_more:
                return
            part = self._window.begin_reading()
        found: tuple[list[WaitingFile], int] | None = None
        try:
            found = self._window.read(part)
        finally:
            with self._changed:
                self._window.end_reading(part, found)
                self._changed.notify_all()

    # What becomes of what was handed out.

    def begin(self, transfers: Iterable[Transfer]) -> None:
        """Note the versions that claimed paths have become."""
        with self._changed:
            for transfer in transfers:
                self._claims.begin(transfer)

    def release_turn(self, transfer: Transfer) -> None:
        """End a worker's turn with a version; it continues later if there is more."""
        if transfer.release():
            self._put_in_line(transfer)

    def requeue(self, transfer: Transfer) -> None:
        """Note that a version has chunks to be produced again; a worker that has it sees them."""
        if transfer.queue():
            self._put_in_line(transfer)

    def _put_in_line(self, transfer: Transfer) -> None:
        with self._changed:
            if transfer.again:
                self._put_off(transfer, _BACK_OFF.seconds(transfer.n_failures))
                transfer.n_failures += 1
            elif self._in_flight.is_stalled(transfer.version.partition):
                self._claims.set_aside(transfer.version.rel_path)
                self._put_off(transfer, _STALLED_SECONDS)
            else:
                self._make_ready(transfer)
            self._changed.notify_all()

    def _put_off(self, transfer: Transfer, seconds: float) -> None:
        heapq.heappush(self._later, (time.monotonic() + seconds, next(self._numbers), transfer))

    def _make_ready(self, transfer: Transfer) -> None:
        (self._ready if transfer.is_large else self._ready_small).append(transfer)

    def end(self, rel_path: str) -> None:
        """Note that a version has nothing left to be sent or acknowledged."""
        with self._changed:
            self._claims.end(rel_path)  # others may begin before it is recorded
            self._tell_takers()

    def release(self, rel_paths: Iterable[str]) -> None:
        """Note that nothing of some paths is on its way any more."""
        with self._changed:
            for rel_path in rel_paths:
                self._claims.release(rel_path)
                self._is_short_of_room |= self._window.released(rel_path)
            self._tell_takers()

    def _tell_takers(self) -> None:
        if self._is_short_of_room:  # asked, since this comes with every version that ends
            self._is_short_of_room = False
            self._changed.notify_all()

    # What is asked.

    def transfers(self, n_most: int | None = None) -> list[Transfer]:
        """Return the versions on their way, or the first of them, in the order of their taking."""
        with self._changed:
            return self._claims.transfers(n_most)

    def transfer_of(self, rel_path: str) -> Transfer | None:
        """Return the version of a path that is on its way."""
        with self._changed:
            return self._claims.transfer_of(rel_path)

    def claimed(self) -> list[tuple[WaitingFile, Transfer | None]]:
        """Return the files that are claimed, and the versions that they have become."""
        with self._changed:
            return self._claims.files()

    @property
    def n_uploading(self) -> int:
        """Number of versions that are being sent, or wait for acknowledgements."""
        return self._claims.n_uploading

    @property
    def n_claimed(self) -> int:
        """Number of paths that are claimed."""
        return len(self._claims)
