"""The bound on what is on its way, and how it is shut."""

from __future__ import annotations

import threading

from tests.waiting import wait_until
from tui.engine.sending.gate import Gate


def entering(gate: Gate, n_bytes: int) -> tuple[threading.Thread, list[bool]]:
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.append(gate.enter(n_bytes)), daemon=True)
    thread.start()
    return thread, results


def test_the_first_message_passes_whatever_its_size() -> None:
    gate = Gate(10)
    assert gate.enter(1000)
    assert (gate.n_bytes, gate.n_messages) == (1000, 1)


def test_a_full_gate_holds_back_until_something_has_left() -> None:
    gate = Gate(10)
    gate.enter(8)
    thread, results = entering(gate, 8)
    thread.join(0.1)
    assert thread.is_alive()
    gate.leave(8)
    thread.join(10)
    assert results == [True]


def test_shutting_sends_away_whoever_waits_and_whoever_comes() -> None:
    gate = Gate(10)
    gate.enter(8)
    thread, results = entering(gate, 8)
    gate.shut("why")
    thread.join(10)
    assert results == [False]
    assert not gate.enter(1)
    assert gate.n_bytes == 8


def test_it_opens_only_once_every_reason_has_gone() -> None:
    gate = Gate(10)
    gate.shut("one")
    gate.shut("two")
    gate.open("one")
    assert gate.is_shut
    gate.open("two")
    assert gate.enter(1)


def test_waiting_for_room_ends_when_it_is_shut() -> None:
    gate = Gate(10)
    gate.enter(8)
    thread = threading.Thread(target=gate.wait_for_room, args=(60,), daemon=True)
    thread.start()
    gate.shut("why")
    wait_until(lambda: not thread.is_alive(), "the wait ends")
