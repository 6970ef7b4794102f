"""A partition loses its end, as after an unclean election: what was there is sent again."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from tests.consumer import make_topic
from tests.faults.steps import judged, options, wait_for_chunks
from tests.kafka_broker import KafkaBroker
from tests.program import Program, write_config
from tui.engine.sending.partition_ends import PartitionEnds, lost_ends


@pytest.mark.parametrize("is_idle", [True, False])
def test_s45_what_a_partition_has_lost_is_sent_again(own_kafka: KafkaBroker, tmp_path: Path,
                                                     upload_dir: Path, is_idle: bool) -> None:
    topic = make_topic(own_kafka.bootstrap)
    config = write_config(tmp_path / "c.config", own_kafka.bootstrap)
    rng = random.Random(1)
    contents = {f"f{i}": rng.randbytes(10_000 + i) for i in range(40)}
    with Program(upload_dir, *options(config, topic)) as program:
        n_bytes: list[int] = []
        for half in (list(contents)[:20], list(contents)[20:]):
            for name in half:
                (upload_dir / name).write_bytes(contents[name])
            program.wait_uploaded(20 * (1 + len(n_bytes)))
            (log,) = (own_kafka.directory / "data" / f"{topic}-0").glob("*0.log")
            n_bytes.append(log.stat().st_size)
        own_kafka.kill()
        os.truncate(log, n_bytes[0])
        if not is_idle:
            contents["later"] = rng.randbytes(300_000)
            (upload_dir / "later").write_bytes(contents["later"])
        own_kafka.start()
        program.wait_for("partition 0 has lost what it had acknowledged, from offset 20 on: the "
                         r"files there \(20\) are sent again")
        program.wait_uploaded(len(contents) + 20, 90)
        assert program.quit() == 0
    assert judged(own_kafka.bootstrap, topic).files == contents


def test_a_beginning_that_the_topic_deletes_before_the_end_is_sent_is_said(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    (upload_dir / "large").write_bytes(random.Random(2).randbytes(150_000_000))
    with Program(upload_dir, *options(config, topic, "--queue_max_size", "0.5")) as program:
        wait_for_chunks(program)
        program.type("pause")
        program.wait_for("^paused")
        # As retention does once the records are old enough.
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        (done,) = admin.delete_records([TopicPartition(topic, 0, 3)]).values()
        done.result(30)
        program.wait_for("large: the topic has deleted its first chunks before all were sent.*"
                         "retention.ms")
        program.type("resume")
        program.wait_uploaded(1)
        assert program.quit() == 1


def test_offsets_that_only_grow_are_no_loss() -> None:
    ends = PartitionEnds()
    assert [ends.note(0, 0, offset) for offset in (0, 1, 5)] == [None] * 3
    assert ends.note(1, 0, 3) is None  # of another client, which may be behind
    assert ends.note(0, 0, 4) == 5
    before = ends.by_partition()
    assert ends.note(0, 0, 9) is None  # acknowledged while the end is asked for
    assert before == {0: 5}
    assert lost_ends(before, {0: 6}) == {}
    assert lost_ends(before, {}) == {}  # nobody tells
    assert lost_ends(before, {0: 5}) == {0: 5}
    ends.forget([0])
    assert ends.by_partition() == {}
