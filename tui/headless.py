"""The plain front end: commands on stdin, answers on stdout, the log on stderr."""

from __future__ import annotations

import errno
import functools
import logging
import sys
import threading
import time
from collections.abc import Callable

from tui import answers, wording
from tui.commands import execute
from tui.config.settings import Settings
from tui.engine.log import Log
from tui.engine.model.snapshot import Phase
from tui.engine.system.signals import fail_to_read_in_background
from tui.engine.uploader import Uploader
from tui.line_writer import LineWriter
from tui.session import Session, Voice
from tui.streams import typed_lines

logger = logging.getLogger(__name__)

_DRAINING_SECONDS = 5.0
_LOOK_SECONDS = 0.1
_BACKGROUND_SECONDS = 1.0


def run(settings: Settings) -> int:
    """Upload until asked to quit; return the exit status.

    Raises:
        StartupError: it cannot start, or must not go on.
    """
    log = Log(settings, sys.stderr)
    log.open()
    printed = LineWriter(sys.stdout, "stdout")
    uploader = Uploader(settings, log)
    try:
        return Session(uploader, Voice(printed.put, printed.put, printed.put)).run(
            lambda: _show(settings, uploader, printed))
    finally:
        printed.close()
        log.close()


def _show(settings: Settings, uploader: Uploader, printed: LineWriter) -> None:
    """Print signs of life and the progress of draining, until the end."""
    if settings.is_embedded_broker:
        printed.put(wording.NOTHING_IS_KEPT)
    fail_to_read_in_background()
    threading.Thread(target=_obey, args=(uploader, printed), name="stdin", daemon=True).start()
    next_dot = time.monotonic() + settings.update_seconds
    next_report = 0.0
    while not uploader.wait(_LOOK_SECONDS):
        now = time.monotonic()
        if now >= next_dot:
            next_dot = now + settings.update_seconds
            printed.put(f". ({wording.NOTHING_IS_KEPT})" if settings.is_embedded_broker else ".")
        if uploader.phase is Phase.DRAINING and now >= next_report:
            snapshot = uploader.snapshot()
            if snapshot.counts.unfinished:
                next_report = now + _DRAINING_SECONDS
                printed.put(answers.draining_words(snapshot))


def _answer(line: str, uploader: Uploader, say: Callable[[str], object]) -> None:
    try:
        lines = execute(line, uploader).lines
    except Exception:  # the top of what a typed line sets going: it must not end the reading
        logger.exception("the command failed unexpectedly: %s", line)
        return
    for text in lines:
        say(text)


def _obey(uploader: Uploader, printed: LineWriter) -> None:
    """Read commands; the end of input is not a quit, so that a service may close it."""
    while not uploader.wait(0):
        try:
            for line in typed_lines():
                if line.strip():
                    # This thread may wait for a reader; it is no part of the engine.
                    _answer(line, uploader, functools.partial(printed.put, patiently=True))
            return
        except OSError as error:
            if error.errno != errno.EIO or not sys.stdin.isatty():
                logger.warning("stdin cannot be read any more: %s", error)
                return
            uploader.wait(_BACKGROUND_SECONDS)  # another program has the terminal just now
        except ValueError:
            return  # closed by the end of the program
