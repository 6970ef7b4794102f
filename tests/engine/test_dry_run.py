"""A dry run says what a start does, and leaves the disk as it was."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.consumer import make_topic
from tests.engine.in_process import RunningEngine, settings_for
from tests.kafka_broker import KafkaBroker
from tests.program import Program, write_config
from tests.waiting import wait_until
from tui.cli import main

BROKER = "[broker]\nbootstrap.servers = 127.0.0.1:1\n[producer]\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "nowhere.config"
    path.write_text(BROKER)
    return path


def dry_run(capsys: pytest.CaptureFixture[str], upload_dir: Path, config: Path,
            *options: str) -> dict[str, str]:
    """Return each path of a dry run with the reason for which it is not uploaded."""
    capsys.readouterr()
    assert main([str(upload_dir), "--config", str(config), "--topic_name", "t", "--dry_run",
                 *options]) == 0
    found = {}
    for line in capsys.readouterr().out.splitlines()[:-1]:
        match = re.fullmatch(r"yes  (.*), [^,]+|no   (.*?): (.*)", line)
        assert match, line
        found[match[1] or match[2]] = match[3] or ""
    return found


def everything_below(*places: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return names, sizes, times and contents of all files."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns, path.read_bytes())
            for place in places for path in sorted(place.rglob("*")) if path.is_file()}


def test_every_reason_is_told(upload_dir: Path, config: Path, tmp_path: Path,
                              capsys: pytest.CaptureFixture[str]) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("a.dat", "b.log", ".hidden", "sub/c.dat", ".git/d", "old/upload_to_x.sqlite3",
                 "LOGS/x"):
        (upload_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (upload_dir / name).write_bytes(b"12")
    (upload_dir / "link").symlink_to("a.dat")
    (upload_dir / "out").symlink_to(outside)
    os.mkfifo(upload_dir / "pipe")
    (upload_dir / os.fsdecode(b"broken\xff")).write_bytes(b"1")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(upload_dir / "sock"))
        found = dry_run(capsys, upload_dir, config, "--upload_existing")
    assert {path for path, why in found.items() if not why} == {"a.dat", "sub/c.dat"}
    for path, why in {
            "b.log": "names ending in .log", ".hidden": "begins with a dot",
            ".git/d": "directories beginning with a dot", "old": "holds ledgers",
            "LOGS": "directory LOGS", "link": "symbolic link", "out": "symbolic link",
            "pipe": "it is a FIFO", "sock": "it is a socket", "broken\\xff": "not valid UTF-8",
            }.items():
        assert why in found[path]


def test_links_are_followed_where_asked_and_never_out_or_round(
        upload_dir: Path, config: Path, tmp_path: Path,
        capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "outside").mkdir()
    (upload_dir / "sub").mkdir()
    (upload_dir / "sub/a").write_bytes(b"1")
    (upload_dir / "b").symlink_to("sub/a")
    (upload_dir / "again").symlink_to("sub")
    (upload_dir / "sub/round").symlink_to("..")
    (upload_dir / "out").symlink_to(tmp_path / "outside")
    found = dry_run(capsys, upload_dir, config, "--upload_existing", "--follow_symlinks")
    assert {path for path, why in found.items() if not why} == {"sub/a", "b", "again/a"}
    assert "outside" in found["out"]
    assert "a directory above it" in found["sub/round"]


def test_an_unreadable_directory_is_said(upload_dir: Path, config: Path,
                                         monkeypatch: pytest.MonkeyPatch,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    (upload_dir / "closed").mkdir()
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    assert dry_run(capsys, upload_dir, config) == {
        "closed": "it cannot be read: Permission denied"}


def fill(upload_dir: Path, *names: str) -> None:
    for name in names:
        (upload_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (upload_dir / name).write_bytes(name.encode())


def change(upload_dir: Path) -> None:
    """Change a directory in every way while no instance is at work."""
    (upload_dir / "changed").write_bytes(b"something else")
    os.utime(upload_dir / "touched", (1, 1))
    (upload_dir / "deleted").unlink()
    (upload_dir / "moved").rename(upload_dir / "sub/moved")
    fill(upload_dir, "new", "sub/new", "x.log")
    (upload_dir / "link").symlink_to("same")


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
@pytest.mark.parametrize("options", [(), ("--upload_existing",)], ids=["", "upload_existing"])
def test_a_start_sends_what_the_dry_run_said(
        upload_dir: Path, tmp_path: Path, kafka: KafkaBroker, options: tuple[str, ...],
        capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state"
    config = write_config(tmp_path / "real.config", kafka.bootstrap)
    topic = make_topic(kafka.bootstrap)
    fill(upload_dir, "same", "changed", "touched", "deleted", "moved", "sub/a")
    first = settings_for(upload_dir, state, "--config", str(config), "--topic_name", topic)
    with RunningEngine(first) as engine:
        engine.wait_uploaded(6)
        assert engine.quit() == 0
    change(upload_dir)
    said = dry_run(capsys, upload_dir, config, "--logger_file_path", str(state),
                   "--topic_name", topic, *options)
    second = replace(first, upload_existing=bool(options))
    with RunningEngine(second) as engine:
        fill(upload_dir, "zz_last")  # once this one went, so has all that was there before
        engine.wait_log("zz_last uploaded")
        assert engine.quit() == 0
        sent = set(re.findall(r"INFO +(\S+) uploaded", engine.log)) - {"zz_last"}
    assert {path for path, why in said.items() if not why} == sent
    assert said["touched"] == "its content was uploaded before"
    assert said["same"] == "it was uploaded and has not changed"


def test_tables_to_be_taken_over_count(upload_dir: Path, tmp_path: Path, config: Path,
                                       capsys: pytest.CaptureFixture[str]) -> None:
    fill(upload_dir, "sent.dat", "other.dat")
    os.utime(upload_dir / "sent.dat", (1_600_000_000, 1_600_000_000))
    state = tmp_path / "state"
    state.mkdir()
    (state / "uploaded_to_t.csv").write_text(
        "filename;rel_filepath;n_chunks;started;completed\n'sent.dat';'sent.dat';1;"
        "'Fri Nov 20, 2026 at 10:00:00';'Fri Nov 20, 2026 at 10:00:01'")
    before = everything_below(upload_dir, state)
    found = dry_run(capsys, upload_dir, config, "--upload_existing", "--logger_file_path",
                    str(state))
    assert found == {"other.dat": "", "sent.dat": "it was uploaded and has not changed"}
    assert everything_below(upload_dir, state) == before


def killed_with_a_log(upload_dir: Path, state: Path, config: Path) -> None:
    """Leave a ledger as a killed program does, with what it knows in the write-ahead log."""
    with Program(upload_dir, "--config", str(config), "--topic_name", "t", "--logger_file_path",
                 str(state), "--watchdog_lag_time", "0.1", "--upload_existing",
                 "--rescan_seconds", "0") as program:
        def is_recorded() -> bool:
            program.type("check")
            return " 3 waiting" in program.text() and log.exists() and log.stat().st_size > 0

        log = state / "upload_to_t.sqlite3-wal"
        wait_until(is_recorded, "three files waiting")
        program.kill()


def test_a_ledger_left_by_a_killed_program_is_read_and_left_as_it_is(
        upload_dir: Path, tmp_path: Path, config: Path,
        capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state"
    fill(upload_dir, "a", "b", "c")
    killed_with_a_log(upload_dir, state, config)
    before = everything_below(upload_dir, state)
    assert any(name.endswith("-wal") for name in before)
    # Without --upload_existing only what the log holds can tell that they are to be sent.
    found = dry_run(capsys, upload_dir, config, "--logger_file_path", str(state))
    assert found == {"a": "", "b": "", "c": ""}
    assert everything_below(upload_dir, state) == before


def names_in(directory: Path) -> list[str]:
    """Return the names in a directory, but for those that the running instance renames at once."""
    return sorted(p.name for p in directory.iterdir() if not p.name.endswith(".new"))


def test_beside_a_running_instance_it_names_it(upload_dir: Path, config: Path) -> None:
    options = ("--config", str(config), "--topic_name", "t")
    with Program(upload_dir, *options) as program:
        table = upload_dir / "LOGS" / "upload_to_t_in_progress.csv"
        wait_until(table.exists, "the running instance has made its files")
        before = names_in(upload_dir / "LOGS")
        done = subprocess.run([sys.executable, "-m", "tui", str(upload_dir), *options,
                               "--dry_run"], capture_output=True, text=True, check=False)
        assert names_in(upload_dir / "LOGS") == before
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"process {program.process.pid} on {socket.gethostname()}, started 20" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_damaged_ledger_is_said_and_left_as_it_is(
        upload_dir: Path, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (upload_dir / "LOGS").mkdir()
    (upload_dir / "LOGS/upload_to_t.sqlite3").write_bytes(b"garbage" * 1000)
    before = everything_below(upload_dir)
    assert main([str(upload_dir), "--config", str(config), "--topic_name", "t",
                 "--dry_run"]) == 0
    assert "the ledger is damaged" in capsys.readouterr().out.splitlines()[0]
    assert everything_below(upload_dir) == before


def test_it_creates_nothing(upload_dir: Path, config: Path, tmp_path: Path,
                            capsys: pytest.CaptureFixture[str]) -> None:
    fill(upload_dir, "a")
    before = everything_below(tmp_path)
    dry_run(capsys, upload_dir, config)
    assert everything_below(tmp_path) == before
    assert not (upload_dir / "LOGS").exists()


def test_a_reader_that_goes_away_ends_it_quietly(upload_dir: Path, config: Path) -> None:
    fill(upload_dir, *(f"file-{number}-{'x' * 100}" for number in range(2000)))
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", str(upload_dir), "--config", str(config), "--dry_run"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(60) == 0


def test_the_log_that_is_applied_is_what_sqlite_makes_of_it(tmp_path: Path) -> None:
    from tui.engine.recording.ledger_copy import read_image

    path = tmp_path / "x.sqlite3"
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("CREATE TABLE numbers (n INTEGER, text TEXT)")
    writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for number in range(50):
        writer.execute("BEGIN")
        writer.executemany("INSERT INTO numbers VALUES (?, ?)",
                           [(number, "x" * 500) for _ in range(20)])
        writer.execute("COMMIT")
    writer.execute("DELETE FROM numbers WHERE n % 3 = 0")
    expected = writer.execute("SELECT count(*), sum(n) FROM numbers").fetchone()
    copy = sqlite3.connect(":memory:")
    copy.deserialize(read_image(path))
    assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert copy.execute("SELECT count(*), sum(n) FROM numbers").fetchone() == expected
    writer.close()
    copy.close()


