"""The long lists: cursor and scroll position survive, and a million rows cost those in sight."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import fakes
from tests.console.conftest import (
    app_of,
    console,
    painted,
    path_of,
    screen_text,
    wait_done,
    wait_for,
    wait_gone,
)
from tests.fakes import FakeEngine
from tui.console.app import ConsoleApp
from tui.console.bridge import MOST_LOG_LINES, Bridge
from tui.console.panes.painter import Painter
from tui.console.panes.pane import Pane
from tui.console.view import Wish
from tui.engine.model.snapshot import LogLine, Page, PageKind, PageOrder


async def test_the_cursor_stays_on_its_file_while_the_list_changes() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press("down", "down", "down", "down", "down")
        await painted(pilot)
        queue = app_of(pilot).widgets.queue
        row = queue.selected()
        assert row is not None
        engine.queue = fakes.queue_rows()[2:]
        await painted(pilot)
        assert queue.cursor == 3
        assert queue.selected() == row


async def test_what_is_in_sight_stays_in_sight_while_the_list_shrinks_above() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        queue = app_of(pilot).widgets.queue
        for _ in range(60):
            await pilot.press("down")
        await painted(pilot)
        top, row = queue.first_in_sight(), queue.selected()
        assert top > 20
        engine.queue = fakes.queue_rows()[10:]
        await painted(pilot)
        assert queue.selected() == row
        assert queue.first_in_sight() == top - 10


async def test_a_list_scrolled_by_the_wheel_stays_where_it_is() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        queue = app_of(pilot).widgets.queue
        queue.scroll_to(y=40, animate=False, immediate=True)
        await painted(pilot)
        first = path_of(engine.page(PageKind.QUEUE, 40, 1).rows[0])
        assert first in screen_text(pilot)
        engine.queue = fakes.queue_rows()[5:]
        await painted(pilot)
        assert queue.first_in_sight() == 35
        assert first in screen_text(pilot)
        assert queue.cursor == 0


async def test_the_cursor_of_a_list_that_was_emptied_is_harmless() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press("end")
        await painted(pilot)
        engine.queue, engine.held = [], []
        await wait_for(pilot, "the queue is empty")
        await pilot.press("up", "down", "home", "end", "pageup", "pagedown")
        await painted(pilot)
        assert app_of(pilot).widgets.queue.selected() is None


@pytest.mark.parametrize("keys", [("end",), ("end", "home"), ("pagedown",) * 40])
async def test_moving_in_a_million_rows_asks_for_those_in_sight(keys: tuple[str, ...]) -> None:
    engine = FakeEngine(fakes.busy(), queue=1_000_000, held=[])
    async with console(engine) as pilot:
        await pilot.press(*keys)
        await painted(pilot)
        path = path_of(app_of(pilot).widgets.queue.selected())
        assert path[-11:-4] in screen_text(pilot)
        assert max(engine.n_rows_asked) <= max(50, 3 * app_of(pilot).widgets.queue.size.height)


def painted_so_far(pilot_app: object) -> dict[str, int]:
    assert isinstance(pilot_app, ConsoleApp)
    return {str(w.id): w.n_painted for w in pilot_app.main_screen.query("*")
            if isinstance(w, Painter)}


async def test_a_tick_with_a_million_files_and_10000_log_lines_touches_few_rows() -> None:
    snapshot = replace(fakes.busy(), counts=replace(fakes.busy().counts, waiting=1_000_000))
    log = tuple(LogLine(i, fakes.NOW, 20, f"line {i}") for i in range(1, 10_001))
    engine = FakeEngine(snapshot, queue=1_000_000, log=log)
    async with console(engine) as pilot:
        app = app_of(pilot)
        await pilot.press("end")
        await wait_for(pilot, "file_0999999")
        await painted(pilot)
        before, n_pictures = painted_so_far(app), app.n_pictures
        engine.log = (*log, *(replace(line, number=line.number + 10_000) for line in log))
        await wait_for(pilot, "line 10000")
        await painted(pilot)
        n_pictures = app.n_pictures - n_pictures
        after = painted_so_far(app)
        n_lines = {name: after[name] - before[name] for name in after}
        assert n_lines["queue"] <= 2 * app.widgets.queue.size.height
        assert n_lines["log"] <= 4 * app.widgets.log.size.height
        assert sum(n_lines.values()) <= 8 * app.size.height
        assert max(engine.n_log_lines_asked) <= MOST_LOG_LINES
        assert app.widgets.log.n_kept <= 5000


async def test_a_picture_like_the_last_one_paints_nothing() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        await painted(pilot, 5)
        before = painted_so_far(pilot.app)
        await painted(pilot, 20)
        assert painted_so_far(pilot.app) == before


async def test_an_idle_minute_paints_the_clock_and_next_to_nothing_else() -> None:
    engine = FakeEngine(fakes.idle())
    async with console(engine) as pilot:
        await painted(pilot, 3)
        before = painted_so_far(pilot.app)
        for second in range(60):
            fresh = fakes.idle().freshness
            engine.shown = replace(
                fakes.idle(), taken_at=fakes.NOW + second, freshness=replace(
                    fresh, last_event_age=95.0 + second, last_scan_age=(14.0 + second) % 60,
                    next_scan_seconds=(46.0 - second) % 60,
                    last_acknowledgement_age=93.0 + second))
            await painted(pilot, 2)
        after = painted_so_far(pilot.app)
        n_painted = {name: n - before[name] for name, n in after.items() if n > before[name]}
        assert n_painted.pop("clock") >= 50
        assert n_painted.pop("freshness") <= 16
        assert sum(n_painted.values()) <= 4  # the minutes of the connection


def test_every_pane_counts_what_it_paints() -> None:
    assert "n_painted" in vars(Pane("x", "x"))


def test_a_costly_page_is_not_asked_for_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("tui.console.bridge.time.monotonic", lambda: now[0])

    class SlowEngine(FakeEngine):
        def page(self, kind: PageKind, offset: int, n_rows: int, pattern: str = "",
                 order: PageOrder = PageOrder.LINE, reason: str = "") -> Page:
            now[0] += 1.0
            return super().page(kind, offset, n_rows, pattern, order, reason)

    engine = SlowEngine(fakes.busy())
    bridge = Bridge(engine, None, 4)  # type: ignore[arg-type]
    for _ in range(400):  # a hundred seconds of pictures
        bridge.look()
        now[0] += 0.25
    assert 4 <= len(engine.n_rows_asked) <= 7
    bridge.wish = Wish(pattern="scan")
    assert all("scan" in path_of(row) for row in bridge.look().page.rows)  # other rows: at once


def test_a_cheap_page_is_asked_for_with_every_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("tui.console.bridge.time.monotonic", lambda: now[0])
    engine = FakeEngine(fakes.busy())
    bridge = Bridge(engine, None, 4)  # type: ignore[arg-type]
    for _ in range(20):
        bridge.look()
        now[0] += 0.25
    assert len(engine.n_rows_asked) == 20


async def test_a_click_on_a_title_sorts_and_an_arrow_says_how() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        queue = app_of(pilot).widgets.queue
        region = queue.region
        await pilot.click(offset=(region.x + 4, region.y + 1))
        await wait_for(pilot, "file ↑", "s sort: by name")
        size_at = screen_text(pilot).split("\n")[region.y + 1].index("size") + 1
        await pilot.click(offset=(size_at, region.y + 1))
        await wait_for(pilot, "size ↓", "s sort: largest first")
        state_at = screen_text(pilot).split("\n")[region.y + 1].index("state") + 1
        await pilot.click(offset=(state_at, region.y + 1))
        await wait_for(pilot, "s sort: in line")


async def test_no_key_acts_on_a_row_that_is_out_of_sight() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        queue = app_of(pilot).widgets.queue
        await pilot.press("down")
        queue.scroll_to(y=60, animate=False, immediate=True)
        await painted(pilot)
        await pilot.press("u")
        await wait_for(pilot, "the selected row is in sight again")
        assert engine.done == []
        assert queue.is_cursor_in_sight()
        await pilot.press("u")
        await wait_done(pilot, engine, "reupload 2026-11-23/maxima_run7.nmd")


async def test_a_list_that_is_shown_is_in_sight_whatever_was_maximised() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        app_of(pilot).widgets.log.focus()
        await painted(pilot)
        await pilot.press("m")
        await wait_gone(pilot, "Uploading 3")
        await pilot.press("4")
        await wait_for(pilot, "2026-11-22/scan_4812.h5", "Uploading 3")


async def test_the_focus_comes_back_with_the_room() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        for size in ((40, 10), (150, 44)):
            await pilot.resize_terminal(*size)
            await painted(pilot)
        await wait_for(pilot, "Uploading 3")
        assert app_of(pilot).main_screen.focused is not None
