"""The tables of uploaded files tell what the ledger tells, whatever ended the last run."""

from __future__ import annotations

import dataclasses
import shutil
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.builders import row_of, seen, settings_for, version_in
from tui.engine.model.files import FileState
from tui.engine.model.versions import Delivery
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.tables.rows import (
    UPLOADED_HEADER,
    InProgressRow,
    UploadedRow,
    read_in_progress,
    read_uploaded,
)
from tui.engine.recording.tables.take_over import take_over_tables
from tui.engine.recording.tables.uploaded import UploadedTables
from tui.engine.recording.tables.writer import Tables, TableWriter


def record_uploaded(ledger: Ledger, name: str, when: float) -> None:
    ledger.files.record_waiting([seen(name)])
    version = version_in(ledger, name, 1)
    ledger.versions.record([Delivery(version, when, when + 1, 1, b"\x01", ())])


def names_in_table(tmp_path: Path) -> list[str]:
    return [row.rel_filepath
            for row in read_uploaded(tmp_path / "LOGS" / "uploaded_to_t.csv", "t")
            if isinstance(row, UploadedRow)]


class Periods(threading.Event):
    """Notes for how long a thread would wait, and lets something happen instead.

    Args:
        happenings: one for each period; after the last one the thread is stopped.
    """

    def __init__(self, happenings: Iterable[Callable[[], None]]) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._happenings = iter(happenings)

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.seconds.append(timeout)
        for happening in self._happenings:
            happening()
            return False
        return True


