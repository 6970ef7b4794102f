"""Files that cannot be read or never rest, file systems that hang, roots that vanish."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.finder import RunningFinder
from tests.engine.in_process import RunningEngine, settings_for
from tests.waiting import wait_until
from tui.engine.finding import upload_root as root_module
from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.snapshot import NoticeKind
from tui.engine.sending import source
from tui.engine.system import guarded_calls
from tui.engine.system.files import Below


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give calls that hang up soon."""
    monkeypatch.setattr(guarded_calls, "PATIENCE_SECONDS", 0.5)


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Ends whatever hangs."""
    event = threading.Event()
    yield event
    event.set()


def failing(original: Callable[..., Any], name: str, what: Callable[[], object]) \
        -> Callable[..., Any]:
    """Return a function that does something before it is called about a file of that name."""
    def call(*args: Any, **named: Any) -> Any:
        if any(str(a).endswith(name) for a in args):
            what()
        return original(*args, **named)

    return call


def refusing(code: int) -> Callable[[], object]:
    def refuse() -> None:
        raise OSError(code, os.strerror(code))

    return refuse


def status_of(engine: RunningEngine, rel_path: str) -> FileStatus:
    wait_until(lambda: engine.uploader.explain(rel_path).status, f"{rel_path} is known")
    status = engine.uploader.explain(rel_path).status
    assert status is not None
    return status


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_s28_a_file_that_cannot_be_opened_is_held_with_its_reason_and_sent_when_it_can(
        upload_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    (upload_dir / "bad").write_bytes(b"bad")
    (upload_dir / "good").write_bytes(b"good")
    with monkeypatch.context() as patch:
        patch.setattr(Below, "open", failing(Below.open, "bad", refusing(code)))
        engine = RunningEngine(settings_for(upload_dir, tmp_path / "state"))
        engine.__enter__()
        engine.wait_uploaded(1)
        engine.wait_log(f"bad is held: it cannot be read: {os.strerror(code)}")
        status = status_of(engine, "bad")
        assert status.state is FileState.HELD
        assert status.n_attempts == 1
        assert 0 < (status.next_attempt_seconds or 0) < 3
        assert engine.uploader.snapshot().exit_status == 1
    engine.wait_uploaded(2)
    assert engine.quit() == 0
    engine.__exit__(None, None, None)


def test_s28_a_read_that_hangs_keeps_no_other_file_waiting(
        upload_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        release: threading.Event) -> None:
    """More files hang than there are uploading threads."""
    for i in range(3):
        (upload_dir / f"d{i}").mkdir()
        (upload_dir / f"d{i}" / "hang").write_bytes(b"x")
    for i in range(200):
        (upload_dir / f"good{i}").write_bytes(b"x")
    monkeypatch.setattr(Below, "open", failing(Below.open, "hang", lambda: release.wait(120)))
    with RunningEngine(settings_for(upload_dir, tmp_path / "state")) as engine:
        engine.wait_uploaded(200)
        engine.wait_log("is held: it cannot be read: the file system does not answer")
        wait_until(lambda: all(status_of(engine, f"d{i}/hang").state is FileState.HELD
                               for i in range(3)), "all that hang are held")
        (upload_dir / "later").write_bytes(b"x")
        engine.wait_uploaded(201)
        release.set()
        engine.wait_log("d0/hang answers again")
        engine.wait_uploaded(204)
        assert engine.quit() == 0


def test_s28_a_large_file_that_hangs_while_it_is_sent_is_held_and_finished_later(
        upload_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        release: threading.Event) -> None:
    (upload_dir / "large").write_bytes(os.urandom(9_000_000))
    (upload_dir / "small").write_bytes(b"x")
    original = source.Source.read_slice

    def read_slice(source: source.Source, number: int) -> bytes:
        if number == 1:
            release.wait(120)
        return original(source, number)

    monkeypatch.setattr(source.Source, "read_slice", read_slice)
    with RunningEngine(settings_for(upload_dir, tmp_path / "state")) as engine:
        engine.wait_uploaded(1)
        engine.wait_log("large is held: it cannot be read: the file system does not answer")
        release.set()
        engine.wait_uploaded(2)
        assert engine.quit() == 0


def test_s28_a_look_that_hangs_keeps_no_other_file_from_being_found(
        upload_dir: Path, monkeypatch: pytest.MonkeyPatch, release: threading.Event) -> None:
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        monkeypatch.setattr(os, "lstat",
                            failing(os.lstat, "hang", lambda: release.wait(120)))
        (upload_dir / "hang").write_bytes(b"x")
        (upload_dir / "good").write_bytes(b"x")
        finder.wait_queued("good")
        finder.wait_log("hang is held: the file system does not answer")
        assert (NoticeKind.FILE_HELD, "hang") in finder.notices
        assert any("hang" in p for p in finder.finder.problems())
        release.set()
        finder.wait_queued("good", "hang")


def test_s28_a_directory_that_hangs_keeps_no_other_from_being_scanned(
        upload_dir: Path, monkeypatch: pytest.MonkeyPatch, release: threading.Event) -> None:
    for name in ("a", "hang", "z"):
        (upload_dir / name).mkdir()
        (upload_dir / name / "f").write_bytes(b"x")
    monkeypatch.setattr(os, "scandir",
                        failing(os.scandir, "hang", lambda: release.wait(120)))
    with RunningFinder(upload_dir, upload_existing=True) as finder:
        finder.wait_queued("a/f", "z/f")
        finder.wait_log("hang cannot be read: the file system does not answer")
        release.set()
        finder.wait_queued("a/f", "z/f", "hang/f")


def test_s28_an_unreadable_directory_is_named_and_its_files_are_not_taken_when_it_opens(
        upload_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (upload_dir / "locked" / "sub").mkdir(parents=True)
    (upload_dir / "locked" / "old").write_bytes(b"x")
    (upload_dir / "locked" / "sub" / "old").write_bytes(b"x")
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir",
                      failing(os.scandir, "locked", refusing(errno.EACCES)))
        finder = RunningFinder(upload_dir, use_polling_observer=True)
        finder.finder.start()
        finder.wait_log("^locked cannot be read: Permission denied; every scan tries again$")
        finder.wait_scanned()
        assert any(p.startswith("locked cannot be read: Permission denied")
                   for p in finder.finder.problems())
        assert finder.states() == {}
        finder.scan()
        assert len([x for x in finder.log if x.startswith("locked cannot")]) == 1
        (upload_dir / "locked" / "new").write_bytes(b"x")
    finder.scan()
    finder.wait_queued("locked/new")
    assert finder.states() == {"locked/new": "waiting", "locked/old": "not_taken",
                               "locked/sub/old": "not_taken"}
    assert finder.finder.problems() == []
    finder.stop()


def test_s28_a_file_that_cannot_be_looked_at_is_held_with_back_off(
        upload_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        with monkeypatch.context() as patch:
            patch.setattr(os, "lstat",
                          failing(os.lstat, "bad", refusing(errno.EIO)))
            (upload_dir / "bad").write_bytes(b"x")
            finder.wait(lambda: finder.states() == {"bad": "held"}, "it is held")
            status = finder.ledger.files.status("bad")
            assert status is not None
            assert status.reason == f"it cannot be looked at: {os.strerror(errno.EIO)}"
            assert 0 < (status.next_attempt_seconds or 0) < 20


def test_s27_a_root_that_is_renamed_and_made_again_is_watched_anew(upload_dir: Path,
                                                                   tmp_path: Path) -> None:
    with RunningFinder(upload_dir, state_dir=tmp_path / "state") as finder:
        finder.wait_scanned()
        (upload_dir / "a").write_bytes(b"x")
        finder.wait_queued("a")
        finder.upload("a")
        upload_dir.rename(tmp_path / "old")
        finder.wait_log("source offline: .* no file counts as deleted")
        assert finder.finder.freshness().source_offline
        upload_dir.mkdir()
        finder.wait_log("can be seen again")
        (upload_dir / "b").write_bytes(b"x")
        finder.wait_queued("b")
        assert finder.states()["a"] == "uploaded"


def test_s27_a_root_that_is_replaced_between_two_looks_is_watched_anew(
        upload_dir: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    (new / "b").write_bytes(b"x")
    with RunningFinder(upload_dir, state_dir=tmp_path / "state") as finder:
        finder.wait_scanned()
        upload_dir.rename(tmp_path / "old")
        new.rename(upload_dir)
        finder.wait_log("replaced by another directory|can be seen again")
        finder.wait_queued("b")
        (upload_dir / "c").write_bytes(b"x")
        finder.wait_queued("b", "c")


def test_s27_an_unmounted_root_is_offline_and_what_settles_is_not_forgotten(
        upload_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unmounting leaves an empty directory of the same name."""
    mounted = [str(upload_dir)]
    monkeypatch.setattr(root_module, "mount_point", lambda path: mounted[0])
    content, empty = tmp_path / "content", tmp_path / "empty"
    empty.mkdir()
    with RunningFinder(upload_dir, state_dir=tmp_path / "state", lag_seconds=1.0) as finder:
        finder.wait_scanned()
        (upload_dir / "a").write_bytes(b"x")
        finder.wait(lambda: finder.states() == {"a": "settling"}, "it settles")
        mounted[0] = "/"
        upload_dir.rename(content)
        empty.rename(upload_dir)
        finder.wait_log("source offline: no file system is mounted at .* any more")
        assert finder.finder.problems()[0].startswith("source offline")
        (upload_dir / "below the mount").write_bytes(b"x")
        upload_dir.rename(empty)
        content.rename(upload_dir)
        mounted[0] = str(upload_dir)
        finder.wait_log("can be seen again")
        finder.wait_queued("a")
        assert set(finder.states()) == {"a"}


