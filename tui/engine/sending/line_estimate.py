"""How fast the line to the cluster is and how far away, from what acknowledgements tell.

In the manner of BBR (N. Cardwell and others, "BBR: Congestion-Based Congestion Control", ACM Queue
14, 5, 2016): the rate is a moving maximum of what was acknowledged while enough was on its way, the
round trip the smallest one of late. Their product fills the line; whatever is on its way beyond
that waits somewhere, and everything that comes later waits behind it.
"""

from __future__ import annotations

from collections import deque

#: On its way before anything is known. Little: the first seconds of a slow line are part of a life.
_FIRST_BYTES = 512 * 1024
#: Never less, or single chunks would go one by one.
_LEAST_BYTES = 64 * 1024
#: What is let through beyond what is under way. An idempotent producer sends what it has for a
#: partition, and the next only once that is acknowledged: the line stands idle for a round trip in
#: between, so this is many of them. And no more than what keeps the fastest line busy.
_QUEUE_SECONDS, _QUEUE_ROUND_TRIPS, _MOST_QUEUE_BYTES = 0.25, 6.0, 24_000_000
_ROUND_TRIPS = 2.0
#: One time in so many, more is let through, to see whether the line carries it.
_TRY_EVERY, _TRY_GAIN = 4, 1.3
#: A rate is taken over so many seconds: several batches, which are acknowledged as one each. At the
#: beginning shorter, to be soon at full speed.
_SAMPLE_SECONDS, _FIRST_SAMPLE_SECONDS = 0.25, 0.02
_ONE_BATCH_SECONDS = 0.001
#: With nothing on its way for so long, the line was idle, and that says nothing of its rate.
_IDLE_SECONDS = 0.05
_RATE_SECONDS, _RATE_ROUND_TRIPS = 3.0, 10.0
#: So long a round trip is believed. Then one message goes alone, which costs one round trip.
_ROUND_TRIP_SECONDS = 10.0
#: One sample may change the limit by these factors: the first after a standstill means little.
_MOST_GROWTH, _MOST_SHRINKING = 4.0, 0.5
#: From this share of the limit on, it is the line that sets the rate, and not whoever sends.
_FULL_SHARE = 0.6
#: Who waits longer for what is on its way to leave gives up looking for the round trip.
_MOST_DRAIN_SECONDS = 2.0


