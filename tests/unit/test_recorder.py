"""What is acknowledged is recorded within a second, group by group, and never before."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path
from queue import SimpleQueue
from typing import cast

import pytest

from tests.unit.test_ledger import open_ledger
from tui.engine.recording import recorder
from tui.engine.recording.recorder import Recorder


class Clockwork:
    """Stands for the events that a recording thread waits for: waits for nothing, notes how long.

    Args:
        n_periods: so many waits for a request end without one; then the thread is stopped.
    """

    def __init__(self, thread: Recorder, n_periods: int) -> None:
        self.seconds: list[float] = []
        self._n_periods = n_periods
        self._thread = thread

    def wait(self, timeout: float) -> bool:
        if len(self.seconds) == self._n_periods:
            self._thread.stopping.set()
        else:
            self.seconds.append(timeout)
        return False

    def clear(self) -> None:
        """Nothing was asked for."""


def waits_of_recorder(tmp_path: Path, done: list[str], n_periods: int, *,
                      is_full: bool) -> list[float]:
    """Let a recording thread work for some periods; return for how long it would have waited."""
    ledger = open_ledger(tmp_path)
    database = ledger.database

    def gather() -> None:
        done.append("gathered")
        database.set_meta("x" * 100, "y" * 100_000)

    if is_full:
        database.query(f"PRAGMA max_page_count = {database.query('PRAGMA page_count')[0][0]}")
    thread = Recorder(database, gather, lambda ok: done.append(f"committed {ok}"),
                      lambda name, error: None)
    clockwork = Clockwork(thread, n_periods)
    thread._asked = cast(threading.Event, clockwork)
    thread.work()
    database.query("PRAGMA max_page_count = 100000")
    ledger.close()
    return clockwork.seconds


def test_every_acknowledgement_is_recorded_within_a_second(tmp_path: Path) -> None:
    done: list[str] = []
    seconds = waits_of_recorder(tmp_path, done, 5, is_full=False)
    assert done == ["gathered", "committed True"] * 5
    # An acknowledgement waits for one period and one commit, for which three quarters are left.
    assert len(seconds) == 5
    assert max(seconds) <= 0.25


def test_when_nothing_more_is_on_its_way_it_is_recorded_before_the_period_is_over(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.engine.recording.recorder._PERIOD_SECONDS", 600.0)
    ledger = open_ledger(tmp_path)
    n_commits = itertools.count(1)
    committed: SimpleQueue[int] = SimpleQueue()
    thread = Recorder(ledger.database, lambda: None,
                      lambda ok: committed.put(next(n_commits)), lambda name, error: None)
    thread.start()
    for number in (1, 2, 3):
        thread.record_soon()
        assert committed.get(timeout=60) == number
    thread.stop()
    thread.join(60)
    assert not thread.is_alive()
    ledger.close()


def test_a_full_disk_is_tried_again_and_told_each_time(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert recorder._LONGEST_PERIOD_SECONDS <= 2.0
    monkeypatch.setattr(recorder, "_LONGEST_PERIOD_SECONDS", 0.0)
    done: list[str] = []
    waits_of_recorder(tmp_path, done, 3, is_full=True)
    assert done == ["gathered", "committed False"] * 3


def test_commits_that_are_asked_for_leave_a_slow_disk_in_peace(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times as long as the last one took, or until the period is over anyway."""
    monkeypatch.setattr(recorder, "_PERIOD_SECONDS", 30.0)
    ledger = open_ledger(tmp_path)
    commits: SimpleQueue[float] = SimpleQueue()
    real = ledger.database.commit

    def slow() -> None:
        time.sleep(0.1)
        real()

    monkeypatch.setattr(ledger.database, "commit", slow)
    thread = Recorder(ledger.database, lambda: commits.put(time.monotonic()),
                      lambda ok: None, lambda name, error: None)
    thread.start()
    began = []
    for _ in range(3):
        thread.record_soon()
        began.append(commits.get(timeout=60))
    thread.stop()
    thread.join(60)
    ledger.close()
    assert began[1] - began[0] >= 0.5
    assert began[2] - began[1] >= 0.5
