"""Leaving: asked only when there is a reason, shown while it drains, forced or taken back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import fakes
from tests.console.conftest import (
    app_of,
    click_text,
    console,
    painted,
    screen_text,
    wait_done,
    wait_for,
    wait_gone,
    wait_over,
    wait_screen,
)
from tests.fakes import FakeEngine
from tui.console.screens.draining import DrainingScreen
from tui.console.screens.leaving import LeavingScreen
from tui.console.screens.text import TextScreen
from tui.engine.model.snapshot import Counts, Phase


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
async def test_leaving_asks_once_when_all_is_uploaded_and_enter_answers(key: str) -> None:
    engine = FakeEngine(fakes.idle())
    async with console(engine) as pilot:
        await pilot.press(key)
        await wait_for(pilot, "Everything found so far is uploaded. New files are no longer")
        assert engine.done == []
        await pilot.press("enter")
        await wait_done(pilot, engine, "quit")
        await wait_over(pilot)
        assert pilot.app.return_value == 0


async def test_leaving_says_what_it_leaves_behind() -> None:
    engine = FakeEngine(replace(fakes.idle(), counts=Counts(held=3, failed=2, settling=5)))
    async with console(engine) as pilot:
        await pilot.press("q")
        await wait_for(pilot, "5 files (0 B) still being written", "2 files need you")
        await pilot.press("q")
        await wait_over(pilot)
        assert engine.done == ["quit"]


async def test_the_help_closes_by_q_and_no_program_with_it() -> None:
    engine = FakeEngine(fakes.idle())
    async with console(engine) as pilot:
        await pilot.press("question_mark")
        await wait_screen(pilot, TextScreen)
        await pilot.press("q", "q")
        await wait_screen(pilot, LeavingScreen)
        assert engine.done == []


async def test_leaving_says_that_a_quit_gives_up_without_a_broker() -> None:
    async with console(FakeEngine(fakes.broker_down())) as pilot:
        await pilot.press("q")
        await wait_for(pilot, "quit gives up after 15 s")


async def test_leaving_a_try_says_that_nothing_is_kept() -> None:
    async with console(FakeEngine(fakes.embedded())) as pilot:
        await pilot.press("q")
        await wait_for(pilot, "nothing is kept, and what is not uploaded is lost")


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
async def test_leaving_asks_while_something_is_unfinished(key: str) -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press(key)
        await wait_screen(pilot, LeavingScreen)
        await wait_for(pilot, "131 files not uploaded yet: 34.3 GB, done about")
        assert engine.done == []


async def test_typed_quit_asks_too() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press("colon", "q", "enter")
        await wait_screen(pilot, LeavingScreen)


async def test_to_stay_changes_nothing() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press("q")
        await wait_screen(pilot, LeavingScreen)
        await pilot.press("escape")
        await painted(pilot)
        assert not isinstance(pilot.app.screen, LeavingScreen)
        assert engine.done == []


@pytest.mark.parametrize("keys", [("s",), ("q",), ("ctrl+c",), ("enter",)])
async def test_sending_first_shows_what_is_left_and_the_time(keys: tuple[str, ...]) -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press("q")
        await wait_screen(pilot, LeavingScreen)
        await pilot.press(*keys)
        await wait_screen(pilot, DrainingScreen)
        await wait_for(pilot, "131 files left, 34.3 GB, done about",
                       "2 files still being written: remembered for the next start",
                       "1 file retrying: remembered for the next start")
        engine.shown = fakes.draining()
        await wait_for(pilot, "42 files left, 10.9 GB, 51 s left")
        engine.shown = replace(engine.shown, phase=Phase.STOPPED)
        await wait_over(pilot)
        assert pilot.app.return_value == 0


@pytest.mark.parametrize("key", ["n", "q", "ctrl+c"])
async def test_the_draining_can_be_cut_short(key: str) -> None:
    engine = FakeEngine(fakes.draining())
    async with console(engine) as pilot:
        await wait_screen(pilot, DrainingScreen)
        await pilot.press(key)
        await wait_done(pilot, engine, "force_quit")
        await wait_over(pilot)
        assert pilot.app.return_value == 130


async def test_to_leave_now_is_possible_without_draining() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press("q")
        await wait_screen(pilot, LeavingScreen)
        await pilot.press("n")
        await wait_done(pilot, engine, "force_quit")
        await wait_over(pilot)


@pytest.mark.parametrize("key", ["escape", "b", "enter"])
async def test_the_draining_can_be_taken_back(key: str) -> None:
    engine = FakeEngine(fakes.draining())
    async with console(engine) as pilot:
        await wait_screen(pilot, DrainingScreen)
        await pilot.press(key)
        await wait_done(pilot, engine, "cancel_quit")
        await painted(pilot)
        assert pilot.app.screen is app_of(pilot).main_screen
        await wait_for(pilot, "Uploading 42 files")
        assert "force_quit" not in engine.done


async def test_it_is_said_when_it_is_too_late_to_take_it_back() -> None:
    engine = FakeEngine(fakes.draining())
    engine.cancel_quit = lambda: False  # type: ignore[method-assign]
    async with console(engine) as pilot:
        await wait_screen(pilot, DrainingScreen)
        await pilot.press("escape")
        await wait_for(pilot, "it is too late to continue")


async def test_buttons_do_what_the_keys_do() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press("q")
        await wait_screen(pilot, LeavingScreen)
        await click_text(pilot, "Keep running (esc)")
        await painted(pilot)
        await pilot.press("q")
        await wait_screen(pilot, LeavingScreen)
        await click_text(pilot, "Upload, then quit (s)")
        await wait_screen(pilot, DrainingScreen)
        await click_text(pilot, "Keep running (esc)")
        await wait_done(pilot, engine, "cancel_quit")
        await wait_gone(pilot, "Keep running (esc)")
        engine.shown = fakes.draining()
        await wait_screen(pilot, DrainingScreen)
        await click_text(pilot, "Quit now (n)")
        await wait_done(pilot, engine, "force_quit")
        await wait_over(pilot)


async def test_a_paused_program_says_that_it_sends_all_the_same() -> None:
    async with console(FakeEngine(fakes.paused())) as pilot:
        await pilot.press("q")
        await wait_for(pilot, "Uploading is paused; uploading the rest resumes it.")


async def test_a_stop_from_outside_is_shown_over_any_page() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press("c")
        await wait_screen(pilot, TextScreen)
        engine.quit()
        await wait_screen(pilot, DrainingScreen)
        await wait_for(pilot, "Quitting when everything queued is uploaded")
        engine.shown = replace(engine.shown, phase=Phase.STOPPED)
        await wait_over(pilot)


async def test_an_unreachable_broker_is_said_while_draining() -> None:
    engine = FakeEngine(replace(fakes.broker_down(), phase=Phase.DRAINING))
    async with console(engine) as pilot:
        await wait_screen(pilot, DrainingScreen)
        await wait_for(pilot, "kafka.lab:9093 unreachable since")
        assert "131 files left" in screen_text(pilot)


async def test_a_lost_terminal_ends_the_screen_and_only_the_screen() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        app_of(pilot).lose_terminal()
        await wait_over(pilot)
        assert app_of(pilot).failure is None
        assert engine.done == []  # whoever ran it quits the engine
