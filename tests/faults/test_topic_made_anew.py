"""A topic that is deleted and recreated under a program at work; on Apache Kafka."""

from __future__ import annotations

import csv
import random
import sqlite3
from pathlib import Path

import pytest

from tests.consumer import add_partitions, delete_topic, make_topic, read_topic, remake_topic
from tests.faults.steps import having_uploaded_a, judged, options, wait_for_chunks
from tests.kafka_broker import KafkaBroker
from tests.program import Program, write_config
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("broker")]


def rows_of(upload_dir: Path, topic: str) -> list[str]:
    """Return the paths in the table of uploaded files, and in its parts."""
    found = []
    for path in (upload_dir / "LOGS").glob(f"uploaded_to_{topic}*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            found += [row["rel_filepath"] for row in csv.DictReader(file)]
    return found


def n_recorded(upload_dir: Path, topic: str) -> int:
    """Return how many versions the ledger of a program that has ended holds as complete."""
    connection = sqlite3.connect(upload_dir / "LOGS" / f"upload_to_{topic}.sqlite3")
    try:
        return int(connection.execute("SELECT count(*) FROM versions WHERE state = 1")
                   .fetchone()[0])
    finally:
        connection.close()


@pytest.mark.parametrize("more", [(), ("--new_cluster",)])
def test_s33_a_topic_made_anew_in_the_middle_of_a_file_ends_the_program(
        own_kafka: KafkaBroker, tmp_path: Path, upload_dir: Path, more: tuple[str, ...]) -> None:
    topic = make_topic(own_kafka.bootstrap)
    config = write_config(tmp_path / "c.config", own_kafka.bootstrap)
    content = random.Random(33).randbytes(120_000_000)
    (upload_dir / "large").write_bytes(content)
    words = options(config, topic, "--queue_max_size", "1", *more)
    with Program(upload_dir, *words) as program:
        wait_for_chunks(program)
        remake_topic(own_kafka.bootstrap, topic)
        assert program.wait() == 2, program.text()
        program.wait_for("the ledger belongs to the topic .*: nothing that it took counts")
    assert rows_of(upload_dir, topic) == []
    assert n_recorded(upload_dir, topic) == 0
    with Program(upload_dir, *options(config, topic, "--new_cluster")) as program:
        program.wait_uploaded(1)
        assert program.quit() == 0, program.text()
    assert ("large", content) in judged(own_kafka.bootstrap, topic).completed


def test_s33_an_idle_program_notices_a_topic_made_anew(own_kafka: KafkaBroker, tmp_path: Path,
                                                       upload_dir: Path) -> None:
    with having_uploaded_a(own_kafka.bootstrap, tmp_path, upload_dir) as (program, _, topic):
        remake_topic(own_kafka.bootstrap, topic)
        assert program.wait() == 2, program.text()
        program.wait_for("the ledger belongs to the topic")


def test_s33_a_file_that_the_new_topic_took_is_not_recorded_for_the_old_one(
        own_kafka: KafkaBroker, tmp_path: Path, upload_dir: Path) -> None:
    with having_uploaded_a(own_kafka.bootstrap, tmp_path, upload_dir) as (program, config, topic):
        remake_topic(own_kafka.bootstrap, topic)
        (upload_dir / "b").write_bytes(b"b")  # sent before anybody looks, perhaps
        assert program.wait() == 2, program.text()
    assert rows_of(upload_dir, topic) == ["a"]
    with Program(upload_dir, *options(config, topic, "--new_cluster")) as program:
        program.wait_uploaded(2)
        assert program.quit() == 0
    assert {name for name, _ in judged(own_kafka.bootstrap, topic).completed} == {"a", "b"}


def test_s33_a_topic_that_was_deleted_and_nothing_more_is_waited_for(
        tmp_path: Path, upload_dir: Path) -> None:
    kafka = KafkaBroker(properties={"auto.create.topics.enable": "false"})
    try:
        with having_uploaded_a(kafka.bootstrap, tmp_path, upload_dir) as (program, _, topic):
            delete_topic(kafka.bootstrap, topic)
            program.wait_for(f"the topic {topic} does not exist. Create it")
            make_topic(kafka.bootstrap, name=topic)
            assert program.wait() == 2, program.text()
    finally:
        kafka.close()


def test_partitions_that_are_added_are_used_without_a_new_connection(
        own_kafka: KafkaBroker, tmp_path: Path, upload_dir: Path) -> None:
    topic = make_topic(own_kafka.bootstrap)
    config = write_config(tmp_path / "c.config", own_kafka.bootstrap)
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_for("connected to")
        add_partitions(own_kafka.bootstrap, topic, 4)
        program.wait_for("the topic has 4 partitions now")
        for number in range(40):
            (upload_dir / f"f{number}").write_bytes(b"x")
        program.wait_uploaded(40)
        assert program.quit() == 0
    wait_until(lambda: len({m.partition for m in read_topic(own_kafka.bootstrap, topic)}) == 4,
               "all partitions are used")
