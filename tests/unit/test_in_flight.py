"""The bound on what is on its way, and how it is shut."""

from __future__ import annotations

import threading

from tests.waiting import wait_until
from tui.engine.sending.connection import Connection, Obstacle
from tui.engine.sending.in_flight import InFlightLimit


def entering(in_flight: InFlightLimit, n_bytes: int) -> tuple[threading.Thread, list[bool]]:
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.append(in_flight.enter(n_bytes)), daemon=True)
    thread.start()
    return thread, results


def limit(max_bytes: int) -> tuple[InFlightLimit, Connection]:
    """Return a limit on a connection that is verified."""
    connection = Connection()
    assert connection.verify()
    return InFlightLimit(max_bytes, connection), connection


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
    in_flight.leave(8)
    thread.join(10)
    assert results == [True]


def test_shutting_sends_away_whoever_waits_and_whoever_comes() -> None:
    in_flight, connection = limit(10)
    in_flight.enter(8)
    thread, results = entering(in_flight, 8)
    connection.block(Obstacle.PAUSED)
    thread.join(10)
    assert results == [False]
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
