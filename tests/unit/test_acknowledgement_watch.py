"""When it is said that nothing is acknowledged, and when it would be too soon."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.builders import settings_for
from tui.engine.model.snapshot import BrokerState
from tui.engine.sending.acknowledgement_watch import AcknowledgementWatch


class Producer:
    """What the watch sees of the sending side, as a test sets it."""

    def __init__(self) -> None:
        self.in_flight = SimpleNamespace(n_messages=1)
        self.traffic = SimpleNamespace(last_acknowledgement=None)
        self.health = SimpleNamespace(state=BrokerState.CONNECTED, trouble="")
        self.noted: list[tuple[BrokerState, str]] = []

    def note_unacknowledged(self, state: BrokerState, seconds: float, reason: str) -> None:
        self.noted.append((state, reason))


class Watched:
    """A watch with a clock of its own."""

    def __init__(self, tmp_path: Path, **config: Any) -> None:
        self.now = 100.0
        self.producer = Producer()
        settings = replace(settings_for(tmp_path), producer_config=config)
        self.watch = AcknowledgementWatch(settings, self.producer,  # type: ignore[arg-type]
                                          lambda: self.now)

    def look(self, seconds: float) -> str:
        """Let time pass, looking twice a second; return what is said then."""
        for _ in range(int(seconds * 2)):
            self.now += 0.5
            self.watch.look(None)
        return self.watch.problem


def test_without_a_reason_it_takes_longer_and_the_broker_is_not_said_to_refuse(
        tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    assert watched.look(15) == ""
    assert watched.look(15).startswith("nothing was acknowledged for ")
    assert watched.producer.noted == []
    watched.producer.traffic.last_acknowledgement = watched.now
    assert watched.look(1) == ""


def test_nothing_on_its_way_is_nothing_to_say(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.producer.in_flight.n_messages = 0
    assert watched.look(60) == ""
    watched.producer.in_flight.n_messages = 1
    assert watched.look(7) == ""


def test_what_the_client_complained_of_is_the_reason(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.producer.health.trouble = "b:1/1: Connect to b:1 failed: Connection refused"
    watched.look(12)
    (state, reason), *_ = watched.producer.noted
    assert state is BrokerState.UNREACHABLE
    assert "nothing listens at that address" in reason
    assert "advertises b:1" in reason


@pytest.mark.parametrize("key", ["linger.ms", "queue.buffering.max.ms"])
def test_messages_that_wait_for_company_are_not_late(tmp_path: Path, key: str) -> None:
    watched = Watched(tmp_path, **{key: "60000"})
    assert watched.look(65) == ""
    assert watched.look(30) != ""
