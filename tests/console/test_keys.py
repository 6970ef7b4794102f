"""Each key, and the mouse where it does the same."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from typing import Any

import pytest
from textual.binding import Binding
from textual.command import CommandPalette
from textual.pilot import Pilot

from tests import fakes
from tests.console.conftest import (
    app_of,
    click_text,
    console,
    painted,
    path_of,
    screen_text,
    wait_done,
    wait_for,
    wait_gone,
    wait_screen,
)
from tests.fakes import FakeEngine
from tui import wording
from tui.commands import COMMANDS, execute
from tui.console.app import BOUND, ConsoleApp
from tui.console.panes.queue import Queue
from tui.console.panes.uploading import Uploading
from tui.console.screens.text import TextScreen
from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.snapshot import Counts


def bindings_of(owner: type[Any]) -> list[Binding]:
    return [b for b in owner.__dict__["BINDINGS"] if isinstance(b, Binding)]


@pytest.mark.parametrize("owner", (ConsoleApp, *BOUND))
def test_every_binding_has_an_id_and_a_tooltip(owner: type[Any]) -> None:
    for binding in bindings_of(owner):
        assert binding.id
        assert binding.tooltip


def test_every_command_with_a_key_is_bound_to_it() -> None:
    bound = {binding.id: binding for binding in bindings_of(ConsoleApp)}
    for command in COMMANDS:
        if command.key and command.name != "resume":  # its key is that of pause
            assert bound[command.name].key == command.key
            assert bound[command.name].tooltip == command.help


async def choose(pilot: Pilot[int]) -> None:
    """Take the first thing that the palette offers."""
    for _ in range(100):
        await pilot.press("enter")
        await pilot.pause(0.05)
        if not isinstance(pilot.app.screen, CommandPalette):
            return
    raise AssertionError("the palette stays open")


# The commands' keys.

async def test_check_opens_the_same_text_as_headless() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press("c")
        await wait_screen(pilot, TextScreen)
        await wait_for(pilot, *(line.rstrip() for line in execute("check", engine).lines))
        await pilot.press("escape")
        await wait_for(pilot, "Queue 130")
        assert not isinstance(pilot.app.screen, TextScreen)


async def test_p_pauses_and_resumes_and_says_which() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await wait_for(pilot, "p Pause")
        await pilot.press("p")
        await wait_for(pilot, "‖ paused", "p Resume")
        await pilot.press("p")
        await wait_done(pilot, engine, "resume")
        await wait_gone(pilot, "‖ paused")


async def test_r_retries_the_selected_file_and_a_capital_r_everything() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press("3")
        await wait_for(pilot, "Permission denied")
        await pilot.press("r")
        await wait_done(pilot, engine, "retry cal/locked.raw")
        await wait_for(pilot, "cal/locked.raw is queued again")
        await pilot.press("R")
        await wait_done(pilot, engine, "retry")
        await wait_for(pilot, "1 file queued again")


async def test_r_on_a_cause_retries_its_files() -> None:
    engine = FakeEngine(fakes.busy(), held=300)
    async with console(engine) as pilot:
        await pilot.press("3")
        await wait_for(pilot, "300 files: many/file")
        await pilot.press("r")
        await wait_done(pilot, engine, "retry scripted")
        await pilot.press("w")
        await wait_for(pilot, "300 files: enter lists them")


async def test_t_takes_the_selected_file_that_was_here_before() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press("t")
        await wait_for(pilot, "press 5, and select a file")
        await pilot.press("5")
        await wait_for(pilot, "before/old_000.h5", "5 Not taken 312")
        await pilot.press("down", "t")
        await wait_done(pilot, engine, "take before/old_001.h5")
        await wait_for(pilot, "before/old_001.h5 is queued")


async def test_reupload_is_of_the_selected_file() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press("down", "down", "u")
        await wait_done(pilot, engine, "reupload 2026-11-23/scan_0425.h5")


async def test_why_is_of_the_selected_file() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        await pilot.press("w")
        await wait_for(pilot, "2026-11-23/scan_0424.h5: waiting: in line behind 3.4 GB")


async def test_keys_that_need_a_file_ask_for_one() -> None:
    engine = FakeEngine(replace(fakes.idle(), counts=Counts()), queue=[], held=[])
    async with console(engine) as pilot:
        await pilot.press("w")
        await wait_for(pilot, "select a file first")
        await pilot.press("enter", "y")
        await painted(pilot)
        assert not isinstance(pilot.app.screen, TextScreen)


# The console's own keys.

async def test_detail_shows_all_that_the_ledger_knows() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        pilot.app.query_one(Uploading).focus()
        await pilot.press("enter")
        await wait_for(
            pilot, "Version 2: begun, not finished", "Version 1: uploaded",
            "9,412 of 16,384 acknowledged, each of 16.4 kB, acks=all",
            "268 MB (268,435,456 bytes)", "modified", "begun", "0, offsets 81920 to 98303",
            bytes(range(16)).hex(), bytes(range(48, 64)).hex())


async def test_filter_finds_paths_and_is_taken_back() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        await pilot.press("slash", *"run7", "enter")
        await wait_for(pilot, "/ run7: 1 found", "maxima_run7.nmd")
        await wait_gone(pilot, "scan_0425")
        await pilot.press("slash")
        for _ in "run7":
            await pilot.press("backspace")
        await pilot.press("enter")
        await wait_for(pilot, "scan_0425", "/ filter")


async def test_the_history_is_searched_and_is_a_page_at_a_time() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press("4")
        await wait_for(pilot, "2026-11-22/scan_4812.h5", "s sort: newest first")
        await pilot.press("slash", *"scan_0777", "enter")
        await wait_for(pilot, "2026-11-22/scan_0777.h5", "1 found")
        assert max(engine.n_rows_asked) < 3 * pilot.app.size.height


@pytest.mark.parametrize(("key", "title", "text"), [
    ("1", "Queue 130", "2026-11-23/scan_0424.h5"), ("2", "Waiting 128", "behind 340 MB"),
    ("3", "Retrying 1", "it cannot be read: Permission denied"),
    ("4", "Uploaded 4,812", "2026-11-22/scan_4812.h5")])
async def test_number_keys_and_clicks_on_titles_show_the_lists(key: str, title: str,
                                                               text: str) -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        await pilot.press("3" if key != "3" else "2", key)
        await wait_for(pilot, text)
        await pilot.press("3" if key != "3" else "2")
        await click_text(pilot, title)
        await wait_for(pilot, text)
        shown = app_of(pilot).query_one("#history" if key == "4" else "#queue")
        assert shown.has_focus


async def test_sort_goes_through_all_orders() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        await wait_for(pilot, "s sort: in line")
        await pilot.press("s")
        await wait_for(pilot, "s sort: by name")
        await pilot.press("s")
        await wait_for(pilot, "s sort: largest first")
        await click_text(pilot, "s sort")
        await wait_for(pilot, "s sort: in line")


async def test_log_level_by_key_and_by_click() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        await wait_for(pilot, "scan_0420.h5 uploaded")
        await pilot.press("l")
        await wait_for(pilot, "l warn and above")
        assert "scan_0420.h5 uploaded" not in screen_text(pilot)
        await click_text(pilot, "l warn and above")
        await wait_for(pilot, "l error and above")
        await wait_gone(pilot, "cal/flat.tiff")


async def test_copy_path() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        await pilot.press("down", "y")
        assert pilot.app.clipboard == "2026-11-23/maxima_run7.nmd"
        await wait_for(pilot, "copied 2026-11-23/maxima_run7.nmd")


async def test_tab_visits_every_pane_and_comes_back() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        seen = []
        for _ in range(20):
            await pilot.press("tab")
            await pilot.pause()
            focused = pilot.app.focused
            assert focused is not None
            seen.append(focused.id)
        assert set(seen) == {"totals", "throughput", "in-flight", "broker", "verdict", "freshness",
                             "uploading", "queue", "chunks", "detail", "heartbeats", "log"}
        await pilot.press("shift+tab")
        await pilot.pause()
        assert pilot.app.focused is not None
        assert pilot.app.focused.id == seen[-2]


@pytest.mark.parametrize("pane", ["totals", "throughput", "in-flight", "broker", "uploading",
                                  "queue", "chunks", "detail", "heartbeats", "log"])
async def test_any_pane_takes_the_whole_screen_and_gives_it_back(pane: str) -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        before = pilot.app.query_one(f"#{pane}").size
        pilot.app.query_one(f"#{pane}").focus()
        await pilot.press("m")
        await painted(pilot)
        widget = pilot.app.query_one(f"#{pane}")
        assert widget.outer_size.width == 150
        assert widget.outer_size.height > 30
        await pilot.press("m")
        await painted(pilot)
        assert pilot.app.query_one(f"#{pane}").size == before


async def test_a_pane_without_room_can_be_maximised_from_the_palette() -> None:
    async with console(FakeEngine(fakes.busy()), (80, 24)) as pilot:
        await pilot.press("ctrl+p")
        await pilot.press(*"maximise heart")
        await wait_for(pilot, "Maximise Heartbeats")
        await choose(pilot)
        await wait_for(pilot, "lab-heartbeats", "41 heartbeats")


# What comes from registry and bindings.

async def test_help_names_every_key_and_every_command() -> None:
    async with console(FakeEngine(fakes.busy()), (150, 110)) as pilot:
        await pilot.press("question_mark")
        await wait_for(pilot, "Commands, after a colon", "In the log")
        text = screen_text(pilot)
        for binding in bindings_of(ConsoleApp):
            assert binding.tooltip in text
        for command in COMMANDS:
            assert command.help in text
        for word in ("settling", "waiting", "uploading", "uploaded", "retrying", "needs you"):
            assert f"  {word}" in text


async def test_the_palette_offers_every_binding_and_every_command() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        app = app_of(pilot)
        offered = {command.title for command in app.get_system_commands(app.screen)}
        for binding in bindings_of(ConsoleApp):
            assert binding.description in offered
        assert {c.name.capitalize() for c in COMMANDS} <= offered | {"Resume"}


async def test_the_palette_runs_a_command() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press("ctrl+p")
        await pilot.press(*"pause")
        await wait_for(pilot, "Stop uploading for now")
        await choose(pilot)
        await wait_done(pilot, engine, "pause")


async def test_keys_in_the_footer_can_be_clicked() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await click_text(pilot, "p Pause")
        await wait_done(pilot, engine, "pause")


@pytest.mark.parametrize("width", [60, 80, 100, 120, 150, 200])
async def test_no_key_in_the_footer_is_cut(width: int) -> None:
    async with console(FakeEngine(fakes.busy()), (width, 44)) as pilot:
        await wait_for(pilot, "c Check")
        footer = screen_text(pilot).split("\n")[-1]
        names = {b.description for b in bindings_of(ConsoleApp)} | {"palette"}
        words = [word for word in footer.replace("Copy path", "Copy_path").split()
                 if len(word) > 2 and word.isascii()]
        assert {w.replace("_", " ") for w in words if not w.startswith("^")} <= names
        assert {"Check", "Quit", "Help"} <= set(words)


# The mouse.

async def test_a_click_selects_a_row_and_a_double_click_opens_it() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        await click_text(pilot, "2026-11-23/scan_0427.h5")
        assert path_of(pilot.app.query_one(Queue).selected()) == "2026-11-23/scan_0427.h5"
        await click_text(pilot, "2026-11-23/scan_0428.h5", times=2)
        await wait_screen(pilot, TextScreen)
        await wait_for(pilot, "2026-11-23/scan_0428.h5: waiting: in line behind 3.4 GB")
        await click_text(pilot, "esc closes")
        await wait_gone(pilot, "esc closes")


async def test_a_click_below_the_rows_selects_nothing() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        uploading = pilot.app.query_one(Uploading)
        region = uploading.region
        await pilot.click(offset=(region.x + 5, region.bottom - 2), times=2)
        await painted(pilot)
        assert uploading.cursor == 0
        assert not isinstance(pilot.app.screen, TextScreen)


async def test_the_wheel_scrolls_the_list_and_not_the_cursor() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        queue = pilot.app.query_one(Queue)
        for _ in range(5):
            queue.scroll_down(animate=False, immediate=True)
        await painted(pilot)
        assert queue.first_in_sight() == 5
        assert queue.cursor == 0
        assert path_of(queue.selected()) == "2026-11-23/scan_0424.h5"


# The command line.

def test_the_state_words_of_the_help_are_those_of_the_program() -> None:
    from tui.console.texts import STATES
    from tui.engine.model.files import FileState

    known = {wording.state_word(state) for state in FileState}
    assert {word for word, _ in STATES} == known


@pytest.mark.parametrize("name", [*fakes.HOSTILE, "dark \udcff.raw", "it's"])
async def test_any_path_can_be_copied(name: str) -> None:
    engine = FakeEngine(fakes.busy(), queue=[FileStatus(name, FileState.WAITING, 5)])
    async with console(engine) as pilot:
        await wait_for(pilot, "waiting")
        await pilot.press("y")
        await wait_for(pilot, "copied ")
        copied = app_of(pilot).clipboard
        shown = subprocess.run(["bash", "-c", f"printf %s {copied}"], capture_output=True,
                               check=True).stdout if copied.startswith("$'") else copied.encode()
        assert shown == os.fsencode(name)
        await pilot.press("Y")
        await painted(pilot)
        assert app_of(pilot).clipboard.endswith("5 B  waiting  in line")
