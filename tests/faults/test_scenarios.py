"""Faults on Apache Kafka, numbered as the scenarios; a deployed consumer judges what is left."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.consumer import make_topic, read_topic
from tests.deployed_consumer import DeployedConsumer
from tests.kafka_broker import KafkaBroker, KafkaUnavailableError
from tests.program import Program, write_config
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("faults")]
QUICK = ("--watchdog_lag_time", "0.3", "--rescan_seconds", "1")


@pytest.fixture
def own_kafka() -> Iterator[KafkaBroker]:
    """A broker that the test may kill."""
    try:
        broker = KafkaBroker()
    except KafkaUnavailableError as error:
        if os.environ.get("CI"):
            pytest.fail(f"Apache Kafka is required here: {error}")
        pytest.skip(str(error))
    yield broker
    broker.close()


def judged(bootstrap: str, topic: str) -> DeployedConsumer:
    consumer = DeployedConsumer()
    for message in read_topic(bootstrap, topic):
        consumer.feed(message)
    return consumer


def options(config: Path, topic: str, *more: str) -> tuple[str, ...]:
    return ("--config", str(config), "--topic_name", topic, "--upload_existing", *QUICK, *more)


def wait_for_chunks(program: Program) -> None:
    """Wait until some chunks of a large file are acknowledged."""
    def some() -> bool:
        program.type("files")
        return any("uploading, " in line and "uploading, 0 of" not in line
                   for line in program.lines)

    wait_until(some, "chunks are acknowledged")


def test_s01_a_broker_that_is_down_at_start_is_waited_for(own_kafka: KafkaBroker, tmp_path: Path,
                                                          upload_dir: Path) -> None:
    topic = make_topic(own_kafka.bootstrap)
    config = write_config(tmp_path / "c.config", own_kafka.bootstrap)
    own_kafka.kill()
    (upload_dir / "a").write_bytes(b"a")
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_for("not connected to .*: .*; files are watched and queued")
        own_kafka.start()
        program.wait_uploaded(1)
        assert program.quit() == 0
        assert len(program.log) < 30
    assert judged(own_kafka.bootstrap, topic).completed == [("a", b"a")]


def test_s02_s03_a_broker_that_dies_in_the_middle_costs_nothing(
        own_kafka: KafkaBroker, tmp_path: Path, upload_dir: Path) -> None:
    topic = make_topic(own_kafka.bootstrap)
    content = random.Random(3).randbytes(60_000_000)
    (upload_dir / "large").write_bytes(content)
    config = write_config(tmp_path / "c.config", own_kafka.bootstrap,
                          "message.timeout.ms = 4000\n")
    with Program(upload_dir, *options(config, topic, "--queue_max_size", "2")) as program:
        wait_for_chunks(program)
        own_kafka.kill()
        program.wait_for("not connected to")
        own_kafka.start()
        program.wait_uploaded(1)
        assert program.quit() == 0
    assert ("large", content) in judged(own_kafka.bootstrap, topic).completed


def test_s05_a_missing_topic_is_named_and_used_once_it_exists(
        kafka: KafkaBroker, tmp_path: Path, upload_dir: Path) -> None:
    (upload_dir / "a").write_bytes(b"a")
    config = write_config(tmp_path / "c.config", kafka.bootstrap,
                          "allow.auto.create.topics = false\n")
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_uploaded(1)
        assert program.quit() == 0
    assert judged(kafka.bootstrap, topic).files == {"a": b"a"}


def test_s09_quit_with_the_broker_down_ends_and_remembers(own_kafka: KafkaBroker, tmp_path: Path,
                                                          upload_dir: Path) -> None:
    topic = make_topic(own_kafka.bootstrap)
    config = write_config(tmp_path / "c.config", own_kafka.bootstrap)
    own_kafka.kill()
    (upload_dir / "a").write_bytes(b"a")
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_for("not connected to")
        assert program.quit(60) == 1
        program.wait_for("sent at the next start")
    own_kafka.start()
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_uploaded(1)
        assert program.quit() == 0


def test_s11_another_cluster_gets_nothing(kafka: KafkaBroker, own_kafka: KafkaBroker,
                                          tmp_path: Path, upload_dir: Path) -> None:
    (upload_dir / "a").write_bytes(b"a")
    first = write_config(tmp_path / "first.config", kafka.bootstrap)
    other = write_config(tmp_path / "other.config", own_kafka.bootstrap)
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(first, topic)) as program:
        program.wait_uploaded(1)
        assert program.quit() == 0
    (upload_dir / "b").write_bytes(b"b")
    with Program(upload_dir, *options(other, topic)) as program:
        assert program.wait() == 2
        program.wait_for("the ledger speaks of the cluster .* --new_cluster")
    assert read_topic(own_kafka.bootstrap, topic) == []
    with Program(upload_dir, *options(other, topic, "--new_cluster")) as program:
        program.wait_uploaded(2)
        assert program.quit() == 0
    assert judged(own_kafka.bootstrap, topic).files == {"a": b"a", "b": b"b"}


def test_s12_killed_many_times_every_file_is_rebuilt(kafka: KafkaBroker, config: Path,
                                                     upload_dir: Path) -> None:
    rng = random.Random(4)
    files = {f"f{i}": rng.randbytes(rng.choice((0, 10, 40_000, 300_000)))
             for i in range(1200)}
    for name, content in files.items():
        (upload_dir / name).write_bytes(content)
    topic = make_topic(kafka.bootstrap, 2)
    for _ in range(3):
        with Program(upload_dir, *options(config, topic, "--queue_max_size", "1")) as program:
            program.wait_uploaded(50)
            program.kill()
    with Program(upload_dir, *options(config, topic)) as program:
        def all_done() -> bool:
            program.type("check")
            return any("0 settling, 0 waiting, 0 uploading" in line for line in program.lines)

        program.wait_for("connected to")
        wait_until(all_done, "all is sent")
        assert program.quit() == 0
    assert dict(judged(kafka.bootstrap, topic).completed) == files


def test_s15_s16_a_half_sent_file_keeps_its_chunk_size(kafka: KafkaBroker, config: Path,
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


def test_s28_an_unreadable_file_is_held_and_tried_again(kafka: KafkaBroker, config: Path,
                                                        upload_dir: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("the superuser can read everything")
    (upload_dir / "locked").write_bytes(b"x")
    (upload_dir / "locked").chmod(0)
    (upload_dir / "open").write_bytes(b"y")
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_for("locked is held: it cannot be read")
        program.wait_uploaded(1)
        (upload_dir / "locked").chmod(0o600)
        program.wait_uploaded(2)
        assert program.quit() == 0


def test_s29_s30_odd_names_links_and_special_files(kafka: KafkaBroker, config: Path,
                                                   upload_dir: Path, tmp_path: Path) -> None:
    names = ["sp ace", "q'uo\"te", "se;mi", "t\tab", "new\nline", "back\\slash", "[markup]",
             "\x1b[31mred", "😀", "é", "e\u0301", "-dash", "x" * 255, "a_b"]
    for name in names:
        (upload_dir / name).write_bytes(name.encode())
    (tmp_path / "outside").write_bytes(b"secret")
    (upload_dir / "escape").symlink_to(tmp_path / "outside")
    (upload_dir / "loop").symlink_to(".")
    (upload_dir / "dangling").symlink_to("nowhere")
    (upload_dir / "inside").symlink_to("a_b")
    os.mkfifo(upload_dir / "fifo")
    with open(os.fsencode(upload_dir) + b"/bad\xff", "wb") as file:  # noqa: PTH123 (bytes)
        file.write(b"?")
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(config, topic, "--follow_symlinks")) as program:
        program.wait_uploaded(len(names) + 1)
        program.wait_for(r"bad\\udcff cannot be uploaded: its name is not valid UTF-8")
        program.wait_for("escape is skipped: it leads outside")
        assert program.quit() == 1
    expected = {name: name.encode() for name in names} | {"inside": b"a_b"}
    assert judged(kafka.bootstrap, topic).files == expected
