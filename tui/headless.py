"""The plain front end: commands on stdin, answers on stdout, the log on stderr."""

from __future__ import annotations

import errno
import functools
import logging
import sys
import threading
import time
from collections.abc import Callable

from tui import wording
from tui.commands import execute
from tui.config.settings import Settings
from tui.engine.log import Log
from tui.engine.model.snapshot import Phase
from tui.engine.system.signals import fail_to_read_in_background, stop_signals_handled
from tui.engine.uploader import Uploader
from tui.line_writer import LineWriter
from tui.streams import typed_lines

logger = logging.getLogger(__name__)

_DRAIN_LINE_SECONDS = 5.0
_LOOK_SECONDS = 0.1
_BACKGROUND_SECONDS = 1.0


def run(settings: Settings) -> int:
    """Upload until told to quit; return the exit status.

    Raises:
        StartupError: it cannot start, or must not go on.
    """
    log = Log(settings, sys.stderr)
    log.open()
    printed = LineWriter(sys.stdout, "stdout")
    try:
        return _Headless(settings, log, printed).run()
    finally:
        printed.close()
        log.close()


class _Headless:
    """One run of the plain front end."""

    def __init__(self, settings: Settings, log: Log, printed: LineWriter) -> None:
        self._settings = settings
        self._printed = printed
        self._uploader = Uploader(settings, log)
        self._is_started = False
        self._n_signals = 0

    def run(self) -> int:
        uploader = self._uploader
        with stop_signals_handled(self._signalled, then_ignored=True):
            uploader.start()
            self._is_started = True
            if self._settings.is_embedded_broker:
                self._printed.put(wording.NOTHING_IS_KEPT)
            fail_to_read_in_background()
            threading.Thread(target=_obey, args=(uploader, self._printed), name="stdin",
                             daemon=True).start()
            self._show()
        for line in wording.closing_summary(uploader.snapshot()):
            self._printed.put(line)
        if uploader.failure is not None:
            raise uploader.failure
        return uploader.exit_status

    def _signalled(self) -> None:
        """Only count: a handler may find any lock held."""
        self._n_signals += 1
        if self._n_signals > 1 and not self._is_started:
            raise KeyboardInterrupt

    def _show(self) -> None:
        """Print signs of life and the progress of draining, and obey signals, until the end."""
        uploader, settings = self._uploader, self._settings
        next_dot = time.monotonic() + settings.update_seconds
        next_drain = 0.0
        n_obeyed = 0
        while not uploader.wait(_LOOK_SECONDS):
            while n_obeyed < self._n_signals:
                n_obeyed += 1
                _answer("quit", uploader, self._printed.put)
            now = time.monotonic()
            if now >= next_dot:
                next_dot = now + settings.update_seconds
                self._printed.put(f". ({wording.NOTHING_IS_KEPT})"
                                  if settings.is_embedded_broker else ".")
            if now >= next_drain:
                snapshot = uploader.snapshot()
                if snapshot.phase is Phase.DRAINING and snapshot.counts.unfinished:
                    next_drain = now + _DRAIN_LINE_SECONDS
                    self._printed.put(wording.draining_words(snapshot))


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
