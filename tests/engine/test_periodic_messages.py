"""Heartbeats and log messages: what they say, when, where to, and that they stop nothing."""

from __future__ import annotations

import datetime
import json
import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.engine.in_process import RunningEngine, settings_for
from tests.mock_broker import MockBroker
from tests.waiting import wait_until
from tui.config.redaction import Redaction
from tui.config.settings import PeriodicMessages
from tui.engine.sending.periodic_messages import HeartbeatSender, LogMessageSender
from tui.engine.sending.producer_pool import ProducerPool
from tui.engine.sending.throughput import ThroughputMeter

TOPICS = ("--heartbeat_topic_name", "beats", "--log_topic_name", "logs",
          "--heartbeat_program_id", "pc", "--log_program_id", "pc")


def config_of(tmp_path: Path, sections: str) -> Path:
    path = tmp_path / "periodic.config"
    path.write_text(f"[broker]\ntest.mock.num.brokers = 1\n[producer]\n{sections}\n")
    return path


def acknowledged(n_chunks: int, n_value_bytes: int) -> ThroughputMeter:
    """Return a meter that has counted so much."""
    traffic = ThroughputMeter()
    traffic.n_chunks, traffic.n_value_bytes = n_chunks, n_value_bytes
    return traffic


def clients() -> ProducerPool:
    """Return the clients of an upload; asked only for the address of an embedded broker."""
    return ProducerPool({"bootstrap.servers": "127.0.0.1:1"}, logging.getLogger("tui.kafka"),
                        lambda _error: None, lambda _text: None)


def redaction() -> Redaction:
    """Return what hides the one secret of these tests."""
    found = Redaction()
    found.add("hunter2")
    return found


def periodic(bootstrap: str, interval_seconds: float = 3600,
             properties: Mapping[str, str] | None = None) -> PeriodicMessages:
    return PeriodicMessages("beats", "pc", interval_seconds,
                            {"bootstrap.servers": bootstrap, **(properties or {})})


def values(broker: MockBroker, topic: str, n_messages: int) -> list[dict[str, Any]]:
    found = sorted(broker.read(topic, n_messages), key=lambda m: m.timestamp()[1])
    return [json.loads(message.value() or b"") for message in found]


def test_a_cluster_of_their_own_gets_them(mock_broker: MockBroker, tmp_path: Path,
                                          upload_dir: Path) -> None:
    """Also what they say, since here nothing else is on that cluster."""
    own = f"bootstrap.servers = {mock_broker.bootstrap}\n"
    config = config_of(tmp_path, f"[heartbeat]\n{own}[log]\n{own}")
    (upload_dir / "a").write_bytes(b"a" * 40_000)
    with RunningEngine(settings_for(upload_dir, tmp_path / "state", "--config", str(config),
                                    *TOPICS)) as engine:
        engine.wait_uploaded(1)
        assert engine.quit() == 0
    beats = mock_broker.read("beats", 2)
    assert {message.key() for message in beats} == {b"pc_heartbeat"}
    assert {message.key() for message in mock_broker.read("logs", 1)} == {b"pc_log"}
    first, last = values(mock_broker, "beats", 2)  # at start, and once at the end
    assert set(first) == {"timestamp", "n_messages_produced", "n_bytes_produced"}
    assert (first["n_messages_produced"], first["n_bytes_produced"]) == (0, 0)
    assert last["n_messages_produced"] == 3
    assert 40_000 < last["n_bytes_produced"] < 41_000  # values, not payload
    at = datetime.datetime.fromisoformat(last["timestamp"])
    assert at.utcoffset() == datetime.timedelta(0)
    assert abs(at.timestamp() - time.time()) < 600
    logs = values(mock_broker, "logs", 1)
    assert all(set(value) == {"timestamp", "messages"} for value in logs)
    assert abs(logs[0]["timestamp"] - time.time()) < 600
    lines = [line for value in logs for line in value["messages"]]
    assert any("a uploaded" in line for line in lines)
    assert "stopping: what is queued is uploaded first" in lines


def test_the_embedded_broker_is_shared_and_not_started_again(tmp_path: Path,
                                                             upload_dir: Path) -> None:
    config = config_of(tmp_path, "")
    with RunningEngine(settings_for(upload_dir, tmp_path / "state", "--config", str(config),
                                    "--logger_stream_level", "debug", *TOPICS)) as engine:
        def is_delivered() -> bool:
            snapshot = engine.uploader.snapshot()
            return snapshot.heartbeat.n_sent > 0 and snapshot.log_messages.n_sent > 0

        wait_until(is_delivered, f"delivered in\n{engine.log}", 60)
        assert engine.quit() == 0
    assert engine.log.count("Mock cluster enabled") == 1


