"""Ledgers of older versions are converted, whole or not at all; those of newer ones are left."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kafka_broker import KafkaBroker
from tests.program import Program
from tui.config.state_files import StateFiles
from tui.engine.model.files import FileState
from tui.engine.model.versions import VersionState
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.ledger_copy import LedgerCopy
from tui.engine.recording.migrations import MIGRATIONS
from tui.engine.recording.schema import SCHEMA_VERSION
from tui.errors import StateDirectoryError

LEDGERS = Path(__file__).parents[1] / "ledgers"
#: Opens the ledger in a process that ends by itself after some statements.
_DIES_AFTER = """
import os, sqlite3, sys
from pathlib import Path
from tui.engine.recording import migrations
from tui.engine.recording.ledger import Ledger
migrate, n_left = migrations.migrate, int(sys.argv[2])
def count(statement):
    global n_left
    n_left -= 1
    if n_left < 0:
        os._exit(9)
def traced(connection, version):
    connection.set_trace_callback(count)
    migrate(connection, version)
    connection.set_trace_callback(None)
migrations.migrate = traced
up = Path(sys.argv[1])
Ledger(up / "LOGS", "runs", up, "all").close()
"""


@pytest.fixture(params=sorted(path.name for path in LEDGERS.iterdir()))
def upload_dir(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An upload directory with the state that an older program left when it was killed."""
    shutil.copytree(LEDGERS / request.param, tmp_path / "up" / "LOGS")
    return tmp_path / "up"


def open_ledger(upload_dir: Path) -> Ledger:
    return Ledger(upload_dir / "LOGS", "runs", upload_dir, "all")


