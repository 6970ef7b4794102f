"""What is acknowledged is recorded within a second, group by group, and never before."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import pytest

from tests.builders import open_ledger
from tui.engine.model.versions import Outcome
from tui.engine.recording.recorder import Pace, Recorded, Recorder


@dataclass(frozen=True)
class Given:
    """Outcomes that a test gives."""

    take: Callable[[], list[Outcome]]
    news: threading.Event


class Clockwork(threading.Event):
    """Stands for the event that a recorder waits for: waits for nothing, and notes how long.

    Args:
        n_periods: so many waits end without anything to record at once; then the recorder is
            stopped.
    """

    def __init__(self, n_periods: int) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self.recorder: Recorder | None = None
        self._n_periods = n_periods

    def wait(self, timeout: float | None = None) -> bool:
        if len(self.seconds) == self._n_periods and self.recorder is not None:
            self.recorder.stopping.set()
        else:
            self.seconds.append(timeout or 0.0)
        return False


def waits_of_recorder(tmp_path: Path, done: list[str], n_periods: int, *, is_full: bool,
                      pace: Pace | None = None) -> list[float]:
    """Let a recorder work for some periods; return for how long it would have waited."""
    ledger = open_ledger(tmp_path)
    database = ledger.database

    def take() -> list[Outcome]:
        done.append("taken")
        database.set_meta("x" * 100, "y" * 100_000)
        return []

    def on_recorded(recorded: Recorded | None) -> None:
        done.append("refused" if recorded is None else "recorded")

    if is_full:
        database.query(f"PRAGMA max_page_count = {database.query('PRAGMA page_count')[0][0]}")
    clockwork = Clockwork(n_periods)
    clockwork.recorder = Recorder(ledger, Given(take, clockwork), on_recorded, pace or Pace())
    clockwork.recorder.work()
    database.query("PRAGMA max_page_count = 100000")
    ledger.close()
    return clockwork.seconds


def test_every_acknowledgement_is_recorded_within_a_second(tmp_path: Path) -> None:
    done: list[str] = []
    seconds = waits_of_recorder(tmp_path, done, 5, is_full=False)
    assert done == ["taken", "recorded"] * 5
    # An acknowledgement waits for one period and one commit, for which three quarters are left.
    assert len(seconds) == 5
    assert max(seconds) <= 0.25


def test_when_nothing_more_is_on_its_way_it_is_recorded_before_the_period_is_over(
        tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    n_commits = itertools.count(1)
    committed: SimpleQueue[int] = SimpleQueue()
    news = threading.Event()
    thread = Recorder(ledger, Given(list, news), lambda recorded: committed.put(next(n_commits)),
                      Pace(period_seconds=600.0))
    thread.start()
    for number in (1, 2, 3):
        news.set()
        assert committed.get(timeout=60) == number
    thread.stop()
    thread.join(60)
    assert not thread.is_alive()
    ledger.close()


def test_a_full_disk_is_tried_again_and_told_each_time(tmp_path: Path) -> None:
    assert Pace().longest_period_seconds <= 2.0
    done: list[str] = []
    waits_of_recorder(tmp_path, done, 3, is_full=True, pace=Pace(longest_period_seconds=0.0))
    assert done == ["taken", "refused"] * 3


def test_commits_that_are_asked_for_leave_a_slow_disk_in_peace(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times as long as the last one took, or until the period is over anyway."""
    ledger = open_ledger(tmp_path)
    commits: SimpleQueue[float] = SimpleQueue()
    real = ledger.database.commit

    def slow() -> None:
        time.sleep(0.1)
        real()

    def take() -> list[Outcome]:
        commits.put(time.monotonic())
        return []

    monkeypatch.setattr(ledger.database, "commit", slow)
    news = threading.Event()
    thread = Recorder(ledger, Given(take, news), lambda recorded: None, Pace(period_seconds=30.0))
    thread.start()
    began = []
    for _ in range(3):
        news.set()
        began.append(commits.get(timeout=60))
    thread.stop()
    thread.join(60)
    ledger.close()
    assert began[1] - began[0] >= 0.5
    assert began[2] - began[1] >= 0.5
