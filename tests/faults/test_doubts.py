"""Files whose size and modification time say nothing of a new content: it is found all the same."""

from __future__ import annotations

import mmap
import os
import re
from pathlib import Path

import pytest

from tests.consumer import make_topic, read_topic
from tests.faults.steps import judged, options
from tests.kafka_broker import KafkaBroker
from tests.program import Program

OLD, NEW = b"old " * 5000, b"new " * 5000


def rewrite_and_restore(path: Path, content: bytes) -> None:
    """Write a file again in place, and give it its old size and modification time."""
    before = path.stat()
    assert len(content) == before.st_size
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (
        before.st_size, before.st_mtime_ns, before.st_ino)


def test_s38_a_file_that_is_written_through_a_memory_map_is_sent_again(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    path = upload_dir / "mapped"
    with Program(upload_dir, *options(config, topic, "--rescan_seconds", "0")) as program:
        with path.open("w+b") as file:
            file.write(OLD)
            file.flush()
            with mmap.mmap(file.fileno(), 0) as mapped:
                mapped[:4] = b"old "  # its pages are there, and are not asked for again
                program.wait_uploaded(1)
                before = path.stat()
                mapped[:] = NEW
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        program.wait_uploaded(2)
        assert program.quit() == 0
    assert judged(kafka.bootstrap, topic).completed == [("mapped", OLD), ("mapped", NEW)]


def test_a_file_that_is_opened_for_writing_and_closed_is_read_and_not_sent(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    (upload_dir / "a").write_bytes(OLD)
    with Program(upload_dir, *options(config, topic, "--logger_stream_level", "debug")) as program:
        program.wait_uploaded(1)
        with (upload_dir / "a").open("r+b"):
            pass
        program.wait_for("a holds what was uploaded")
        (upload_dir / "b").write_bytes(b"b")
        program.wait_uploaded(2)
        assert program.quit() == 0
    assert judged(kafka.bootstrap, topic).completed == [("a", OLD), ("b", b"b")]
    assert len(read_topic(kafka.bootstrap, topic)) == 3  # two chunks, and one


@pytest.mark.parametrize("is_down", [True, False])
def test_a_rewrite_whose_size_and_time_are_restored_is_found_by_the_scan(
        kafka: KafkaBroker, config: Path, upload_dir: Path, is_down: bool) -> None:
    topic = make_topic(kafka.bootstrap)
    (upload_dir / "a").write_bytes(OLD)
    words = options(config, topic, "--use_polling_observer")
    with Program(upload_dir, *words) as program:
        program.wait_uploaded(1)
        if not is_down:
            rewrite_and_restore(upload_dir / "a", NEW)
            program.wait_for("1 file changed since it was uploaded, but not in size or "
                             "modification time: it is read again")
            program.wait_for("a holds something else than what was uploaded: it is sent again")
            program.wait_uploaded(2)
        assert program.quit() == 0
    if is_down:
        rewrite_and_restore(upload_dir / "a", NEW)
        with Program(upload_dir, *words) as program:
            program.wait_uploaded(1)
            assert program.quit() == 0
    assert judged(kafka.bootstrap, topic).completed == [("a", OLD), ("a", NEW)]


def test_other_permissions_cost_reading_and_no_upload(kafka: KafkaBroker, config: Path,
                                                      upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    names = [f"f{i}" for i in range(50)]
    for name in names:
        (upload_dir / name).write_bytes(name.encode())
    with Program(upload_dir, *options(config, topic, "--logger_stream_level", "debug")) as program:
        program.wait_uploaded(50)
        for name in names:
            (upload_dir / name).chmod(0o600)
        found = program.wait_for(r"(\d+) files? changed since (it was|they were) uploaded")
        assert int(found.group(1)) <= 50
        for name in names:
            program.wait_for(f"{name} holds what was uploaded")
        program.type("why f1")
        program.wait_for("^f1: uploaded at [^;]*$")
        assert program.quit() == 0
    assert len(read_topic(kafka.bootstrap, topic)) == 50
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_for("connected to")
        program.type("check")
        program.wait_for("yes: everything found so far is uploaded")
        assert program.quit() == 0
    assert not re.search("changed since", program.text())
