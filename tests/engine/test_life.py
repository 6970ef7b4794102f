"""The engine's life: no thread dies unseen, and whatever happens, it comes to an end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import is_ledger_refused
from tests.engine.in_process import RunningEngine, settings_for
from tests.waiting import wait_until
from tui.engine.finding.changes import Comparison
from tui.engine.finding.finder import Finder
from tui.engine.model.files import FileState, Observation
from tui.engine.model.snapshot import Notice, NoticeKind, PathState, Phase
from tui.engine.recording.database import Database
from tui.engine.recording.file_rows import FileRows
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.tables.in_progress import InProgressTable
from tui.engine.sending import cluster_check, periodic_messages, preparer, source
from tui.engine.sending.throughput import ThroughputMeter
from tui.engine.supervisor import STALLED_SECONDS, UNREACHABLE_SECONDS, StallDetector
from tui.engine.system.files import Below


class InjectedError(Exception):
    """A defect that nobody expects."""


@pytest.fixture
def arm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., threading.Event]]:
    """Return a way to make a function fail on one thread, as often as is said, once armed."""
    def arm(owner: Any, name: str, thread_name: str, n_times: int = 1) -> threading.Event:
        original = getattr(owner, name)
        is_armed = threading.Event()
        left = [n_times]

        def faulty(*args: Any, **kwargs: Any) -> Any:
            if is_armed.is_set() and left[0] and threading.current_thread().name == thread_name:
                left[0] -= 1
                raise InjectedError("injected")
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, faulty)
        return is_armed

    yield arm


def state_of(rel_path: str, state_dir: Path, upload_dir: Path) -> FileState | None:
    """Return where a path stands in the ledger of a program that has ended."""
    ledger = Ledger(state_dir, "t", upload_dir, "all")
    assert not ledger.damage
    known = ledger.files.known(rel_path)
    ledger.close()
    return None if known is None else known.state


ESSENTIAL = {
    "producing": (ThroughputMeter, "tick"),
    "recording": (Database, "commit"),
    "settling": (FileRows, "record_settling"),
    "scanning": (Comparison, "compare"),
    "connecting": (cluster_check, "ask"),
}


@pytest.mark.parametrize("name", ESSENTIAL)
def test_without_an_essential_thread_the_program_ends_with_status_1(
        name: str, arm: Callable[..., threading.Event], tmp_path: Path, upload_dir: Path) -> None:
    is_armed = arm(*ESSENTIAL[name], name)
    if name == "connecting":
        is_armed.set()  # it does nothing more once it is connected
    with RunningEngine(settings_for(upload_dir, tmp_path / "state", "--rescan_seconds", "0.1")) \
            as engine:
        if name != "connecting":
            (upload_dir / "first").write_bytes(b"1")
            engine.wait_uploaded(1)
        is_armed.set()
        (upload_dir / "second").write_bytes(b"2")
        assert engine.ended() == 1
        assert engine.uploader.snapshot().dead_threads == (name,)
        assert any(name in problem for problem in engine.uploader.snapshot().problems)
        assert "InjectedError: injected" in engine.log
        assert f"the program cannot continue without its thread {name}" in engine.log


RENEWED = {
    "table-writer": (InProgressTable, "write"),
    "heartbeats": (periodic_messages.HeartbeatSender, "contents"),
    "log messages": (periodic_messages.LogMessageSender, "contents"),
}


@pytest.mark.parametrize("name", RENEWED)
def test_a_thread_that_is_no_part_of_sending_is_started_anew(
        name: str, arm: Callable[..., threading.Event], tmp_path: Path, upload_dir: Path) -> None:
    is_armed = arm(*RENEWED[name], name)
    is_armed.set()
    with RunningEngine(settings_for(
            upload_dir, tmp_path / "state", "--heartbeat_topic_name", "h", "--log_topic_name", "l",
            "--heartbeat_interval_secs", "0.1", "--log_interval_secs", "0.1")) as engine:
        engine.wait_log(f"the thread {name} was restarted")
        assert "InjectedError: injected" in engine.log
        assert engine.uploader.snapshot().dead_threads == (name,)
        (upload_dir / "a").write_bytes(b"a")
        engine.wait_uploaded(1)
        assert engine.quit() == 0


def test_a_file_that_kills_an_uploading_thread_stops_no_other(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, upload_dir: Path) -> None:
    original = source.open_source

    def faulty(below: Below, rel_path: str, **kwargs: Any) -> Any:
        if rel_path == "bad":
            raise InjectedError("injected")
        return original(below, rel_path, **kwargs)

    monkeypatch.setattr(preparer, "open_source", faulty)
    (upload_dir / "bad").write_bytes(b"bad")
    with RunningEngine(settings_for(upload_dir, tmp_path / "state", "--n_threads", "1")) as engine:
        engine.wait_log("was restarted")
        (upload_dir / "good").write_bytes(b"good")
        engine.wait_uploaded(1)
        explanation = engine.uploader.explain("bad")
        assert explanation.verdict is PathState.HELD
        assert "injected" in explanation.reason
        assert engine.quit() == 1


def test_the_death_of_the_stopping_thread_itself_ends_the_program(
        arm: Callable[..., threading.Event], tmp_path: Path, upload_dir: Path) -> None:
    is_armed = arm(Finder, "threads", "stopping")
    with RunningEngine(settings_for(upload_dir, tmp_path / "state")) as engine:
        (upload_dir / "a").write_bytes(b"a")
        engine.wait_uploaded(1)
        is_armed.set()
        assert engine.ended() == 1
        assert "InjectedError: injected" in engine.log
    assert state_of("a", tmp_path / "state", upload_dir) is FileState.UPLOADED


def test_a_subscriber_that_fails_stops_nothing_and_is_logged_once(
        tmp_path: Path, upload_dir: Path) -> None:
    heard: list[Notice] = []

    def deaf(notice: Notice) -> None:
        raise InjectedError("injected")

    with RunningEngine(settings_for(upload_dir, tmp_path / "state")) as engine:
        engine.uploader.subscribe(deaf)
        forget = engine.uploader.subscribe(heard.append)
        for number in range(3):
            (upload_dir / f"f{number}").write_bytes(b"x")
            engine.wait_uploaded(number + 1)
        forget()
        assert engine.quit() == 0
        assert engine.log.count("InjectedError: injected") == 1
        assert engine.uploader.snapshot().dead_threads == ()
    uploaded = [n.rel_path for n in heard if n.kind is NoticeKind.FILE_UPLOADED]
    assert uploaded == ["f0", "f1", "f2"]


def test_a_quit_during_the_start_is_obeyed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                           upload_dir: Path) -> None:
    engine = RunningEngine(settings_for(upload_dir, tmp_path / "state"))
    monkeypatch.setattr("tui.engine.uploader.take_over_tables",
                        lambda *_: engine.uploader.quit())
    with engine:
        assert engine.ended() == 0


def test_a_file_that_changes_while_the_program_leaves_does_not_keep_it(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, upload_dir: Path) -> None:
    original = source.open_source

    def changing(below: Below, rel_path: str, **kwargs: Any) -> Any:
        engine.uploader.quit()
        wait_until(lambda: not engine.uploader.finder.threads()[0].is_alive(), "nobody watches")
        (below.root / rel_path).write_bytes(b"longer than before")
        return original(below, rel_path, **kwargs)

    monkeypatch.setattr(preparer, "open_source", changing)
    engine = RunningEngine(settings_for(upload_dir, tmp_path / "state"))
    (upload_dir / "a").write_bytes(b"short")
    with engine:
        assert engine.ended() == 0
    # Not forgotten: the next start waits until it rests.
    assert state_of("a", tmp_path / "state", upload_dir) is FileState.SETTLING


def test_a_ledger_that_cannot_be_written_does_not_keep_the_program(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, upload_dir: Path) -> None:
    monkeypatch.setattr("tui.engine.pipeline.UNREACHABLE_SECONDS", 0.5)
    with RunningEngine(settings_for(upload_dir, tmp_path / "state")) as engine:
        (upload_dir / "a").write_bytes(b"a")
        engine.wait_uploaded(1)
        database = engine.uploader.ledger.database
        pages = database.query("PRAGMA page_count")[0][0]
        engine.uploader.pause()
        engine.uploader.finder.stop()
        engine.uploader.ledger.files.record_waiting(
            [Observation(f"{'x' * 200}{i}", 1, 1) for i in range(100)])
        database.commit()
        pages = database.query("PRAGMA page_count")[0][0]
        database.query(f"PRAGMA max_page_count = {pages}")
        engine.uploader.ledger.files.record_waiting(
            [Observation(f"{'y' * 200}{i}", 1, 1) for i in range(1000)])
        wait_until(lambda: database.problem, "the disk is full")
        assert engine.quit() == 1
        assert "the ledger cannot be written, and there was no progress" in engine.log
        assert "1100 files are not uploaded; the next start continues" in engine.log


class FakeProgram:
    """What a drain looks at, scripted."""

    phase = Phase.DRAINING
    must_leave_now = False

    def __init__(self) -> None:
        self.seconds = 0.0
        self.n_done = 0
        self.why: tuple[str, float] | None = None
        self.patience = StallDetector(self, lambda: self.seconds)

    def n_left(self) -> int:
        return 1

    def died(self, name: str, error: BaseException) -> None:
        raise NotImplementedError

    def progress(self) -> object:
        return self.n_done

    def stall_reason(self) -> tuple[str, float] | None:
        return self.why

    def restart_dead_workers(self) -> None: ...
    def stop_finding(self) -> None: ...
    def resume_finding(self) -> None: ...
    def finish(self, *, is_clean: bool) -> None: ...

    def seconds_until_given_up(self) -> float:
        """Let time pass second by second until the drain is given up."""
        began = self.seconds
        while not self.patience.why_give_up():
            self.seconds += 1.0
            assert self.seconds - began < 1000
        return self.seconds - began


def test_a_drain_without_a_broker_ends_after_the_stated_time() -> None:
    program = FakeProgram()
    program.why = ("the broker is unreachable", UNREACHABLE_SECONDS)
    assert program.seconds_until_given_up() == UNREACHABLE_SECONDS == 15


def test_a_drain_that_stalls_with_a_connected_broker_ends_too() -> None:
    program = FakeProgram()
    assert program.seconds_until_given_up() == STALLED_SECONDS
    assert "although the broker is connected" in program.patience.why_give_up()


def test_a_broker_that_comes_and_goes_and_acknowledges_nothing_ends_the_drain() -> None:
    program = FakeProgram()
    while not program.patience.why_give_up():
        program.seconds += 1
        program.why = None if program.seconds % 8 < 4 else ("away", UNREACHABLE_SECONDS)
        assert program.seconds < 1000
    assert program.seconds == STALLED_SECONDS


def test_a_slow_drain_that_gets_on_is_waited_for() -> None:
    program = FakeProgram()
    for _ in range(100):
        program.seconds += 14
        program.n_done += 1
        program.why = ("the broker is unreachable", UNREACHABLE_SECONDS)
        assert not program.patience.why_give_up()


def test_a_drain_without_its_producing_thread_ends_at_once() -> None:
    program = FakeProgram()
    program.why = ("the thread producing has ended", 0.0)
    assert program.seconds_until_given_up() == 0


def test_another_name_of_the_ledger_is_never_read(tmp_path: Path, upload_dir: Path) -> None:
    # POSIX drops a process's lock of a file when any descriptor of that file is closed.
    state_dir = tmp_path / "state"
    with RunningEngine(settings_for(upload_dir, state_dir)) as engine:
        (upload_dir / "another name").hardlink_to(state_dir / "upload_to_t.sqlite3")
        engine.wait_log("another name is skipped: it is another name of the ledger")
        assert is_ledger_refused(state_dir)
        assert engine.quit() == 0


def test_a_state_directory_that_cannot_be_made_anew_stops_sending_and_ends_with_status_1(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, upload_dir: Path) -> None:
    monkeypatch.setattr("tui.engine.pipeline.UNREACHABLE_SECONDS", 0.5)
    state_dir = tmp_path / "state"
    with RunningEngine(settings_for(upload_dir, state_dir)) as engine:
        (upload_dir / "a").write_bytes(b"a")
        engine.wait_uploaded(1)
        state_dir.rename(tmp_path / "gone")
        state_dir.write_bytes(b"in the way")
        (upload_dir / "b").write_bytes(b"b")
        engine.wait_log("its file was removed: it is recreated unless it comes back at once): "
                        "nothing more is sent until it can")
        assert any("was removed" in p for p in engine.uploader.snapshot().problems)
        assert engine.quit() == 1
        assert engine.uploader.snapshot().dead_threads == ()


def test_a_state_directory_that_comes_back_is_used_again(tmp_path: Path,
                                                         upload_dir: Path) -> None:
    state_dir = tmp_path / "state"
    with RunningEngine(settings_for(upload_dir, state_dir)) as engine:
        (upload_dir / "a").write_bytes(b"a")
        engine.wait_uploaded(1)
        state_dir.rename(tmp_path / "gone")
        (upload_dir / "b").write_bytes(b"b")
        engine.wait_log("its file was removed")
        (tmp_path / "gone").rename(state_dir)
        engine.wait_uploaded(2)
        assert engine.quit() == 0
    for name in "ab":
        assert state_of(name, state_dir, upload_dir) is FileState.UPLOADED
