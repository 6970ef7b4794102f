"""What tables and ledgers say is not believed where it cannot be; nothing of it ends a start."""

from __future__ import annotations

import dataclasses
import os
import re
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import open_ledger, seen, settings_for, version_in
from tui.engine.model.files import FileState
from tui.engine.model.versions import Delivery
from tui.engine.recording import values
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.tables.legacy import read_legacy
from tui.engine.recording.tables.rows import (
    IN_PROGRESS_HEADER,
    UPLOADED_HEADER,
    BadRow,
    InProgressRow,
    in_progress_cells,
    iso_time,
    read_in_progress,
    read_uploaded,
)
from tui.engine.recording.tables.take_over import take_over_tables
from tui.engine.sending.version_plan import is_credible

SHA = "ab" * 64


def row(**changes: object) -> InProgressRow:
    """Return a row of a file of 40,000 bytes, of which one of three chunks is delivered."""
    sound = InProgressRow("t", "a", "a", 3, 1, 2, iso_time(5.0), "1", "2-3", 40_000, 5, 16384, 0,
                          SHA)
    return dataclasses.replace(sound, **changes)  # type: ignore[arg-type]


def lost_ledger(tmp_path: Path, rows: list[InProgressRow]) -> Ledger:
    """Return what is rebuilt of a table of unfinished files, and nothing else."""
    upload_dir = tmp_path / "upload"
    upload_dir.mkdir(exist_ok=True)
    (upload_dir / "a").write_bytes(bytes(40_000))
    state = tmp_path / "state"
    state.mkdir(exist_ok=True)
    lines = [IN_PROGRESS_HEADER, *(map(str, in_progress_cells(one)) for one in rows)]
    (state / "upload_to_t_in_progress.csv").write_text(
        "".join(",".join(cells) + "\r\n" for cells in lines))
    ledger = Ledger(state, "t", upload_dir, "all")
    take_over_tables(ledger, settings_for(upload_dir, state_dir=state))
    return ledger


