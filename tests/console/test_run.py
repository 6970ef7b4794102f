"""What happens before and after the screen, whatever ends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import fakes
from tests.builders import settings_for
from tests.fakes import FakeEngine
from tui.console import run as console_run
from tui.engine.model.snapshot import Phase
from tui.errors import StartupError


class FakeUploader(FakeEngine):
    """An engine with a start and an end."""

    def __init__(self) -> None:
        super().__init__(fakes.busy())
        self.failure: StartupError | None = None
        self.start_error: StartupError | None = None

    def start(self) -> None:
        if self.start_error is not None:
            raise self.start_error

    @property
    def is_leaving(self) -> bool:
        return self.shown.phase is not Phase.RUNNING

    def wait(self, timeout_seconds: float | None) -> bool:
        if timeout_seconds and self.is_leaving:  # it drains while one waits
            self.shown = replace(self.shown, phase=Phase.STOPPED)
        return super().wait(timeout_seconds)


Screen = Callable[[FakeUploader], BaseException | None]


def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uploader: FakeUploader,
        screen: Screen) -> int:
    """Run the program with a screen that does something and ends."""
    def make_app(_uploader: object, _settings: object) -> SimpleNamespace:
        app = SimpleNamespace(failure=None, bridge=SimpleNamespace(is_alive=lambda: False))

        def show() -> None:
            app.failure = screen(uploader)

        app.run = show
        return app

    monkeypatch.setattr(console_run, "ConsoleApp", make_app)
    return console_run.run_with(uploader, settings_for(tmp_path))  # type: ignore[arg-type]


def leaves(uploader: FakeUploader) -> None:
    uploader.shown = replace(uploader.shown, phase=Phase.STOPPED)


def test_a_screen_that_ends_early_quits_and_drains(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    uploader = FakeUploader()
    assert run(tmp_path, monkeypatch, uploader, lambda _uploader: None) == 0
    assert uploader.done == ["quit"]
    printed = capsys.readouterr()
    assert "131 files left, 34.3 GB" in printed.err
    assert "211 files uploaded" in printed.out


def test_a_screen_that_was_left_prints_only_the_summary(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    uploader = FakeUploader()
    assert run(tmp_path, monkeypatch, uploader, leaves) == 0
    assert uploader.done == []
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "211 files uploaded" in printed.out


def test_an_error_of_the_console_is_reported_and_gives_status_1(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    uploader = FakeUploader()
    error = RuntimeError("scripted")
    assert run(tmp_path, monkeypatch, uploader, lambda _uploader: error) == 1
    assert uploader.done == ["quit"]
    printed = capsys.readouterr()
    assert "the console ended by an unexpected error: RuntimeError: scripted" in printed.err
    assert "the traceback is in" in printed.err


def test_a_forced_quit_stays_130_after_an_error(tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    uploader = FakeUploader()
    uploader.exit_status = 130
    assert run(tmp_path, monkeypatch, uploader, lambda _uploader: RuntimeError("x")) == 130


def test_why_it_must_not_go_on_is_told_after_the_screen(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    uploader = FakeUploader()
    uploader.failure = StartupError("another cluster", where="--config", remedy="Use --new_cluster")
    with pytest.raises(StartupError, match="another cluster"):
        run(tmp_path, monkeypatch, uploader, leaves)
    assert "211 files uploaded" in capsys.readouterr().out


def test_a_start_that_fails_opens_no_screen(tmp_path: Path,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    uploader = FakeUploader()
    uploader.start_error = StartupError("the ledger is in use")
    shown: list[int] = []
    with pytest.raises(StartupError, match="in use"):
        run(tmp_path, monkeypatch, uploader, lambda _uploader: shown.append(1))
    assert not shown


def test_a_terminal_that_takes_no_last_words_ends_nothing(tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(_uploader: FakeUploader) -> None:
        raise OSError(5, "Input/output error")

    uploader = FakeUploader()
    assert run(tmp_path, monkeypatch, uploader, lose) == 0
    assert uploader.done == ["quit"]
