"""How much is let on its way: enough for any line and little more, and it follows the line."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tui.engine.sending.connection import Connection
from tui.engine.sending.in_flight import InFlightLimit

_MB = 1_000_000
_LARGEST_BATCH_BYTES, _MOST_REQUESTS = 1_000_000, 5


@dataclass
class Line:
    """A line in memory, and a sender that always has something to send.

    Attributes:
        bytes_per_second: what it carries, by time.
        round_trip_seconds: without waiting, by time.
        chunk_bytes: of what is sent.
        max_bytes: the user's bound.
        is_busy: whether there is something to send, by time.
    """

    bytes_per_second: Callable[[float], float]
    round_trip_seconds: Callable[[float], float]
    chunk_bytes: int = 16_384
    max_bytes: int = 500 * _MB
    is_busy: Callable[[float], bool] = lambda now: True
    now: float = 0.0
    n_arrived: int = 0
    _free_at: float = 0.0
    _on_way: list[tuple[float, int]] = field(default_factory=list)
    _queued: int = 0

    def __post_init__(self) -> None:
        connection = Connection()
        assert connection.verify()
        self.in_flight = InFlightLimit(self.max_bytes, connection, now=lambda: self.now)
        self.in_flight.line.expect(self.round_trip_seconds(0.0))

    def run(self, until: float) -> None:
        """Send until a time, in steps of a millisecond."""
        while self.now < until:
            self.now += 0.001
            self.in_flight.tick()
            while self._on_way and self._on_way[0][0] <= self.now:
                for _ in range(heapq.heappop(self._on_way)[1]):
                    self.in_flight.leave({-1: (self.chunk_bytes, 1)},
                                         n_large_bytes=self.chunk_bytes)
                    self.n_arrived += self.chunk_bytes
            while self.is_busy(self.now) and self._may_enter():
                self.in_flight.enter(self.chunk_bytes, is_large=True)
                self._queued += 1
            # An idempotent client sends what has gathered in five requests at the most, and the
            # next ones once all of these are acknowledged.
            n_free = 0 if self._on_way else _MOST_REQUESTS
            while self._queued and n_free:
                n_free -= 1
                n = min(self._queued, max(1, _LARGEST_BATCH_BYTES // self.chunk_bytes))
                self._queued -= n
                self._free_at = max(self._free_at, self.now) \
                    + n * self.chunk_bytes / self.bytes_per_second(self.now)
                heapq.heappush(
                    self._on_way, (self._free_at + self.round_trip_seconds(self.now), n))

    def _may_enter(self) -> bool:
        # What enter() itself would wait for: nothing may wait here, since time stands still.
        return self.in_flight.has_room(self.chunk_bytes, is_large=True)

    def rate(self, seconds: float) -> float:
        """Return the rate of the next seconds, bytes a second."""
        before = self.n_arrived
        self.run(self.now + seconds)
        return (self.n_arrived - before) / seconds

    def possible_rate(self) -> float:
        """Return what an idempotent client can send over it just now, bytes a second."""
        n_bytes = _MOST_REQUESTS * (_LARGEST_BATCH_BYTES // self.chunk_bytes) * self.chunk_bytes
        return n_bytes / (n_bytes / self.bytes_per_second(self.now)
                          + self.round_trip_seconds(self.now))

    @property
    def waiting_seconds(self) -> float:
        """How long something that comes now waits behind what is on its way."""
        return self.in_flight.n_bytes / self.bytes_per_second(self.now)


def steady(bytes_per_second: float, round_trip_seconds: float, **changes: object) -> Line:
    return Line(lambda _: bytes_per_second, lambda _: round_trip_seconds,
                **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("bytes_per_second", [1 * _MB, 10 * _MB, 100 * _MB, 400 * _MB])
@pytest.mark.parametrize("round_trip_seconds", [0.001, 0.03])
@pytest.mark.parametrize("chunk_bytes", [16_384, 524_288])
def test_the_line_is_full_and_little_waits(bytes_per_second: float, round_trip_seconds: float,
                                           chunk_bytes: int) -> None:
    line = steady(bytes_per_second, round_trip_seconds, chunk_bytes=chunk_bytes)
    line.run(3.0)
    assert line.rate(10.0) > 0.9 * line.possible_rate()
    assert line.waiting_seconds < 0.75 + 2 * chunk_bytes / bytes_per_second
    assert line.in_flight.limit_bytes < 60 * _MB


def test_full_speed_is_reached_soon() -> None:
    line = steady(200 * _MB, 0.002)
    line.run(0.5)
    assert line.rate(0.5) > 0.9 * line.possible_rate()


def test_a_far_line_carries_what_its_requests_allow() -> None:
    line = steady(30 * _MB, 0.1)
    line.run(3.0)
    assert line.rate(5.0) > 0.9 * line.possible_rate()


def test_it_follows_a_line_that_becomes_slower() -> None:
    line = Line(lambda now: (50 if now < 10 else 2) * _MB, lambda _: 0.005)
    line.run(10.0)
    line.run(10.0 + 4.0 + line.waiting_seconds)  # what was on its way has to leave
    assert line.waiting_seconds < 1.0
    assert line.rate(5.0) > 0.9 * line.possible_rate()


def test_it_follows_a_line_that_becomes_faster() -> None:
    line = Line(lambda now: (1 if now < 10 else 80) * _MB, lambda _: 0.005)
    line.run(12.0)
    assert line.rate(3.0) > 0.9 * line.possible_rate()


def test_it_follows_a_line_that_becomes_longer() -> None:
    line = Line(lambda _: 20 * _MB, lambda now: 0.005 if now < 10 else 0.2)
    line.run(25.0)
    assert line.rate(5.0) > 0.9 * line.possible_rate()


def test_and_one_that_becomes_shorter_again() -> None:
    line = Line(lambda _: 20 * _MB, lambda now: 0.2 if now < 20 else 0.005)
    line.run(45.0)
    assert line.rate(5.0) > 0.9 * line.possible_rate()
    assert line.waiting_seconds < 0.6


@pytest.mark.parametrize("n_seconds", [5.0, 60.0])
def test_after_an_outage_it_is_as_fast_as_before(n_seconds: float) -> None:
    line = Line(lambda now: 1e-3 if 10 < now < 10 + n_seconds else 50 * _MB, lambda _: 0.005)
    line._free_at = 0.0
    line.run(10.0)
    line.run(10.0 + n_seconds)
    line._free_at = line.now  # what stood still is sent at once
    line._on_way = [(line.now + 0.01 * i, n) for i, (_, n) in enumerate(line._on_way)]
    line.run(line.now + 3.0)
    assert line.rate(3.0) > 0.9 * line.possible_rate()


def test_what_is_never_acknowledged_holds_nothing_up_for_long() -> None:
    line = steady(10 * _MB, 0.005)
    line.run(5.0)
    line.in_flight.enter(line.chunk_bytes)  # to a partition that nobody leads
    line.run(25.0)
    assert line.rate(20.0) > 0.75 * line.possible_rate()


def test_who_sends_little_does_not_make_it_small() -> None:
    line = Line(lambda _: 50 * _MB, lambda _: 0.005,
                is_busy=lambda now: now < 5 or now > 60 or int(now * 1000) % 1000 == 0)
    line.run(60.0)
    assert line.rate(1.0) > 0.8 * line.possible_rate()


def test_it_never_exceeds_what_the_user_allows() -> None:
    line = steady(100 * _MB, 0.05, max_bytes=3 * _MB)
    most = 0
    for step in range(400):
        line.run(step / 100)
        most = max(most, line.in_flight.n_bytes)
    assert most <= 3 * _MB
    assert line.in_flight.limit_bytes == 3 * _MB
