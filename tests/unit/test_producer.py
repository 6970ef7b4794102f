"""Between librdkafka and the versions: no message goes missing, none is counted too early."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError

from tests.builders import version_of
from tests.engine.in_process import settings_for
from tests.waiting import wait_until
from tui.config.redaction import Redaction
from tui.engine.model.files import WaitingFile
from tui.engine.model.versions import Outcome, OutcomeKind
from tui.engine.sending.connection import Connection, Obstacle
from tui.engine.sending.in_flight import InFlightLimit
from tui.engine.sending.kafka_errors import Cure, judge, principal_of
from tui.engine.sending.messages import MessageMaker
from tui.engine.sending.producer import ChunkProducer
from tui.engine.sending.queue import UploadQueue
from tui.engine.sending.request_sizes import linger_seconds, request_bytes
from tui.engine.sending.transfer import Transfer

CONTENT = bytes(range(100))


class Bench:
    """A producer on an embedded broker, and what becomes of what it sends."""

    def __init__(self, directory: Path, **changes: Any) -> None:
        (directory / "upload").mkdir()
        settings = settings_for(directory / "upload", directory / "state", **changes)
        self.connection = Connection()
        self.in_flight = InFlightLimit(10**6, self.connection)
        self.queue = UploadQueue(NoFiles(), 2, self.in_flight, self.connection)
        self.thread = ChunkProducer(settings, self.connection, self.in_flight, self.queue,
                                    logging.getLogger("tui.kafka"))

    def verify(self) -> None:
        self.connection.begin_check()
        assert self.thread.verify()

    def begin(self, transfer: Transfer) -> None:
        """Have a transfer count as on its way, all of its chunks produced."""
        self.queue.begin([transfer])

    def outcomes(self) -> list[Outcome]:
        """Return what became of transfers since this was asked last."""
        return self.thread.outcomes.take()


class NoFiles:
    """A line in which nothing waits."""

    def next_of_size(self, after_position: int, n_rows: int, least_bytes: int,
                     most_bytes: int) -> tuple[list[WaitingFile], int]:
        return [], 0


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.connection.block(Obstacle.STOPPING)
    bench.thread.stop()
    if bench.thread.is_alive():
        bench.thread.join(30)


def transfer_of(content: bytes = CONTENT, chunk_size: int = 10, **changes: Any) -> Transfer:
    version = version_of(content, "a", chunk_size, 1.0)._replace(**changes)
    file = WaitingFile(1, "a", len(content), 0, 1, 0, "all", False, 0)
    return Transfer(version, file, MessageMaker(version), data=content)


def produce(bench: Bench, transfer: Transfer, *indexes: int) -> list[bool]:
    return [bool(bench.thread.produce(transfer, [i], CONTENT, 0)) for i in indexes]


def test_nothing_is_produced_before_the_cluster_was_checked(bench: Bench) -> None:
    transfer = transfer_of()
    assert produce(bench, transfer, 0) == [False]
    assert (transfer.n_in_flight, bench.in_flight.n_bytes) == (0, 0)
    bench.verify()
    assert produce(bench, transfer, 0) == [True]


def test_acknowledgements_after_a_lost_connection_count_once_it_was_checked(bench: Bench) -> None:
    bench.verify()
    transfer = transfer_of()
    bench.begin(transfer)
    produce(bench, transfer, *range(10))
    bench.connection.invalidate()
    bench.thread.start()
    client = bench.thread.clients.first
    wait_until(lambda: len(client) == 0, "every report has come")
    assert transfer.n_delivered == 0
    assert not transfer.is_over
    bench.verify()
    wait_until(lambda: transfer.is_ended, "the reports count")
    assert [outcome.kind for outcome in bench.outcomes()] == [OutcomeKind.COMPLETE]
    assert (transfer.n_delivered, bench.in_flight.n_bytes) == (10, 0)


def test_a_message_that_went_to_a_client_as_it_was_replaced_is_reported(
        bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.verify()
    clients = bench.thread.clients
    old = clients.first
    clients.replace()
    clients.poll(0.01)  # the old one holds nothing, and is let go
    real, late = clients.of, [old]
    monkeypatch.setattr(clients, "of", lambda transfer: late.pop() if late else real(transfer))
    transfer = transfer_of()
    assert produce(bench, transfer, 0) == [True]
    bench.thread.start()
    wait_until(lambda: transfer.again == [0] or transfer.n_delivered == 1, "the chunk is accounted")
    assert transfer.n_in_flight == 0


def test_the_first_chunk_of_a_recovery_is_acknowledged_twice_before_another_one_goes(
        bench: Bench) -> None:
    bench.verify()
    transfer = transfer_of(is_recovery=True)
    result: list[list[bool]] = []
    producer = threading.Thread(target=lambda: result.append(produce(bench, transfer, 0, 1)),
                                daemon=True)
    producer.start()
    wait_until(lambda: transfer.n_in_flight == 2, "both copies are on their way")
    producer.join(0.3)  # and no other chunk, as long as no report has come
    assert transfer.n_in_flight == 2
    bench.thread.start()
    producer.join(30)
    assert result == [[True, True]]
    assert transfer.is_delivered(0)


def test_a_short_last_chunk_waits_until_the_broker_takes_full_ones(bench: Bench) -> None:
    bench.verify()
    transfer = transfer_of(CONTENT[:25])
    assert produce(bench, transfer, 0, 1) == [True, True]
    transfer.reject("too large", 60.0)
    transfer.reject("too large", 60.0)
    assert produce(bench, transfer, 2) == [False]
    assert not transfer.may_be_on_topic


@pytest.mark.parametrize(("code", "cure", "may_have_arrived"), [
    (KafkaError._MSG_TIMED_OUT, Cure.AGAIN, True),
    (KafkaError._PURGE_INFLIGHT, Cure.AGAIN, True),
    (KafkaError._PURGE_QUEUE, Cure.AGAIN, False),
    (KafkaError.NOT_LEADER_FOR_PARTITION, Cure.AGAIN, False),
    (KafkaError.UNKNOWN_TOPIC_OR_PART, Cure.AGAIN, False),
    (KafkaError.MSG_SIZE_TOO_LARGE, Cure.LATER, False),
    (KafkaError.TOPIC_AUTHORIZATION_FAILED, Cure.LATER, False)])
def test_transient_errors_go_again_and_permanent_ones_wait_for_help(
        code: int, cure: Cure, may_have_arrived: bool) -> None:
    verdict = judge(code)
    assert (verdict.cure, verdict.may_have_arrived) == (cure, may_have_arrived)
    assert bool(verdict.remedy) == (cure is Cure.LATER)


def test_errors_that_put_the_topic_in_doubt_ask_who_it_is() -> None:
    assert judge(KafkaError.UNKNOWN_TOPIC_OR_PART).asks_for_check
    assert judge(KafkaError._UNKNOWN_PARTITION).asks_for_check
    assert not judge(KafkaError._MSG_TIMED_OUT).asks_for_check


def test_the_principal_is_named_unless_it_is_a_secret() -> None:
    config = {"sasl.username": "alice"}
    assert principal_of(config, Redaction()) == "User:alice"
    secret = Redaction()
    secret.add("alice")
    assert "alice" not in principal_of(config, secret)
    assert principal_of({}, Redaction()) == "User:ANONYMOUS"


def test_a_short_last_chunk_goes_as_soon_as_one_of_full_length_is_accepted(bench: Bench) -> None:
    bench.verify()
    transfer = transfer_of(chunk_size=30)

    assert produce(bench, transfer, 0, 1, 2) == [True] * 3
    with ThreadPoolExecutor() as pool:
        last = pool.submit(produce, bench, transfer, 3)
        wait_until(lambda: bench.in_flight.n_waiting or last.done(), "the last one waits")
        assert not last.done()
        transfer.acknowledge(1, 0, 7)  # nobody polls: the others stay on their way
        bench.in_flight.leave({0: (30, 1)})
        assert last.result(60) == [True]
    assert transfer.n_in_flight == 3


FAR, NEAR = 0.1, 0.001


@pytest.mark.parametrize(("limit", "round_trip", "config", "found"), [
    (None, FAR, {}, {}),
    (1_048_588, NEAR, {}, {}),
    (1_048_588, FAR, {}, {}),
    (8_000_000, NEAR, {}, {"message.max.bytes": 8_000_000}),
    (8_000_000, FAR, {}, {"message.max.bytes": 8_000_000, "batch.size": 8_000_000}),
    (64_000_000, FAR, {}, {"message.max.bytes": 64_000_000, "batch.size": 8_000_000}),
    (8_000_000, FAR, {"message.max.bytes": "3000000"},
     {"message.max.bytes": "3000000", "batch.size": 3_000_000}),
    (8_000_000, NEAR, {"message.max.bytes": "3000000", "batch.size": "400000"},
     {"message.max.bytes": "3000000", "batch.size": "400000"}),
    (8_000_000, FAR, {"batch.size": "400000"},
     {"message.max.bytes": 8_000_000, "batch.size": "400000"}),
    (500_000, NEAR, {}, {"batch.size": 500_000}),
    (500_000, NEAR, {"batch.size": "900000"}, {"batch.size": 500_000}),
])
def test_requests_are_as_large_as_topic_config_and_distance_ask_for(
        bench: Bench, limit: int | None, round_trip: float,
        config: dict[str, int | str], found: dict[str, int | str]) -> None:
    clients = bench.thread.clients
    clients.update(config)
    first = clients.first
    bench.thread.tune(limit, round_trip)
    assert {name: clients.config[name] for name in ("message.max.bytes", "batch.size")
            if name in clients.config} == found
    assert (clients.first is not first) == (found != config)
    assert len(clients) == (8 if round_trip == FAR else 1)


@pytest.mark.parametrize(("config", "n_bytes", "seconds"), [
    ({}, 1_000_000, 0.0),
    ({"batch.size": "0x10000", "linger.ms": 10}, 65_536, 0.010),
    ({"message.max.bytes": "200000", "queue.buffering.max.ms": "0.5"}, 200_000, 0.0005)])
def test_a_request_is_read_from_the_config_as_librdkafka_reads_it(
        config: dict[str, int | str], n_bytes: int, seconds: float) -> None:
    assert request_bytes(config) == n_bytes
    assert linger_seconds(config) == seconds


def test_a_chunk_whose_version_ended_while_it_waited_for_room_is_not_produced(
        bench: Bench) -> None:
    bench.verify()
    bench.in_flight.max_bytes = 30
    transfer = transfer_of(chunk_size=30)
    bench.begin(transfer)
    assert produce(bench, transfer, 0) == [True]
    with ThreadPoolExecutor() as pool:
        second = pool.submit(produce, bench, transfer, 1)
        wait_until(lambda: bench.in_flight.n_waiting, "the second one waits for room")
        transfer.reject("the topic does not take it", None)
        assert transfer.is_over
        bench.in_flight.leave({0: (30, 1)})
        assert second.result(60) == [False]
    assert (transfer.n_in_flight, bench.in_flight.n_bytes) == (0, 0)


def test_versions_go_to_the_producer_that_has_least_to_do_and_a_path_stays_with_its_own(
        bench: Bench) -> None:
    clients = bench.thread.clients
    clients.share_among(3)

    def client_of(rel_path: str) -> Any:
        return clients.of(transfer_of(rel_path=rel_path))

    assert client_of("a") is clients.first
    b, c = client_of("b"), client_of("c")
    assert len({clients.first, b, c}) == 3
    for client in (clients.first, c):
        client.produce("t", b"x")  # nobody polls: it stays there
    assert client_of("d") is b
    b.produce("t", b"x")
    b.produce("t", b"x")
    assert client_of("e") is clients.first
    assert client_of("f") is c
    assert (client_of("a"), client_of("b"), client_of("d")) == (clients.first, b, b)


def test_of_very_many_paths_only_the_last_ones_are_remembered(
        bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.engine.sending.producer_pool._MOST_PATHS", 3)
    clients = bench.thread.clients
    clients.share_among(8)
    found = {name: clients.of(transfer_of(rel_path=name)) for name in "abc"}
    assert clients.of(transfer_of(rel_path="a")) is found["a"]
    clients.of(transfer_of(rel_path="d"))
    assert clients.of(transfer_of(rel_path="a")) is found["a"]
    assert clients.of(transfer_of(rel_path="b")) is not found["b"]


@pytest.mark.parametrize("name", ['xrd "lab"', "tab\tbed", "back\\slash", "bell\x07", "é"])
def test_statistics_are_read_whatever_the_client_is_called(tmp_path: Path, name: str) -> None:
    bench = Bench(tmp_path)
    config = {**bench.thread.clients.config, "client.id": name, "statistics.interval.ms": 20}
    bench.thread.clients.update(config)
    bench.thread.clients.replace()
    bench.thread.start()
    try:
        wait_until(lambda: bench.thread.health.status().n_brokers_up, "statistics are read")
    finally:
        bench.connection.block(Obstacle.STOPPING)
        bench.thread.stop()
        bench.thread.join(30)
    assert bench.thread.error is None


def test_statistics_that_cannot_be_read_are_said_once(bench: Bench,
                                                      caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        bench.thread.clients._if_in_force(0, bench.thread._on_statistics, '{"name": "broken')
        bench.thread.clients._if_in_force(0, bench.thread._on_statistics, '{"brokers": [1]}')
    texts = [record.getMessage() for record in caplog.records]
    assert sum("statistics cannot be read" in text for text in texts) == 1
    assert sum("could not be processed" in text for text in texts) == 1


def test_a_producer_that_cannot_be_made_just_now_is_made_later(
        bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clients, first = bench.thread.clients, bench.thread.clients.first
    clients.update({"plugin.library.paths": str(tmp_path / "away")})
    bench.thread.start()
    bench.thread._must_go_alone = True  # as a broker asks for that takes no shared requests
    wait_until(lambda: "no new producer can be made" in caplog.text, "the failure is said")
    bench.connection.begin_check()
    assert not bench.thread.verify()  # there is nothing to send with
    assert clients.first is first
    clients.update({"plugin.library.paths": ""})
    wait_until(lambda: clients.first is not first, "a producer is made")
    assert bench.thread.error is None
    bench.verify()


def test_properties_may_be_read_while_others_change_them(bench: Bench) -> None:
    clients = bench.thread.clients
    def change() -> None:
        for number in range(3000):
            clients.update({f"key.{number}": number})

    with ThreadPoolExecutor(1) as pool:
        changed = pool.submit(change)
        while not changed.done():
            assert all(key for key, _ in clients.config.items())
    assert clients.config["key.2999"] == 2999


def test_clients_that_are_added_while_others_are_replaced_are_in_force_together(
        bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    clients, building, go_on = bench.thread.clients, threading.Event(), threading.Event()
    build = clients._build

    def slowly(generation: int, *, is_first: bool) -> Any:
        building.set()
        assert go_on.wait(30)
        return build(generation, is_first=is_first)

    first = clients.first
    monkeypatch.setattr(clients, "_build", slowly)
    with ThreadPoolExecutor(2) as pool:
        shared = pool.submit(clients.share_among, 3)
        assert building.wait(30)
        replaced = pool.submit(clients.replace)
        go_on.set()
        shared.result(60)
        replaced.result(60)
    assert len(clients) == 3
    assert first not in clients._live  # what failed does not stay in force


def test_only_a_later_look_proves_what_was_acknowledged(bench: Bench) -> None:
    assert bench.thread.proof.covers(5.0)  # nothing can be proved where no id is told
    bench.thread.proof.is_possible = True
    assert not bench.thread.proof.covers(5.0)
    bench.thread.proof.prove(5.0)
    assert not bench.thread.proof.covers(5.0)
    bench.thread.proof.prove(6.0)
    bench.thread.proof.prove(4.0)
    assert bench.thread.proof.covers(5.0)
