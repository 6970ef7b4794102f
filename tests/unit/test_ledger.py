"""The ledger: exclusive, durable, and never believing what it cannot know."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import wait_until
from tui.engine.model import (
    Delivery,
    FileState,
    FileVersion,
    Observation,
    OffsetRange,
    VersionState,
)
from tui.engine.recording.ledger import Ledger, ledger_path
from tui.errors import AlreadyRunningError, LedgerError, StateDirectoryError


def open_ledger(tmp_path: Path, topic: str = "t") -> Ledger:
    return Ledger(tmp_path / "state", topic, tmp_path / "upload", "all")


def version_of(ledger: Ledger, rel_path: str, n_chunks: int = 4) -> FileVersion:
    file_id = ledger.files.file_id(rel_path)
    assert file_id is not None
    return FileVersion(ledger.versions.next_id(), file_id, rel_path, n_chunks * 10, 5, 5e-9, 1,
                       b"h" * 64, 10, n_chunks, 0, "all")


def seen(rel_path: str, n_bytes: int = 40, mtime_ns: int = 5) -> Observation:
    return Observation(rel_path, n_bytes, mtime_ns, (1 << 64) - 1)


def test_a_file_goes_from_settling_to_uploaded_and_is_remembered(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.files.record_settling([seen("d/a")])
    ledger.files.record_waiting([seen("d/a")])
    waiting, = ledger.files.next_in_line(0, 10)
    version = version_of(ledger, "d/a")
    ledger.versions.begin([version], 100.0)
    ledger.versions.record([Delivery(version, 100.0, 101.0, 4, b"\x0f", (OffsetRange(0, 7, 10),))])
    ledger.files.set_at_rest([(waiting, 40, 5)])
    ledger.close()
    again = open_ledger(tmp_path)
    known = again.files.known("d/a")
    assert known is not None
    assert (known.state, known.rest_n_bytes, known.rest_mtime_ns) == (FileState.UPLOADED, 40, 5)
    record, = again.versions.records_of("d/a")
    assert (record.state, record.n_chunks_delivered, record.offsets) == (
        VersionState.COMPLETE, 4, (OffsetRange(0, 7, 10),))
    again.files.refresh_counts()
    counts, n_bytes = again.files.counts()
    assert (counts.uploaded, counts.waiting, n_bytes) == (1, 0, 0)
    again.close()


def test_what_was_committed_before_a_crash_is_there_and_nothing_else(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.files.record_waiting([seen("a")])
    version = version_of(ledger, "a")
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


def test_a_state_directory_serves_one_upload_directory(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    with pytest.raises(StateDirectoryError, match="belongs to the uploads of"):
        Ledger(tmp_path / "state", "t", tmp_path / "other", "all")


def damaged_copies(path: Path) -> list[bytes]:
    whole = path.read_bytes()
    zeroed = bytearray(whole)
    zeroed[4096:8192] = bytes(4096)
    return [b"garbage" * 1000, whole[:len(whole) // 2], whole[:100], bytes(zeroed)]


@pytest.mark.parametrize("number", range(4))
def test_a_damaged_ledger_is_set_aside_and_a_new_one_begun(tmp_path: Path, number: int) -> None:
    ledger = open_ledger(tmp_path)
    ledger.files.record_waiting([seen(f"f{i}") for i in range(500)])
    ledger.close()
    path = ledger_path(tmp_path / "state", "t")
    content = damaged_copies(path)[number]
    path.write_bytes(content)
    again = open_ledger(tmp_path)
    assert again.damage
    assert again.set_aside_as is not None
    assert again.set_aside_as.read_bytes() == content
    assert again.files.n_waiting() == 0
    again.close()


def test_a_missing_write_ahead_log_is_damage(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.files.record_waiting([seen("a")])
    ledger.database.commit()
    path = ledger_path(tmp_path / "state", "t")
    main_file = path.read_bytes()
    ledger.close()
    path.write_bytes(main_file)  # as it was while the log held the rest
    again = open_ledger(tmp_path)
    assert "write-ahead log is missing" in again.damage
    again.close()


def test_a_log_cut_anywhere_in_its_tail_loses_only_the_end(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    for number in range(20):
        ledger.files.record_waiting([seen(f"f{number}")])
        ledger.database.commit()
    path = ledger_path(tmp_path / "state", "t")
    main_file, log = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    ledger.close()
    found = []
    for end in range(len(log), len(log) - 20_000, -997):
        folder = tmp_path / f"cut{end}"
        (folder / "state").mkdir(parents=True)
        copy = ledger_path(folder / "state", "t")
        copy.write_bytes(main_file)
        Path(f"{copy}-wal").write_bytes(log[:end])
        cut = Ledger(folder / "state", "t", tmp_path / "upload", "all")
        found.append(cut.files.n_waiting())
        assert [w.rel_path for w in cut.files.next_in_line(0, 99)] == [
            f"f{i}" for i in range(found[-1])]
        cut.close()
    assert found == sorted(found, reverse=True)
    assert found[0] == 20


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
    ledger.files.set_at_rest([(old, 40, 5)])
    known = ledger.files.known("a")
    assert known is not None
    assert (known.state, known.n_bytes, known.rest_n_bytes) == (FileState.WAITING, 99, 40)
    ledger.close()


def test_unchanged_and_gone_files_go_back_to_what_they_were(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.files.record_left_alone([seen("old")])
    ledger.files.record_settling([seen("old", 41), seen("new")])
    ledger.files.record_unchanged(["old"])
    ledger.files.forget(["new"])
    old = ledger.files.known("old")
    assert old is not None
    assert (old.state, old.n_bytes) == (FileState.LEFT_ALONE, 40)
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
    from tui.engine.paths import as_like

    for pattern, expected in (("a_b", ["a_b/x%"]), ("%", ["a_b/x%"]), ("*b/*", ["a_b/x%", "aXb/y"]),
                              ("z", ["Z"]), ("", ["a_b/x%", "aXb/y", "Z"])):
        n_total, rows = ledger.files.page((FileState.WAITING,), 0, 10, as_like(pattern))
        assert [r.rel_path for r in rows] == expected
        assert n_total == len(expected)
    ledger.close()


def test_a_ledger_of_another_format_is_not_touched(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    path = ledger_path(tmp_path / "state", "t")
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
    ledger.files.record_waiting([seen("done"), seen("open")])
    done, _ = ledger.files.next_in_line(0, 9)
    version = version_of(ledger, "done")
    ledger.versions.begin([version], 1.0)
    ledger.versions.record([Delivery(version, 1.0, 2.0, 4, b"\x0f", ())])
    ledger.files.set_at_rest([(done, 40, 5)])
    ledger.database.commit()
    kept = ledger.begin_anew("OLD", upload_existing=False)
    assert kept.exists()
    assert ledger.versions.records_of("done") == ()
    assert [w.rel_path for w in ledger.files.next_in_line(0, 9)] == ["open"]
    known = ledger.files.known("done")
    assert known is not None
    assert known.state is FileState.LEFT_ALONE
    ledger.close()