def test_every_column_is_looked_at(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    for table, key, conditions in (("files", "file_id", values.FILE_CONDITIONS),
                                   ("versions", "version_id", values.VERSION_CONDITIONS)):
        columns = {row[1] for row in ledger.database.query(f"PRAGMA table_info({table})")} - {key}
        unseen = {column for column in columns
                  if not any(re.search(rf"\b{column}\b", one) for one in conditions)}
        assert columns
        assert unseen == set()
    ledger.close()


def test_a_sound_row_is_taken_in(tmp_path: Path) -> None:
    ledger = lost_ledger(tmp_path, [row()])
    (past,) = ledger.versions.all_begun()
    assert (past.version.chunk_size, past.version.n_chunks, past.n_delivered) == (16384, 3, 1)
    ledger.close()


@pytest.mark.parametrize("bad", [
    row(chunk_size=3_000_000, n_chunks=4, n_bytes=10_000_000, chunks_delivered="1",
        chunks_to_send="2-4", n_chunks_to_send=3),  # no power of two
    row(chunk_size=1, n_chunks=1 << 30, n_bytes=1 << 30, chunks_delivered="1",
        chunks_to_send=f"2-{1 << 30}", n_chunks_to_send=(1 << 30) - 1),  # not for such a file
    row(partition=-2), row(partition=1 << 40), row(n_chunks_delivered=2),
    row(n_chunks_delivered=-1, n_chunks_to_send=4),
    row(chunks_to_send="1-3"), row(chunks_to_send="3"), row(chunks_delivered="1-9"),
])
def test_a_row_that_contradicts_itself_is_kept_and_not_continued(
        tmp_path: Path, bad: InProgressRow) -> None:
    ledger = lost_ledger(tmp_path, [bad])
    assert ledger.versions.all_begun() == []
    known = ledger.files.known("a")
    assert known is None or known.state is FileState.SETTLING  # it is looked at as it is
    assert list((tmp_path / "state").glob("upload_to_t_in_progress*not-read*"))
    ledger.close()


def test_a_version_whose_cut_or_partition_cannot_be_is_not_credible(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.files.record_waiting([seen("a")])
    sound = version_in(ledger, "a")
    assert is_credible(sound, 1)
    for wrong in (sound._replace(chunk_size=10), sound._replace(n_chunks=5),
                  sound._replace(partition=1), sound._replace(chunk_size=0)):
        assert not is_credible(wrong, 1)
    ledger.close()


def full_ledger(tmp_path: Path) -> Path:
    """Make a ledger with a file of each kind; return its path."""
    ledger = open_ledger(tmp_path)
    names = ("waiting", "done", "begun")
    ledger.files.record_waiting([seen(name) for name in names])
    for name in names[1:]:
        version = version_in(ledger, name)
        ledger.versions.begin([version], 5.0)
        completed = 6.0 if name == "done" else None
        ledger.versions.record([Delivery(version, 5.0, completed, 4 if completed else 1,
                                         b"\x0f" if completed else b"\x01", ())])
    ledger.close()
    return ledger.database.path


def test_a_ledger_as_it_is_written_is_believed(tmp_path: Path) -> None:
    full_ledger(tmp_path)
    ledger = open_ledger(tmp_path)
    assert not ledger.damage
    assert len(ledger.versions.all_begun()) == 1
    ledger.close()


@pytest.mark.parametrize("statement", [
    "UPDATE files SET state = 99", "UPDATE files SET n_bytes = 'many'",
    "UPDATE files SET since = 'then'",
    "UPDATE files SET name = CAST(name AS BLOB)", "UPDATE files SET rest_state = 7",
    "UPDATE files SET since = 1e300", "UPDATE files SET next_attempt = 'never'",
    "UPDATE versions SET state = 9", "UPDATE versions SET sha512 = 'text'",
    "UPDATE versions SET chunk_size = 0", "UPDATE versions SET n_chunks = 1 << 40",
    "UPDATE versions SET started = 1e300", "UPDATE versions SET delivered = x'' WHERE state = 0",
    "UPDATE versions SET n_delivered = 99", "UPDATE versions SET partition = -7",
    "UPDATE versions SET completed = NULL WHERE state = 1",
    "DELETE FROM counts", "UPDATE counts SET n_files = 'a'", "DELETE FROM counts WHERE state = 2",
])
def test_values_that_no_program_wrote_are_damage(tmp_path: Path, statement: str) -> None:
    path = full_ledger(tmp_path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        for trigger in ("files_moved", "versions_done"):  # or they would fail first
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute(statement)
    connection.close()
    ledger = open_ledger(tmp_path)
    assert "damaged: " in ledger.damage
    assert ledger.set_aside_as is not None
    ledger.close()


def test_of_a_large_ledger_that_ended_cleanly_only_the_unfinished_is_looked_at(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "_MOST_FILES_EACH_TIME", 2)
    path = full_ledger(tmp_path)
    with sqlite3.connect(path) as connection:
        assert not values.why_incredible(connection, is_clean=True)
        connection.execute("UPDATE versions SET started = 1e300 WHERE state = 1")
        assert not values.why_incredible(connection, is_clean=True)
        assert "started" in values.why_incredible(connection, is_clean=False)
        connection.execute("UPDATE files SET state = 99 WHERE name = 'waiting'")
        assert "files" in values.why_incredible(connection, is_clean=True)
    connection.close()


def test_offsets_that_cannot_be_read_are_only_not_shown(tmp_path: Path) -> None:
    path = full_ledger(tmp_path)
    for text in ("nonsense", "[[1]]", "{}", "[[1, 2, \"x\"]]", "7"):
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE versions SET offsets = ?", (text,))
        connection.close()
        ledger = open_ledger(tmp_path)
        assert not ledger.damage
        assert ledger.versions.records_of("done")[0].offsets == ()
        ledger.close()


CELL = st.one_of(
    st.integers(), st.integers(-(1 << 70), 1 << 70), st.floats(), st.text(max_size=10),
    st.sampled_from(["", "t", "a", "1-3", "1-99999999999", "-", "2300-01-01T00:00:00+00:00",
                     "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+14:00", SHA, "nan", "1e400",
                     "'a'", "{1, 2}", "set()", "'Mon Jan 01, 9999 at 00:00:00'", "\x00", "=1+1"]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.lists(CELL, min_size=1, max_size=16), max_size=5), st.booleans())
def test_whatever_stands_in_our_tables_ends_no_start(tmp_path: Path, rows: list[list[object]],
                                                     glued: bool) -> None:
    for name, header in (("uploaded_to_t.csv", UPLOADED_HEADER),
                         ("upload_to_t_in_progress.csv", IN_PROGRESS_HEADER)):
        lines = [",".join(header), *(",".join(map(str, cells)) for cells in rows)]
        path = tmp_path / name
        path.write_bytes(("" if glued else "\r\n").join(lines).encode("utf-8", "surrogateescape"))
        for read in (read_uploaded, read_in_progress):
            for found in read(path, "t"):
                assert isinstance(found, BadRow) or found.topic == "t"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.lists(CELL, min_size=1, max_size=9), max_size=5), st.booleans())
def test_whatever_stands_in_older_tables_ends_no_start(tmp_path: Path, rows: list[list[object]],
                                                       uploaded: bool) -> None:
    header = "filename;rel_filepath;n_chunks;started;completed" if uploaded else \
        "filename;rel_filepath;n_chunks;n_chunks_delivered;n_chunks_to_send;started;" \
        "chunks_delivered;chunks_to_send"
    path = tmp_path / "uploaded_to_t.csv"
    path.write_bytes("\n".join([header, *(";".join(map(str, cells)) for cells in rows)]).encode(
        "utf-8", "surrogateescape"))
    assert list(read_legacy(path)) is not None


def test_a_file_dated_after_2262_in_an_old_table_ends_no_start(tmp_path: Path) -> None:
    upload_dir, state = tmp_path / "upload", tmp_path / "upload" / "LOGS"
    state.mkdir(parents=True)
    (upload_dir / "a").write_bytes(b"x")
    os.utime(upload_dir / "a", (5e10, 1e10))
    (state / "uploaded_to_t.csv").write_text(
        "filename;rel_filepath;n_chunks;started;completed\n"
        "'a';'a';1;'Mon Jan 01, 2024 at 00:00:00';'Mon Jan 01, 2024 at 00:00:01'")
    ledger = Ledger(state, "t", upload_dir, "all")
    take_over_tables(ledger, settings_for(upload_dir))
    known = ledger.files.known("a")
    assert known is not None
    assert known.state is FileState.SETTLING  # younger than the upload: it is sent anew
    ledger.close()
