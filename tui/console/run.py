"""The life of a program with a console: its start, its signals, its end, whatever ends it."""

from __future__ import annotations

import contextlib
import logging
import sys

from tui import wording
from tui.commands import execute
from tui.config.settings import Settings
from tui.console import check_config
from tui.console.factory import make_app
from tui.engine.log import Log
from tui.engine.system.signals import stop_signals_handled
from tui.engine.system.workers import Worker
from tui.engine.uploader import Uploader
from tui.errors import EXIT_UNFINISHED
from tui.streams import say

logger = logging.getLogger("tui.console")

_DRAIN_LINE_SECONDS = 2.0
_LOOK_SECONDS = 0.1
#: Reading a page under a filter may take a second or two; nothing is lost by leaving earlier.
_LONGEST_LOOK_SECONDS = 10.0


def check(settings: Settings) -> None:
    """Refuse a ``[console]`` section that the console cannot follow.

    Raises:
        StartupError: something in it is unknown; says where.
    """
    check_config.check(settings.console)


def run(settings: Settings) -> int:
    """Upload with the console until told to quit; return the exit status.

    Raises:
        StartupError: it cannot start, or must not go on.
    """
    log = Log(settings, None)
    log.open()
    try:
        return _run(settings, Uploader(settings, log))
    finally:
        log.close()


def _run(settings: Settings, uploader: Uploader) -> int:
    signals = _Signals(uploader)
    with stop_signals_handled(signals.came, then_ignored=True):
        uploader.start()
        signals.start()
        app = make_app(uploader, settings.console)
        with contextlib.suppress(OSError):  # a terminal that is gone takes no last words
            app.run()
        if app.bridge.is_alive():
            app.bridge.join(_LONGEST_LOOK_SECONDS)
        if app.failure is not None:
            name = type(app.failure).__name__
            _complain(f"the console ended by an unexpected error: {name}: "
                      f"{settings.redact(str(app.failure))}. What is queued is sent before the "
                      f"program ends; the traceback is in {settings.log_file}")
        _finish(uploader)
        signals.stop()
        signals.join()
    for line in wording.closing_summary(uploader.snapshot()):
        say(line)
    if uploader.failure is not None:
        raise uploader.failure
    status = uploader.exit_status
    return max(status, EXIT_UNFINISHED) if app.failure is not None else status


def _finish(uploader: Uploader) -> None:
    """See the upload to its end after the screen has gone."""
    if uploader.wait(0):
        return
    if not uploader.is_leaving:
        uploader.quit()
    _complain(wording.draining_words(uploader.snapshot()) + "; Ctrl+C leaves at once")
    while not uploader.wait(_DRAIN_LINE_SECONDS):
        _complain(wording.draining_words(uploader.snapshot()))


class _Signals(Worker):
    """Makes each signal that asks to stop one quit; the second one forces.

    Args:
        uploader: is told to quit.
    """

    def __init__(self, uploader: Uploader) -> None:
        super().__init__("signals", lambda _name, _error: None)
        self._uploader = uploader
        self._n_came = 0

    def came(self) -> None:
        """Only count: a handler may find any lock held."""
        self._n_came += 1
        if self._n_came > 1 and not self.is_alive():  # nothing is there yet to be told
            raise KeyboardInterrupt

    def work(self) -> None:
        n_obeyed = 0
        while not self.stopping.wait(_LOOK_SECONDS):
            while n_obeyed < self._n_came:
                n_obeyed += 1
                logger.info("a signal asks to stop")
                execute("quit", self._uploader)


def _complain(text: str) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(f"DataFileUploadDirectory: {text}", file=sys.stderr, flush=True)
