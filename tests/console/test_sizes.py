"""Sizes: from less than 80x24 to far beyond 200x60, also while they change."""

from __future__ import annotations

import pytest

from tests import fakes
from tests.console.conftest import (
    app_of,
    console,
    painted,
    path_of,
    screen_text,
    wait_for,
    wait_gone,
)
from tests.fakes import FakeEngine

_ESSENTIAL = ("uploading", "4,812 uploaded", "212 MB/s", "Uploading 3", "1 Queue 130", "57 %",
              "2026-11-23/scan_0421.h5", "2026-11-23/scan_0424.h5", "Log", ": check",
              "may I close this? not yet", "c Check")


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 34), (150, 44), (160, 48), (200, 60),
                                  (300, 100)])
async def test_the_essential_is_shown(size: tuple[int, int]) -> None:
    async with console(FakeEngine(fakes.busy()), size) as pilot:
        await wait_for(pilot, *_ESSENTIAL)


@pytest.mark.parametrize("size", [(79, 23), (60, 20), (40, 12), (40, 24), (100, 12), (34, 10)])
async def test_below_80x24_totals_and_prompt_are_shown(size: tuple[int, int]) -> None:
    async with console(FakeEngine(fakes.busy()), size) as pilot:
        await wait_for(pilot, "3 uploading", "128 waiting", "1 stuck", ": check")


@pytest.mark.parametrize("size", [(120, 34), (150, 44), (200, 60)])
async def test_with_room_the_rest_is_shown_too(size: tuple[int, int]) -> None:
    async with console(FakeEngine(fakes.busy()), size) as pilot:
        await wait_for(pilot, "round trip 1.8 ms", "longest wait 2 min", "■ acknowledged",
                       "1 cell =")


@pytest.mark.parametrize("size", [(80, 24), (120, 34), (150, 44), (160, 48), (200, 60)])
async def test_lines_of_neighbours_do_not_touch_or_end_in_the_middle(
        size: tuple[int, int]) -> None:
    async with console(FakeEngine(fakes.busy()), size) as pilot:
        await wait_for(pilot, "57 %")
        for line in screen_text(pilot).split("\n")[1:5]:
            assert "…" not in line


async def test_the_screen_follows_the_terminal() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        for size in ((80, 24), (40, 12), (200, 60), (120, 34), (80, 24), (150, 44)):
            await pilot.resize_terminal(*size)
            await painted(pilot)
            await wait_for(pilot, "3 uploading", ": check")
            lines = screen_text(pilot).split("\n")
            assert len(lines) == size[1]
            assert max(map(len, lines)) <= size[0]
        await wait_for(pilot, *_ESSENTIAL)


async def test_the_cursor_stays_in_sight_when_the_terminal_shrinks() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        for _ in range(12):
            await pilot.press("down")
        path = path_of(app_of(pilot).widgets.queue.selected())
        await pilot.resize_terminal(80, 24)
        await painted(pilot)
        await wait_for(pilot, path[-8:])


async def test_dialogs_fit_80x24() -> None:
    async with console(FakeEngine(fakes.busy()), (80, 24)) as pilot:
        await pilot.press("question_mark")
        await wait_for(pilot, "Help", "esc closes")
        for _ in range(100):
            await pilot.press("down")
        await wait_for(pilot, "cannot be uploaded: do what `why` says")
        await pilot.press("escape")
        await wait_gone(pilot, "esc closes")
        await pilot.press("enter")
        await wait_for(pilot, "Version 2: begun")
        await pilot.press("escape", "q")
        await wait_for(pilot, "Upload, then quit (s)", "Keep running (esc)")
