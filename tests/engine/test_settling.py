"""When a file is queued: once it has rested, and again when it changes."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from tests.builders import LAG_SECONDS
from tests.engine.finder import RunningFinder
from tests.waiting import wait_until
from tui.engine.finding import settling as settling_module
from tui.engine.finding.lag import LONGEST_SECONDS, Lags
from tui.engine.model.files import EventKind, Observation


class Writer(threading.Thread):
    """Appends to a file more often than it could come to rest, until it is told to end."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._end = threading.Event()
        self.n_written = 0

    def run(self) -> None:
        while not self._end.wait(LAG_SECONDS / 8):
            with self._path.open("ab") as file:
                file.write(b"x")
            self.n_written += 1

    def end(self) -> None:
        self._end.set()
        self.join()


def test_s19_an_empty_file_is_sent_and_again_when_it_is_filled_and_emptied(
        upload_dir: Path) -> None:
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        path = upload_dir / "a"
        for content in (b"", b"filled", b""):
            path.write_bytes(content)
            finder.wait_queued("a")
            assert finder.ledger.files.next_in_line(0, 9)[-1].n_bytes == len(content)
            finder.upload("a")


def test_s20_a_file_that_is_appended_to_is_queued_once_when_it_rests(
        upload_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling_module, "_SAY_CHANGING_SECONDS", 0.5)
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        writer = Writer(upload_dir / "a")
        writer.start()
        finder.wait_log(
            r"^a is still changing since \d\d:\d\d; it is uploaded once it stops changing$")
        finder.wait(lambda: (s := finder.finder.settling_status("a")) is not None
                    and s.changing_since is not None, "it is shown as still changing")
        assert finder.queued() == set()
        writer.end()
        finder.wait_queued("a")
        (file,) = finder.ledger.files.next_in_line(0, 9)
        assert file.n_bytes == writer.n_written
        assert file.position == 1


def test_s20_max_settle_seconds_sends_it_although_it_changes(upload_dir: Path) -> None:
    with RunningFinder(upload_dir, max_settle_seconds=1.0) as finder:
        finder.wait_scanned()
        writer = Writer(upload_dir / "a")
        writer.start()
        finder.wait_queued("a")
        (file,) = finder.ledger.files.next_in_line(0, 9)
        assert file.may_change
        writer.end()


def test_each_modification_starts_the_lag_anew(upload_dir: Path) -> None:
    with RunningFinder(upload_dir, lag_seconds=30.0) as finder:
        finder.wait_scanned()
        path = upload_dir / "a"
        path.write_bytes(b"x")
        finder.wait(lambda: finder.finder.settling_status("a"), "it settles")

        def seconds_left() -> float:
            status = finder.finder.settling_status("a")
            assert status is not None
            return status.settles_in_seconds or 0.0

        finder.wait(lambda: seconds_left() < 29.0, "a second has passed")
        finder.finder.settling.note("a", EventKind.FOUND)
        before = seconds_left()
        finder.wait(lambda: seconds_left() < before, "a scan that sees it once more does nothing")
        path.write_bytes(b"xy")
        finder.wait(lambda: seconds_left() > 29.0, "a modification does")


def test_s31_a_wall_clock_that_jumps_does_not_disturb_the_lag(
        upload_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RunningFinder(upload_dir, lag_seconds=1.0) as finder:
        finder.wait_scanned()
        (upload_dir / "a").write_bytes(b"x")
        finder.wait(lambda: finder.finder.settling_status("a"), "it settles")
        began = time.monotonic()
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() - 3600)
        (upload_dir / "b").write_bytes(b"x")
        finder.wait(lambda: finder.finder.settling_status("b"), "it settles")
        monkeypatch.setattr(time, "time", lambda: real() + 86400)
        finder.wait_queued("a", "b")
        assert time.monotonic() - began > 0.5


def test_s23_created_and_deleted_within_the_lag_sends_nothing(upload_dir: Path) -> None:
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        for i in range(50):
            (upload_dir / f"f{i}").write_bytes(b"x")
            (upload_dir / f"f{i}").unlink()
        (upload_dir / "a").write_bytes(b"x")
        finder.wait_queued("a")
        finder.wait_settled()
        assert finder.states() == {"a": "waiting"}


def test_s23_an_editor_that_writes_a_new_file_and_renames_it_over_sends_the_new_content(
        upload_dir: Path) -> None:
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        (upload_dir / "a").write_bytes(b"old")
        finder.wait_queued("a")
        finder.upload("a")
        (upload_dir / ".a.swp").write_bytes(b"swap")
        (upload_dir / "a~tmp").write_bytes(b"new!")
        (upload_dir / "a").rename(upload_dir / ".a.bak")
        (upload_dir / "a~tmp").rename(upload_dir / "a")
        (upload_dir / ".a.swp").unlink()
        finder.wait_queued("a")
        finder.wait_settled()
        assert finder.states() == {"a": "waiting"}
        assert finder.ledger.files.next_in_line(0, 9)[0].n_bytes == 4


