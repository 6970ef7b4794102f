"""An error of the console itself: seen, reported, without secrets, and never silent."""

from __future__ import annotations

import logging

import pytest

from tests import fakes
from tests.console.conftest import app_of, console, painted, wait_for, wait_over
from tests.fakes import FakeEngine
from tests.waiting import wait_until
from tui.config.settings import ConsoleSettings
from tui.console.app import ConsoleApp
from tui.console.panes.totals import Totals
from tui.errors import LedgerError


async def test_the_death_of_the_consoles_thread_ends_the_screen() -> None:
    engine = FakeEngine(fakes.busy())
    app = ConsoleApp(engine, ConsoleSettings(refresh_hz=20))
    async with app.run_test() as pilot:
        engine.broken = True
        await wait_over(pilot)
    assert app.return_code == 1
    assert str(app.failure) == "scripted failure"


async def test_an_error_while_painting_ends_the_screen_and_is_logged(
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
        capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_arguments: object) -> None:
        secret = "hunter2"
        raise ZeroDivisionError(f"{len(secret)} by nothing")

    monkeypatch.setattr(Totals, "draw", staticmethod(broken))
    monkeypatch.setattr(logging.getLogger("tui"), "propagate", True)
    app = ConsoleApp(FakeEngine(fakes.busy()), ConsoleSettings(refresh_hz=20))
    with caplog.at_level(logging.ERROR, "tui"), pytest.raises(ZeroDivisionError):
        async with app.run_test() as pilot:
            await wait_over(pilot)
    assert isinstance(app.failure, ZeroDivisionError)
    assert app.return_code == 1
    assert "the console ended by an unexpected error" in caplog.text
    assert "Traceback" in caplog.text
    # Textual's own report prints the variables of every frame.
    assert "hunter2" not in "".join(capsys.readouterr())


async def test_messages_of_engine_threads_after_the_end_are_dropped() -> None:
    engine = FakeEngine(fakes.idle())
    async with console(engine) as pilot:
        callbacks = list(engine.subscribers)
        assert callbacks
        await pilot.press("q", "enter")
        await wait_over(pilot)
    for callback in callbacks:
        callback(fakes.NOTICE)  # must not raise in the thread of the engine
    wait_until(lambda: not engine.subscribers, "the console's thread has ended")


async def test_a_ledger_that_cannot_be_read_ends_nothing(caplog: pytest.LogCaptureFixture,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("tui"), "propagate", True)
    engine = FakeEngine(fakes.busy())

    def broken(*_arguments: object) -> None:
        raise LedgerError("the ledger cannot be read: disk I/O error")

    async with console(engine) as pilot:
        with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, "tui"):
            patch.setattr(engine, "page", broken)
            await painted(pilot, 5)
            await wait_for(pilot, "Uploading 131 files")
            engine.shown = fakes.draining()  # closed before the end is told
            await wait_for(pilot, "42 files left")
            patch.setattr(engine, "explain", broken)
            app_of(pilot).bridge.ask_detail("a")
            await wait_for(pilot, "disk I/O error")
        engine.shown = fakes.busy()
        await wait_for(pilot, "behind 340 MB")
        assert app_of(pilot).failure is None
    assert caplog.text.count("the lists cannot be shown just now") == 1
