"""What is on its way to each partition: request by request, and nothing where none is acknowledged.

An idempotent producer has one request of a partition on its way as long as that holds five
messages or more (librdkafka: ``RD_KAFKA_IDEMP_MAX_INFLIGHT``, and
``queue.buffering.backpressure.threshold``, which has to be 1). What waits behind it for longer than
``linger.ms`` has librdkafka's thread turn round and round until the answer comes. So the chunks of
the next request are handed over shortly before that, and no more of them than it holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: So long nothing of a partition is acknowledged, and it counts as stalled: one without a leader.
_STALLED_SECONDS, _MOST_STALLED_SECONDS = 5.0, 15.0
#: Longer on a slow line: so many times what everything that is on its way should take.
_TIMES_EXPECTED = 4.0
#: With fewer messages on their way the next request may begin at once.
_MOST_MESSAGES = 5
#: Of ``linger.ms``, how much earlier than the answer the next chunks are handed over.
_EARLY_SHARE = 0.8
UNKNOWN = -1  #: the client chooses the partition of each chunk


@dataclass(slots=True)
class _OnWay:
    """What is on its way to a partition.

    Attributes:
        n_bytes, n_messages: all of it.
        n_next_bytes: of them, what the next request will hold.
        sent_at: monotonic seconds of when the present request began to gather, or to wait for its
            answer.
        request_seconds: what the last ones took from then on.
        since: of its last acknowledgement, or of its first message after none were on their way.
        is_stalled: whether its bytes do not count.
        is_gathering: whether the present request may not have begun yet.
    """

    n_bytes: int = 0
    n_messages: int = 0
    n_next_bytes: int = 0
    sent_at: float = 0.0
    request_seconds: float = 0.0
    since: float = 0.0
    is_stalled: bool = False
    is_gathering: bool = False


class PartitionFlow:
    """What is on its way to each partition; guarded by the lock of the in-flight limit.

    What is on its way to a stalled partition says nothing of the line, and must not take the room
    of what goes to others. Nothing more goes there until something is acknowledged; so it does no
    harm to take all of them for stalled while no broker answers.

    Attributes:
        n_stalled_bytes: on their way to stalled partitions.
        by_request: whether chunks of large versions are handed over request by request.
        request_bytes: that one request holds at the most.
        linger_seconds: ``linger.ms``.
    """

    def __init__(self) -> None:
        self.n_stalled_bytes = 0
        self.by_request = False
        self.request_bytes = 1_000_000
        self.linger_seconds = 0.005
        self._partitions: dict[int, _OnWay] = {}

    def is_stalled(self, partition: int) -> bool:
        """Return whether nothing should be sent to a partition for now."""
        found = self._partitions.get(partition)
        return found is not None and found.is_stalled

    def paces(self, partition: int) -> bool:
        """Return whether chunks to a partition are handed over request by request."""
        return self.by_request and partition != UNKNOWN

    def n_allowed(self, partition: int, n_bytes: int, most_bytes: int, now: float) -> int:
        """Return how many chunks of a large version may be handed over now.

        Args:
            partition: where they go.
            n_bytes: of each.
            most_bytes: that the line should get at a time.
            now: monotonic seconds.
        """
        n_bytes, most_bytes = max(1, n_bytes), min(most_bytes, self.request_bytes)
        found = self._partitions.get(partition)
        if found is None or not found.n_messages:
            return max(1, most_bytes // n_bytes)
        n_few = _MOST_MESSAGES - found.n_messages
        n_sent_bytes = found.n_bytes - found.n_next_bytes
        if self._gathers(found, now):
            n_more = (most_bytes - n_sent_bytes) // n_bytes  # it is still gathering
        elif now - found.sent_at >= self._early_seconds(found):
            n_more = (most_bytes - found.n_next_bytes) // n_bytes
        else:
            n_more = 0
        return max(0, n_few, n_more)

    def seconds_to_wait(self, partition: int, now: float) -> float | None:
        """Return how long to wait until more may be handed over; None until an acknowledgement."""
        found = self._partitions.get(partition)
        if found is None or not self.paces(partition):
            return None
        left = found.sent_at + self._early_seconds(found) - now
        return left if left > 0 else None

    def _gathers(self, found: _OnWay, now: float) -> bool:
        found.is_gathering = found.is_gathering and found.n_bytes < self.request_bytes \
            and now - found.sent_at < self.linger_seconds
        return found.is_gathering

    def _early_seconds(self, found: _OnWay) -> float:
        return found.request_seconds - _EARLY_SHARE * self.linger_seconds

    def entered(self, partition: int, n_bytes: int, n_messages: int, now: float) -> None:
        """Note what goes on its way."""
        found = self._partitions.setdefault(partition, _OnWay())
        if not found.n_messages:
            found.since = found.sent_at = now
            found.n_next_bytes, found.is_gathering = 0, True
        elif not self._gathers(found, now):
            found.n_next_bytes += n_bytes
        found.n_bytes += n_bytes
        found.n_messages += n_messages
        if found.is_stalled:
            self.n_stalled_bytes += n_bytes

    def left(self, n_of: Mapping[int, tuple[int, int]], now: float, *,
             is_acknowledged: bool) -> int:
        """Note what has left; return how many bytes of it had counted.

        Args:
            n_of: bytes and messages, by partition.
            now: monotonic seconds.
            is_acknowledged: whether they arrived.
        """
        n_counted = 0
        for partition, (n_bytes, n_messages) in n_of.items():
            found = self._partitions.setdefault(partition, _OnWay())
            found.n_bytes -= n_bytes
            found.n_messages -= n_messages
            if found.n_bytes <= found.n_next_bytes:  # the request is answered; the next one goes
                took = now - found.sent_at
                found.request_seconds = (found.request_seconds + took) / 2 \
                    if found.request_seconds else took
                found.sent_at, found.n_next_bytes, found.is_gathering = now, 0, False
            if found.is_stalled:
                self.n_stalled_bytes -= n_bytes
            else:
                n_counted += n_bytes
            if is_acknowledged:
                found.since = now
            if found.is_stalled and (is_acknowledged or not found.n_messages):
                self.n_stalled_bytes -= found.n_bytes
                found.is_stalled = False
        return n_counted

    def look(self, expected_seconds: float, now: float) -> int:
        """Notice partitions that have stalled; return how many bytes count no more.

        Args:
            expected_seconds: what everything on its way should take.
            now: monotonic seconds.
        """
        patience = min(_MOST_STALLED_SECONDS,
                       max(_STALLED_SECONDS, _TIMES_EXPECTED * expected_seconds))
        n_before = self.n_stalled_bytes
        for partition, found in self._partitions.items():
            if found.n_messages and not found.is_stalled and partition != UNKNOWN \
                    and now - found.since > patience:
                found.is_stalled = True
                self.n_stalled_bytes += found.n_bytes
        return self.n_stalled_bytes - n_before
