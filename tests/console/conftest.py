"""Starts the console on a scripted engine, and reads its screen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from tests.fakes import FakeEngine
from tui.config.settings import ConsoleSettings
from tui.console.app import ConsoleApp
from tui.console.view import Row
from tui.engine.model.snapshot import Cause


@asynccontextmanager
async def console(engine: FakeEngine, size: tuple[int, int] = (150, 44),
                  settings: ConsoleSettings | None = None) -> AsyncIterator[Pilot[int]]:
    """Run the console on an engine; it has painted some pictures when this is entered."""
    app = ConsoleApp(engine, settings or ConsoleSettings(refresh_hz=20))
    async with app.run_test(size=size, notifications=True) as pilot:
        await painted(pilot)
        yield pilot


def app_of(pilot: Pilot[int]) -> ConsoleApp:
    """Return the console that a pilot steers."""
    assert isinstance(pilot.app, ConsoleApp)
    return pilot.app


async def painted(pilot: Pilot[int], n_pictures: int = 3) -> None:
    """Wait until so many more pictures are on the screen."""
    app = app_of(pilot)
    wanted = app.n_pictures + n_pictures
    for _ in range(1500):
        await pilot.pause(0.01)
        if app.n_pictures >= wanted or not app.is_running:
            break
    assert app.n_pictures >= wanted or not app.is_running


def path_of(row: Row | None) -> str:
    """Return the path of a row that is a file."""
    assert row is not None
    assert not isinstance(row, Cause)
    return row.rel_path


def screen_text(pilot: Pilot[int]) -> str:
    """Return what is on the screen, as text; empty while screens change."""
    app = pilot.app
    width, height = app.size
    if not app.is_running:
        return ""
    lines = []
    for strip in app.screen._compositor.render_strips():
        lines.append("".join(segment.text for segment in strip).ljust(width))
    assert len(lines) in (0, height)
    return "\n".join(lines)


def squeezed(pilot: Pilot[int]) -> str:
    """Return the screen without frames and with single blanks, to find broken lines in it."""
    return " ".join(screen_text(pilot).replace("│", " ").split())


async def wait_for(pilot: Pilot[int], *texts: str) -> None:
    """Wait until all texts are on the screen."""
    for _ in range(500):
        if all(text in screen_text(pilot) for text in texts):
            return
        await pilot.pause(0.02)
    missing = [text for text in texts if text not in screen_text(pilot)]
    raise AssertionError(f"{missing!r} not on the screen:\n{screen_text(pilot)}")


async def wait_gone(pilot: Pilot[int], text: str) -> None:
    """Wait until a text has left the screen."""
    for _ in range(500):
        if screen_text(pilot) and text not in screen_text(pilot):
            return
        await pilot.pause(0.02)
    raise AssertionError(f"{text!r} is still on the screen:\n{screen_text(pilot)}")


async def wait_done(pilot: Pilot[int], engine: FakeEngine, done: str) -> None:
    """Wait until the engine was told something."""
    for _ in range(500):
        if done in engine.done:
            return
        await pilot.pause(0.02)
    raise AssertionError(f"{done!r} was not done, but {engine.done}")


async def wait_screen(pilot: Pilot[int], kind: type) -> None:
    """Wait until a screen of a kind is on top."""
    for _ in range(500):
        if isinstance(pilot.app.screen, kind):
            return
        await pilot.pause(0.02)
    raise AssertionError(f"{pilot.app.screen} is on top, not {kind}")


async def click_text(pilot: Pilot[int], text: str, *, times: int = 1) -> None:
    """Click on the middle of a text on the screen."""
    await wait_for(pilot, text)
    for y, line in enumerate(screen_text(pilot).split("\n")):
        if text in line:
            await pilot.click(offset=(line.index(text) + len(text) // 2, y), times=times)
            return


async def wait_over(pilot: Pilot[int]) -> None:
    """Wait until the console has ended."""
    for _ in range(1000):
        if not pilot.app.is_running:
            return
        await pilot.pause(0.01)
    raise AssertionError("the console still runs")
