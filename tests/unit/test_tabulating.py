"""The tables of uploaded files tell what the ledger tells, whatever ended the last run."""

from __future__ import annotations

from pathlib import Path

from tests.unit.test_ledger import seen, version_of
from tests.unit.test_logs import settings_in
from tests.unit.test_tables import row_of
from tui.engine.model import Delivery
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.table_rows import UPLOADED_HEADER, UploadedRow, read_uploaded
from tui.engine.recording.tables import UploadedTables
from tui.engine.tabulating import Tables
from tui.engine.taking_over import take_over_tables


def record_uploaded(ledger: Ledger, name: str, when: float) -> None:
    ledger.files.record_waiting([seen(name)])
    version = version_of(ledger, name, 1)
    ledger.versions.record([Delivery(version, when, when + 1, 1, b"\x01", ())])


def names_in_table(tmp_path: Path) -> list[str]:
    return [row.rel_filepath
            for row in read_uploaded(tmp_path / "LOGS" / "uploaded_to_t.csv", "t")
            if isinstance(row, UploadedRow)]


def test_what_was_recorded_just_before_a_crash_is_tabled_at_the_next_start(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
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
    settings = settings_in(tmp_path)
    ledger = Ledger(settings.state_dir, "t", tmp_path, "all")
    record_uploaded(ledger, "tabled", 100.0)
    take_over_tables(ledger, settings)
    (tmp_path / "LOGS" / "uploaded_to_t.csv").rename(tmp_path / "LOGS" / "uploaded_to_t@1.csv")
    record_uploaded(ledger, "not tabled", 200.0)
    take_over_tables(ledger, settings)
    ledger.close()
    assert names_in_table(tmp_path) == ["tabled", "not tabled"]


def test_a_part_with_rows_that_cannot_be_read_is_not_written_over(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    ledger = Ledger(settings.state_dir, "t", tmp_path, "all")
    part = tmp_path / "LOGS" / "uploaded_to_t@1.csv"
    part.write_text(",".join(UPLOADED_HEADER) + "\ngarbage\n")
    take_over_tables(ledger, settings)
    tables = UploadedTables(tmp_path / "LOGS", "t")
    tables.add([row_of("new")])
    ledger.close()
    assert "garbage" in part.read_text()