def content(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def rows(ledger: Ledger, sql: str) -> list[tuple[Any, ...]]:
    return ledger.database.query(sql)


def test_a_ledger_of_1_0_0_goes_on(upload_dir: Path) -> None:
    ledger = open_ledger(upload_dir)
    assert not ledger.damage
    assert ledger.database.meta("schema_version") == str(SCHEMA_VERSION)
    states = {name: ledger.files.status(name) for name in (
        "before.dat", "run 1/scan.raw", "held.dat", "failed.dat", "run 2/detector.raw",
        "run 2/growing.dat")}
    assert [status and status.state for status in states.values()] == [
        FileState.NOT_TAKEN, FileState.UPLOADED, FileState.HELD, FileState.FAILED,
        FileState.WAITING, FileState.SETTLING]
    past, = ledger.versions.all_begun()
    assert past.version.rel_path == "run 2/detector.raw"
    assert (past.version.n_chunks, past.n_delivered) == (24415, 2606)
    assert [v.state for v in ledger.versions.records_of("gone/abandoned.dat")] == [
        VersionState.ABANDONED]
    assert ledger.census.take().counts.n_versions == 3
    ledger.close()


def test_a_converted_ledger_is_like_a_new_one(upload_dir: Path, tmp_path: Path) -> None:
    def shape(ledger: Ledger) -> dict[str, object]:
        tables = [name for name, in rows(
            ledger, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        found: dict[str, object] = {
            table: sorted(row[1:] for row in rows(ledger, f"PRAGMA table_info({table})"))
            for table in tables}
        found["rest"] = rows(ledger, "SELECT type, name, sql FROM sqlite_master "
                             "WHERE type <> 'table' ORDER BY name")
        found["version"] = rows(ledger, "PRAGMA user_version")
        return found

    old, new = open_ledger(upload_dir), open_ledger(tmp_path / "new")
    assert shape(old) == shape(new)
    old.close()
    new.close()


def test_a_copy_is_kept_until_a_clean_end(upload_dir: Path, caplog: pytest.LogCaptureFixture
                                          ) -> None:
    caplog.set_level(logging.INFO)
    open_ledger(upload_dir).abandon()
    copy, = (upload_dir / "LOGS").glob("upload_to_runs.sqlite3.format-*")
    assert f"also kept as {copy.name}" in caplog.text
    connection = sqlite3.connect(copy)
    kept, = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    assert copy.suffix == f".format-{kept}"
    assert int(kept) < SCHEMA_VERSION
    assert connection.execute("SELECT count(*) FROM files").fetchone() == (10,)
    connection.close()
    ledger = open_ledger(upload_dir)
    assert copy.exists()
    ledger.close()
    assert not copy.exists()
    assert not list((upload_dir / "LOGS").glob("*.part"))


def test_a_conversion_that_is_killed_anywhere_is_done_at_the_next_start(
        upload_dir: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.params["upload_dir"]
    first = int(name.removeprefix("format-")) if name.startswith("format-") else 1
    needed = [statements for number, statements in MIGRATIONS.items() if number > first]
    n_statements = sum(map(len, needed)) + 4 * len(needed)
    for n_run in range(n_statements):
        victim = tmp_path / f"killed {n_run}"
        shutil.copytree(upload_dir, victim)
        ended = subprocess.run([sys.executable, "-c", _DIES_AFTER, str(victim), str(n_run)],
                               check=False, capture_output=True, text=True)
        assert ended.returncode == 9, ended.stderr
        ledger = open_ledger(victim)
        assert not ledger.damage
        assert ledger.versions.all_begun()[0].n_delivered == 2606
        assert len(rows(ledger, "SELECT ctime_ns, rest_ctime_ns FROM files")) == 10
        ledger.close()


def test_without_room_for_the_copy_nothing_is_changed(upload_dir: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(upload_dir / "LOGS")["upload_to_runs_in_progress.csv"]
    with monkeypatch.context() as patch:
        full = shutil.disk_usage(upload_dir)._replace(free=1000)
        patch.setattr(shutil, "disk_usage", lambda path: full)
        with pytest.raises(StateDirectoryError, match=r"cannot be copied .* are free") as caught:
            open_ledger(upload_dir)
    assert caught.value.remedy == "Make room on the disk that holds it"
    assert content(upload_dir / "LOGS")["upload_to_runs_in_progress.csv"] == before
    ledger = open_ledger(upload_dir)
    assert ledger.versions.all_begun()[0].n_delivered == 2606
    ledger.close()


@pytest.mark.parametrize("is_in_log", [False, True])
def test_a_ledger_of_a_newer_program_is_refused_untouched(tmp_path: Path, is_in_log: bool) -> None:
    up = tmp_path / "up"
    open_ledger(up).close()
    connection = sqlite3.connect(StateFiles(up / "LOGS", "runs").ledger)
    connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    connection.execute("PRAGMA user_version = 99")
    connection.commit()
    if not is_in_log:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    killed = tmp_path / "killed"
    shutil.copytree(up, killed)
    connection.close()
    before = content(killed / "LOGS")
    for kind in (Ledger, LedgerCopy):
        with pytest.raises(StateDirectoryError, match="format 99, this program reads formats 1 to"):
            kind(killed / "LOGS", "runs", killed, "all")
        assert content(killed / "LOGS") == before


def test_looking_ahead_converts_nothing(upload_dir: Path) -> None:
    before = content(upload_dir / "LOGS")
    ledger = LedgerCopy(upload_dir / "LOGS", "runs", upload_dir, "all")
    assert ledger.versions.all_begun()[0].version.rel_path == "run 2/detector.raw"
    ledger.abandon()
    # The name of the owner goes with the ledger: that of a program which was killed.
    assert content(upload_dir / "LOGS") == before


@pytest.mark.xdist_group("kafka")
def test_the_program_goes_on_where_1_0_0_was_stopped(kafka: KafkaBroker, config: Path,
                                                     upload_dir: Path) -> None:
    connection = sqlite3.connect(StateFiles(upload_dir / "LOGS", "runs").ledger)
    connection.execute("DELETE FROM meta WHERE key IN ('cluster_id', 'topic_id')")
    # Closing this connection takes the log away, as an end does that could not record all.
    connection.execute("UPDATE meta SET value = '2' WHERE key = 'stopped_cleanly'")
    connection.commit()
    connection.close()
    name = upload_dir / "run 2" / "growing.dat"
    name.parent.mkdir()
    name.write_bytes(b"0123456789")
    with Program(upload_dir, "--config", str(config), "--topic_name", "runs",
                 "--watchdog_lag_time", "1") as program:
        program.wait_for(r"converted from format \d+ to")
        program.wait_for(r"run 2/detector.raw is no longer there: 2606 of its 24415 chunks")
        program.wait_uploaded(1)
        assert program.quit() == 1  # those that 1.0.0 left held and failed
    assert not list((upload_dir / "LOGS").glob("*.format-*"))