def test_s27_a_waiting_file_is_not_given_up_while_the_root_is_gone(
        upload_dir: Path, tmp_path: Path) -> None:
    aside = tmp_path / "aside"
    with RunningEngine(settings_for(upload_dir, tmp_path / "state")) as engine:
        engine.uploader.pause()
        (upload_dir / "a").write_bytes(b"x")
        wait_until(lambda: status_of(engine, "a").state is FileState.WAITING, "it waits")
        upload_dir.rename(aside)
        engine.uploader.resume()
        engine.wait_log("a is held: source offline")
        aside.rename(upload_dir)
        engine.wait_uploaded(1)
        assert engine.quit() == 0


def test_s20_a_file_that_never_rests_is_sent_after_max_settle_seconds_as_it_then_is(
        upload_dir: Path, tmp_path: Path) -> None:
    end = threading.Event()

    def append() -> None:
        while not end.wait(0.005):
            with (upload_dir / "a").open("ab") as file:
                file.write(b"x" * 100)

    writer = threading.Thread(target=append)
    with RunningEngine(settings_for(upload_dir, tmp_path / "state",
                                    "--max_settle_seconds", "1")) as engine:
        writer.start()
        try:
            engine.wait_uploaded(2)
        finally:
            end.set()
            writer.join()
        wait_until(lambda: (records := engine.uploader.versions("a"))
                   and records[0].n_bytes == (upload_dir / "a").stat().st_size,
                   "the last of it is uploaded when it rests")
        sizes = [record.n_bytes for record in engine.uploader.versions("a")]
        assert sizes == sorted(sizes, reverse=True)
        assert engine.quit() == 0


