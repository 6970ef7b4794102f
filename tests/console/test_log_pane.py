"""The log on the screen: searched, followed, and honest about what is missing."""

from __future__ import annotations

from dataclasses import replace

from tests import fakes
from tests.console.conftest import (
    console,
    painted,
    squeezed,
    wait_for,
    wait_gone,
)
from tests.fakes import FakeEngine
from tui.console.panes.log import LogPane


async def test_the_log_is_searched_where_it_has_the_focus() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        pilot.app.query_one(LogPane).focus()
        await pilot.press("slash", *"locked", "enter")
        await wait_for(pilot, "find: locked")
        await wait_gone(pilot, "flat.tiff")
        assert pilot.app.query_one(LogPane).has_focus


async def test_the_log_follows_unless_it_was_scrolled_up() -> None:
    log = tuple(replace(fakes.LOG[0], number=i, text=f"line {i:04}") for i in range(1, 200))
    engine = FakeEngine(fakes.busy(), log=log)
    async with console(engine) as pilot:
        await wait_for(pilot, "line 0199", "following")
        pilot.app.query_one(LogPane).focus()
        await pilot.press("up", "up", "up", "up")
        await wait_for(pilot, "scrolled up, end follows")
        top = pilot.app.query_one(LogPane).scroll_offset.y
        engine.log = (*log, replace(fakes.LOG[0], number=200, text="line 0200"))
        await painted(pilot)
        assert pilot.app.query_one(LogPane).scroll_offset.y == top
        assert "line 0200" not in squeezed(pilot)
        await pilot.press("end")
        await wait_for(pilot, "line 0200", "following")


async def test_the_log_follows_through_every_size() -> None:
    log = tuple(replace(fakes.LOG[0], number=i, text=f"line {i:04}") for i in range(1, 200))
    engine = FakeEngine(fakes.busy(), log=log)
    async with console(engine) as pilot:
        for number, size in enumerate(((80, 24), (120, 34), (120, 24), (150, 44)), 200):
            await pilot.resize_terminal(*size)
            await painted(pilot)
            engine.log = (*engine.log, replace(fakes.LOG[0], number=number,
                                               text=f"line {number:04}"))
            await wait_for(pilot, f"line {number:04}", "following")


async def test_lines_that_came_too_fast_are_said_to_be_missing() -> None:
    log = tuple(replace(fakes.LOG[0], number=i, text=f"line {i:04}") for i in range(1, 10))
    engine = FakeEngine(fakes.busy(), log=log)
    async with console(engine) as pilot:
        await wait_for(pilot, "line 0009")
        engine.log = tuple(replace(fakes.LOG[0], number=i, text=f"line {i:05}")
                           for i in range(1, 10_010))
        await wait_for(pilot, "line 10009")
        log_pane = pilot.app.query_one(LogPane)
        log_pane.search("too fast")
        await wait_for(pilot, "9,500 lines came too fast")
