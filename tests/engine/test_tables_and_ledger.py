"""The ledger and the tables tell the same of a version."""

from __future__ import annotations

from pathlib import Path

from tests.engine.in_process import RunningEngine, settings_for
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.tables.rows import UploadedRow, iso_time, read_uploaded


def test_a_version_has_the_same_times_in_both(tmp_path: Path, upload_dir: Path) -> None:
    # By them a row that is read again is known to be in the ledger already.
    state_dir = tmp_path / "state"
    (upload_dir / "a").write_bytes(b"a" * 100_000)
    with RunningEngine(settings_for(upload_dir, state_dir)) as engine:
        engine.wait_uploaded(1)
        assert engine.quit() == 0
    ledger = Ledger(state_dir, "t", upload_dir, "all")
    record, = ledger.versions.records_of("a")
    ledger.close()
    row, = read_uploaded(state_dir / "uploaded_to_t.csv", "t")
    assert isinstance(row, UploadedRow)
    assert (row.started, row.completed) == (iso_time(record.started), iso_time(record.completed))
