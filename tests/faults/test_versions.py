"""Files that change while they are sent, and what consumers make of it; on Apache Kafka."""

from __future__ import annotations

import hashlib
import os
import random
import zlib
from pathlib import Path

import pytest

from tests.consumer import add_partitions, make_topic, parse, read_topic
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


def test_s22_a_file_that_only_grows_while_it_is_sent_is_finished_before_its_newer_version(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    old = random.Random(13).randbytes(30_000_000)
    more = b"more" * 100_000
    (upload_dir / "large").write_bytes(old)
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(config, topic, "--queue_max_size", "0.2")) as program:
        wait_for_chunks(program)
        with (upload_dir / "large").open("ab") as file:
            file.write(more)
        program.wait_uploaded(2)
        assert program.quit() == 0
        assert "abandoned" not in program.text()
    assert judged(kafka.bootstrap, topic).completed == [("large", old), ("large", old + more)]


def test_s22_a_file_deleted_while_it_is_sent_is_finished(kafka: KafkaBroker, config: Path,
                                                         upload_dir: Path) -> None:
    content = random.Random(14).randbytes(30_000_000)
    (upload_dir / "large").write_bytes(content)
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(config, topic, "--queue_max_size", "0.2")) as program:
        wait_for_chunks(program)
        (upload_dir / "large").unlink()
        program.wait_uploaded(1)
        assert program.quit() == 0
    assert judged(kafka.bootstrap, topic).completed == [("large", content)]


def test_s22_what_consumers_may_not_rebuild_is_said_with_its_cure(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    (upload_dir / "large").write_bytes(random.Random(15).randbytes(30_000_000))
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(config, topic, "--queue_max_size", "0.2")) as program:
        wait_for_chunks(program)
        program.kill()
    (upload_dir / "large").write_bytes(b"no")
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_for("large is uploaded, but a consumer that received part of an older "
                         "version may not rebuild it: delete its partial copy there, or restart")
        program.type("why large")
        program.wait_for("may not rebuild")
        assert program.quit() == 1


def test_s22_a_recovery_goes_to_one_partition_even_where_chunks_are_spread(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    (upload_dir / "large").write_bytes(random.Random(16).randbytes(30_000_000))
    topic = make_topic(kafka.bootstrap, 3)
    words = options(config, topic, "--partitioning", "chunk")
    with Program(upload_dir, *words, "--queue_max_size", "0.2") as program:
        wait_for_chunks(program)
        program.kill()
    assert len({m.partition for m in read_topic(kafka.bootstrap, topic)}) == 3
    new = random.Random(17).randbytes(30_000_000)
    (upload_dir / "large").write_bytes(new)
    with Program(upload_dir, *words) as program:
        program.wait_uploaded(1)
        assert program.quit() == 0
    sha512 = hashlib.sha512(new).digest()
    chunks = sorted((c for c in map(parse, read_topic(kafka.bootstrap, topic))
                     if c.file_hash == sha512), key=lambda c: c.position)
    assert {c.partition for c in chunks} == {zlib.crc32(b"large") % 3}
    assert [c.index for c in chunks[:3]] == [1, 1, 2]
    assert {c.n_chunks for c in chunks} == {-(-30_000_000 // 8192)}


def test_a_path_keeps_its_partition_when_the_topic_gets_more(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    names = [f"f{i}" for i in range(8)]
    topic = make_topic(kafka.bootstrap)
    for content in (b"1", b"22"):
        for name in names:
            (upload_dir / name).write_bytes(content)
        with Program(upload_dir, *options(config, topic)) as program:
            program.wait_uploaded(8)
            assert program.quit() == 0
        if content == b"1":
            add_partitions(kafka.bootstrap, topic, 4)
    messages = read_topic(kafka.bootstrap, topic)
    assert len(messages) == 16
    assert {m.partition for m in messages} == {0}


def test_content_once_sent_keeps_its_chunk_size_when_it_is_sent_again(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    (upload_dir / "a").write_bytes(first := random.Random(18).randbytes(100_000))
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_uploaded(1)
        (upload_dir / "a").write_bytes(random.Random(19).randbytes(120_000))
        program.wait_uploaded(2)
        assert program.quit() == 0
    (upload_dir / "a").write_bytes(first)  # a backup is put back
    with Program(upload_dir, *options(config, topic, "--chunk_size", "32768")) as program:
        program.wait_uploaded(1)
        program.type("reupload a")
        program.wait_uploaded(2)
        assert program.quit() == 0
    counts = {c.n_chunks for c in map(parse, read_topic(kafka.bootstrap, topic))
              if c.file_hash == hashlib.sha512(first).digest()}
    assert counts == {7}
