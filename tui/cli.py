"""From words on the command line to settings to a front end."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tui import streams
from tui.arguments import parse_arguments
from tui.config.settings import Settings
from tui.engine.recording import state_access
from tui.engine.system.signals import ignoring_stop_signals, interrupted_by_stop_signals
from tui.errors import EXIT_FAILED, EXIT_FORCED, StartupError, UsageError
from tui.make_settings import make_settings
from tui.text import visible
from tui.utf8 import ensure_utf8

__all__ = ["main", "make_settings"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status.

    Args:
        argv: the words of the command line; None for those of the process, which then ends here.
    """
    status = _main(argv)
    if argv is None:
        _end_process(status)
    return status


def _end_process(status: int) -> None:
    """End the process without tearing anything down.

    Threads of the Kafka clients may still try to connect: as the C library ends a process, OpenSSL
    frees what they are using, and now and then the process dies of it.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(status)


def _main(argv: Sequence[str] | None) -> int:
    streams.make_tolerant()
    try:
        if argv is None:
            ensure_utf8()
        with interrupted_by_stop_signals():
            return _run(parse_arguments(argv))
    except StartupError as error:
        print(f"DataFileUploadDirectory: error: {visible(str(error))}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_FORCED


def _run(arguments: argparse.Namespace) -> int:
    if arguments.demo:
        return _demo(arguments)
    if arguments.upload_dir is None:
        raise UsageError("UPLOAD_DIR is missing",
                         remedy="Name the directory to watch, or try --demo; see --help")
    if arguments.dry_run and arguments.show_events:
        raise UsageError("--dry_run and --show_events exclude each other", remedy="Give one")
    settings = make_settings(arguments, Path(arguments.upload_dir))
    if arguments.dry_run:
        from tui import dry_run

        return dry_run.run(settings)
    if arguments.show_events:
        from tui import show_events

        return show_events.run(settings)
    return _show(settings)


def _demo(arguments: argparse.Namespace) -> int:
    from tui import demo

    for name, given in (("UPLOAD_DIR", arguments.upload_dir),
                        ("--logger_file_path", arguments.logger_file_path),
                        ("--dry_run", arguments.dry_run),
                        ("--show_events", arguments.show_events)):
        if given:
            raise UsageError(f"{name} has no meaning with --demo, which makes a directory of its "
                             "own and keeps nothing", remedy=f"Leave out --demo or {name}")
    arguments.config = "demo"
    arguments.upload_existing = True  # what arrives before the first scan is shown, too
    for word, seconds in (("heartbeat", "20"), ("log", "30")):
        if getattr(arguments, f"{word}_topic_name") is None:
            for name, value in (("topic_name", f"demo-{word}s"), ("program_id", "demo-instrument"),
                                ("interval_secs", seconds)):
                setattr(arguments, f"{word}_{name}", value)
    return demo.run(lambda directory: make_settings(arguments, directory), _show)


def _front_end(settings: Settings) -> Callable[[Settings], int]:
    """Return what runs the front end; Textual is imported only for the console."""
    if settings.headless:
        from tui import headless

        return headless.run
    from tui.console import run

    run.check(settings)
    return run.run


def _show(settings: Settings) -> int:
    """Run the front end that was asked for, with a state directory."""
    run = _front_end(settings)
    try:
        warnings = state_access.prepare(settings)
        settings = replace(settings, warnings=(*settings.warnings, *warnings))
        spare_the_collector()
        return run(settings)
    finally:
        with ignoring_stop_signals():
            state_access.clear(settings)


def spare_the_collector() -> None:
    """Keep the garbage collector from walking, again and again, all that lives until the end.

    An upload makes and drops a million short-lived objects a minute, hardly any of them in cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
