"""The command line: typed, completed, recalled and answered."""

from __future__ import annotations

import pytest

from tests import fakes
from tests.console.conftest import (
    console,
    wait_done,
    wait_for,
    wait_gone,
    wait_screen,
)
from tests.fakes import FakeEngine
from tui.console.panes.prompt import Prompt
from tui.console.panes.queue import Queue
from tui.console.screens.text import TextScreen


async def test_commands_are_typed_completed_and_recalled() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press("colon", *"pau")
        prompt = pilot.app.query_one(Prompt)
        for _ in range(100):
            await pilot.pause(0.02)
            if prompt._suggestion:
                break
        await pilot.press("tab", "enter")
        await wait_done(pilot, engine, "pause")
        await wait_for(pilot, "paused: files are watched and queued")  # beside the prompt
        await wait_for(pilot, ": pause")  # and in the log
        await pilot.press(*"check", "enter")
        await wait_screen(pilot, TextScreen)
        await pilot.press("escape", "up")
        assert prompt.value == "check"
        await pilot.press("up")
        assert prompt.value == "pause"
        await pilot.press("down", "down")
        assert prompt.value == ""
        await pilot.press("escape")
        assert pilot.app.query_one(Queue).has_focus


async def test_the_footer_tells_the_keys_of_the_command_line() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        await pilot.press("colon")
        await wait_for(pilot, "↑ Older", "↓ Newer", "esc Back")
        await wait_gone(pilot, "/ Filter")
        await pilot.press("escape")
        await wait_for(pilot, "/ Filter", "c Check")


async def test_paths_in_sight_are_completed() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        await pilot.press("colon", *"why cal/da")
        await wait_for(pilot, "why cal/dark_frames.tiff")


@pytest.mark.parametrize(("line", "text"), [
    ("h", "Go to the next pane"), ("files", "2026-11-23/scan_0421.h5"),
    ("nonsense", "unknown command nonsense"), ("why", "why needs a path")])
async def test_typed_lines_are_answered(line: str, text: str) -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        await pilot.press("colon", *line, "enter")
        await wait_for(pilot, text)


async def test_answers_with_a_path_of_blanks_reach_the_engine_whole() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press("colon", *"reupload a b/c  d.txt", "enter")
        await wait_done(pilot, engine, "reupload a b/c  d.txt")


# The log.
