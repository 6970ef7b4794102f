"""The plain front end: commands on stdin, answers on stdout, the log on stderr."""

from __future__ import annotations

import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tui import wording
from tui.commands import execute
from tui.engine.logs import Log
from tui.engine.model import Phase
from tui.engine.operating_system import STOP_SIGNALS
from tui.engine.uploader import Uploader
from tui.errors import StartupError
from tui.settings import Settings

_DRAIN_LINE_SECONDS = 5.0
_LOOK_SECONDS = 0.1


def run(settings: Settings) -> int:
    """Upload until told to quit; return the exit status."""
    log = Log(settings, sys.stderr)
    log.open()
    try:
        return _run(settings, log)
    finally:
        log.close()
        if settings.state_dir_is_temporary:
            shutil.rmtree(settings.state_dir, ignore_errors=True)


def _run(settings: Settings, log: Log) -> int:
    uploader = Uploader(settings, log)
    with _stop_signals(uploader):
        try:
            uploader.start()
        except StartupError as error:
            print(f"DataFileUploadDirectory: error: {error}", file=sys.stderr)
            return 2
        if settings.is_embedded_broker:
            _say(wording.NOTHING_IS_KEPT)
        threading.Thread(target=_obey, args=(uploader,), name="stdin", daemon=True).start()
        _show(uploader, settings)
    if uploader.failure is not None:
        print(f"DataFileUploadDirectory: error: {uploader.failure}", file=sys.stderr)
    for line in wording.closing_summary(uploader.snapshot()):
        _say(line)
    return uploader.exit_status


def _say(line: str) -> None:
    """Print a line; a reader of stdout that has gone away stops nothing."""
    try:
        print(line, flush=True)
    except (OSError, ValueError):
        sys.stdout = None


def _show(uploader: Uploader, settings: Settings) -> None:
    """Print signs of life, and the progress of draining, until everything has stopped."""
    next_dot = time.monotonic() + settings.update_seconds
    next_drain = 0.0
    while not uploader.wait(_LOOK_SECONDS):
        now = time.monotonic()
        if now >= next_dot:
            next_dot = now + settings.update_seconds
            _say(f". ({wording.NOTHING_IS_KEPT})" if settings.is_embedded_broker else ".")
        if now >= next_drain:
            snapshot = uploader.snapshot()
            if snapshot.phase is Phase.DRAINING and snapshot.counts.unfinished:
                next_drain = now + _DRAIN_LINE_SECONDS
                _say(wording.draining_words(snapshot))


def _obey(uploader: Uploader) -> None:
    """Read commands; the end of input is not a quit, so that a service may close it."""
    try:
        for line in sys.stdin or ():
            if line.strip():
                for answer in execute(line, uploader).lines:
                    _say(answer)
    except (OSError, ValueError) as error:
        print(f"stdin cannot be read any more: {error}", file=sys.stderr)


@contextmanager
def _stop_signals(uploader: Uploader) -> Iterator[None]:
    """Make signals do what quit does; the second one forces."""
    def stop(_number: int, _frame: FrameType | None) -> None:
        # Not here: a handler runs between two instructions, perhaps inside a lock.
        threading.Thread(target=_stop, args=(uploader,), name="signal", daemon=True).start()

    before = {number: signal.signal(number, stop) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(uploader: Uploader) -> None:
    for line in execute("quit", uploader).lines:
        _say(line)
