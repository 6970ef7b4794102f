"""Starts the console on a scripted engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from tests.fakes import FakeEngine
from tui.console.app import ConsoleApp
from tui.console.factory import make_app
from tui.settings import ConsoleSettings


@asynccontextmanager
async def console(engine: FakeEngine, size: tuple[int, int] = (150, 44),
                  settings: ConsoleSettings | None = None) -> AsyncIterator[Pilot[int]]:
    """Run the console on an engine; it has painted twice when this is entered."""
    app = make_app(engine, settings or ConsoleSettings(refresh_hz=20))
    async with app.run_test(size=size) as pilot:
        await painted(pilot)
        yield pilot


async def painted(pilot: Pilot[int], n_ticks: int = 3) -> None:
    """Wait until so many more pictures are on the screen."""
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    wanted = app.n_pictures + n_ticks
    for _ in range(500):
        await pilot.pause(0.01)
        if app.n_pictures >= wanted or not app.is_running:
            break
    assert app.n_pictures >= wanted or not app.is_running


def screen_text(pilot: Pilot[int]) -> str:
    """Return what is on the screen, as text."""
    app = pilot.app
    width, height = app.size
    if not app.is_running:
        return ""
    lines = []
    for strip in app.screen._compositor.render_strips():
        lines.append("".join(segment.text for segment in strip).ljust(width))
    assert len(lines) in (0, height)  # none while screens change
    return "\n".join(lines)
