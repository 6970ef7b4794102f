"""What may have been sent and was not recorded, and what is recorded of a path that is gone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.builders import open_ledger, seen, version_in
from tui.engine.finding.changes import is_as_seen
from tui.engine.model.files import FileState
from tui.engine.model.versions import Delivery, FileVersion
from tui.engine.recording.ledger import Ledger


def upload(ledger: Ledger, name: str) -> None:
    """Bring a path to rest as uploaded."""
    ledger.files.record_waiting([seen(name)])
    waiting, = ledger.files.next_in_line(0, 10)
    ledger.versions.record([Delivery(version_in(ledger, name, 1), 1.0, 2.0, 1, b"\x01", ())])
    ledger.files.record_uploaded([(waiting, 40, 5)])


def must_send(ledger: Ledger) -> list[bool]:
    ledger.files.record_waiting([seen("a", mtime_ns=7)])
    found = [file.must_send for file in ledger.files.next_in_line(0, 10)]
    ledger.close()
    return found


def test_a_file_in_line_when_the_program_was_killed_goes_even_if_it_changed_back(
        tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    upload(ledger, "a")
    ledger.files.record_settling([seen("a", mtime_ns=6)])
    ledger.database.commit()
    shutil.copytree(tmp_path / "state", tmp_path / "killed")
    ledger.close()
    assert must_send(Ledger(tmp_path / "killed", "t", tmp_path / "upload", "all")) == [True]


@pytest.mark.parametrize("is_in_line", [True, False])
def test_after_a_clean_end_only_what_was_in_line_is_in_doubt(tmp_path: Path,
                                                             is_in_line: bool) -> None:
    ledger = open_ledger(tmp_path)
    upload(ledger, "a")
    record = ledger.files.record_waiting if is_in_line else ledger.files.record_settling
    record([seen("a", mtime_ns=6)])
    ledger.close()
    assert must_send(open_ledger(tmp_path)) == [is_in_line]


def begin_and_lose(ledger: Ledger) -> FileVersion:
    """Have a path modified and deleted while its only chunk is on its way."""
    ledger.files.record_settling([seen("a")])
    ledger.files.record_waiting([seen("a")])
    version = version_in(ledger, "a", 1)
    ledger.files.record_settling([seen("a", mtime_ns=6)])
    ledger.files.forget(["a"])
    return version


def test_a_version_of_a_path_that_goes_while_it_is_sent_is_recorded_for_that_path(
        tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    version = begin_and_lose(ledger)
    ledger.files.record_waiting([seen("another")])
    ledger.versions.record([Delivery(version, 1.0, 2.0, 1, b"\x01", ())])
    found = ledger.versions.records_of("a"), ledger.versions.records_of("another")
    ledger.close()
    assert [len(records) for records in found] == [1, 0]


def test_a_path_that_comes_back_as_it_was_is_news_if_it_was_never_uploaded(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.files.record_waiting([seen("a")])
    ledger.versions.begin([version_in(ledger, "a", 4)], 1.0)
    ledger.files.record_settling([seen("a", mtime_ns=6)])
    ledger.files.forget(["a"])
    known = ledger.files.known("a")
    ledger.close()
    assert known is not None
    assert known.state is FileState.GONE
    assert not is_as_seen(known, seen("a", mtime_ns=6))
