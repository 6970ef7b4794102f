"""What is shown of the connection is what is true of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError

from tests.engine.in_process import settings_for
from tui.engine.model.snapshot import BrokerState
from tui.engine.sending.broker_health import BrokerHealth


class Clock:
    """A monotonic clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("tui.engine.sending.broker_health.time.monotonic", clock.monotonic)
    return clock


@pytest.fixture
def health(tmp_path: Path) -> BrokerHealth:
    (tmp_path / "upload").mkdir()
    health = BrokerHealth(settings_for(tmp_path / "upload", tmp_path / "state"))
    health.enter(BrokerState.CONNECTED)
    return health


def statistics(n_received: int, n_waited_for: int = 1, **more: Any) -> dict[str, Any]:
    broker = {"name": "b:1/1", "nodeid": 1, "state": "UP", "rxbytes": n_received,
              "waitresp_cnt": n_waited_for, "connects": 1, **more}
    return {"brokers": {"b:1/1": broker}}


def look(health: BrokerHealth, clock: Clock, n_seconds: int, n_received: int,
         n_waited_for: int = 1) -> BrokerState:
    """Let statistics come every second; return the state after them."""
    for _ in range(n_seconds):
        clock.now += 1
        health.statistics(statistics(n_received, n_waited_for))
    return health.state


def test_where_there_are_several_brokers_the_silent_one_is_named(
        health: BrokerHealth, clock: Clock) -> None:
    for second in range(20):
        clock.now += 1
        both = statistics(100)["brokers"] | {"b:2/2": {
            "name": "b:2/2", "nodeid": 2, "state": "UP", "rxbytes": second, "waitresp_cnt": 1,
            "connects": 1}}
        health.statistics({"brokers": both})
    assert health.status().reason == "broker b:1/1 answers nothing"


def test_a_broker_that_owes_an_answer_for_long_is_unreachable_until_it_answers(
        health: BrokerHealth, clock: Clock) -> None:
    assert look(health, clock, 15, 100) is BrokerState.CONNECTED
    assert look(health, clock, 2, 100) is BrokerState.UNREACHABLE
    assert health.status().reason == "it answers nothing"
    assert look(health, clock, 1, 101) is BrokerState.CONNECTED


def test_a_broker_that_owes_nothing_is_not_stalled(health: BrokerHealth, clock: Clock) -> None:
    assert look(health, clock, 100, 100, n_waited_for=0) is BrokerState.CONNECTED
    assert look(health, clock, 10, 100) is BrokerState.CONNECTED


def test_a_pause_of_the_program_itself_is_not_the_brokers(health: BrokerHealth,
                                                          clock: Clock) -> None:
    look(health, clock, 5, 100)
    clock.now += 300
    assert look(health, clock, 5, 100) is BrokerState.CONNECTED


def test_a_connection_that_was_made_anew_is_noticed(health: BrokerHealth) -> None:
    assert not health.statistics(statistics(100))
    assert health.statistics(statistics(100, connects=2))


def test_throttling_retries_and_round_trip_are_told(health: BrokerHealth) -> None:
    health.statistics(statistics(100, throttle={"avg": 120}, txretries=3,
                                 rtt={"cnt": 5, "avg": 2000, "p99": 9000}))
    status = health.status()
    assert (status.throttle_avg_ms, status.n_retries) == (120, 3)
    assert (status.round_trip_avg_ms, status.round_trip_p99_ms) == (2.0, 9.0)


def test_the_first_reason_is_kept_when_all_brokers_are_down(health: BrokerHealth) -> None:
    health.error(KafkaError._TRANSPORT, "Connection refused")
    health.error(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down")
    assert health.trouble == "Connection refused"
    assert health.status().n_errors == 2
    health.enter(BrokerState.CONNECTED)
    assert health.trouble == ""