def test_s31_a_wall_clock_set_back_does_not_put_off_what_is_held(
        upload_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finder = RunningFinder(upload_dir)
    real = time.time
    finder.ledger.files.record_held("a", "a reason")
    assert finder.ledger.files.put_back_due() == 0
    monkeypatch.setattr(time, "time", lambda: real() - 86400)
    assert finder.ledger.files.put_back_due() == 1
    monkeypatch.undo()
    finder.stop()


def test_what_cannot_be_read_is_tried_again_also_where_scans_are_off(
        upload_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (upload_dir / "locked").mkdir()
    monkeypatch.setattr(os, "scandir", failing(os.scandir, "locked", refusing(errno.EACCES)))
    with RunningFinder(upload_dir, rescan_seconds=0.0, use_polling_observer=True) as finder:
        finder.wait_scanned()
        finder.wait(lambda: finder.finder.freshness().next_scan_seconds is not None,
                    "another scan is planned")
        monkeypatch.undo()


def test_a_stop_ends_a_long_scan(upload_dir: Path, monkeypatch: pytest.MonkeyPatch,
                                 release: threading.Event) -> None:
    for i in range(50):
        (upload_dir / f"d{i}").mkdir()
    finder = RunningFinder(upload_dir)
    finder.finder.start()
    finder.wait_scanned()
    walked: list[str] = []
    real_scandir = os.scandir

    def slow_scandir(path: str) -> object:
        walked.append(path)
        release.wait(0.2)
        return real_scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", slow_scandir)
        finder.finder.requests.scan("the test asks for it")
        wait_until(lambda: walked, "the scan has begun")
        finder.finder.stop()
        assert len(walked) < 50
    finder.stop()


def test_s28_a_forced_quit_does_not_wait_for_what_hangs(
        upload_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        release: threading.Event) -> None:
    monkeypatch.setattr(guarded_calls, "PATIENCE_SECONDS", 600)
    (upload_dir / "hang").write_bytes(b"x")
    reached = threading.Event()

    def hang() -> None:
        reached.set()
        release.wait(600)

    monkeypatch.setattr(Below, "open", failing(Below.open, "hang", hang))
    with RunningEngine(settings_for(upload_dir, tmp_path / "state")) as engine:
        assert reached.wait(60)
        engine.uploader.force_quit()
        assert engine.ended() == 130
        assert "did not end in time" not in engine.log
