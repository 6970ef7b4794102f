"""Scans keep to a small share of the time, whatever period was asked for."""

from __future__ import annotations

from pathlib import Path

from tests.engine.finder import RunningFinder
from tui.engine.model.snapshot import Freshness


def test_a_scan_that_finds_nothing_takes_half_a_percent_of_the_time(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for number in range(500):
        (tmp_path / "d" / str(number)).touch()
    with RunningFinder(tmp_path, rescan_seconds=0.001) as finder:
        seen: list[Freshness] = []

        def has_a_next_scan() -> bool:
            seen.append(finder.finder.freshness())
            return bool(seen[-1].last_scan_seconds and seen[-1].next_scan_seconds)

        finder.wait(has_a_next_scan, "the time of the next scan")
        between = (seen[-1].last_scan_age or 0) + (seen[-1].next_scan_seconds or 0)
        assert between >= 0.9 * (seen[-1].last_scan_seconds or 0) / 0.005
