"""`--show_events`: prints each file event, and what it means here; sends and writes nothing."""

from __future__ import annotations

import contextlib
import logging
import queue
import signal
import sys
import time
from types import FrameType

from tui import wording
from tui.engine.finding.selection import Selection
from tui.engine.finding.watching import Watching
from tui.engine.model import EventKind
from tui.engine.operating_system import STOP_SIGNALS
from tui.settings import Settings


def run(settings: Settings) -> int:
    """Print events until interrupted; return the exit status."""
    logging.getLogger("tui").addHandler(logging.StreamHandler(sys.stderr))
    heard: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()

    def stop(_number: int, _frame: FrameType | None) -> None:
        heard.put(None)

    for number in STOP_SIGNALS:
        signal.signal(number, stop)
    selection = Selection(settings)

    def touch(rel_path: str, kind: EventKind) -> None:
        heard.put((rel_path, kind.value))

    watching = Watching(settings, touch, lambda why: heard.put(("", why)))
    watching.start()
    print(f"watching {settings.upload_dir} with the {watching.name} observer; Ctrl+C ends it",
          flush=True)
    try:
        # Not get() alone: on Windows it cannot be interrupted.
        while True:
            with contextlib.suppress(queue.Empty):
                event = heard.get(timeout=0.5)
                if event is None:
                    return 0
                _print(settings, selection, *event)
    finally:
        watching.stop()


def _print(settings: Settings, selection: Selection, rel_path: str, what: str) -> None:
    reading = _reading(settings, selection, rel_path) if rel_path else "a scan would follow"
    print(f"{wording.clock(time.time())}  {what:<9} {wording.visible(rel_path)}: {reading}",
          flush=True)


def _reading(settings: Settings, selection: Selection, rel_path: str) -> str:
    """Return what the uploader would make of an event."""
    reason = selection.why_not_name(rel_path)
    if reason:
        return f"ignored: {reason}"
    try:
        found, reason = selection.observe(rel_path)
    except OSError as error:
        return f"held: it cannot be looked at ({error.strerror})"
    if found is None:
        return f"ignored: {reason}" if reason else "forgotten: there is no file any more"
    return (f"{wording.size(found.n_bytes)}, queued if it rests for "
            f"{wording.duration(settings.lag_seconds)}")
