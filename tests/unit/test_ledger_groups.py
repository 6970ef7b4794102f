"""Many rows go to SQLite in one statement, and are recorded as if they went one by one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.builders import open_ledger, seen, version_in
from tui.engine.model.files import FileState
from tui.engine.model.versions import Delivery, OffsetRange
from tui.errors import StateDirectoryError


def test_many_files_at_once_are_recorded_as_one_by_one(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    n_files = 345
    ledger.files.record_waiting([seen("f0", 1), *(seen(f"f{i}", i) for i in range(n_files))])
    line = ledger.files.next_in_line(0, 1000)
    # The first one was seen twice, and stands where it was seen last.
    assert [f.position for f in line] == list(range(2, n_files + 2))
    assert [f.rel_path for f in line] == [f"f{i}" for i in range(n_files)]
    versions = [version_in(ledger, f.rel_path, 1) for f in line]
    ledger.versions.record([Delivery(v, 100.0, 101.0, 1, b"", (OffsetRange(0, i, i),))
                            for i, v in enumerate(versions)])
    ledger.files.record_waiting([seen("f7", 8)])  # changed while it was sent
    ledger.files.record_uploaded([(f._replace(partition=3), f.n_bytes, f.mtime_ns) for f in line])
    left, = ledger.files.next_in_line(0, 1000)
    assert (left.rel_path, left.n_bytes, left.partition) == ("f7", 8, 3)
    for number in (0, 7, 99, 100, n_files - 1):
        known = ledger.files.known(f"f{number}")
        assert known is not None
        assert known.state is (FileState.WAITING if number == 7 else FileState.UPLOADED)
        assert (known.settled_state, known.settled_n_bytes) == (FileState.UPLOADED, number)
        record, = ledger.versions.records_of(f"f{number}")
        assert record.offsets == (OffsetRange(0, number, number),)
    counts = ledger.census.take().counts
    assert (counts.waiting, counts.uploaded, counts.n_versions) == (1, n_files - 1, n_files)
    ledger.close()


def test_a_sqlite_that_takes_few_values_gets_them_in_smaller_groups(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.database._connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999)
    ledger.files.record_waiting([seen(f"f{i}", i) for i in range(250)])
    ledger.versions.record([
        Delivery(version_in(ledger, f"f{i}", 1), 100.0, 101.0, 1, b"", ()) for i in range(250)])
    assert not ledger.database.problem
    assert len(ledger.versions.unexported(1000)) == 250
    ledger.close()


def test_a_sqlite_that_is_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 31, 1))
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.31.1")
    with pytest.raises(StateDirectoryError, match=r"SQLite 3\.31\.1.*3\.33"):
        open_ledger(tmp_path)
