"""Hostile names are literal text everywhere: panes, dialogs, notifications, titles."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import fakes
from tests.console.conftest import (
    app_of,
    console,
    painted,
    screen_text,
    squeezed,
    wait_for,
    wait_gone,
    wait_screen,
)
from tests.fakes import FakeEngine
from tui.console.screens.text import TextScreen
from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.snapshot import LogLine, Notice, NoticeKind, PeriodicStatus
from tui.text import visible

NAMES = (*fakes.HOSTILE, "עברית-data.bin", "名前[b]x[/b].csv", "a\u200fb\u2067c", "e\u0301.txt",
         "@click=app.quit", "[@click=app.command('quit')]x[/]", "x" * 255, "\\[b]", "back\\")


def engine_with(name: str) -> FakeEngine:
    """Return an engine in which everything is called so."""
    row = FileStatus(name, FileState.HELD, 1, reason=name)
    periodic = PeriodicStatus(name, name, 7.0, fakes.NOW, name, 1, 1)
    snapshot = replace(
        fakes.busy(), uploading=(fakes.uploading(name, 1, 5),), upload_dir=f"/data/{name}",
        topic_name=name, heartbeat=periodic, log_messages=periodic,
        broker=replace(fakes.busy().broker, address=name, reason=name), problems=(name,))
    return FakeEngine(snapshot, queue=[row], held=[row],
                      log=(LogLine(1, fakes.NOW, 20, name),))


def assert_harmless(text: str) -> None:
    assert not any(ord(c) < 32 for c in text.replace("\n", ""))
    assert not any(c in text for c in "\x7f\u202e\u200f\u2067\u200b")


@pytest.mark.parametrize("name", NAMES)
async def test_a_hostile_name_is_literal_in_every_pane_and_dialog(name: str) -> None:
    engine = engine_with(name)
    begin = visible(name)[:12]
    async with console(engine, (220, 60)) as pilot:
        await wait_for(pilot, begin)
        assert_harmless(screen_text(pilot))
        await pilot.press("w")
        await wait_for(pilot, "waiting: in line behind" if name == "plain" else "uploading, 1 of 5")
        assert_harmless(screen_text(pilot))
        await pilot.press("escape")
        for key in ("enter", "c"):
            await pilot.press(key)
            await wait_screen(pilot, TextScreen)
            await painted(pilot)
            assert begin in squeezed(pilot)
            assert_harmless(screen_text(pilot))
            await pilot.press("escape")
            await painted(pilot)
        for key in ("2", "3", "4", "1"):
            await pilot.press(key)
            await painted(pilot)
            assert_harmless(screen_text(pilot))
        assert engine.done == []


@pytest.mark.parametrize("name", NAMES)
async def test_a_hostile_name_is_literal_in_notifications(name: str) -> None:
    engine = engine_with("plain")
    async with console(engine, (220, 60)) as pilot:
        engine.subscribers[0](Notice(NoticeKind.FILE_HELD, name, name))
        await wait_for(pilot, visible(name)[:12])
        await pilot.press("y")
        await painted(pilot)
        assert_harmless(screen_text(pilot))
        assert app_of(pilot).is_running


@pytest.mark.parametrize("name", ["x[/oops]", "[red]", "@click=app.quit"])
async def test_a_hostile_filter_is_literal(name: str) -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        await pilot.press("slash", *name, "enter")
        await wait_for(pilot, f"/ {name}: 0 found", "no path matches the filter")
        await pilot.press("tab", "tab", "tab", "tab")
        app_of(pilot).widgets.log.focus()
        await pilot.press("slash", *name, "enter")
        await wait_for(pilot, f"find: {name}")


async def test_copying_gives_the_name_as_it_is() -> None:
    engine = engine_with("[red]a\nb\x1b[31m.txt")
    async with console(engine) as pilot:
        await pilot.press("y")
        assert pilot.app.clipboard == "[red]a\nb\x1b[31m.txt"
        await wait_for(pilot, "copied [red]a\\nb\\x1b[31m.txt")
        await pilot.press("escape")
        await wait_gone(pilot, "\x1b")
