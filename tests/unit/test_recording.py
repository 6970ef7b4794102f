"""What is acknowledged is recorded within a second, group by group, and never before."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from queue import SimpleQueue

import pytest

from tests.unit.test_ledger import open_ledger
from tui.engine.recording.recording import RecordingThread


class Periods(threading.Event):
    """Notes for how long a thread would wait, and waits for nothing; set after some times."""

    def __init__(self, n_periods: int) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._n_periods = n_periods

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.seconds.append(timeout)
        return len(self.seconds) > self._n_periods


def recorder(tmp_path: Path, done: list[str], n_periods: int, *, is_full: bool) -> Periods:
    """Let a recording thread work for some periods; return them."""
    ledger = open_ledger(tmp_path)
    database = ledger.database

    def gather() -> None:
        done.append("gathered")
        database.set_meta("x" * 100, "y" * 100_000)

    if is_full:
        database.query(f"PRAGMA max_page_count = {database.query('PRAGMA page_count')[0][0]}")
    thread = RecordingThread(database, gather, lambda ok: done.append(f"committed {ok}"),
                             lambda name, error: None)
    thread.stopping = periods = Periods(n_periods)
    thread._asked = Periods(10**6)
    thread.work()
    database.query("PRAGMA max_page_count = 100000")
    ledger.close()
    return periods


def test_every_acknowledgement_is_recorded_within_a_second(tmp_path: Path) -> None:
    done: list[str] = []
    periods = recorder(tmp_path, done, 5, is_full=False)
    assert done == ["gathered", "committed True"] * 5
    # An acknowledgement waits for one period and one commit, for which three quarters are left.
    assert all(seconds <= 0.25 for seconds in periods.seconds)


def test_when_nothing_more_is_on_its_way_it_is_recorded_before_the_period_is_over(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.engine.recording.recording._PERIOD_SECONDS", 600.0)
    ledger = open_ledger(tmp_path)
    n_commits = itertools.count(1)
    committed: SimpleQueue[int] = SimpleQueue()
    thread = RecordingThread(ledger.database, lambda: None,
                             lambda ok: committed.put(next(n_commits)), lambda name, error: None)
    thread.start()
    for number in (1, 2, 3):
        thread.record_soon()
        assert committed.get(timeout=60) == number
    thread.stop()
    thread.join(60)
    assert not thread.is_alive()
    ledger.close()


def test_a_full_disk_is_tried_again_and_told_each_time(tmp_path: Path) -> None:
    done: list[str] = []
    periods = recorder(tmp_path, done, 3, is_full=True)
    assert done == ["gathered", "committed False"] * 3
    assert all(seconds <= 2.0 for seconds in periods.seconds)
