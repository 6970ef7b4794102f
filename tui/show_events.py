"""`--show_events`: prints each file event, and what it means here; sends and writes nothing."""

from __future__ import annotations

import contextlib
import queue
import time

from tui import wording
from tui.config.settings import Settings
from tui.engine.finding.selection import NOT_UTF8, Selection
from tui.engine.finding.watcher import Watcher
from tui.engine.log import warnings_on_stderr
from tui.engine.model.files import EventKind
from tui.engine.system.paths import is_utf8
from tui.engine.system.signals import stop_signals_handled
from tui.streams import say
from tui.text import visible


def run(settings: Settings) -> int:
    """Print events until interrupted, or until nobody reads them; return the exit status."""
    events = _Events()
    selection = Selection(settings)
    watcher = Watcher(settings, events)
    with warnings_on_stderr(settings), stop_signals_handled(lambda: events.queue.put(None)):
        watcher.start()
        try:
            say(f"watching {visible(str(settings.upload_dir))} with the {watcher.name} "
                "observer; Ctrl+C ends it")
            # Not get() alone: on Windows it cannot be interrupted.
            while True:
                with contextlib.suppress(queue.Empty):
                    event = events.queue.get(timeout=0.5)
                    if event is None or not _show(settings, selection, *event):
                        return 0
        finally:
            watcher.stop()


class _Events:
    """The events in the order in which they arrive; None asks to stop."""

    def __init__(self) -> None:
        self.queue: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()

    def heard(self, rel_path: str, kind: EventKind, *, is_sure: bool) -> bool:
        self.queue.put((rel_path, kind.value))
        return True

    def heard_of_directory(self, rel_path: str) -> None:
        """Say nothing of directories, which are not sent."""

    def events_lost(self, why: str) -> None:
        self.queue.put(("", why))


def _show(settings: Settings, selection: Selection, rel_path: str, what: str) -> bool:
    reading = _reading(settings, selection, rel_path) if rel_path else "a scan would follow"
    return say(f"{wording.clock(time.time())}  {what:<9} {visible(rel_path)}: "
               f"{visible(reading)}")


def _reading(settings: Settings, selection: Selection, rel_path: str) -> str:
    """Return what the uploader would make of an event."""
    reason = selection.why_not_name(rel_path)
    if not reason and not is_utf8(rel_path):
        reason = NOT_UTF8
    if reason:
        return f"ignored: {reason}"
    try:
        found, reason = selection.observe(rel_path)
    except OSError as error:
        return f"held: it cannot be looked at ({error.strerror})"
    if found is None:
        return f"ignored: {reason}" if reason else "forgotten: there is no file any more"
    return (f"{wording.size(found.n_bytes)}, queued if unchanged for "
            f"{wording.duration(settings.lag_seconds)}")