def test_both_tables_are_at_most_five_seconds_old(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    ledger = Ledger(settings.state_dir, "t", tmp_path, "all")
    uploaded, unfinished = (settings.state_dir / name for name in (
        "uploaded_to_t@1.csv", "upload_to_t_in_progress.csv"))
    found: list[tuple[list[str], list[str]]] = []

    def happen(name: str) -> None:
        if unfinished.exists():
            found.append((
                [row.rel_filepath for row in read_uploaded(uploaded, "t")
                 if isinstance(row, UploadedRow)] if uploaded.exists() else [],
                [row.rel_filepath for row in read_in_progress(unfinished, "t")
                 if isinstance(row, InProgressRow) and "waits" in row.filename]))
        record_uploaded(ledger, name, 100.0)
        ledger.files.record_waiting([seen(f"{name} waits")])

    thread = TableWriter(Tables(ledger, settings))
    thread.stopping = periods = Periods([lambda: happen("a"), lambda: happen("b"),
                                         lambda: happen("c")])
    thread.work()
    ledger.close()
    assert found == [([], []), (["a"], ["a waits"]), (["a", "b"], ["a waits", "b waits"])]
    # One period and the writing itself, for which a second is left.
    assert max(periods.seconds) <= 4.0


def test_what_was_recorded_just_before_a_crash_is_tabled_at_the_next_start(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    ledger = Ledger(settings.state_dir, "t", tmp_path, "all")
    for number, name in enumerate(("a", "d/b")):
        record_uploaded(ledger, name, 100.0 + number)
    ledger.close()
    for _ in range(2):
        ledger = Ledger(settings.state_dir, "t", tmp_path, "all")
        take_over_tables(ledger, settings)
        assert names_in_table(tmp_path) == ["a", "d/b"]
        # A clean end says how far the tables have come.
        Tables(ledger, settings).finish(consolidate=True)
        ledger.close()
    assert names_in_table(tmp_path) == ["a", "d/b"]


def test_parts_that_a_crash_left_behind_are_joined_and_not_written_over(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    ledger = Ledger(settings.state_dir, "t", tmp_path, "all")
    record_uploaded(ledger, "tabled", 100.0)
    take_over_tables(ledger, settings)
    (tmp_path / "LOGS" / "uploaded_to_t.csv").rename(tmp_path / "LOGS" / "uploaded_to_t@1.csv")
    record_uploaded(ledger, "not tabled", 200.0)
    take_over_tables(ledger, settings)
    ledger.close()
    assert names_in_table(tmp_path) == ["tabled", "not tabled"]


def test_a_part_with_rows_that_cannot_be_read_is_not_written_over(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    ledger = Ledger(settings.state_dir, "t", tmp_path, "all")
    part = tmp_path / "LOGS" / "uploaded_to_t@1.csv"
    part.write_text(",".join(UPLOADED_HEADER) + "\ngarbage\n")
    take_over_tables(ledger, settings)
    tables = UploadedTables(tmp_path / "LOGS", "t")
    tables.add([row_of("new")])
    ledger.close()
    assert "garbage" in part.read_text()


def rows_of(path: Path) -> list[InProgressRow]:
    return [row for row in read_in_progress(path, "t") if isinstance(row, InProgressRow)]


def test_a_crash_between_a_part_and_its_note_in_the_ledger_doubles_no_row(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    ledger = Ledger(settings.state_dir, "t", tmp_path, "all")
    for number in range(3):
        record_uploaded(ledger, f"f{number}", 100.0 + number)
    ledger.database.commit()
    Tables(ledger, settings).write()
    crashed = tmp_path / "crashed"
    shutil.copytree(settings.state_dir, crashed / "LOGS")  # the note is not committed
    ledger.close()
    again = Ledger(crashed / "LOGS", "t", tmp_path, "all")
    assert len(again.versions.unexported(9)) == 3
    take_over_tables(again, settings_for(crashed))
    again.close()
    assert names_in_table(crashed) == ["f0", "f1", "f2"]


def test_the_same_file_sent_twice_is_in_the_table_twice(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    ledger = Ledger(settings.state_dir, "t", tmp_path, "all")
    record_uploaded(ledger, "a", 100.0)
    record_uploaded(ledger, "a", 200.0)
    Tables(ledger, settings).finish(consolidate=True)
    ledger.close()
    assert names_in_table(tmp_path) == ["a", "a"]


def test_what_is_begun_held_failed_and_next_in_line_is_tabled(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    ledger = Ledger(settings.state_dir, "t", tmp_path, "all")
    ledger.files.record_waiting([seen(name) for name in ("begun", "held", "failed", "waiting")])
    _, held, failed, _ = ledger.files.next_in_line(0, 9)
    ledger.files.set_unsent(held, FileState.HELD, "why", 60.0)
    ledger.files.set_unsent(failed, FileState.FAILED, "why", None)
    version = version_in(ledger, "begun", 9)
    ledger.versions.begin([version], 1.0)
    ledger.versions.record([Delivery(version, 1.0, None, 3, b"\x07\x00", ())])
    Tables(ledger, settings).write()
    begun, *others = rows_of(tmp_path / "LOGS" / "upload_to_t_in_progress.csv")
    assert (begun.rel_filepath, begun.n_chunks, begun.n_chunks_delivered, begun.n_chunks_to_send,
            begun.chunks_delivered, begun.chunks_to_send) == ("begun", 9, 3, 6, "1-3", "4-9")
    assert [(r.rel_filepath, r.n_bytes, r.mtime_ns) for r in others] == [
        (name, 64, 5) for name in ("held", "failed", "waiting")]
    ledger.close()


def test_a_longer_queue_has_a_table_of_its_own_that_costs_little_time(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    ledger = Ledger(settings.state_dir, "t", tmp_path, "all")
    ledger.files.record_waiting([seen(f"f{i}") for i in range(2500)])
    clock = iter([100.0, 100.0, 102.0, 102.0,  # the first writing takes two seconds
                  110.0,  # too soon
                  141.9,  # still too soon
                  142.0, 142.0, 142.1, 142.1])
    tables = Tables(ledger, settings, clock=lambda: next(clock))
    first = tmp_path / "LOGS" / "upload_to_t_in_progress.csv"
    rest = tmp_path / "LOGS" / "upload_to_t_in_progress@waiting.csv"
    tables.write()
    assert [r.rel_filepath for r in rows_of(first)] == [f"f{i}" for i in range(1000)]
    assert [r.rel_filepath for r in rows_of(rest)] == [f"f{i}" for i in range(1000, 2500)]
    ledger.files.record_waiting([seen("late")])
    for _ in range(2):
        tables.write()
        assert len(rows_of(rest)) == 1500
    tables.write()
    assert len(rows_of(rest)) == 1501
    for file in ledger.files.next_in_line(0, 9999)[900:]:
        ledger.files.record_uploaded([(file, 64, 5)])
    tables.write()
    assert not rest.exists()
    assert len(rows_of(first)) == 900
    ledger.close()


def test_rows_that_a_person_adds_are_taken_in_once(tmp_path: Path,
                                                   caplog: pytest.LogCaptureFixture) -> None:
    settings = settings_for(tmp_path)
    ledger = Ledger(settings.state_dir, "t", tmp_path, "all")
    record_uploaded(ledger, "mine", 100.0)
    Tables(ledger, settings).finish(consolidate=True)
    table = tmp_path / "LOGS" / "uploaded_to_t.csv"
    with table.open("a") as file:
        for row in (row_of("theirs"), row_of("of another", topic="other")):
            file.write(",".join(map(str, dataclasses.astuple(row))) + "\n")
    for _ in range(2):
        take_over_tables(ledger, settings)
        take_over_tables(ledger, dataclasses.replace(settings))
        known = ledger.files.known("theirs")
        assert known is not None
        assert (known.state, known.n_bytes) == (FileState.UPLOADED, 40_000)
        assert len(ledger.versions.records_of("theirs")) == 1
        assert ledger.files.known("of another") is None
        table.touch()  # read again, it changes nothing
    assert f"{table}, line 4: the row cannot be used (it is of another topic" in caplog.text
    assert "of another" in table.read_text()
    ledger.close()


def test_an_own_table_is_not_read_at_every_start(monkeypatch: pytest.MonkeyPatch,
                                                 tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    ledger = Ledger(settings.state_dir, "t", tmp_path, "all")
    record_uploaded(ledger, "a", 100.0)
    Tables(ledger, settings).finish(consolidate=True)
    ledger.close()
    read: list[Path] = []

    def note(path: Path, topic: str) -> list[UploadedRow]:
        read.append(path)
        return []

    monkeypatch.setattr("tui.engine.recording.tables.take_over.read_uploaded", note)
    ledger = Ledger(settings.state_dir, "t", tmp_path, "all")
    take_over_tables(ledger, settings)
    ledger.close()
    assert read == []


def test_trouble_with_the_tables_is_said_once_and_mended_later(
        tmp_path: Path, caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_for(tmp_path)
    ledger = Ledger(settings.state_dir, "t", tmp_path, "all")
    record_uploaded(ledger, "a", 100.0)
    tables = Tables(ledger, settings)
    monkeypatch.setattr("secrets.token_hex", lambda n_bytes: "random")
    blocker = tmp_path / "LOGS" / ".uploaded_to_t@1.csv.random.new"
    blocker.mkdir()
    tables.write()
    tables.write()
    assert caplog.text.count("the tables cannot be written") == 1
    blocker.rmdir()
    tables.write()
    tables.finish(consolidate=True)
    ledger.close()
    assert names_in_table(tmp_path) == ["a"]