def test_their_failure_is_shown_and_stops_no_upload(tmp_path: Path, upload_dir: Path) -> None:
    config = config_of(tmp_path, "[heartbeat]\nbootstrap.servers = 127.0.0.1:1\n"
                       "message.timeout.ms = 300\n")
    (upload_dir / "a").write_bytes(b"1")
    with RunningEngine(settings_for(
            upload_dir, tmp_path / "state", "--config", str(config), "--heartbeat_topic_name", "h",
            "--heartbeat_interval_secs", "0.2")) as engine:
        engine.wait_uploaded(1)
        engine.wait_log("heartbeats cannot be sent: Local: Message timed out; the upload is not "
                        "affected")
        wait_until(lambda: any("heartbeats:" in problem for problem
                               in engine.uploader.snapshot().problems), "a problem")
        assert engine.quit() == 0
    assert engine.log.count("heartbeats cannot be sent") <= 2  # said once, not at every interval


def test_every_interval_brings_what_was_acknowledged_since_the_last(
        mock_broker: MockBroker) -> None:
    traffic = acknowledged(0, 0)
    thread = HeartbeatSender(periodic(mock_broker.bootstrap, 0.05), traffic, redaction(), clients())
    thread.start()
    for n_messages, n_bytes in ((3, 300), (5, 500), (5, 500)):
        traffic.n_chunks, traffic.n_value_bytes = n_messages, n_bytes
        before = thread.status().n_sent
        wait_until(lambda before=before: thread.status().n_sent >= before + 2,  # type: ignore[misc]
                   "two heartbeats")
    thread.stop()
    thread.join(30)
    found = values(mock_broker, "beats", thread.status().n_sent)
    assert sum(value["n_messages_produced"] for value in found) == 5
    assert sum(value["n_bytes_produced"] for value in found) == 500
    assert all(value["n_messages_produced"] >= 0 for value in found)


def test_a_heartbeat_that_was_not_delivered_is_made_up_for() -> None:
    thread = HeartbeatSender(periodic("127.0.0.1:1"), acknowledged(7, 700), redaction(), clients())
    (contents,) = thread.contents()
    assert thread.n_waiting() == (0, 0)
    thread.not_delivered(contents)
    assert thread.n_waiting() == (7, 700)


class Lines:
    """Log lines that wait."""

    def __init__(self, *batches: list[str]) -> None:
        self.batches = list(batches)
        self.n_lost = 0

    def take_for_message(self, max_bytes: int) -> list[str]:
        return self.batches.pop(0) if self.batches else []

    def lost(self, n_lines: int) -> None:
        self.n_lost += n_lines

    def n_waiting(self) -> tuple[int, int]:
        return sum(map(len, self.batches)), 1


def test_lines_that_fit_no_single_message_go_in_several(mock_broker: MockBroker) -> None:
    thread = LogMessageSender(periodic(mock_broker.bootstrap), Lines(["a", "b"], ["c"]),
                              redaction(), clients())
    thread.start()
    wait_until(lambda: thread.status().n_sent == 2, "two messages")
    thread.stop()
    thread.join(30)
    assert [value["messages"] for value in values(mock_broker, "beats", 2)] == [["a", "b"], ["c"]]


def test_lines_of_a_message_that_was_not_delivered_are_counted() -> None:
    lines = Lines(["a", "b"])
    thread = LogMessageSender(periodic("127.0.0.1:1"), lines, redaction(), clients())
    (contents,) = thread.contents()
    thread.not_delivered(contents)
    assert lines.n_lost == 2


@pytest.fixture
def kafka_log() -> Iterator[list[str]]:
    """What is logged about periodic messages."""
    found: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    handler = Collector()
    logging.getLogger("tui.engine.sending.periodic_messages").addHandler(handler)
    yield found
    logging.getLogger("tui.engine.sending.periodic_messages").removeHandler(handler)


def test_no_secret_is_in_what_is_said_of_a_failure(kafka_log: list[str]) -> None:
    thread = HeartbeatSender(periodic("127.0.0.1:1", properties={
        "sasl.mechanism": "hunter2", "security.protocol": "sasl_plaintext"}), acknowledged(0, 0),
        redaction(), clients())
    thread.start()
    thread.join(30)
    assert "***" in thread.status().last_outcome
    assert kafka_log
    assert "hunter2" not in "".join(kafka_log)


def test_a_forced_quit_does_not_wait_for_the_last_heartbeat(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.engine.sending.periodic_messages._LAST_WORD_SECONDS", 3600.0)
    thread = HeartbeatSender(periodic("127.0.0.1:1"), acknowledged(0, 0), redaction(), clients())
    thread.start()
    wait_until(lambda: thread.status().last_sent is not None, "the first heartbeat")
    thread.hurry()
    thread.stop()
    thread.join(60)
    assert not thread.is_alive()
