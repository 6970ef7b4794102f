"""The bound on what is on its way, and how it is shut."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from tests.waiting import wait_until
from tui.engine.sending.connection import Connection, Obstacle
from tui.engine.sending.in_flight import InFlightLimit


def entering(in_flight: InFlightLimit, n_bytes: int, *,
             is_large: bool = False) -> tuple[threading.Thread, list[int]]:
    results: list[int] = []
    thread = threading.Thread(
        target=lambda: results.append(in_flight.enter(n_bytes, is_large=is_large)), daemon=True)
    thread.start()
    return thread, results


def limit(max_bytes: int, now: Callable[[], float] = time.monotonic
          ) -> tuple[InFlightLimit, Connection]:
    """Return a limit on a connection that is verified."""
    connection = Connection()
    assert connection.verify()
    return InFlightLimit(max_bytes, connection, now), connection


def test_the_first_message_passes_whatever_its_size() -> None:
    in_flight, connection = limit(10)
    assert in_flight.enter(1000)
    assert (in_flight.n_bytes, in_flight.n_messages) == (1000, 1)


def test_a_full_gate_holds_back_until_something_has_left() -> None:
    in_flight, connection = limit(10)
    in_flight.enter(8)
    thread, results = entering(in_flight, 8)
    thread.join(0.1)
    assert thread.is_alive()
    in_flight.leave({-1: (8, 1)})
    thread.join(10)
    assert results == [1]


def test_shutting_sends_away_whoever_waits_and_whoever_comes() -> None:
    in_flight, connection = limit(10)
    in_flight.enter(8)
    thread, results = entering(in_flight, 8)
    connection.block(Obstacle.PAUSED)
    thread.join(10)
    assert results == [0]
    assert not in_flight.enter(1)
    assert in_flight.n_bytes == 8


def test_it_opens_only_once_every_reason_has_gone() -> None:
    in_flight, connection = limit(10)
    connection.block(Obstacle.PAUSED)
    connection.invalidate()
    connection.unblock(Obstacle.PAUSED)
    assert not connection.may_send
    assert not connection.verify()  # it was lost since it was last asked
    connection.begin_check()
    assert connection.verify()
    assert in_flight.enter(1)


def test_waiting_for_room_ends_when_it_is_shut() -> None:
    in_flight, connection = limit(10)
    in_flight.enter(8)
    thread = threading.Thread(target=in_flight.wait_for_room, args=(60,), daemon=True)
    thread.start()
    connection.block(Obstacle.PAUSED)
    wait_until(lambda: not thread.is_alive(), "the wait ends")


def test_small_files_go_before_the_chunks_of_large_ones() -> None:
    in_flight, connection = limit(1000)
    assert in_flight.enter(100, 7, is_large=True) == 1  # the first one is let through alone
    while in_flight.has_room(100, is_large=True):
        in_flight.enter(100, is_large=True)
    assert in_flight.has_room(100, is_large=False)  # large ones leave room
    while in_flight.has_room(100, is_large=False):
        in_flight.enter(100)
    large, large_results = entering(in_flight, 100, is_large=True)
    wait_until(lambda: in_flight.n_waiting == 1, "a large chunk waits")
    small, small_results = entering(in_flight, 100)
    wait_until(lambda: in_flight.n_waiting == 2, "a small one waits")
    in_flight.leave({-1: (100, 1)})
    small.join(60)
    assert (small_results, large_results) == ([1], [])
    in_flight.leave({-1: (900, 9)}, n_large_bytes=900)
    large.join(60)
    assert large_results == [1]


def test_small_files_leave_a_little_to_large_ones() -> None:
    in_flight, connection = limit(8000)
    while in_flight.has_room(100, is_large=False):
        in_flight.enter(100)
    waiting, results = entering(in_flight, 100)
    wait_until(lambda: in_flight.n_waiting, "small ones take all that there is")
    in_flight.leave({-1: (100, 1)})
    waiting.join(60)
    assert results == [1]
    in_flight.leave({-1: (700, 7)})
    assert in_flight.enter(100, is_large=True)


def test_chunks_of_one_version_are_let_through_together() -> None:
    in_flight, connection = limit(10**9)
    n_let = in_flight.enter(1000, 500, is_large=True)
    assert n_let > 10
    assert (in_flight.n_bytes, in_flight.n_messages) == (1000 * n_let, n_let)
    in_flight.leave({-1: (1000 * n_let, n_let)}, n_large_bytes=1000 * n_let)
    assert (in_flight.n_bytes, in_flight.n_messages) == (0, 0)


class Clock:
    """Monotonic seconds that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def send_for_20_seconds(in_flight: InFlightLimit, clock: Clock, n_bytes: int) -> None:
    """Send messages, as far as there is room, to a partition that acknowledges them at once."""
    for _ in range(200):
        clock.now += 0.1
        if in_flight.has_room(n_bytes, is_large=False):
            in_flight.enter(n_bytes, partition=2)
            in_flight.leave({2: (n_bytes, 1)})
        in_flight.tick()


def test_a_partition_that_acknowledges_nothing_takes_no_room_from_others() -> None:
    clock = Clock()
    in_flight, connection = limit(10**9, clock)
    while in_flight.has_room(16_384, is_large=True):
        in_flight.enter(16_384, is_large=True, partition=1)  # nobody leads it
    send_for_20_seconds(in_flight, clock, 100)
    assert in_flight.is_stalled(1)
    assert not in_flight.is_stalled(2)
    assert in_flight.has_room(16_384, is_large=True)
    assert not in_flight.enter(16_384, is_large=True, partition=1)
    assert in_flight.enter(16_384, is_large=True, partition=2)
    in_flight.leave({1: (16_384, 1)}, n_large_bytes=16_384)
    assert not in_flight.is_stalled(1)


def test_what_the_user_allows_bounds_stalled_partitions_too() -> None:
    clock = Clock()
    in_flight, connection = limit(1000, clock)
    in_flight.enter(900, partition=1)
    send_for_20_seconds(in_flight, clock, 50)
    assert in_flight.is_stalled(1)
    assert not in_flight.has_room(200, is_large=False)
