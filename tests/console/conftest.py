"""Starts the console on a scripted engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from tests.fakes import FakeEngine
from tui.console.app import ConsoleApp
from tui.console.bridge import Tick
from tui.settings import ConsoleSettings


class WatchedApp(ConsoleApp):
    """A console that counts its pictures, so that tests wait for the next one."""

    n_ticks = 0

    def on_tick(self, tick: Tick) -> None:
        super().on_tick(tick)
        self.n_ticks += 1


@asynccontextmanager
async def console(engine: FakeEngine, size: tuple[int, int] = (150, 44),
                  settings: ConsoleSettings | None = None) -> AsyncIterator[Pilot[int]]:
    """Run the console on an engine; it has painted twice when this is entered."""
    app = WatchedApp(engine, settings or ConsoleSettings(refresh_hz=20))
    async with app.run_test(size=size) as pilot:
        await painted(pilot)
        yield pilot


async def painted(pilot: Pilot[int], n_ticks: int = 3) -> None:
    """Wait until so many more pictures are on the screen."""
    app = pilot.app
    assert isinstance(app, WatchedApp)
    wanted = app.n_ticks + n_ticks
    for _ in range(500):
        await pilot.pause(0.01)
        if app.n_ticks >= wanted or not app.is_running:
            break
    assert app.n_ticks >= wanted or not app.is_running


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
