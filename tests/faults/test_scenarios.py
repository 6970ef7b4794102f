"""Faults on Apache Kafka, numbered as the scenarios; a deployed consumer judges what is left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.consumer import make_topic
from tests.faults.steps import judged, options
from tests.kafka_broker import KafkaBroker
from tests.program import Program

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("faults")]


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
