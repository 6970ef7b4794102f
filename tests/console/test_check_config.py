"""``[console]`` in the config file: followed, or refused at start with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import fakes
from tests.console.conftest import app_of, console, screen_text, wait_done, wait_for, wait_gone
from tests.fakes import FakeEngine
from tui.arguments import parse_arguments
from tui.config.settings import ConsoleSettings
from tui.console import check_config, theme
from tui.console.app import PANES, ConsoleApp
from tui.console.theme import known_names
from tui.errors import ConfigError, StartupError
from tui.make_settings import make_settings


def settings_of(folder: Path, *lines: str) -> ConsoleSettings:
    """Return what a config file with a ``[console]`` section of these lines means."""
    path = folder / "our.config"
    path.write_text("\n".join(["[broker]", "bootstrap.servers = localhost:1", "[producer]",
                               "[console]", *lines]))
    upload_dir = folder / "data"
    upload_dir.mkdir(exist_ok=True)
    arguments = parse_arguments([str(upload_dir), "--config", str(path)])
    return make_settings(arguments, upload_dir).console


@pytest.mark.parametrize(("line", "what"), [
    ("theme = tokyo", "there is no theme tokyo"),
    ("hidden_panes = log, clock", "there is no pane clock"),
    ("key.stop = x", "there is no binding stop"),
    ("key.pause = f99", "'f99' is no key"),
    ("key.pause = hyperspace+x", "is no key"),
    ("key.pause = q", "q is the key of quit already"),
    ("key.check = p", "p is the key of pause already")])
def test_what_is_unknown_is_refused_with_file_and_line(tmp_path: Path, line: str,
                                                       what: str) -> None:
    settings = settings_of(tmp_path, "# a comment", line)
    with pytest.raises(ConfigError) as refusal:
        check_config.check(settings)
    text = str(refusal.value)
    assert what in text
    assert f"{tmp_path / 'our.config'}, line 6, [console] {line.split(' ')[0]}" in text


@pytest.mark.parametrize(("line", "what"), [
    ("refresh_hz = fast", "refresh_hz"), ("refresh_hz = 0", "refresh_hz"),
    ("colour = red", "unknown key colour")])
def test_what_needs_no_screen_to_be_judged_is_refused_as_well(tmp_path: Path, line: str,
                                                              what: str) -> None:
    with pytest.raises(StartupError) as refusal:
        settings_of(tmp_path, line)
    assert what in str(refusal.value)
    assert "line 5" in str(refusal.value)


@pytest.mark.parametrize("lines", [
    ("theme = light", "refresh_hz = 0.5", "hidden_panes = chunks heartbeats"),
    ("theme = ansi",), ("theme = nord",), ("key.pause = f5", "key.check = ctrl+k, x"),
    ("key.quit = p", "key.pause = q"), ("key.list.up = w",), ("hidden_panes =",)])
def test_what_is_known_is_taken(tmp_path: Path, lines: tuple[str, ...]) -> None:
    check_config.check(settings_of(tmp_path, *lines))


async def test_keys_are_rebound_in_help_and_footer_as_well() -> None:
    engine = FakeEngine(fakes.busy())
    settings = ConsoleSettings(refresh_hz=20, keymap={"pause": "f5", "check": "ctrl+k,x"})
    async with console(engine, settings=settings) as pilot:
        await wait_for(pilot, "f5 Pause")
        await pilot.press("p", "f5")
        await wait_done(pilot, engine, "pause")
        assert engine.done == ["pause"]
        await wait_for(pilot, "f5 Resume")
        await pilot.press("f5")
        await wait_done(pilot, engine, "resume")
        await pilot.press("x")
        await wait_for(pilot, "check")
        await pilot.press("escape", "question_mark")
        await wait_for(pilot, "f5         Stop uploading", "^k x       Show the current status")


@pytest.mark.parametrize("pane", PANES)
async def test_any_pane_can_be_hidden(pane: str) -> None:
    settings = ConsoleSettings(refresh_hz=20, hidden_panes=frozenset({pane}))
    async with console(FakeEngine(fakes.busy()), settings=settings) as pilot:
        await wait_for(pilot, ": check")
        assert not app_of(pilot).query_one(f"#{pane}").region


async def test_hidden_panes_leave_their_room_to_others() -> None:
    settings = ConsoleSettings(refresh_hz=20, hidden_panes=frozenset({"log", "heartbeats"}))
    async with console(FakeEngine(fakes.busy()), settings=settings) as pilot:
        await wait_gone(pilot, "lab-heartbeats")
        assert "scan_0445" in screen_text(pilot)


@pytest.mark.parametrize("theme", [*known_names(), ""])
async def test_every_theme_can_be_shown(theme: str) -> None:
    settings = ConsoleSettings(refresh_hz=20, theme=theme)
    async with console(FakeEngine(fakes.busy()), settings=settings) as pilot:
        await wait_for(pilot, "Uploading 131 files")
        await pilot.press("c")
        await wait_for(pilot, "esc closes")


def test_a_lower_refresh_rate_asks_less_often() -> None:
    app = ConsoleApp(FakeEngine(fakes.busy()), ConsoleSettings(refresh_hz=0.5))
    assert app.bridge.period_seconds == 2.0


@pytest.mark.parametrize(("given", "color_system", "expected"), [
    ("", "standard", "ansi"), ("", "256", ""), ("", "truecolor", ""), ("", None, ""),
    ("dark", "standard", "dark")])
def test_a_terminal_of_sixteen_colours_gets_a_theme_of_its_own(
        given: str, color_system: str | None, expected: str) -> None:
    assert theme.fitting(given, color_system) == expected