@pytest.mark.parametrize("how", ["replaced", "rewritten in place"])
def test_s22_a_new_content_of_the_same_size_and_time_is_read(upload_dir: Path, how: str) -> None:
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        path = upload_dir / "a"
        path.write_bytes(b"old")
        finder.wait_queued("a")
        finder.upload("a")
        times = path.stat()
        target = upload_dir / ".other" if how == "replaced" else path
        with target.open("r+b" if target.exists() else "wb") as file:
            file.write(b"new")
        os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))
        target.rename(path)
        finder.wait_queued("a")


def test_a_move_inside_sends_the_file_under_its_new_path(upload_dir: Path) -> None:
    (upload_dir / "old").write_bytes(b"x")
    (upload_dir / "d").mkdir()
    (upload_dir / "d" / "f").write_bytes(b"x")
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        (upload_dir / "old").rename(upload_dir / "new")
        finder.wait_queued("new")
        (upload_dir / "d").rename(upload_dir / "e")
        finder.wait_queued("new", "e/f")


def test_s23_a_not_taken_file_that_was_moved_out_and_in_again_is_a_new_one(
        upload_dir: Path, tmp_path: Path) -> None:
    (upload_dir / "a").write_bytes(b"x")
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        (upload_dir / "a").rename(tmp_path / "a")
        (tmp_path / "a").rename(upload_dir / "a")
        finder.wait_queued("a")


def test_a_deletion_sends_nothing_and_what_was_uploaded_stays_known(upload_dir: Path) -> None:
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        (upload_dir / "a").write_bytes(b"x")
        finder.wait_queued("a")
        finder.upload("a")
        (upload_dir / "a").unlink()
        (upload_dir / "b").write_bytes(b"x")
        finder.wait_queued("b")
        finder.scan()
        assert finder.states() == {"a": "uploaded", "b": "waiting"}


def test_s24_a_directory_that_is_moved_in_is_found_whole_and_what_is_added_later(
        upload_dir: Path, tmp_path: Path) -> None:
    source = tmp_path / "run"
    for i in range(500):
        path = source / f"d{i % 7}" / f"f{i}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        os.utime(path, ns=(0, 0))
    names = {f"run/d{i % 7}/f{i}" for i in range(500)}
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        source.rename(upload_dir / "run")
        finder.wait(lambda: finder.queued() == names, "all are in line")
        (upload_dir / "run" / "d3" / "later").write_bytes(b"x")
        finder.wait(lambda: finder.queued() == names | {"run/d3/later"}, "the later one, too")


