"""What reaches somebody who looks away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import fakes
from tests.console.conftest import console, painted
from tests.fakes import FakeEngine
from tui.config.settings import ConsoleSettings
from tui.console.app import ConsoleApp
from tui.console.attention import Attention
from tui.engine.model.snapshot import Counts


def test_the_title_says_what_needs_attention_and_the_bell_rings_once() -> None:
    written: list[str] = []
    attention = Attention(written.append, {})
    attention.show(fakes.idle())
    attention.show(fakes.idle())
    assert written == ["\x1b[22;2t\x1b]2;DataFileUploadDirectory - xrd-raw\x07"]
    stuck = replace(fakes.idle(), counts=Counts(failed=3))
    attention.show(stuck)
    attention.show(stuck)
    assert written[1:] == ["\x1b]2;! 3 need attention - DataFileUploadDirectory\x07", "\x07"]
    attention.show(replace(fakes.idle(), counts=Counts(failed=1)))
    assert written[3:] == ["\x1b]2;! 1 needs attention - DataFileUploadDirectory\x07"]
    attention.end()
    assert written[4:] == ["\x1b[23;2t"]


@pytest.mark.parametrize(("environment", "n_notices"), [
    ({"TERM_PROGRAM": "WezTerm"}, 1), ({"TERM": "xterm-kitty"}, 1), ({"TERM": "xterm"}, 0)])
def test_terminals_that_show_notices_get_one(environment: dict[str, str], n_notices: int) -> None:
    written: list[str] = []
    Attention(written.append, environment).show(replace(fakes.idle(), problems=("a", "b")))
    assert sum(text.startswith("\x1b]9;") for text in written) == n_notices


def test_a_hostile_topic_does_nothing_to_the_terminal() -> None:
    written: list[str] = []
    Attention(written.append, {}).show(replace(fakes.idle(), topic_name="\x07\x1b]2;x\x9c"))
    assert "".join(written).count("\x07") == 1
    assert "".join(written).count("\x1b") == 2


@pytest.mark.parametrize("is_wanted", [True, False])
async def test_it_can_be_switched_off(is_wanted: bool) -> None:
    settings = ConsoleSettings(refresh_hz=20, attention=is_wanted)
    async with console(FakeEngine(fakes.busy()), settings=settings) as pilot:
        await painted(pilot)
        assert isinstance(pilot.app, ConsoleApp)
        assert (pilot.app.attention is not None) is is_wanted