class LineEstimate:
    """Rate and round trip of the line, and how many bytes should be on their way.

    Not safe for several threads: whoever counts what is on its way guards it with the same lock.

    Attributes:
        limit_bytes: so many bytes should be on their way at the most.
        bytes_per_second: what the line carries; 0 where it is not known yet.
        round_trip_seconds: from producing to acknowledgement without waiting; 0 where not known.
    """

    def __init__(self) -> None:
        self.limit_bytes = _FIRST_BYTES
        self.bytes_per_second = 0.0
        self.round_trip_seconds = 0.0
        self._rates: deque[tuple[float, float]] = deque()
        self._n_entered = self._n_left = 0
        self._probe_end = 0  #: once so many bytes have left, the probe is acknowledged
        self._n_probe_bytes = 0
        self._probe_began = 0.0
        self._is_probe_first = False  #: whether nothing was on its way before it
        self._sample_began: float | None = None
        self._n_sampled = 0
        self._was_full = False
        self._n_samples = 0
        self._last_left = self._last_acknowledged = self._batch_began = 0.0
        self._seen_at: float | None = None  #: when a round trip without waiting was seen last
        self._drains_until = 0.0

    @property
    def is_draining(self) -> bool:
        """Whether messages go one by one for a moment, to see the round trip without waiting."""
        return self._drains_until > 0.0

    def expect(self, round_trip_seconds: float) -> None:
        """Note the round trip as somebody else has measured it, before anything is sent."""
        if not self.round_trip_seconds:
            self.round_trip_seconds = round_trip_seconds

    def entered(self, n_bytes: int, n_bytes_before: int, now: float) -> None:
        """Note that a message goes on its way.

        Args:
            n_bytes: of it.
            n_bytes_before: that were on their way already.
            now: monotonic seconds.
        """
        self._n_entered += n_bytes
        self._look_whether_full(n_bytes_before)
        if self._probe_end == 0:
            self._probe_end, self._n_probe_bytes, self._probe_began = self._n_entered, n_bytes, now
            self._is_probe_first = n_bytes_before == 0
        if n_bytes_before == 0 and now - self._last_left > _IDLE_SECONDS:
            self._sample_began = None

    def _look_whether_full(self, n_bytes_on_way: int) -> None:
        if n_bytes_on_way >= _FULL_SHARE * self.limit_bytes:
            self._was_full = True

    def left(self, n_bytes: int, n_bytes_acknowledged: int, n_bytes_before: int, now: float, *,
             is_awaited: bool = False) -> None:
        """Note that messages have left.

        Args:
            n_bytes: of them.
            n_bytes_acknowledged: of those of them that arrived.
            n_bytes_before: that were on their way, with them.
            now: monotonic seconds.
            is_awaited: whether somebody waits for their room.
        """
        self._look_whether_full(n_bytes_before)
        self._was_full |= is_awaited
        self._n_left += n_bytes
        self._last_left = now
        if not n_bytes_acknowledged:
            return
        if self._probe_end and self._n_left >= self._probe_end:
            self._take_round_trip(now, is_alone=self._is_probe_first
                                  and self._n_entered == self._probe_end)
            self._probe_end = 0
        before, self._last_acknowledged = self._last_acknowledged, now
        is_new_batch = now - before >= _ONE_BATCH_SECONDS
        if is_new_batch:
            self._batch_began = now
        if self._sample_began is None or (not self._n_sampled and not is_new_batch):
            # From the end of one batch to that of another, or one would count too much.
            self._sample_began, self._n_sampled, self._was_full = now, 0, False
            return
        seconds = before - self._sample_began
        wanted = self._sample_seconds()
        is_flowing = now - self._batch_began >= wanted  # no batches can be told apart
        if self._n_sampled and seconds >= wanted and (is_new_batch or is_flowing):
            self._take_rate(self._n_sampled / seconds, now)
            self._sample_began, self._n_sampled, self._was_full = before, 0, is_awaited
        self._n_sampled += n_bytes_acknowledged

    def forget(self, n_bytes: int) -> None:
        """Count bytes as left of which nothing is known any more."""
        self._n_left += n_bytes

    def _sample_seconds(self) -> float:
        early = _FIRST_SAMPLE_SECONDS * 2.0 ** min(self._n_samples, 10)
        return max(min(_SAMPLE_SECONDS, float(early)), self.round_trip_seconds)

    def _take_round_trip(self, now: float, *, is_alone: bool) -> None:
        """Note how long the probe took; only one that was alone has waited for no other."""
        seconds = now - self._probe_began
        if not is_alone:
            self.round_trip_seconds = min(self.round_trip_seconds or seconds, seconds)
            return
        if self.bytes_per_second:  # what its own bytes took is no distance
            # Who sends little knows the line's rate for too low.
            most = seconds if self.is_draining else seconds / 2
            seconds -= min(most, self._n_probe_bytes / self.bytes_per_second)
        self.round_trip_seconds, self._seen_at = seconds, now
        if self.is_draining:
            self._end_draining()

    def _take_rate(self, rate: float, now: float) -> None:
        self._n_samples += 1
        kept = self._rates
        if self._was_full or rate > self.bytes_per_second:
            oldest = now - max(_RATE_SECONDS, _RATE_ROUND_TRIPS * self.round_trip_seconds)
            while kept and kept[0][0] < oldest:
                kept.popleft()
            while kept and kept[-1][1] <= rate:  # it can never be the largest one again
                kept.pop()
            kept.append((now, rate))
            self.bytes_per_second = kept[0][1]
        if self.is_draining:
            return
        self.limit_bytes = int(min(max(self._wanted_bytes(), self.limit_bytes * _MOST_SHRINKING),
                                   self.limit_bytes * _MOST_GROWTH))
        self._drain_if_due(now)

    def _wanted_bytes(self) -> int:
        rate = self.bytes_per_second
        wanted = rate * self.round_trip_seconds * _ROUND_TRIPS \
            + min(rate * max(_QUEUE_SECONDS, _QUEUE_ROUND_TRIPS * self.round_trip_seconds),
                  _MOST_QUEUE_BYTES)
        if self._n_samples % _TRY_EVERY == 0:
            wanted *= _TRY_GAIN
        return int(max(_LEAST_BYTES, wanted))

    def _drain_if_due(self, now: float) -> None:
        """Have one message go alone where no round trip was seen for long.

        What is on its way before it keeps the line busy, so this costs one round trip of its time.
        """
        if self._seen_at is None:
            self._seen_at = now
        if self._was_full and now - self._seen_at >= _ROUND_TRIP_SECONDS:
            self._drains_until = now + _MOST_DRAIN_SECONDS + self.round_trip_seconds
            self.limit_bytes = 0
            self._probe_end = 0

    def tick(self, now: float) -> bool:
        """Give up looking for the round trip where that takes too long; return whether it does."""
        if not self.is_draining or now < self._drains_until:
            return False
        self._seen_at = now
        self._end_draining()
        return True

    def _end_draining(self) -> None:
        self._drains_until = 0.0
        self.limit_bytes = self._wanted_bytes()
