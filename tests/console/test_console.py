"""What an operator sees and does, on a scripted engine."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests import fakes
from tests.console.conftest import console, painted, screen_text
from tests.fakes import FakeEngine
from tui.console.app import ConsoleApp
from tui.console.panes.chunks import chunk_cells
from tui.console.panes.log import LogPane
from tui.console.panes.queue import Queue
from tui.console.panes.uploading import Uploading
from tui.console.screens.leaving import DrainingScreen, LeavingScreen
from tui.console.screens.text import TextScreen
from tui.engine.model import (
    ChunkMap,
    FileState,
    FileStatus,
    LogLine,
    Notice,
    NoticeKind,
    Phase,
    Snapshot,
)
from tui.settings import ConsoleSettings


async def wait_for(pilot: Pilot[int], text: str) -> None:
    """Wait until a text is on the screen."""
    for _ in range(200):
        if text in screen_text(pilot):
            return
        await pilot.pause(0.02)
    raise AssertionError(f"{text!r} is not on the screen:\n{screen_text(pilot)}")


async def wait_done(pilot: Pilot[int], engine: FakeEngine, done: str) -> None:
    """Wait until the engine was told something."""
    for _ in range(200):
        if done in engine.done:
            return
        await pilot.pause(0.02)
    raise AssertionError(f"{done!r} was not done, but {engine.done}")


@pytest.mark.parametrize(("snapshot", "texts"), [
    (fakes.idle(), ("connected for 3 h 12 min", "nothing is being sent just now",
                    "0 Bytes/s", "4,812", "heartbeats off")),
    (fakes.busy(), ("212 MB/s", "2026-11-23/scan_0424.h5", "57 %", "9,412 / 16,384", "34.3 GB",
                    "settling", "last acknowledgement 0.1 s", "42 % of 500 MB", "lab-heartbeats",
                    "delivered", "oldest unsent file 2 min 40 s")),
    (fakes.broker_down(), ("✗ unreachable for 4 min 12 s", "Connection refused",
                           "! the broker is unreachable")),
    (fakes.paused(), ("‖ paused",)),
    (fakes.embedded(), ("embedded broker: nothing is kept", "embedded, nothing is kept")),
])
async def test_states_can_be_read(snapshot: Snapshot, texts: tuple[str, ...]) -> None:
    async with console(FakeEngine(snapshot)) as pilot:
        for text in texts:
            await wait_for(pilot, text)


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 34), (160, 48), (220, 70)])
async def test_every_size_shows_the_essential(size: tuple[int, int]) -> None:
    async with console(FakeEngine(fakes.busy()), size) as pilot:
        text = screen_text(pilot)
        for word in ("Files", ": check"):
            assert word in text
        if size[1] >= 24:
            for word in ("Throughput", "212 MB/s", "Uploading 3", "Queue 130", "Log"):
                assert word in text


async def test_the_list_keeps_its_cursor_while_it_changes() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        for _ in range(5):
            await pilot.press("down")
        await painted(pilot)
        queue = pilot.app.query_one(Queue)
        row = queue.selected()
        assert row is not None
        engine._queue = fakes.queue_rows()[2:]
        await painted(pilot)
        assert queue.cursor == 3
        assert queue.selected() == row


async def test_a_million_rows_cost_no_more_than_those_in_sight() -> None:
    snapshot = replace(fakes.busy(), counts=replace(fakes.busy().counts, waiting=1_000_000))
    log = tuple(LogLine(i, fakes.NOW, 20, f"line {i}") for i in range(1, 10_001))
    engine = FakeEngine(snapshot, queue=1_000_000, log=log)
    async with console(engine) as pilot:
        queue, lines = pilot.app.query_one(Queue), pilot.app.query_one(LogPane)
        await pilot.press("end")
        await wait_for(pilot, "file_0999999")
        before = queue.n_painted, lines.n_painted
        engine.log = (*log, *(replace(line, number=line.number + 10_000) for line in log))
        await painted(pilot, 2)
        assert queue.n_painted - before[0] <= 4 * queue.size.height
        assert lines.n_painted - before[1] <= 8 * lines.size.height


async def test_lists_are_switched_and_filtered() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        await pilot.press("2")
        await wait_for(pilot, "it cannot be read: Permission denied")
        await pilot.press("3")
        await wait_for(pilot, "2026-11-22/scan_4812.h5")
        await pilot.press("1", "slash", *"run7", "enter")
        await wait_for(pilot, "filter: run7")
        assert "scan_0425" not in screen_text(pilot)
        assert "maxima_run7.nmd" in screen_text(pilot)


@pytest.mark.parametrize(("key", "done"), [
    ("p", "pause"), ("r", "retry"), ("u", "reupload 2026-11-23/scan_0424.h5")])
async def test_keys_do_what_their_commands_do(key: str, done: str) -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press(key)
        await wait_done(pilot, engine, done)


async def test_p_pauses_and_resumes() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press("p")
        await wait_for(pilot, "‖ paused")
        await pilot.press("p")
        await wait_done(pilot, engine, "resume")


@pytest.mark.parametrize(("key", "text"), [
    ("c", "128 waiting"), ("question_mark", "Commands, after a colon"),
    ("enter", "9,412 of 16,384 acknowledged")])
async def test_pages_open_and_close(key: str, text: str) -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        await pilot.press(key)
        await wait_for(pilot, text)
        assert isinstance(pilot.app.screen, TextScreen)
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, TextScreen)


async def test_help_names_every_bound_key_and_command() -> None:
    async with console(FakeEngine(fakes.busy()), (150, 60)) as pilot:
        await pilot.press("question_mark")
        await wait_for(pilot, "Commands, after a colon")
        text = screen_text(pilot)
        for binding in pilot.app._bindings.key_to_bindings.values():
            for item in binding:
                if item.tooltip and item.id != "command_palette" and item.key != "ctrl+p":
                    assert item.tooltip in text


async def test_commands_are_typed_completed_and_recalled() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press("colon", *"pau")
        await pilot.pause(0.1)
        await pilot.press("right", "enter")
        await wait_done(pilot, engine, "pause")
        await pilot.press("up")
        assert pilot.app.query_one(Input).value == "pause"
        await pilot.press("escape")
        assert pilot.app.query_one(Queue).has_focus
        await wait_for(pilot, ": pause")  # the answer is in the log


def _top(pilot: Pilot[int]) -> type:
    """Return the kind of screen that is on top."""
    return type(pilot.app.screen)


async def test_quit_leaves_at_once_when_nothing_is_unfinished() -> None:
    engine = FakeEngine(fakes.idle())
    async with console(engine) as pilot:
        await pilot.press("q")
        await wait_done(pilot, engine, "quit")
        await painted(pilot)
        assert pilot.app.return_value == 0


async def test_quit_asks_shows_the_draining_and_can_be_taken_back() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press("q")
        await pilot.pause()
        assert _top(pilot) is LeavingScreen
        await pilot.press("escape", "q")
        await pilot.pause()
        await pilot.press("s")
        await wait_for(pilot, "131 files left")
        assert _top(pilot) is DrainingScreen
        await pilot.press("escape")
        await wait_done(pilot, engine, "cancel_quit")
        await painted(pilot)
        assert _top(pilot) is not DrainingScreen
        await pilot.press("ctrl+c")
        await pilot.pause()
        await pilot.press("n")
        await wait_done(pilot, engine, "force_quit")
        await painted(pilot)
        assert pilot.app.return_value == 130


async def test_a_stop_from_outside_is_shown() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        engine.quit()
        await wait_for(pilot, "Leaving when everything queued is")
        engine.shown = replace(engine.shown, phase=Phase.STOPPED)
        await painted(pilot)
        assert pilot.app.return_value == 0


async def test_hostile_names_show_literally_everywhere() -> None:
    statuses = tuple(fakes.uploading(name, 1, 5) for name in fakes.HOSTILE)
    rows = [FileStatus(name, FileState.HELD, 1, reason=name) for name in fakes.HOSTILE]
    log = tuple(LogLine(i + 1, fakes.NOW, 20, name) for i, name in enumerate(fakes.HOSTILE))
    engine = FakeEngine(replace(fakes.busy(), uploading=statuses), queue=rows, held=rows, log=log)
    async with console(engine, (220, 60)) as pilot:
        for _ in rows:
            for key in ("w", "enter"):
                await pilot.press(key)
                await pilot.pause(0.05)
                if isinstance(pilot.app.screen, TextScreen):
                    await pilot.press("escape")
            await pilot.press("down")
        engine.subscribers[0](Notice(NoticeKind.FILE_HELD, "x[/oops]", fakes.HOSTILE[0]))
        await pilot.press("slash", *"[/oops]", "enter")
        await wait_for(pilot, "x[/oops].bin")
        text = screen_text(pilot)
        assert "\u202e" not in text
        assert "\x1b" not in text


async def test_the_same_notice_is_shown_once() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        for _ in range(50):
            engine.subscribers[0](Notice(NoticeKind.BROKER_DOWN, "gone"))
        await painted(pilot)
        assert len(pilot.app._notifications) == 1


async def test_log_level_and_search() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        await wait_for(pilot, "scan_0420.h5 uploaded")
        await pilot.press("l")
        await wait_for(pilot, "warn and above")
        assert "scan_0420.h5 uploaded" not in screen_text(pilot)
        pilot.app.query_one(LogPane).focus()
        await pilot.press("slash", *"locked", "enter")
        await wait_for(pilot, "find: locked")
        assert "flat.tiff" not in screen_text(pilot)


async def test_panes_can_be_hidden_keys_rebound_and_themes_chosen() -> None:
    settings = ConsoleSettings(theme="upload-light", refresh_hz=20,
                               hidden_panes=frozenset({"heartbeats"}), keymap={"pause": "f5"})
    engine = FakeEngine(fakes.busy())
    async with console(engine, settings=settings) as pilot:
        assert "lab-heartbeats" not in screen_text(pilot)
        assert pilot.app.theme == "upload-light"
        await pilot.press("p", "f5")
        await wait_done(pilot, engine, "pause")


async def test_the_uploading_list_can_be_walked_and_maximised() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        pilot.app.query_one(Uploading).focus()
        await pilot.press("down")
        await wait_for(pilot, "1 cell =")
        await pilot.press("m")
        await pilot.pause()
        assert pilot.app.screen.maximized is pilot.app.query_one(Uploading)
        await pilot.press("y")
        assert pilot.app.clipboard == "2026-11-23/scan_0422.h5"


async def test_a_console_that_fails_is_reported() -> None:
    engine = FakeEngine(fakes.busy())
    app = ConsoleApp(engine, ConsoleSettings(refresh_hz=20))
    async with app.run_test() as pilot:
        engine.broken = True
        for _ in range(200):
            await pilot.pause(0.02)
            if not app.is_running:
                break
    assert app.return_code == 1


def test_gaps_in_the_chunk_map_show_at_any_scale() -> None:
    bitmap = bytearray(b"\xff" * 125_000)
    bitmap[62_500] = 0xFE
    cells, per_cell = chunk_cells(ChunkMap(1_000_000, 1_000_000, bytes(bitmap)), 280)
    assert len(cells) <= 280
    assert per_cell == 3572
    assert cells.count("▒") == 1
    assert chunk_cells(ChunkMap(3, 1, b"\x01"), 280) == ("■··", 1)
