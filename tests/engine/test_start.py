"""What is there at start, and what happened while the program was down."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from tests.engine.finder import RunningFinder, left_from_before
from tui.engine.finding.finder import Finder
from tui.engine.system.file_clock import FileClock

HOUR_NS = 3_600_000_000_000
NOW_NS = time.time_ns()


def put_with_time(path: Path, mtime_ns: int) -> None:
    path.write_bytes(b"x")
    try:
        os.utime(path, ns=(mtime_ns, mtime_ns))
    except OSError as error:
        pytest.skip(f"this file system cannot hold such a time: {error}")


def test_what_is_there_is_not_taken_and_counted_once(upload_dir: Path) -> None:
    for i in range(12):
        (upload_dir / f"f{i}").write_bytes(b"x")
    with RunningFinder(upload_dir) as finder:
        finder.wait_log("^12 files were here already and are not taken; "
                        "the command take uploads them$")
        finder.scan()
        assert len([x for x in finder.log if "not taken" in x]) == 1
    (upload_dir / "later").write_bytes(b"x")
    with RunningFinder(upload_dir) as finder:
        finder.wait_log("^13 files were here already and are not taken, 1 of them new since the "
                        "last run; the command take uploads them$")
        assert set(finder.states().values()) == {"not_taken"}


@pytest.mark.parametrize("mtime_ns", [
    NOW_NS + HOUR_NS, 0, -HOUR_NS, 2 ** 62 * 3 // 2, 2 ** 63 + 5],
    ids=["future", "epoch", "before", "far", "beyond"])
def test_s31_an_odd_mtime_makes_no_file_new(upload_dir: Path, mtime_ns: int) -> None:
    put_with_time(upload_dir / "a", mtime_ns)
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        finder.scan()
        assert finder.states() == {"a": "not_taken"}
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        finder.wait_settled()
        assert finder.states() == {"a": "not_taken"}


@pytest.mark.parametrize("mtime_ns", [NOW_NS + HOUR_NS, 0, -HOUR_NS, 2 ** 63 + 5],
                         ids=["future", "epoch", "before", "beyond"])
def test_s31_a_new_file_with_an_odd_mtime_is_sent(upload_dir: Path, mtime_ns: int) -> None:
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        put_with_time(upload_dir / "a", mtime_ns)
        finder.wait_queued("a")


@pytest.mark.parametrize("how", ["created", "modified", "copied with its time", "moved in"])
def test_what_changed_between_start_and_the_first_look_is_sent(upload_dir: Path, tmp_path: Path,
                                                               how: str) -> None:
    old = tmp_path / "old"
    old.write_bytes(b"old")
    os.utime(old, ns=(0, 0))
    if how == "modified":
        (upload_dir / "a").write_bytes(b"x")
    (upload_dir / "there").write_bytes(b"x")
    finder = RunningFinder(upload_dir)  # the start
    if how in ("created", "modified"):
        (upload_dir / "a").write_bytes(b"changed")
    elif how == "moved in":
        old.rename(upload_dir / "a")
    else:
        (upload_dir / "a").write_bytes(b"old")
        os.utime(upload_dir / "a", ns=(0, 0))
    with finder:
        finder.wait_queued("a")
        assert finder.states() == {"a": "waiting", "there": "not_taken"}


def test_a_not_taken_file_that_changes_is_sent_also_when_it_changed_in_downtime(
        upload_dir: Path) -> None:
    for name in ("now", "down", "same size", "only time", "never"):
        (upload_dir / name).write_bytes(b"old")
    left_from_before(upload_dir)
    (upload_dir / "down").write_bytes(b"longer now")
    (upload_dir / "same size").write_bytes(b"new")
    os.utime(upload_dir / "only time", ns=(1, 1))
    with RunningFinder(upload_dir) as finder:
        finder.wait_queued("down", "same size", "only time")
        (upload_dir / "now").write_bytes(b"new")
        finder.wait_queued("down", "same size", "only time", "now")


def test_an_uploaded_file_that_changed_in_downtime_is_sent(upload_dir: Path) -> None:
    names = ("same", "grown", "emptied", "replaced", "gone", "time")
    for name in names:
        (upload_dir / name).write_bytes(b"old")
    with RunningFinder(upload_dir, upload_existing=True) as finder:
        finder.wait_queued(*names)
        finder.upload(*names)
    before = (upload_dir / "replaced").stat()
    (upload_dir / "other").write_bytes(b"new")
    os.utime(upload_dir / "other", ns=(before.st_atime_ns, before.st_mtime_ns))
    (upload_dir / "other").rename(upload_dir / "replaced")  # same size, same time, another file
    (upload_dir / "grown").write_bytes(b"old and more")
    (upload_dir / "emptied").write_bytes(b"")
    (upload_dir / "gone").unlink()
    os.utime(upload_dir / "time", ns=(1, 1))
    with RunningFinder(upload_dir) as finder:
        finder.wait_queued("grown", "emptied", "replaced", "time")
        assert finder.states()["same"] == finder.states()["gone"] == "uploaded"


def test_with_upload_existing_what_is_there_is_sent_but_not_what_was_uploaded(
        upload_dir: Path) -> None:
    (upload_dir / "left").write_bytes(b"x")
    left_from_before(upload_dir)
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        (upload_dir / "sent").write_bytes(b"x")
        finder.wait_queued("sent")
        finder.upload("sent")
    (upload_dir / "arrived").write_bytes(b"x")
    with RunningFinder(upload_dir, upload_existing=True) as finder:
        finder.wait_queued("left", "arrived")
        assert finder.states()["sent"] == "uploaded"


def test_what_is_not_finished_stays_in_line(upload_dir: Path) -> None:
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        (upload_dir / "a").write_bytes(b"x")
        finder.wait_queued("a")
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        assert finder.states() == {"a": "waiting"}


def test_a_stop_forgets_nothing_not_even_what_no_event_has_told_of_yet(upload_dir: Path) -> None:
    with RunningFinder(upload_dir, lag_seconds=60) as finder:
        finder.wait_scanned()
        (upload_dir / "settling").write_bytes(b"x")
        finder.wait(lambda: finder.states() == {"settling": "settling"}, "it settles")
        (upload_dir / "just now").write_bytes(b"x")
    with RunningFinder(upload_dir) as finder:
        finder.wait_queued("settling", "just now")


def test_a_file_that_settled_at_a_stop_and_is_gone_is_forgotten(upload_dir: Path) -> None:
    with RunningFinder(upload_dir, lag_seconds=60) as finder:
        finder.wait_scanned()
        (upload_dir / "a").write_bytes(b"x")
        finder.wait(lambda: finder.states() == {"a": "settling"}, "it settles")
    (upload_dir / "a").unlink()
    with RunningFinder(upload_dir) as finder:
        finder.wait_settled()
        assert finder.states() == {}


def clock_of(upload_dir: Path) -> FileClock:
    return FileClock(upload_dir / "LOGS", upload_dir)


def test_files_newer_than_the_tables_of_a_lost_ledger_are_new(upload_dir: Path) -> None:
    (upload_dir / "old").write_bytes(b"x")
    finder = RunningFinder(upload_dir)
    since = clock_of(upload_dir).now_ns()
    finder.stop()
    (upload_dir / "new").write_bytes(b"x")
    for path in (upload_dir / "LOGS").iterdir():
        path.unlink()
    finder = RunningFinder(upload_dir)
    finder.finder = Finder(
        finder.settings, finder.ledger.files, finder, new_since_ns=since)
    with finder:
        finder.wait_queued("new")
        assert finder.states()["old"] == "not_taken"


@pytest.mark.parametrize("has_one_clock", [True, False])
def test_what_rested_long_before_the_start_goes_without_waiting_for_the_lag(
        upload_dir: Path, has_one_clock: bool) -> None:
    """Ten seconds longer than the lag by one clock; by two it may have been written just now."""
    (upload_dir / "old").write_bytes(b"x")

    class Clock(FileClock):
        def can_be_read(self) -> bool:
            return has_one_clock

        def now_ns(self) -> int:
            return time.time_ns() + 620 * 10**9

    with RunningFinder(upload_dir, clock=Clock(upload_dir, upload_dir), lag_seconds=600.0,
                       upload_existing=True) as finder:
        expected = "waiting" if has_one_clock else "settling"
        finder.wait(lambda: finder.states() == {"old": expected}, expected)


def test_the_clock_of_the_file_system_is_later_than_everything_there(upload_dir: Path) -> None:
    finder = RunningFinder(upload_dir)
    for i in range(20):
        path = upload_dir / f"f{i}"
        path.write_bytes(b"x")
        now = clock_of(upload_dir).now_ns()
        assert path.stat().st_ctime_ns < now
        later = upload_dir / f"g{i}"
        later.write_bytes(b"x")
        assert later.stat().st_ctime_ns >= now
    finder.stop()


def test_what_is_not_taken_is_named_by_why(upload_dir: Path) -> None:
    (upload_dir / "a").write_bytes(b"x")
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        status = finder.ledger.files.status("a")
        assert status is not None
        assert re.fullmatch("NOT_TAKEN", status.state.name)


def test_what_was_heard_of_before_the_scan_looked_is_not_not_taken(upload_dir: Path) -> None:
    (upload_dir / "a").write_bytes(b"x")
    finder = RunningFinder(upload_dir)
    observation = finder.finder.observe("a")
    assert observation is not None
    finder.ledger.files.record_settling([observation], is_new=True)
    finder.ledger.files.record_not_taken([observation])
    assert finder.states() == {"a": "settling"}
    with finder:
        finder.wait_queued("a")