def test_s24_a_directory_that_is_copied_in_from_another_file_system_is_found_whole(
        upload_dir: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == upload_dir.stat().st_dev:
        pytest.skip("there is no other file system at /dev/shm")
    source = other / f"run-{os.getpid()}"
    try:
        for i in range(500):
            path = source / f"d{i % 7}" / f"f{i}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
        with RunningFinder(upload_dir) as finder:
            finder.wait_scanned()
            shutil.move(source, upload_dir / "run")
            finder.wait(lambda: len(finder.queued()) == 500, "all are in line")
    finally:
        shutil.rmtree(source, ignore_errors=True)


def test_s25_nested_directories_filled_in_a_burst_are_found_without_a_periodic_scan(
        upload_dir: Path) -> None:
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        for i in range(5000):
            path = upload_dir / f"a{i % 10}" / f"b{i % 100}" / f"c{i % 1000}" / f"f{i}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
        finder.wait(lambda: len(finder.queued()) == 5000, "all are in line")


def test_the_polling_observer_finds_the_same(upload_dir: Path, tmp_path: Path) -> None:
    (upload_dir / "old").write_bytes(b"x")
    with RunningFinder(upload_dir, use_polling_observer=True) as finder:
        finder.wait_scanned()
        assert finder.finder.freshness().observer == "polling"
        (upload_dir / "loop").symlink_to(".")
        (upload_dir / "loop2").symlink_to(".")
        (upload_dir / "new").write_bytes(b"x")
        finder.wait_queued("new")
        (upload_dir / "old").write_bytes(b"changed")
        (upload_dir / "d").mkdir()
        (upload_dir / "d" / "f").write_bytes(b"x")
        finder.wait_queued("new", "old", "d/f")


def test_what_settles_is_in_the_ledger_on_the_disk_at_once(upload_dir: Path) -> None:
    """Nothing commits here but settling itself: a kill right after would forget nothing."""
    with RunningFinder(upload_dir, lag_seconds=60) as finder:
        finder.wait_scanned()
        finder.ledger.database.commit()
        (upload_dir / "a").write_bytes(b"x")
        finder.wait(lambda: finder.states() == {"a": "settling"}, "it settles")
        wait_until(lambda: not finder.ledger.database.has_open_transaction,
                   "it is committed")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def seen(n_bytes: int, inode: int = 7) -> Observation:
    return Observation("a", n_bytes, n_bytes, inode)


def test_s20_a_file_that_grows_after_each_upload_has_to_rest_longer_each_time() -> None:
    clock = Clock()
    lags = Lags(3.0, clock)
    found = []
    for i in range(1, 22):
        lags.stirred(seen(i))
        found.append(lags.of("a"))
        clock.now += lags.of("a")
        lags.queued(seen(i))
        clock.now += 10.0
    assert found[:9] == [3, 6, 12, 24, 48, 96, 192, 300, 300]
    assert lags.why("a") == "it grew after it had settled, so it must stay unchanged for 300 s"
    assert lags.of("b") == 3.0


def test_s20_a_file_that_rested_long_enough_is_like_a_new_one() -> None:
    clock = Clock()
    lags = Lags(3.0, clock)
    for i in range(4):
        lags.stirred(seen(i))
        lags.queued(seen(i))
    assert lags.of("a") > 3.0
    clock.now += LONGEST_SECONDS + 1
    lags.stirred(seen(9))
    assert lags.of("a") == 3.0
    assert lags.why("a") == ""


@pytest.mark.parametrize(("after", "why"), [
    (seen(4), "it changed"), (seen(5), "it changed"), (seen(9), "it grew")])
def test_any_change_of_the_same_file_lengthens(after: Observation, why: str) -> None:
    lags = Lags(3.0, Clock())
    lags.queued(seen(5))
    lags.stirred(after)
    assert lags.of("a") == 6.0
    assert lags.why("a").startswith(f"{why} after it had settled")


def test_another_file_in_its_place_has_to_rest_no_longer() -> None:
    lags = Lags(3.0, Clock())
    lags.queued(seen(5))
    lags.stirred(seen(9, inode=8))
    assert lags.of("a") == 3.0


def test_a_file_that_is_opened_for_appending_and_closed_again_and_again_is_queued(
        upload_dir: Path) -> None:
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        path = upload_dir / "a"
        path.write_bytes(b"x")

        def open_and_look() -> bool:
            with path.open("ab"):
                pass
            return finder.queued() == {"a"}

        wait_until(open_and_look, "it is queued while it is opened and closed all the time")


def test_the_default_regex_looks_beyond_a_newline(upload_dir: Path) -> None:
    (upload_dir / "n\nl").mkdir()
    (upload_dir / "n\nl" / ".hidden").mkdir()
    with RunningFinder(upload_dir, upload_existing=True) as finder:
        for name in ("y\nz.log", "n\nl/x.log", "n\nl/.hidden/inside", "y\nz.dat", "n\nl/x.log\n"):
            (upload_dir / name).write_bytes(b"x")
        finder.wait(lambda: len(finder.queued()) >= 2, "the wanted ones are in line")
        finder.scan()
        assert finder.queued() == {"y\nz.dat", "n\nl/x.log\n"}


def test_the_files_that_are_refused_may_be_asked_for_while_others_are_added(
        upload_dir: Path) -> None:
    with RunningFinder(upload_dir) as running:
        stuck = running.finder.stuck

        def refuse() -> None:
            for number in range(3000):
                stuck.refuse(f"name {number}", "its name is not UTF-8")
                stuck.forget_others({f"name {number}"})

        thread = threading.Thread(target=refuse)
        thread.start()
        while thread.is_alive():
            assert len(stuck.unsendable()) <= 2
        thread.join()


def test_the_second_change_while_it_is_sent_lengthens() -> None:
    lags = Lags(3.0, Clock())
    lags.changed_while_sent("a")
    assert lags.of("a") == 3.0
    lags.changed_while_sent("a")
    assert lags.of("a") == 6.0


def test_a_lengthened_lag_is_shown(upload_dir: Path) -> None:
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        path = upload_dir / "a"
        path.write_bytes(b"x")
        for _ in range(3):
            finder.wait_queued("a")
            finder.upload("a")
            with path.open("ab") as file:  # never seen empty, as a file written again may be
                file.write(b"x")
        finder.wait(lambda: (s := finder.finder.settling_status("a")) is not None
                    and s.reason.startswith("it grew after it had settled"), "it is shown")
