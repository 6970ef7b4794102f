"""Files that change while they are sent, and what consumers make of it; on Apache Kafka."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.consumer import make_topic, read_topic
from tests.faults.steps import judged, options, wait_for_chunks
from tests.kafka_broker import KafkaBroker
from tests.program import Program

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("faults")]


def test_s16_a_half_sent_file_keeps_its_chunk_size(kafka: KafkaBroker, config: Path,
                                                   upload_dir: Path) -> None:
    content = random.Random(5).randbytes(40_000_000)
    (upload_dir / "large").write_bytes(content)
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(config, topic, "--queue_max_size", "1")) as program:
        wait_for_chunks(program)
        program.kill()
    with Program(upload_dir, *options(config, topic, "--chunk_size", "65536")) as program:
        program.wait_uploaded(1)
        assert program.quit() == 0
    # A second cut of the same content would stop the consumer.
    assert ("large", content) in judged(kafka.bootstrap, topic).completed


def test_s21_s22_a_file_rewritten_while_it_is_sent_is_rebuilt_in_its_newest_content(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    old = random.Random(6).randbytes(80_000_000)
    new = old[:-5_000_000] + random.Random(7).randbytes(5_000_000)
    path = upload_dir / "large"
    path.write_bytes(old)
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(config, topic, "--queue_max_size", "0.2")) as program:
        wait_for_chunks(program)
        program.type("pause")
        before = path.stat()
        with path.open("r+b") as file:
            file.seek(len(old) - 5_000_000)
            file.write(new[-5_000_000:])
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        program.type("resume")
        program.wait_for("the version is abandoned")
        program.wait_uploaded(1)
        assert program.quit() == 0
    consumer = judged(kafka.bootstrap, topic)
    assert consumer.completed == [("large", new)]
    assert consumer.unfinished == set()


def test_s22_what_happens_in_downtime_to_a_half_sent_file_is_recovered(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    path = upload_dir / "large"
    path.write_bytes(random.Random(8).randbytes(60_000_000))
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(config, topic, "--queue_max_size", "0.2")) as program:
        wait_for_chunks(program)
        program.kill()
    new = random.Random(9).randbytes(3_000_000)
    path.write_bytes(new)
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_for("cannot be finished")
        program.wait_uploaded(1)
        assert program.quit() == 0
    messages = read_topic(kafka.bootstrap, topic)
    consumer = judged(kafka.bootstrap, topic)
    assert consumer.unfinished == set()
    assert len(messages) > 3662
    # The old bytes stay behind the new ones in the consumer's file: no producer can cure that.
    assert consumer.files["large"][:len(new)] == new


def test_s22_a_renamed_and_a_deleted_file_are_finished(kafka: KafkaBroker, config: Path,
                                                       upload_dir: Path) -> None:
    content = random.Random(10).randbytes(60_000_000)
    (upload_dir / "large").write_bytes(content)
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(config, topic, "--queue_max_size", "0.2")) as program:
        wait_for_chunks(program)
        (upload_dir / "large").rename(upload_dir / "renamed")
        program.wait_uploaded(2)
        assert program.quit() == 0
    assert sorted(judged(kafka.bootstrap, topic).completed) == [
        ("large", content), ("renamed", content)]
