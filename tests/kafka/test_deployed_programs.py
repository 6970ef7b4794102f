"""The deployed download program itself rebuilds what is uploaded.

Runs where OPENMSISTREAM_PYTHON names a Python interpreter that has openmsistream installed.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.consumer import make_topic
from tests.faults.steps import options, wait_for_chunks
from tests.kafka_broker import KafkaBroker
from tests.program import Program, write_config
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("kafka")]

_CONSUMER = """
[consumer]
auto.offset.reset = earliest
enable.auto.commit = False
fetch.min.bytes = 1
key.deserializer = StringDeserializer
value.deserializer = DataFileChunkDeserializer
"""


@pytest.fixture(scope="module")
def download_program() -> Path:
    """The deployed program, in an environment of its own."""
    python = os.environ.get("OPENMSISTREAM_PYTHON")
    if not python:
        pytest.skip("OPENMSISTREAM_PYTHON names no interpreter that has openmsistream")
    program = Path(python).parent / "DataFileDownloadDirectory"
    assert program.exists(), f"{program} is missing"
    return program


def wait_for_group_coordinator(kafka: KafkaBroker, topic: str) -> None:
    """Wait until consumer groups work: the deployed program gives up where they do not yet."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "first"})

    def works() -> bool:
        try:
            return all(found.error is None
                       for found in consumer.committed([TopicPartition(topic, 0)], timeout=5))
        except KafkaException:
            return False

    try:
        wait_until(works, "consumer groups work", 60)
    finally:
        consumer.close()


@contextmanager
def downloading(program: Path, kafka: KafkaBroker, topic: str, directory: Path) -> Iterator[Path]:
    """Run the deployed program for as long as the block lasts."""
    directory.mkdir()
    config = directory / "download.config"
    config.write_text(f"[broker]\nbootstrap.servers = {kafka.bootstrap}\n{_CONSUMER}")
    output = directory / "rebuilt"
    with (directory / "output.log").open("wb") as log:
        process = subprocess.Popen(
            [program, output, "--config", config, "--topic_name", topic, "--n_threads", "1"],
            stdin=subprocess.PIPE, stdout=log, stderr=log)
        try:
            yield output
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            assert process.stdin is not None
            process.stdin.close()


def is_rebuilt(output: Path, expected: dict[str, bytes]) -> bool:
    return all((output / name).is_file() and (output / name).read_bytes() == content
               for name, content in expected.items())


def test_a_tree_with_abandoned_versions_is_rebuilt_live_and_late(
        download_program: Path, kafka: KafkaBroker, tmp_path: Path, upload_dir: Path) -> None:
    rng = random.Random(12)
    expected = {
        "empty.dat": b"", "one.dat": b"x", "exact.dat": rng.randbytes(16384 * 3),
        "a/b/c/deep.bin": rng.randbytes(70_000), "größe/naïve.csv": b"1;2", "a/b_c": b"first",
        "a_b/c": b"second", "sp ace [m].txt": b"odd"}
    for name, content in expected.items():
        (upload_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (upload_dir / name).write_bytes(content)
    abandoned = rng.randbytes(40_000_000)
    (upload_dir / "abandoned").write_bytes(abandoned)
    topic = make_topic(kafka.bootstrap, 3)
    wait_for_group_coordinator(kafka, topic)
    config = write_config(tmp_path / "c.config", kafka.bootstrap)
    with downloading(download_program, kafka, topic, tmp_path / "live") as live:
        with Program(upload_dir, *options(config, topic, "--queue_max_size", "0.2")) as program:
            wait_for_chunks(program)
            program.type("pause")
            with (upload_dir / "abandoned").open("r+b") as file:
                file.seek(30_000_000)
                file.write(rng.randbytes(10_000_000))
            program.type("resume")
            program.wait_for("the version is abandoned")
            program.wait_uploaded(len(expected) + 1)
            assert program.quit() == 0
        expected["abandoned"] = (upload_dir / "abandoned").read_bytes()
        wait_until(lambda: is_rebuilt(live, expected), "the files are rebuilt live", 120)
    with downloading(download_program, kafka, topic, tmp_path / "late") as late:
        wait_until(lambda: is_rebuilt(late, expected), "the files are rebuilt from the start", 120)
    assert expected["abandoned"] != abandoned
