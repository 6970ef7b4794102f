"""What was found and could not be recorded any more is found again at the next start."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.ledger_faults import SmallDisk
from tests.faults.steps import QUICK
from tests.program import Program
from tests.waiting import wait_until

#: Room enough, once it is free, for the ledger, its log and the tables of 2,000 files.
_N_BYTES = 20_000_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A small file system for the state directory."""
    path = tmp_path / "small"
    path.mkdir()
    try:
        disk = SmallDisk(path, _N_BYTES)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small file system cannot be mounted: {error}")
    yield disk
    disk.close()


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    """A config whose broker does not exist: what is found stays to be seen."""
    path = tmp_path / "nowhere.config"
    path.write_text("[broker]\nbootstrap.servers = 127.0.0.1:1\n[producer]\n")
    return path


def write_files(upload_dir: Path, n_files: int) -> None:
    for number in range(n_files):
        (upload_dir / f"{number}{'x' * 200}").write_bytes(b"new")


def wait_in_line(program: Program, n_files: int) -> None:
    """Wait until `check` counts so many files as waiting."""
    def look() -> bool:
        program.type("check")
        return any(f"0 settling, {n_files:,} waiting" in line for line in program.lines)

    try:
        wait_until(look, f"{n_files} queued files")
    except AssertionError as error:
        raise AssertionError(f"{error}\n{program.text()[-3000:]}") from None


@pytest.mark.parametrize("how", ["quit", "killed"])
def test_s34_files_found_while_the_ledger_cannot_be_written_are_found_again(
        nowhere: Path, upload_dir: Path, small_disk: SmallDisk, how: str) -> None:
    words = ("--config", str(nowhere), "--topic_name", "t", *QUICK,
             "--logger_file_path", str(small_disk.path / "state"))
    (upload_dir / "old").write_bytes(b"old")
    with Program(upload_dir, *words) as program:
        program.wait_for("1 file was here already and is not taken")
        small_disk.fill()
        write_files(upload_dir, 2000)
        program.wait_for("the ledger cannot be written")

        def look() -> bool:
            program.type("check")
            text = " ".join(" ".join(program.lines).split())
            return re.search(r"close\? not yet: [^;]*[\d,]+ files cannot be recorded", text) \
                is not None

        wait_until(look, "files count as not recorded")
        assert not any("everything found so far" in line for line in program.lines[-10:])
        if how == "quit":
            assert program.quit(90) == 1
            program.wait_for(r"[12]\d{3} files are not uploaded; the next start continues")
        else:
            program.kill()
    small_disk.free()
    with Program(upload_dir, *words) as program:
        wait_in_line(program, 2000)
        program.type("why old")
        program.wait_for("not taken")
        program.kill()


def test_s34_files_that_came_just_before_a_kill_are_found_again(nowhere: Path,
                                                                upload_dir: Path) -> None:
    words = ("--config", str(nowhere), "--topic_name", "t", *QUICK)
    (upload_dir / "old").write_bytes(b"old")
    with Program(upload_dir, *words) as program:
        program.wait_for("1 file was here already and is not taken")
        program.process.send_signal(signal.SIGSTOP)  # it hears of nothing any more
        write_files(upload_dir, 200)
        program.kill()
    with Program(upload_dir, *words) as program:
        wait_in_line(program, 200)
        program.type("why old")
        program.wait_for("not taken")
        assert program.quit(90) == 1
    (upload_dir / "while away").write_bytes(b"x")
    with Program(upload_dir, *words) as program:
        program.type("why while away")
        program.wait_for("not taken")  # status 1 for want of a broker: all was recorded
        program.kill()


def test_what_was_there_before_the_first_start_stays_not_taken_after_a_kill(
        nowhere: Path, upload_dir: Path) -> None:
    words = ("--config", str(nowhere), "--topic_name", "t", *QUICK)
    write_files(upload_dir, 20)
    with Program(upload_dir, *words) as program:
        program.wait_for("uploading .* to topic")
        program.kill()
    with Program(upload_dir, *words) as program:
        program.wait_for("20 files were here already and are not taken")
        program.kill()
