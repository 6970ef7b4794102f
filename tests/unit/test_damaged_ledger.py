"""A ledger that was damaged in any way is opened, kept, and never believed beyond what it holds."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import open_ledger, seen, settings_for, version_in
from tui.config.settings import Settings
from tui.config.state_files import StateFiles
from tui.engine.model.files import FileState
from tui.engine.model.versions import Delivery, PastVersion
from tui.engine.recording import wal
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.tables.take_over import new_since_ns, take_over_tables
from tui.engine.recording.tables.writer import Tables
from tui.engine.recording.version_rows import mtime_seconds

N_CHUNKS = 9000  # its bitmap fills a page of SQLite's


def crashed_state(tmp_path: Path) -> Path:
    """Return a state directory as a crash leaves it: 10 versions begun, some chunks delivered."""
    ledger = open_ledger(tmp_path)
    for number in range(10):
        ledger.files.record_waiting([seen(f"f{number}")])
        version = version_in(ledger, f"f{number}", N_CHUNKS)
        ledger.versions.begin([version], float(number))
        delivered = bytes([number + 1]) + bytes(N_CHUNKS // 8 - 1)
        ledger.versions.record([Delivery(
            version, float(number), None, (number + 1).bit_count(), delivered, ())])
        ledger.database.commit()
    copy = tmp_path / "crashed"
    shutil.copytree(tmp_path / "state", copy)
    ledger.close()
    return copy


def open_copy(crashed: Path, tmp_path: Path, spoil: Callable[[Path], None]) -> Ledger:
    """Return the ledger of a crashed run after something was done to its files."""
    shutil.rmtree(tmp_path / "state")
    shutil.copytree(crashed, tmp_path / "state")
    spoil(StateFiles(tmp_path / "state", "t").ledger)
    return open_ledger(tmp_path)


def believed(ledger: Ledger) -> dict[str, bytes]:
    """Return the chunks that a ledger holds as delivered, and close it."""
    found = {past.version.rel_path: past.delivered for past in ledger.versions.all_begun()}
    ledger.close()
    return found


def assert_nothing_is_invented(found: dict[str, bytes]) -> None:
    for rel_path, delivered in found.items():
        number = int(rel_path.removeprefix("f"))
        assert int.from_bytes(delivered, "little") & ~(number + 1) == 0


def test_a_log_cut_at_any_byte_of_its_tail_loses_only_the_end(tmp_path: Path) -> None:
    crashed = crashed_state(tmp_path)
    log = StateFiles(crashed, "t").ledger.with_name("upload_to_t.sqlite3-wal")
    # Behind that may stand what is left of an older life of the log.
    n_bytes = 32 + wal.committed_frames(log)[-1] * (4096 + 24)
    n_found = 10
    for n_cut in [*range(0, 40), *range(40, 200_000, 2003)]:
        ledger = open_copy(crashed, tmp_path, lambda path, n=n_cut: os.truncate(  # type: ignore[misc]
            f"{path}-wal", n_bytes - n))
        found = believed(ledger)
        assert_nothing_is_invented(found)
        assert list(found) == [f"f{i}" for i in range(len(found))]
        assert len(found) <= n_found
        n_found = len(found)
    assert 0 < n_found < 10


def test_a_main_file_cut_anywhere_is_damage_or_whole(tmp_path: Path) -> None:
    crashed_state(tmp_path)
    path = StateFiles(tmp_path / "state", "t").ledger
    whole = path.read_bytes()
    for end in range(0, len(whole), 1777):
        path.write_bytes(whole[:end])
        ledger = open_ledger(tmp_path)
        assert ledger.damage or end == 0  # an empty file without tables is a new ledger
        ledger.note_rebuilt()
        if ledger.set_aside_as is not None:
            assert ledger.set_aside_as.read_bytes() == whole[:end]
        assert believed(ledger) == {}


def test_a_page_zeroed_anywhere_is_noticed_or_does_no_harm(tmp_path: Path) -> None:
    crashed_state(tmp_path)
    path = StateFiles(tmp_path / "state", "t").ledger
    whole = path.read_bytes()
    for start in range(0, len(whole), 4096):
        path.write_bytes(whole[:start] + bytes(4096) + whole[start + 4096:])
        ledger = open_ledger(tmp_path)
        was_damaged = bool(ledger.damage)
        ledger.note_rebuilt()
        found = believed(ledger)
        assert_nothing_is_invented(found)
        assert was_damaged == (len(found) == 0)


SPOILT = {
    "a log without its ledger": lambda path: path.unlink(),
    "an emptied ledger with its log": lambda path: os.truncate(path, 0),
    "a missing log": lambda path: Path(f"{path}-wal").unlink(),
    "an emptied log": lambda path: os.truncate(f"{path}-wal", 0),
    "a log that is garbage": lambda path: Path(f"{path}-wal").write_bytes(os.urandom(50_000)),
    "a log with a spoilt beginning": lambda path: overwrite(Path(f"{path}-wal"), 0, 24),
    "a log spoilt in its middle": lambda path: overwrite(Path(f"{path}-wal"), 12_000, 30),
    "no database at all": lambda path: path.write_bytes(b"not a database" * 500),
}


def overwrite(path: Path, offset: int, n_bytes: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(os.urandom(n_bytes))


@pytest.mark.parametrize("how", SPOILT)
def test_what_is_spoilt_is_said_and_kept_under_a_dated_name(tmp_path: Path, how: str) -> None:
    ledger = open_copy(crashed_state(tmp_path), tmp_path, SPOILT[how])
    assert ledger.damage
    kept = ledger.set_aside_as
    assert kept is not None
    assert kept.exists()
    assert ".damaged-20" in kept.name
    ledger.note_rebuilt()
    assert believed(ledger) == {}
    again = open_ledger(tmp_path)
    assert not again.damage
    again.close()


def test_a_rebuilding_that_was_interrupted_is_done_again(tmp_path: Path) -> None:
    lost = LostLedger(tmp_path)
    lost.write("a", 64)

    def fill(ledger: Ledger) -> None:
        ledger.files.record_waiting([seen("a")])
        begin(ledger, "a", b"1", 0b0101, 5.0)

    ledger = lost.lose(fill)
    ledger.database.set_meta("rebuilding", "1")  # as it stood before the end of it
    ledger.database.query("DELETE FROM versions")
    ledger.close()
    again = Ledger(lost.settings.state_dir, "t", lost.upload_dir, "all")
    assert "interrupted" in again.damage
    take_over_tables(again, lost.settings)
    assert len(history(again, "a")) == 1
    again.close()
    last = Ledger(lost.settings.state_dir, "t", lost.upload_dir, "all")
    assert not last.damage
    last.close()


def test_a_second_damage_in_the_same_second_takes_no_name_away(tmp_path: Path) -> None:
    for content in (b"first" * 99, b"second" * 99, b"third" * 99):
        StateFiles(tmp_path / "state", "t").ledger.parent.mkdir(exist_ok=True)
        StateFiles(tmp_path / "state", "t").ledger.write_bytes(content)
        ledger = open_ledger(tmp_path)
        ledger.note_rebuilt()
        ledger.close()
    kept = sorted(p.read_bytes() for p in (tmp_path / "state").glob("*.damaged-*"))
    assert kept == [b"first" * 99, b"second" * 99, b"third" * 99]


def test_a_crash_at_any_moment_of_the_start_is_no_damage(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    ledger = open_ledger(tmp_path)  # and at once a crash
    copy = tmp_path / "crashed"
    shutil.copytree(tmp_path / "state", copy / "state")
    ledger.close()
    assert wal.is_sound(copy / "state" / "upload_to_t.sqlite3-wal")
    after = Ledger(copy / "state", "t", tmp_path / "upload", "all")
    assert not after.damage
    after.close()


@given(st.integers(-2 * 10**18, 4 * 10**18))
@settings(deadline=None, max_examples=300)
def test_times_of_modification_are_those_of_stat_to_the_last_bit(
        tmp_path_factory: pytest.TempPathFactory, mtime_ns: int) -> None:
    path = tmp_path_factory.getbasetemp() / "touched"
    path.touch()
    try:
        os.utime(path, ns=(mtime_ns, mtime_ns))
    except OSError:
        return  # this file system knows no such time
    status = path.stat()
    assert mtime_seconds(status.st_mtime_ns) == status.st_mtime


class LostLedger:
    """A directory whose ledger is damaged after its tables were written."""

    def __init__(self, tmp_path: Path) -> None:
        self.settings: Settings = dataclasses.replace(
            settings_for(tmp_path / "upload"), state_dir=tmp_path / "state")
        self.tmp_path = tmp_path
        self.upload_dir = self.settings.upload_dir
        self.upload_dir.mkdir(exist_ok=True)

    def write(self, rel_path: str, n_bytes: int) -> None:
        (self.upload_dir / rel_path).write_bytes(bytes(n_bytes))

    def lose(self, fill: Callable[[Ledger], None]) -> Ledger:
        """Fill a ledger, write its tables, and open what is there after its damage."""
        ledger = Ledger(self.settings.state_dir, "t", self.upload_dir, "all")
        fill(ledger)
        ledger.database.commit()
        Tables(ledger, self.settings).finish(consolidate=False)
        ledger.close()
        path = StateFiles(self.settings.state_dir, "t").ledger
        path.write_bytes(b"damaged")
        again = Ledger(self.settings.state_dir, "t", self.upload_dir, "all")
        assert again.damage
        take_over_tables(again, self.settings)
        return again


def begin(ledger: Ledger, rel_path: str, sha: bytes, delivered: int, started: float) -> None:
    version = version_in(ledger, rel_path)._replace(sha512=sha * 64)
    ledger.versions.begin([version], started)
    ledger.versions.record([Delivery(
        version, started, None, delivered.bit_count(), bytes([delivered]), ())])


def complete(ledger: Ledger, rel_path: str, sha: bytes, started: float) -> None:
    version = version_in(ledger, rel_path)._replace(sha512=sha * 64)
    ledger.versions.begin([version], started)
    ledger.versions.record([Delivery(version, started, started + 1, 4, b"\x0f", ())])


def history(ledger: Ledger, rel_path: str) -> list[PastVersion]:
    file_id = ledger.files.file_id(rel_path)
    assert file_id is not None
    return ledger.versions.of_file(file_id, rel_path)


def test_begun_versions_of_a_lost_ledger_go_on_and_count_as_sent_twice(tmp_path: Path) -> None:
    lost = LostLedger(tmp_path)
    lost.write("a", 64)

    def fill(ledger: Ledger) -> None:
        ledger.files.record_waiting([seen("a")])
        begin(ledger, "a", b"1", 0b0101, 5.0)

    ledger = lost.lose(fill)
    past, = history(ledger, "a")
    assert (past.delivered, past.n_delivered) == (b"\x05", 2)
    assert past.version.sent_twice
    assert (past.version.n_chunks, past.version.chunk_size) == (4, 16)
    known = ledger.files.known("a")
    assert known is not None
    assert known.state is FileState.SETTLING
    ledger.close()


def test_what_was_begun_comes_after_what_was_finished_of_the_same_path(tmp_path: Path) -> None:
    lost = LostLedger(tmp_path)
    lost.write("a", 64)

    def fill(ledger: Ledger) -> None:
        ledger.files.record_waiting([seen("a")])
        complete(ledger, "a", b"1", 5.0)
        begin(ledger, "a", b"2", 0b0010, 9.0)

    ledger = lost.lose(fill)
    assert [p.version.sha512[:1] for p in history(ledger, "a")] == [b"2", b"1"]
    # Its first chunk is missing: it may have been a recovery, and then it goes twice.
    assert [p.version.is_recovery for p in history(ledger, "a")] == [True, False]
    ledger.close()


def test_uploaded_files_of_a_lost_ledger_are_not_sent_again(tmp_path: Path) -> None:
    lost = LostLedger(tmp_path)

    def fill(ledger: Ledger) -> None:
        ledger.files.record_waiting([seen("a")])
        for number in range(3):  # the same file sent thrice
            complete(ledger, "a", b"1", 5.0 + number)

    ledger = lost.lose(fill)
    known = ledger.files.known("a")
    assert known is not None
    assert (known.state, known.n_bytes, known.mtime_ns) == (FileState.UPLOADED, 64, 5)
    assert len(history(ledger, "a")) == 3
    ledger.close()


def test_what_the_tables_cannot_tell_of_is_new(tmp_path: Path) -> None:
    lost = LostLedger(tmp_path)
    ledger = lost.lose(lambda ledger: None)
    table = lost.settings.state_dir / "upload_to_t_in_progress.csv"
    os.utime(table, (10_000, 10_000))
    # What settled as the table was written had changed up to five minutes before.
    assert new_since_ns(lost.settings) == (10_000 - 310) * 10**9
    table.unlink()
    assert new_since_ns(lost.settings) == 0
    ledger.close()


def test_a_ledger_that_was_removed_beside_its_tables_is_damage(tmp_path: Path) -> None:
    lost = LostLedger(tmp_path)
    lost.lose(lambda ledger: None).close()
    StateFiles(lost.settings.state_dir, "t").ledger.unlink()
    ledger = Ledger(lost.settings.state_dir, "t", lost.upload_dir, "all")
    assert "missing or empty, although its tables are there" in ledger.damage
    assert ledger.set_aside_as is None
    ledger.close()


def test_bad_rows_of_unfinished_files_are_said_and_kept(
        tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lost = LostLedger(tmp_path)
    lost.lose(lambda ledger: None).close()
    table = lost.settings.state_dir / "upload_to_t_in_progress.csv"
    with table.open("a") as file:
        file.write("t,half a row\r\n")
    StateFiles(lost.settings.state_dir, "t").ledger.write_bytes(b"damaged again")
    ledger = Ledger(lost.settings.state_dir, "t", lost.upload_dir, "all")
    take_over_tables(ledger, lost.settings)
    ledger.close()
    assert f"{table}, line 2: the row cannot be used" in caplog.text
    kept, = lost.settings.state_dir.glob("*in_progress.csv.not-read-*")
    assert "half a row" in kept.read_text()


def test_an_older_row_that_a_person_adds_is_not_taken_for_the_newest(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.files.record_waiting([seen("a")])
    complete(ledger, "a", b"2", 100.0)
    assert ledger.versions.add_uploaded("a", 64, 4, b"1" * 64, 16, 4, 0, 50.0, 51.0)
    assert not ledger.versions.add_uploaded("a", 64, 4, b"1" * 64, 16, 4, 0, 50.0, 51.0)
    assert [p.version.sha512[:1] for p in history(ledger, "a")] == [b"2", b"1"]
    ledger.close()
