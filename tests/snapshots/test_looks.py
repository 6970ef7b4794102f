"""How it looks: pictures of every state, compared with those that somebody looked at.

``pytest tests/snapshots --snapshot-update`` draws them anew; look at each one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from unittest import mock

import pytest
from textual.pilot import Pilot

from tests import fakes
from tests.console.conftest import painted, wait_for
from tests.fakes import FakeEngine
from tui.config.settings import ConsoleSettings
from tui.console.app import ConsoleApp
from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.snapshot import Counts, Snapshot

Compare = Callable[..., bool]
_SIZES = ((80, 24), (120, 34), (160, 48))


@pytest.fixture(autouse=True)
def fixed_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Show the same times everywhere."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)
    time.tzset()
    with mock.patch("time.time", lambda: fakes.NOW):
        yield
    monkeypatch.undo()
    time.tzset()


def failures() -> Snapshot:
    """Return a program with thousands of failures."""
    return replace(fakes.busy(), counts=Counts(uploading=3, failed=7000, held=12, uploaded=9))


def million() -> Snapshot:
    """Return a program with a long queue."""
    return replace(fakes.busy(), counts=replace(fakes.busy().counts, waiting=1_000_000))


def hostile() -> Snapshot:
    """Return a program with hostile names."""
    return replace(fakes.busy(), uploading=tuple(
        fakes.uploading(name, 1, 5) for name in fakes.HOSTILE))


_ENGINES: dict[str, Callable[[], FakeEngine]] = {
    "idle": lambda: FakeEngine(fakes.idle(), queue=[], held=[]),
    "busy": lambda: FakeEngine(fakes.busy()),
    "paused": lambda: FakeEngine(fakes.paused()),
    "broker_down": lambda: FakeEngine(fakes.broker_down()),
    "draining": lambda: FakeEngine(fakes.draining()),
    "failures": lambda: FakeEngine(failures(), held=7012, queue=[]),
    "million": lambda: FakeEngine(million(), queue=1_000_000),
    "hostile": lambda: FakeEngine(hostile(), queue=[
        FileStatus(name, FileState.HELD, 1, reason=name) for name in fakes.HOSTILE], held=[]),
    "embedded": lambda: FakeEngine(fakes.embedded()),
}


def compare(snap_compare: Compare, state: str, size: tuple[int, int], *keys: str,
            theme: str = "", texts: tuple[str, ...] = ()) -> bool:
    """Return whether a state looks as it did."""
    app = ConsoleApp(_ENGINES[state](), ConsoleSettings(refresh_hz=20, theme=theme))

    async def run_before(pilot: Pilot[int]) -> None:
        await painted(pilot, 4)
        for key in keys:
            await pilot.press(key)
            await painted(pilot)
        await wait_for(pilot, *texts)
        await painted(pilot, 4)

    return snap_compare(app, terminal_size=size, run_before=run_before)


@pytest.mark.parametrize("size", _SIZES)
@pytest.mark.parametrize("state", _ENGINES)
def test_state(snap_compare: Compare, state: str, size: tuple[int, int]) -> None:
    assert compare(snap_compare, state, size)


@pytest.mark.parametrize("size", _SIZES)
@pytest.mark.parametrize("theme", ["light", "ansi"])
def test_theme(snap_compare: Compare, theme: str, size: tuple[int, int]) -> None:
    assert compare(snap_compare, "busy", size, theme=theme)


@pytest.mark.parametrize("size", _SIZES)
@pytest.mark.parametrize("state", ["busy", "broker_down"])
def test_no_colour(snap_compare: Compare, state: str, size: tuple[int, int],
                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert compare(snap_compare, state, size)


@pytest.mark.parametrize(("name", "keys"), [
    ("check", ("c",)), ("help", ("question_mark",)), ("detail", ("enter",)), ("leave", ("q",)),
    ("history", ("4",)), ("held", ("3",)), ("log", ("m",)), ("prompt", ("colon", "w", "h"))])
@pytest.mark.parametrize("size", [(80, 24), (150, 44)])
def test_page(snap_compare: Compare, name: str, keys: tuple[str, ...],
              size: tuple[int, int]) -> None:
    assert compare(snap_compare, "busy", size, *keys)


def test_below_80x24(snap_compare: Compare) -> None:
    assert compare(snap_compare, "busy", (60, 18))


def test_the_environment_is_left_as_it_was() -> None:
    assert "NO_COLOR" not in os.environ
