"""The tables of uploaded files tell what the ledger tells, whatever ended the last run."""

from __future__ import annotations

from pathlib import Path

from tests.unit.test_ledger import seen, version_of
from tests.unit.test_logs import settings_in
from tui.engine.model import Delivery
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.tables import UploadedRow, read_uploaded
from tui.engine.tabulating import TabulatingThread, take_over_tables


def names_in_table(tmp_path: Path) -> list[str]:
    return [row.rel_filepath
            for row in read_uploaded(tmp_path / "LOGS" / "uploaded_to_t.csv", "t")
            if isinstance(row, UploadedRow)]


def test_what_was_recorded_just_before_a_crash_is_tabled_at_the_next_start(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    ledger = Ledger(settings.state_dir, "t", tmp_path, "all")
    for number, name in enumerate(("a", "d/b")):
        ledger.files.record_waiting([seen(name)])
        version = version_of(ledger, name, 1)
        ledger.versions.record([
            Delivery(version, 100.0 + number, 101.0 + number, 1, b"\x01", ())])
    ledger.close()
    for _ in range(2):
        ledger = Ledger(settings.state_dir, "t", tmp_path, "all")
        take_over_tables(ledger, settings)
        assert names_in_table(tmp_path) == ["a", "d/b"]
        # A clean end says how far the tables have come.
        TabulatingThread(ledger, settings, lambda name, error: None).finish(consolidate=True)
        ledger.close()
    assert names_in_table(tmp_path) == ["a", "d/b"]
