"""The ledger: exclusive, durable, and never believing what it cannot know."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.builders import is_ledger_refused, open_ledger, seen, settings_for, version_in
from tests.waiting import wait_until
from tui.config.state_files import StateFiles
from tui.engine.model.files import FileState
from tui.engine.model.versions import Delivery, OffsetRange, VersionState
from tui.engine.recording import database_copy
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.pages import Chosen, causes, file_page, n_bytes_of_first, uploaded_page
from tui.engine.recording.tables.take_over import take_over_tables
from tui.engine.recording.tables.writer import Tables
from tui.errors import AlreadyRunningError, LedgerError, StateDirectoryError


def test_a_file_goes_from_settling_to_uploaded_and_is_remembered(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.files.record_settling([seen("d/a")])
    ledger.files.record_waiting([seen("d/a")])
    waiting, = ledger.files.next_in_line(0, 10)
    version = version_in(ledger, "d/a")
    ledger.versions.begin([version], 100.0)
    ledger.versions.record([Delivery(version, 100.0, 101.0, 4, b"\x0f", (OffsetRange(0, 7, 10),))])
    ledger.files.record_uploaded([(waiting, 64, 5)])
    ledger.close()
    again = open_ledger(tmp_path)
    known = again.files.known("d/a")
    assert known is not None
    assert known.state is FileState.UPLOADED
    assert (known.settled_n_bytes, known.settled_mtime_ns) == (64, 5)
    record, = again.versions.records_of("d/a")
    assert (record.state, record.n_chunks_delivered, record.offsets) == (
        VersionState.COMPLETE, 4, (OffsetRange(0, 7, 10),))
    count = again.census.take()
    assert (count.counts.uploaded, count.counts.waiting, count.n_bytes_waiting) == (1, 0, 0)
    again.close()


def test_what_was_committed_before_a_crash_is_there_and_nothing_else(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.files.record_waiting([seen("a")])
    version = version_in(ledger, "a")
    ledger.versions.begin([version], 1.0)
    ledger.versions.record([Delivery(version, 1.0, None, 2, b"\x03", ())])
    ledger.database.commit()
    ledger.versions.record([Delivery(version, 1.0, None, 3, b"\x07", ())])  # not committed
    copy = tmp_path / "crashed"
    (copy / "state").mkdir(parents=True)
    for path in (tmp_path / "state").iterdir():
        shutil.copyfile(path, copy / "state" / path.name)
    ledger.close()
    after = Ledger(copy / "state", "t", tmp_path / "upload", "all")
    past, = after.versions.all_begun()
    assert (past.n_delivered, past.delivered) == (2, b"\x03")
    after.close()


def test_a_second_process_is_refused_and_a_dead_one_is_not_in_the_way(tmp_path: Path) -> None:
    code = ("import sys\nfrom pathlib import Path\nfrom tui.engine.recording.ledger import Ledger\n"
            f"l = Ledger(Path({str(tmp_path / 'state')!r}), 't', Path('/x'), 'all')\n"
            "print('open', flush=True)\nsys.stdin.read()")
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == b"open\n"
    with pytest.raises(AlreadyRunningError, match=f"process {holder.pid} on"):
        Ledger(tmp_path / "state", "t", Path("/x"), "all")
    holder.kill()
    holder.wait()
    holder.stdout.close()
    holder.stdin.close()
    Ledger(tmp_path / "state", "t", Path("/x"), "all").close()


def test_the_lock_holds_whatever_is_done_with_the_ledger_and_its_tables(tmp_path: Path) -> None:
    # POSIX drops a process's locks when any descriptor of the file is closed.
    settings = dataclasses.replace(settings_for(tmp_path / "upload"), state_dir=tmp_path / "state")
    ledger = open_ledger(tmp_path)
    assert is_ledger_refused(tmp_path / "state")
    ledger.files.record_waiting([seen("a"), seen("b")])
    version = version_in(ledger, "a")
    ledger.versions.begin([version], 1.0)
    ledger.versions.record([Delivery(version, 1.0, 2.0, 4, b"\x0f", ())])
    ledger.database.commit()
    uploaded_page(ledger.database, Chosen((FileState.UPLOADED,)), 0, 10)
    assert is_ledger_refused(tmp_path / "state"), "after a page of History"
    tables = Tables(ledger, settings)
    tables.write()
    tables.finish(consolidate=True)
    assert is_ledger_refused(tmp_path / "state"), "after the tables were written"
    take_over_tables(ledger, settings)
    assert is_ledger_refused(tmp_path / "state"), "after tables were taken over"
    tables.set_aside("cluster-x")
    ledger.start_over("x", upload_existing=True)
    assert is_ledger_refused(tmp_path / "state"), "after it was started over"
    ledger.close()
    assert not is_ledger_refused(tmp_path / "state")


def test_the_owner_of_a_ledger_that_nobody_holds_is_no_lock(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    owner = tmp_path / "state" / "upload_to_t.owner.json"
    owner.write_text('{"pid": 1, "host": "elsewhere", "start": "long ago"}')
    ledger = open_ledger(tmp_path)
    assert f'"pid": {os.getpid()}' in owner.read_text()
    ledger.close()
    assert not owner.exists()


def test_a_file_system_that_refuses_locks_is_named(monkeypatch: pytest.MonkeyPatch,
                                                   tmp_path: Path) -> None:
    holder = open_ledger(tmp_path)
    # SQLite calls a lock that cannot be had busy, whatever the reason.
    monkeypatch.setattr("tui.engine.recording.database.why_not_lockable",
                        lambda directory: "No locks available")
    script = sqlite3.connect(tmp_path / "other.sqlite3")
    script.close()
    with pytest.raises(StateDirectoryError, match="files cannot be locked here: No locks"):
        Ledger(holder.database.path.parent, "t", tmp_path / "upload", "all")
    holder.close()


def test_every_commit_is_durable(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    assert ledger.database.query("PRAGMA synchronous") == [(2,)]
    assert ledger.database.query("PRAGMA journal_mode") == [("wal",)]
    assert ledger.database.query("PRAGMA locking_mode") == [("exclusive",)]
    assert not (tmp_path / "state" / "upload_to_t.sqlite3-shm").exists()
    ledger.close()


def test_a_version_is_durable_when_it_has_begun(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.files.record_waiting([seen("a")])
    ledger.versions.begin([version_in(ledger, "a")], 1.0)
    copy = tmp_path / "power cut"
    shutil.copytree(tmp_path / "state", copy / "state")
    ledger.close()
    after = Ledger(copy / "state", "t", tmp_path / "upload", "all")
    past, = after.versions.all_begun()
    assert (past.version.sha512, past.version.chunk_size, past.version.n_chunks) == (
        b"h" * 64, 16, 4)
    after.close()


def test_a_ledger_that_is_removed_while_it_is_in_use_counts_for_nothing(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    path = StateFiles(tmp_path / "state", "t").ledger
    path.rename(tmp_path / "moved")
    ledger.files.record_waiting([seen("a")])
    with pytest.raises(LedgerError, match="was removed"):
        ledger.database.commit()
    assert ledger.database.problem
    (tmp_path / "moved").rename(path)
    ledger.database.commit()
    assert not ledger.database.problem
    assert ledger.files.n_waiting() == 1
    ledger.close()


def test_a_ledger_that_cannot_be_taken_as_it_is_made_anew_is_made_at_the_next_try(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = open_ledger(tmp_path)
    path = StateFiles(tmp_path / "state", "t").ledger
    ledger.files.record_waiting([seen("a")])
    ledger.database.commit()
    path.unlink()
    ledger.database.hurry()

    def refuse(connection: sqlite3.Connection, pragmas: Sequence[str]) -> sqlite3.Connection:
        connection.close()
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(database_copy, "take", refuse)
        with pytest.raises(LedgerError, match="disk I/O error"):
            ledger.database.commit()
    ledger.files.record_waiting([seen("b")])
    ledger.close()
    ledger = open_ledger(tmp_path)
    assert ledger.files.n_waiting() == 2
    ledger.close()


def test_an_end_before_all_was_looked_at_forgets_no_unclean_one(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.files.record_covered(1_000)
    ledger.database.commit()
    killed = tmp_path / "killed"
    shutil.copytree(tmp_path / "state", killed / "state")
    ledger.close()
    assert open_ledger(tmp_path).new_since_ns(has_one_clock=True) is None

    def again() -> Ledger:
        return Ledger(killed / "state", "t", tmp_path / "upload", "all")

    for _ in range(2):
        ledger = again()
        assert ledger.new_since_ns(has_one_clock=True) == 1_000
        ledger.close(is_covered=False)
    again().close()
    ledger = again()
    assert ledger.new_since_ns(has_one_clock=True) is None
    ledger.close()


def test_what_is_kept_for_a_full_disk_does_not_grow_without_end(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    database = ledger.database
    database.commit()
    database.query(f"PRAGMA max_page_count = {database.query('PRAGMA page_count')[0][0]}")
    database.holds_back = True
    n_recorded = []

    def scan() -> None:
        for number in range(100):
            ledger.files.record_not_taken(
                [seen(f"{number}/{i}{'x' * 50}") for i in range(1000)])
            n_recorded.append(1000)

    thread = threading.Thread(target=scan)
    thread.start()
    wait_until(lambda: sum(n_recorded) >= 20_000, "so much is kept")
    with pytest.raises(LedgerError, match="full"):
        database.commit()
    assert sum(n_recorded) <= 22_000
    database.query("PRAGMA max_page_count = 1000000")
    wait_until(lambda: commit(ledger) and sum(n_recorded) == 100_000, "the scan continues")
    thread.join()
    database.commit()
    assert database.query("SELECT n_files FROM counts WHERE state = 0") == [(100_000,)]
    ledger.close()


def commit(ledger: Ledger) -> bool:
    ledger.database.commit()
    return True


def test_nobody_waits_for_a_full_disk_while_the_program_leaves(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    database = ledger.database
    database.commit()
    database.query(f"PRAGMA max_page_count = {database.query('PRAGMA page_count')[0][0]}")
    for number in range(30):
        ledger.files.record_settling([seen(f"{number}/{i}{'x' * 50}") for i in range(1000)])
    with pytest.raises(LedgerError):
        ledger.close()
    again = open_ledger(tmp_path)
    assert not again.damage
    assert not again.database.was_stopped_cleanly  # not all was recorded
    again.close()
    last = open_ledger(tmp_path)
    assert last.database.was_stopped_cleanly
    last.close()


def test_a_state_directory_serves_one_upload_directory(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    with pytest.raises(StateDirectoryError, match="belongs to the uploads of"):
        Ledger(tmp_path / "state", "t", tmp_path / "other", "all")


def test_a_refused_start_does_not_hide_that_the_last_run_crashed(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.database.commit()
    shutil.copytree(tmp_path / "state", tmp_path / "crashed")
    ledger.close()
    with pytest.raises(StateDirectoryError):
        Ledger(tmp_path / "crashed", "t", tmp_path / "other", "all")
    again = Ledger(tmp_path / "crashed", "t", tmp_path / "upload", "all")
    assert not again.damage
    assert not again.database.was_stopped_cleanly
    again.close()


def test_a_full_disk_loses_no_write(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.database.commit()
    pages = ledger.database.query("PRAGMA page_count")[0][0]
    ledger.database.query(f"PRAGMA max_page_count = {pages}")
    ledger.files.record_waiting([seen(f"{'x' * 200}{i}") for i in range(500)])
    with pytest.raises(LedgerError, match="full"):
        ledger.database.commit()
    assert ledger.database.problem
    ledger.files.record_waiting([seen("one more")])
    ledger.database.query("PRAGMA max_page_count = 100000")
    ledger.database.commit()
    assert ledger.files.n_waiting() == 501
    assert not ledger.database.problem
    ledger.close()


def test_an_observation_after_queueing_is_not_overwritten(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.files.record_waiting([seen("a")])
    old, = ledger.files.next_in_line(0, 9)
    ledger.files.record_waiting([seen("a", 99)])
    ledger.files.record_uploaded([(old, 64, 5)])
    known = ledger.files.known("a")
    assert known is not None
    assert (known.state, known.n_bytes, known.settled_n_bytes) == (FileState.WAITING, 99, 64)
    ledger.close()


def test_unchanged_and_gone_files_go_back_to_what_they_were(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.files.record_not_taken([seen("old")])
    ledger.files.record_settling([seen("old", 41), seen("new")])
    ledger.files.record_unchanged(["old"])
    ledger.files.forget(["new"])
    old = ledger.files.known("old")
    assert old is not None
    assert (old.state, old.n_bytes) == (FileState.NOT_TAKEN, 64)
    assert ledger.files.known("new") is None
    ledger.close()


def test_held_files_are_tried_again_when_due_and_failed_ones_when_asked(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.files.record_waiting([seen("h"), seen("f")])
    held, failed = ledger.files.next_in_line(0, 9)
    ledger.files.set_unsent(held, FileState.HELD, "not now", 0.05)
    ledger.files.set_unsent(failed, FileState.FAILED, "never", None)
    wait_until(lambda: ledger.files.put_back_due() == 1, "the held file is due", 5)
    assert [w.rel_path for w in ledger.files.next_in_line(0, 9)] == ["h"]
    assert ledger.files.put_back(None) == 1
    assert ledger.files.n_waiting() == 2
    ledger.close()


def test_pages_are_searched_by_parts_of_the_path(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.files.record_waiting([seen("a_b/x%"), seen("aXb/y"), seen("Z")])
    from tui.engine.system.paths import as_like

    for pattern, expected in (("a_b", ["a_b/x%"]), ("%", ["a_b/x%"]), ("*b/*", ["a_b/x%", "aXb/y"]),
                              ("z", ["Z"]), ("", ["a_b/x%", "aXb/y", "Z"])):
        n_total, rows = file_page(
            ledger.database, Chosen((FileState.WAITING,), as_like(pattern)), 0, 10)
        assert [r.rel_path for r in rows] == expected
        assert n_total == len(expected)
    ledger.close()


def test_a_ledger_of_another_format_is_not_touched(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    path = StateFiles(tmp_path / "state", "t").ledger
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StateDirectoryError, match="format 99"):
        open_ledger(tmp_path)
    assert path.read_bytes() == before


def test_beginning_anew_keeps_the_old_ledger_and_the_unfinished_files(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.files.record_waiting([seen("done"), seen("begun"), seen("in line")])
    ledger.database.set_meta("cluster_id", "OLD")
    done, *_ = ledger.files.next_in_line(0, 9)
    for name in ("done", "begun"):
        ledger.versions.begin([version_in(ledger, name)], 1.0)
    version = ledger.versions.all_begun()[0].version
    ledger.versions.record([Delivery(version, 1.0, 2.0, 4, b"\x0f", ())])
    ledger.files.record_uploaded([(done, 64, 5)])
    ledger.database.commit()
    kept = ledger.start_over("OLD/..", upload_existing=False)
    assert re.fullmatch(r"upload_to_t\.sqlite3\.cluster-OLD-20\d\d-\d\d-\d\dT\d{6}", kept.name)
    assert ledger.start_over("OLD", upload_existing=False) != kept
    assert ledger.database.meta("cluster_id") == ""
    for name in ("done", "begun"):
        assert ledger.versions.records_of(name) == ()
    assert [w.rel_path for w in ledger.files.next_in_line(0, 9)] == ["begun", "in line"]
    assert all(w.partition is None for w in ledger.files.next_in_line(0, 9))
    known = ledger.files.known("done")
    assert known is not None
    assert known.state is FileState.NOT_TAKEN
    ledger.close()
    old = sqlite3.connect(kept)
    assert old.execute("SELECT count(*) FROM versions").fetchone() == (2,)
    old.close()


def test_beginning_anew_sends_what_is_there_where_that_is_asked_for(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.files.record_not_taken([seen("not taken")])
    ledger.start_over("OLD", upload_existing=True)
    assert ledger.files.put_back_due() == 1
    assert [w.rel_path for w in ledger.files.next_in_line(0, 9)] == ["not taken"]
    ledger.close()


def test_no_question_about_unfinished_files_reads_those_that_were_uploaded(
        tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    asked: list[str] = []
    query = ledger.database.query

    def listening(sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        asked.append(sql)
        return query(sql, parameters)

    ledger.database.query = listening  # type: ignore[method-assign]
    ledger.files.next_in_line(0, 10)
    ledger.files.put_back_due()
    ledger.files.put_back(None)
    ledger.census.take([1, 2])
    ledger.files.n_bytes_ahead("a", 100)
    list(ledger.files.settling_paths())
    list(ledger.files.in_line(FileState.WAITING))
    file_page(ledger.database, Chosen((FileState.HELD, FileState.FAILED)), 0, 10)
    causes(ledger.database)
    ledger.files.take("")
    n_bytes_of_first(ledger.database, 10, 100)
    plans = {sql: query(f"EXPLAIN QUERY PLAN {sql}", (0,) * sql.count("?")) for sql in asked}
    # The index of the files in doubt holds only those.
    scans = [sql for sql, plan in plans.items() if any(
        "SCAN files" in row[3] and "INDEX files_in_doubt" not in row[3] for row in plan)]
    assert len(asked) >= 9
    assert scans == []
    ledger.close()
