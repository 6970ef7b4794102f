"""Nothing is acknowledged: the reason and what to do are said, and a quit does not wait long."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.consumer import alter_topic, make_topic, read_topic
from tests.faults.steps import judged, options
from tests.kafka_broker import KafkaBroker, free_port
from tests.program import Program, write_config
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def two_brokers() -> Iterator[tuple[KafkaBroker, KafkaBroker]]:
    """A cluster of two brokers, of which the second one may be killed."""
    first = KafkaBroker()
    second = KafkaBroker(leader=first)
    admin = AdminClient({"bootstrap.servers": first.bootstrap})
    wait_until(lambda: len(admin.list_topics(timeout=10).brokers) == 2, "both are there", 60)
    yield first, second
    second.close()
    first.close()


def test_s36_too_few_replicas_in_sync_are_named_with_the_broker_that_is_away(
        two_brokers: tuple[KafkaBroker, KafkaBroker], tmp_path: Path, upload_dir: Path) -> None:
    first, second = two_brokers
    admin = AdminClient({"bootstrap.servers": first.bootstrap})
    admin.create_topics([NewTopic("two", 1, replica_assignment=[[1, 2]],
                                  config={"min.insync.replicas": "2"})])["two"].result(30)
    config = write_config(tmp_path / "c.config", first.bootstrap)
    with Program(upload_dir, *options(config, "two")) as program:
        (upload_dir / "a").write_bytes(b"a")
        program.wait_uploaded(1)
        second.kill()
        (upload_dir / "b").write_bytes(b"b" * 50_000)
        said = (r"nothing was acknowledged for \d+ s: partition 0 has 1 of 2 replicas in sync, and "
                r"the topic asks for 2 \(min.insync.replicas\): bring back broker 2")
        program.wait_for(said, 90)  # the cluster itself has to notice first that it is away
        program.type("check")
        program.wait_for("^broker +refused")
        began = time.monotonic()
        assert program.quit() == 1
        assert time.monotonic() - began < 45  # and not a minute
        assert "the broker refuses, and there was no progress for 15 s" in program.text()
    second.start()
    with Program(upload_dir, *options(config, "two")) as program:
        program.wait_uploaded(1)
        assert program.quit() == 0
    assert judged(first.bootstrap, "two").files == {"a": b"a", "b": b"b" * 50_000}


@pytest.mark.parametrize("n_bytes", [10, 100_000])
def test_a_clock_that_is_wrong_is_named(kafka: KafkaBroker, config: Path, upload_dir: Path,
                                        n_bytes: int) -> None:
    # As if this computer's clock were behind: what is a millisecond old counts as too old.
    topic = make_topic(kafka.bootstrap, config={"message.timestamp.before.max.ms": "1"})
    (upload_dir / "a").write_bytes(bytes(n_bytes))
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_for(r"a is held: .*this computer's clock.*message\.timestamp\.before\.max\.ms")
        alter_topic(kafka.bootstrap, topic, message_timestamp_before_max_ms=str(1 << 40))
        program.type("retry")
        program.wait_uploaded(1)
        assert program.quit() == 0
    assert judged(kafka.bootstrap, topic).files == {"a": bytes(n_bytes)}


def test_an_advertised_address_that_cannot_be_reached_is_named(tmp_path: Path,
                                                               upload_dir: Path) -> None:
    nowhere = free_port()
    broker = KafkaBroker(proxy_port=nowhere)
    try:
        config = write_config(tmp_path / "c.config", f"127.0.0.1:{broker.behind_proxy_port}")
        (upload_dir / "a").write_bytes(b"a")
        with Program(upload_dir, *options(config, "t")) as program:
            program.wait_for(
                f"bootstrap.servers is right, and the broker advertises 127.0.0.1:{nowhere}, which "
                "cannot be reached from here: check advertised.listeners")
            program.type("check")
            program.wait_for("advertised.listeners")
            assert program.quit() == 1
    finally:
        broker.close()


def test_a_buffer_that_holds_no_chunk_is_refused_at_start(
        kafka: KafkaBroker, tmp_path: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    config = write_config(tmp_path / "c.config", kafka.bootstrap,
                          "queue.buffering.max.kbytes = 16\n")
    (upload_dir / "a").write_bytes(bytes(16384))
    with Program(upload_dir, *options(config, topic)) as program:
        assert program.wait() == 2
    assert re.search(r"line \d+, \[producer\] queue.buffering.max.kbytes: 16 kB are less than one "
                     r"chunk of 16384 bytes .* choose a smaller --chunk_size", program.text())
    with Program(upload_dir, *options(config, topic, "--chunk_size", "8192")) as program:
        program.wait_uploaded(1)
        assert program.quit() == 0
    assert len(read_topic(kafka.bootstrap, topic)) == 2
