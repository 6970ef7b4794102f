"""The ledger, or the directory that holds it, is removed under a program at work."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.consumer import make_topic, read_topic
from tests.faults.steps import QUICK, judged
from tests.kafka_broker import KafkaBroker
from tests.program import Program

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("kafka")]


def rows_of(state_dir: Path, topic: str) -> list[str]:
    """Return the paths in the table of uploaded files, sorted."""
    with (state_dir / f"uploaded_to_{topic}.csv").open(encoding="utf-8", newline="") as file:
        return sorted(row["rel_filepath"] for row in csv.DictReader(file))


@contextmanager
def having_sent_a(upload_dir: Path, *words: str) -> Iterator[Program]:
    """Have a program at work that has found and uploaded the file "a"."""
    with Program(upload_dir, *words) as program:
        program.wait_for("connected to")
        (upload_dir / "a").write_bytes(b"a")
        program.wait_uploaded(1)
        yield program


def test_s35_a_removed_state_directory_is_made_anew_with_all_that_was_in_it(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    words = ("--config", str(config), "--topic_name", topic, *QUICK)
    state_dir = upload_dir / "LOGS"
    (upload_dir / "old").write_bytes(b"old")
    with Program(upload_dir, *words) as program:
        program.wait_for("1 file was here already")
        (upload_dir / "a").write_bytes(b"a")
        program.wait_uploaded(1)
        shutil.rmtree(state_dir)
        (upload_dir / "b").write_bytes(b"b")
        program.wait_for("ERROR.*the ledger's file was removed: it is recreated as ")
        program.wait_uploaded(2)
        (upload_dir / "c").write_bytes(b"c")
        program.wait_uploaded(3)
        assert program.quit() == 0
    assert rows_of(state_dir, topic) == ["a", "b", "c"]
    assert "recreated" in (state_dir / f"upload_to_{topic}.log").read_text("utf-8")
    n_messages = len(read_topic(kafka.bootstrap, topic))
    with Program(upload_dir, *words) as program:
        program.wait_for("1 file was here already and is not taken, 0 of them new")
        assert program.quit() == 0
    assert len(read_topic(kafka.bootstrap, topic)) == n_messages


def test_s35_a_state_directory_that_is_removed_just_before_a_quit_is_made_anew(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    words = ("--config", str(config), "--topic_name", topic, *QUICK)
    with having_sent_a(upload_dir, *words) as program:
        shutil.rmtree(upload_dir / "LOGS")
        assert program.quit() == 0
    assert rows_of(upload_dir / "LOGS", topic) == ["a"]
    with Program(upload_dir, *words) as program:
        program.wait_for("connected to")
        program.type("why a")
        program.wait_for("uploaded")
        assert program.quit() == 0


def test_s27_an_upload_directory_that_is_exchanged_takes_the_ledger_with_it_and_nothing_is_lost(
        kafka: KafkaBroker, config: Path, upload_dir: Path, tmp_path: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    words = ("--config", str(config), "--topic_name", topic, *QUICK)
    with having_sent_a(upload_dir, *words) as program:
        upload_dir.rename(tmp_path / "old")
        upload_dir.mkdir()
        for number in range(9):
            (upload_dir / f"new {number}").write_bytes(b"new")
        program.wait_for("the ledger's file was removed: it is recreated as ")
        program.wait_uploaded(10)
        assert program.quit() == 0
    assert len(judged(kafka.bootstrap, topic).files) == 10
    with Program(upload_dir, *words) as program:
        program.wait_for("connected to")
        assert program.quit() == 0
        assert "not taken" not in program.text()


def test_s35_a_ledger_that_somebody_put_in_the_place_of_ours_is_left_as_it_is(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    ledger = upload_dir / "LOGS" / f"upload_to_{topic}.sqlite3"
    words = ("--config", str(config), "--topic_name", topic, *QUICK)
    with having_sent_a(upload_dir, *words) as program:
        other = ledger.with_name("other")
        other.write_bytes(b"another one")
        other.replace(ledger)
        (upload_dir / "b").write_bytes(b"b")
        program.wait_for("another file is in its place: quit, move that one away")
        assert program.quit(90) == 1
    assert ledger.read_bytes() == b"another one"
