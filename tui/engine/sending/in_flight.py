"""The in-flight limit: payload bytes between being produced and being acknowledged."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from tui.engine.sending.connection import Connection
from tui.engine.sending.line_estimate import LineEstimate
from tui.engine.sending.partition_flow import UNKNOWN, PartitionFlow

#: Of the limit, what large versions leave to small files, and what is theirs in any case.
_SMALL_SHARE, _LARGE_SHARE = 1 / 8, 1 / 8
#: Of large chunks, so many are on their way, whatever a slow line needs.
_LEAST_MESSAGES = 2
_LOOK_SECONDS = 0.25
#: From this round trip on it is the distance that an answer takes its time for.
FAR_SECONDS = 0.02
#: Chunks of one version that are let through together: each call takes a lock.
_TOGETHER_BYTES = 256 * 1024


class InFlightLimit:
    """Lets messages through until enough is on its way; the first one always passes.

    Enough is what the line needs, and never more than what the user allows. Small files go before
    the chunks of large versions, which take what is left, and a little in any case. While nothing
    may be sent, nothing passes, and whoever waits is sent away.

    Args:
        max_bytes: the bound that the user sets (``--queue_max_size``).
        connection: says whether anything may be sent; its lock is this one's.
        now: monotonic seconds.
    """

    def __init__(self, max_bytes: int, connection: Connection,
                 now: Callable[[], float] = time.monotonic) -> None:
        self.max_bytes = max_bytes
        self.n_bytes = 0
        self.n_messages = 0
        self.line = LineEstimate()
        self.partitions = PartitionFlow()
        self._n_large_bytes = 0
        self._n_small_waiting = 0
        self._connection = connection
        self._lock = connection.lock
        self._changed = connection.changed
        self._now = now
        self._next_look = 0.0
        self.n_waiting = 0  #: callers that wait for room

    def expect(self, round_trip_seconds: float) -> None:
        """Note how far away the cluster is, before anything is sent."""
        with self._lock:
            self.line.expect(round_trip_seconds)

    def pace(self, request_bytes: int, linger_seconds: float, *, by_request: bool) -> None:
        """Set how chunks of large versions are handed over; see :class:`PartitionFlow`."""
        with self._lock:
            self.partitions.by_request = by_request
            self.partitions.linger_seconds = linger_seconds
            self.partitions.request_bytes = request_bytes

    @property
    def limit_bytes(self) -> int:
        """How many bytes are let through just now."""
        return min(self.max_bytes, self.line.limit_bytes)

    def enter(self, n_bytes: int, n_messages: int = 1, *, is_large: bool = False,
              partition: int = UNKNOWN) -> int:
        """Take room for messages, waiting for the first; return for how many.

        Args:
            n_bytes: of the chunk of each.
            n_messages: as many as are ready.
            is_large: whether they are chunks of a version that is read slice by slice.
            partition: where they go.

        Returns:
            At least 1, or 0 once nothing may be sent, to this partition at least.
        """
        connection = self._connection
        with self._lock:
            if not self.has_room(n_bytes, is_large=is_large, partition=partition):
                self._wait_for_room(n_bytes, is_large, partition)
            if not connection.may_send or self.partitions.is_stalled(partition):
                return 0
            if n_messages > 1:
                together = min(_TOGETHER_BYTES, self.limit_bytes // 8,
                               self.max_bytes - self.n_bytes)
                n_messages = max(1, min(n_messages, together // n_bytes))
                if is_large and self._paces(partition):
                    n_messages = max(1, min(n_messages, self.partitions.n_allowed(
                        partition, n_bytes, self.limit_bytes, self._now())))
            n_entering = n_messages * n_bytes
            now = self._now()
            self.line.entered(n_entering, self._n_counted_bytes, now)
            self.partitions.entered(partition, n_entering, n_messages, now)
            self.n_bytes += n_entering
            self.n_messages += n_messages
            if is_large:
                self._n_large_bytes += n_entering
            return n_messages

    def _paces(self, partition: int) -> bool:
        """Return whether chunks to a partition are handed over request by request.

        Not where an answer takes long because of the distance: then each thread would wait for it,
        instead of going on with a version that goes to another partition.
        """
        return self.partitions.paces(partition) and self.line.round_trip_seconds < FAR_SECONDS

    @property
    def _n_counted_bytes(self) -> int:
        return self.n_bytes - self.partitions.n_stalled_bytes

    def _wait_for_room(self, n_bytes: int, is_large: bool, partition: int) -> None:
        connection = self._connection
        self.n_waiting += 1
        self._n_small_waiting += not is_large
        try:
            while connection.may_send and not self.partitions.is_stalled(partition) \
                    and not self.has_room(n_bytes, is_large=is_large, partition=partition):
                self._changed.wait(
                    self.partitions.seconds_to_wait(partition, self._now()) if is_large else None)
        finally:
            self.n_waiting -= 1
            self._n_small_waiting -= not is_large

    def has_room(self, n_bytes: int, *, is_large: bool, partition: int = UNKNOWN) -> bool:
        """Return whether a message would be let through at once; with the lock."""
        if not self.n_bytes:
            return True
        if self.n_bytes + n_bytes > self.max_bytes:
            return False
        n_on_way, limit = self._n_counted_bytes, self.limit_bytes
        if not n_on_way:
            return True
        if self.n_messages < _LEAST_MESSAGES and not self.line.is_draining:
            return True  # one on the line, and one that follows
        if not is_large:
            return n_on_way < limit
        is_little = self._n_large_bytes < limit * _LARGE_SHARE
        if self._n_small_waiting and not is_little:
            return False
        if self._paces(partition):
            # One request is on its way, and shortly before its answer the next one.
            return (is_little or n_on_way < 2 * limit) and self.partitions.n_allowed(
                partition, n_bytes, limit, self._now()) > 0
        return is_little or n_on_way < limit * (1 - _SMALL_SHARE)

    def is_stalled(self, partition: int) -> bool:
        """Return whether a partition has acknowledged nothing for long."""
        return self.partitions.is_stalled(partition)

    def leave(self, n_of: Mapping[int, tuple[int, int]], *, n_large_bytes: int = 0,
              is_acknowledged: bool = True) -> None:
        """Give the room of messages back.

        Args:
            n_of: their bytes and how many they are, by partition as they were entered.
            n_large_bytes: of those of them that belong to large versions.
            is_acknowledged: whether they arrived, and tell of the line.
        """
        with self._lock:
            now, n_before = self._now(), self._n_counted_bytes
            n_counted = self.partitions.left(n_of, now, is_acknowledged=is_acknowledged)
            if n_counted:
                self.line.left(n_counted, n_counted if is_acknowledged else 0, n_before, now,
                               is_awaited=self.n_waiting > 0)
            self.n_bytes -= sum(n_bytes for n_bytes, _ in n_of.values())
            self.n_messages -= sum(n_messages for _, n_messages in n_of.values())
            self._n_large_bytes -= n_large_bytes
            if self.n_waiting:
                self._changed.notify_all()

    def tick(self) -> None:
        """Look whether too long a wait has to end; to be called several times a second."""
        now = self._now()
        if now < self._next_look:
            return
        with self._lock:
            self._next_look = now + _LOOK_SECONDS
            n_stalled = self.partitions.look(
                self.line.round_trip_seconds + self.n_bytes / (self.line.bytes_per_second or 1e6),
                now)
            self.line.forget(n_stalled)
            if self.line.tick(now) or n_stalled:
                self._changed.notify_all()

    def wait_for_room(self, timeout_seconds: float) -> None:
        """Wait until some message has left; for a client whose own queue is full."""
        with self._changed:
            if not self._connection.may_send:
                return
            self.n_waiting += 1
            try:
                self._changed.wait(timeout_seconds)
            finally:
                self.n_waiting -= 1
