"""Files go in, the program sends them through Apache Kafka, and they come out the same."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import zlib
from pathlib import Path

import pytest

from tests.consumer import make_topic, parse, read_topic, rebuild
from tests.kafka_broker import KafkaBroker
from tests.program import Program
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("kafka")]
QUICK = ("--watchdog_lag_time", "0.3", "--rescan_seconds", "2")


def tree(upload_dir: Path) -> dict[str, bytes]:
    """Return the files of a directory, but for the state directory."""
    return {p.relative_to(upload_dir).as_posix(): p.read_bytes()
            for p in upload_dir.rglob("*") if p.is_file() and "LOGS" not in p.parts}


def fill(upload_dir: Path, files: dict[str, bytes]) -> None:
    for rel_path, content in files.items():
        path = upload_dir / rel_path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def newest(kafka: KafkaBroker, topic: str) -> dict[str, bytes]:
    """Return the last complete content of each path on a topic."""
    return {path: contents[-1] for path, contents in rebuild(
        read_topic(kafka.bootstrap, topic)).items()}


def test_a_mixed_tree_is_rebuilt_identical(kafka: KafkaBroker, config: Path,
                                           upload_dir: Path) -> None:
    rng = random.Random(1)
    fill(upload_dir, {
        "empty.dat": b"", "one.dat": b"x", "exact.dat": rng.randbytes(16384 * 3),
        "one more.dat": rng.randbytes(16384 * 3 + 1), "a/b/c/d/e/f/deep.bin": rng.randbytes(99),
        "größe/naïve ☃.csv": b"1;2", "a/b_c": b"first", "a_b/c": b"second",
        "-dash [markup] 'q' \"d\";.txt": b"odd", "new\nline\x1b[31m.txt": b"hostile",
        "big.raw": rng.randbytes(50_000_000)})
    topic = make_topic(kafka.bootstrap, 3)
    with Program(upload_dir, "--config", str(config), "--topic_name", topic, "--upload_existing",
                 *QUICK) as program:
        program.wait_uploaded(11)
        assert program.quit() == 0
    messages = read_topic(kafka.bootstrap, topic)
    assert {p: c for p, (c,) in rebuild(messages).items()} == tree(upload_dir)
    for chunk in map(parse, messages):
        assert chunk.partition == zlib.crc32(chunk.rel_path.encode()) % 3
        assert chunk.mtime == (upload_dir / chunk.rel_path).stat().st_mtime


def test_existing_files_are_not_taken_and_new_ones_are_sent(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    fill(upload_dir, {"old.txt": b"old"})
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, "--config", str(config), "--topic_name", topic, *QUICK) as program:
        program.wait_for("1 file was here already and is not taken")
        fill(upload_dir, {"new.txt": b"new", "sub/also.txt": b"also"})
        program.wait_uploaded(2)
        program.type("why old.txt")
        program.wait_for("old.txt: not taken")
        assert program.quit() == 0
    assert newest(kafka, topic) == {"new.txt": b"new", "sub/also.txt": b"also"}


def test_what_happens_to_a_file_while_running_is_followed(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, "--config", str(config), "--topic_name", topic, *QUICK) as program:
        program.wait_for("connected to")
        fill(upload_dir, {"added": b"1", "modified": b"1", "moved": b"m", "deleted": b"d"})
        program.wait_uploaded(4)
        (upload_dir / "modified").write_bytes(b"22")
        (upload_dir / "elsewhere").mkdir()
        (upload_dir / "moved").rename(upload_dir / "elsewhere" / "moved")
        (upload_dir / "deleted").unlink()
        program.wait_uploaded(6)
        assert program.quit() == 0
    found = rebuild(read_topic(kafka.bootstrap, topic))
    assert found == {"added": [b"1"], "modified": [b"1", b"22"], "moved": [b"m"],
                     "deleted": [b"d"], "elsewhere/moved": [b"m"]}


def test_an_unchanged_file_is_not_sent_again(kafka: KafkaBroker, config: Path,
                                             upload_dir: Path) -> None:
    fill(upload_dir, {"a": b"a" * 50_000, "b": b"b"})
    topic = make_topic(kafka.bootstrap)
    options = ("--config", str(config), "--topic_name", topic, "--upload_existing", *QUICK)
    with Program(upload_dir, *options) as program:
        program.wait_uploaded(2)
        os.utime(upload_dir / "a")
        program.wait_for("a: its content was uploaded before")
        assert program.quit() == 0
    n_messages = len(read_topic(kafka.bootstrap, topic))
    with Program(upload_dir, *options) as program:
        fill(upload_dir, {"c": b"c"})
        program.wait_uploaded(1)
        assert program.quit() == 0
    assert len(read_topic(kafka.bootstrap, topic)) == n_messages + 1


def test_a_kill_in_a_large_file_sends_only_what_was_not_acknowledged(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    content = random.Random(2).randbytes(120_000_000)
    fill(upload_dir, {"large.raw": content})
    topic = make_topic(kafka.bootstrap)
    options = ("--config", str(config), "--topic_name", topic, "--upload_existing",
               "--queue_max_size", "4", *QUICK)
    with Program(upload_dir, *options) as program:
        def some_recorded() -> bool:
            program.type("files")
            return any(re.search(r"uploading, [1-9][\d,]* of", line) for line in program.lines)

        wait_until(some_recorded, "some chunks acknowledged")
        program.kill()
    n_before = len(read_topic(kafka.bootstrap, topic))
    with Program(upload_dir, *options, "--chunk_size", "65536") as program:
        program.wait_uploaded(1)
        assert program.quit() == 0
    messages = read_topic(kafka.bootstrap, topic)
    assert rebuild(messages)["large.raw"] == [content]
    assert {parse(m).n_chunks for m in messages} == {-(-len(content) // 16384)}
    assert n_before > 0
    assert len(messages) < 2 * -(-len(content) // 16384)


def test_a_kill_among_many_small_files_loses_none(kafka: KafkaBroker, config: Path,
                                                  upload_dir: Path) -> None:
    files = {f"d{i % 7}/f{i}.txt": f"content {i}".encode() for i in range(3000)}
    fill(upload_dir, files)
    topic = make_topic(kafka.bootstrap)
    options = ("--config", str(config), "--topic_name", topic, "--upload_existing", *QUICK)
    with Program(upload_dir, *options) as program:
        program.wait_uploaded(1)
        program.kill()
    with Program(upload_dir, *options) as program:
        def all_done() -> bool:
            program.type("check")
            return any(line.startswith("         3,000 uploaded") for line in program.lines)

        wait_until(all_done, "3,000 files uploaded")
        assert program.quit() == 0
    assert newest(kafka, topic) == files


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_drains(kafka: KafkaBroker, config: Path, upload_dir: Path,
                         number: signal.Signals) -> None:
    files = {f"f{i}": bytes([i]) * 100_000 for i in range(100)}
    fill(upload_dir, files)
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, "--config", str(config), "--topic_name", topic, "--upload_existing",
                 "--watchdog_lag_time", "0") as program:
        program.wait_uploaded(1)
        program.process.send_signal(number)
        assert program.wait() == 0
    assert newest(kafka, topic) == files


def test_heartbeats_and_log_messages_reach_their_topics(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    fill(upload_dir, {"a": b"a" * 40_000})
    topic, beats, logs = (make_topic(kafka.bootstrap) for _ in range(3))
    with Program(upload_dir, "--config", str(config), "--topic_name", topic, "--upload_existing",
                 "--heartbeat_topic_name", beats, "--heartbeat_program_id", "me",
                 "--heartbeat_interval_secs", "0.5", "--log_topic_name", logs,
                 "--log_program_id", "me", "--log_interval_secs", "0.5", *QUICK) as program:
        program.wait_uploaded(1)
        assert program.quit() == 0
    received = read_topic(kafka.bootstrap, beats)
    values = [json.loads(m.value) for m in received]
    assert {m.key for m in received} == {b"me_heartbeat"}
    assert len(values) >= 2
    assert sum(v["n_messages_produced"] for v in values) == 3
    n_value_bytes = sum(len(m.value) for m in read_topic(kafka.bootstrap, topic))
    assert sum(v["n_bytes_produced"] for v in values) == n_value_bytes
    assert all(v["timestamp"].endswith("+00:00") for v in values)
    log = read_topic(kafka.bootstrap, logs)
    assert {m.key for m in log} == {b"me_log"}
    lines = [line for m in log for line in json.loads(m.value)["messages"]]
    assert any("connected to" in line for line in lines)
    assert all(isinstance(json.loads(m.value)["timestamp"], float) for m in log)


def test_two_topics_from_one_directory_are_independent(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    fill(upload_dir, {"a": b"a"})
    topics = [make_topic(kafka.bootstrap) for _ in range(2)]
    options = ("--config", str(config), "--upload_existing", *QUICK)
    with Program(upload_dir, *options, "--topic_name", topics[0]) as first, \
            Program(upload_dir, *options, "--topic_name", topics[1]) as second:
        first.wait_uploaded(1)
        second.wait_uploaded(1)
        assert (first.quit(), second.quit()) == (0, 0)
    for topic in topics:
        assert newest(kafka, topic) == {"a": b"a"}
        assert (upload_dir / "LOGS" / f"uploaded_to_{topic}.csv").exists()


def test_a_second_instance_is_refused_and_told_whose_it_is(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    options = ("--config", str(config), "--topic_name", topic)
    with Program(upload_dir, *options) as first:
        first.wait_for("connected to")
        with Program(upload_dir, *options) as second:
            assert second.wait() == 2
            assert f"process {first.process.pid} on" in second.text()
        first.kill()
    with Program(upload_dir, *options) as third:  # the lock of a dead process is no lock
        third.wait_for("connected to")
        assert third.quit() == 0


def test_tables_of_openmsistream_are_taken_over(kafka: KafkaBroker, config: Path,
                                                upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    fill(upload_dir, {"sent.dat": b"x" * 40_000, "it's.dat": b"y", "changed.dat": b"z" * 999})
    for name in ("sent.dat", "it's.dat"):
        os.utime(upload_dir / name, (1_600_000_000, 1_600_000_000))
    times = "'Fri Nov 20, 2026 at 10:00:00';'Fri Nov 20, 2026 at 10:00:01'"
    header = "filename;rel_filepath;n_chunks;started;completed"
    state = upload_dir / "LOGS"
    state.mkdir()
    (state / f"uploaded_to_{topic}_p0.csv").write_text(
        f"{header}\n'sent.dat';'sent.dat';3;{times}{header}\n\"it's.dat\";\"it's.dat\";1;{times}\n"
        f"'changed.dat';'changed.dat';7;{times}\nnonsense")
    with Program(upload_dir, "--config", str(config), "--topic_name", topic, "--upload_existing",
                 *QUICK) as program:
        program.wait_uploaded(1)
        program.wait_for(r"_p0\.csv, line 5: the row cannot be used")
        assert program.quit() == 0
    assert set(newest(kafka, topic)) == {"changed.dat"}
    kept, = state.glob(f"uploaded_to_{topic}_p0.csv.taken-over-*")
    assert "nonsense" in kept.read_text()


def test_the_tables_say_what_was_uploaded(kafka: KafkaBroker, config: Path,
                                          upload_dir: Path) -> None:
    import csv

    fill(upload_dir, {"a, \"b\".dat": b"x" * 40_000})
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, "--config", str(config), "--topic_name", topic, "--upload_existing",
                 *QUICK) as program:
        program.wait_uploaded(1)
        assert program.quit() == 0
    with (upload_dir / "LOGS" / f"uploaded_to_{topic}.csv").open(newline="") as file:
        row, = csv.DictReader(file)
    assert row["rel_filepath"] == "a, \"b\".dat"
    assert (row["n_chunks"], row["n_bytes"], row["chunk_size"]) == ("3", "40000", "16384")
    assert not list((upload_dir / "LOGS").glob("*@*"))


def test_reupload_sends_an_unchanged_file_again(kafka: KafkaBroker, config: Path,
                                                upload_dir: Path) -> None:
    fill(upload_dir, {"a b.txt": b"same"})
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, "--config", str(config), "--topic_name", topic, "--upload_existing",
                 *QUICK) as program:
        program.wait_uploaded(1)
        program.type("reupload a b.txt")
        program.wait_uploaded(2)
        assert program.quit() == 0
    assert rebuild(read_topic(kafka.bootstrap, topic)) == {"a b.txt": [b"same", b"same"]}


def test_a_directory_that_is_moved_in_is_sent(kafka: KafkaBroker, config: Path, upload_dir: Path,
                                              tmp_path: Path) -> None:
    files = {f"f{i}": f"{i}".encode() for i in range(50)}
    fill(tmp_path / "elsewhere", files)
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, "--config", str(config), "--topic_name", topic, *QUICK) as program:
        program.wait_for("connected to")
        shutil.move(tmp_path / "elsewhere", upload_dir / "in")
        program.wait_uploaded(50)
        assert program.quit() == 0
    assert newest(kafka, topic) == {f"in/{name}": content for name, content in files.items()}
