"""Runs the program with the console: before the screen, after it, and whatever ends it."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace

from rich.console import Console

from tui.config.settings import Settings
from tui.console import check_config, theme
from tui.console.app import ConsoleApp
from tui.engine.log import Log
from tui.engine.uploader import Uploader
from tui.errors import EXIT_UNFINISHED
from tui.session import Session, Voice
from tui.streams import say

#: Reading a page under a filter may take a second or two; nothing is lost by leaving earlier.
_LONGEST_LOOK_SECONDS = 10.0


def check(settings: Settings) -> None:
    """Refuse a ``[console]`` section that the console cannot follow.

    Raises:
        StartupError: something in it is unknown; says where.
    """
    check_config.check(settings.console)


def run(settings: Settings) -> int:
    """Upload, with the console, until asked to quit; return the exit status.

    Raises:
        StartupError: it cannot start, or must not go on.
    """
    log = Log(settings, None)
    log.open()
    try:
        return run_with(Uploader(settings, log), settings)
    finally:
        log.close()


def run_with(uploader: Uploader, settings: Settings) -> int:
    """Show an uploader that is not started yet until its end; return the exit status.

    Raises:
        StartupError: it cannot start, or must not go on.
    """
    failures: list[BaseException] = []

    def show() -> None:
        console = settings.console
        app = ConsoleApp(uploader, replace(console, theme=theme.fitting(
            console.theme, Console(force_terminal=True).color_system)))
        with contextlib.suppress(OSError):  # a terminal that is gone takes no last words
            app.run()
        if app.bridge.is_alive():
            app.bridge.join(_LONGEST_LOOK_SECONDS)
        if app.failure is not None:
            failures.append(app.failure)
            name = type(app.failure).__name__
            _report(f"the console ended by an unexpected error: {name}: "
                    f"{settings.redact(str(app.failure))}. What is queued is sent before the "
                    f"program ends; the traceback is in {settings.log_file}")

    status = Session(uploader, Voice(say, _report, lambda _line: None)).run(show)
    return max(status, EXIT_UNFINISHED) if failures else status


def _report(text: str) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(f"DataFileUploadDirectory: {text}", file=sys.stderr, flush=True)
