"""Listens to the file system; what it hears are hints, and the scan is the truth."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from watchdog.events import (
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserver

from tui.engine.model import EventKind
from tui.engine.operating_system import delivers_events, file_system_kind
from tui.settings import Settings

logger = logging.getLogger(__name__)

#: Only these: our own reads must not come back as events.
EVENT_TYPES: list[type[FileSystemEvent]] = [
    FileCreatedEvent, FileModifiedEvent, FileMovedEvent, FileClosedEvent]


class _Handler(FileSystemEventHandler):
    def __init__(self, root: Path, heard: Callable[[str, EventKind], None]) -> None:
        self._root = os.path.join(root, "")  # noqa: PTH118 (a prefix, with its separator)
        self._heard = heard

    def _tell(self, path: bytes | str, kind: EventKind) -> None:
        text = os.fsdecode(path)
        if text.startswith(self._root):
            self._heard(text[len(self._root):].replace(os.sep, "/"), kind)

    def on_created(self, event: FileSystemEvent) -> None:
        self._tell(event.src_path, EventKind.CREATED)

    def on_modified(self, event: FileSystemEvent) -> None:
        self._tell(event.src_path, EventKind.MODIFIED)

    def on_closed(self, event: FileSystemEvent) -> None:
        self._tell(event.src_path, EventKind.CLOSED)

    def on_moved(self, event: FileSystemEvent) -> None:
        self._tell(event.src_path, EventKind.MODIFIED)  # gone from there, unless made anew
        self._tell(event.dest_path, EventKind.MOVED)


class _OverflowHandler(logging.Handler):
    """Watchdog drops events when the kernel's or its own queue is full, and only logs that."""

    def __init__(self, on_overflow: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._on_overflow = on_overflow

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage().lower()
        if "overflow" in text or "queue" in text:
            self._on_overflow("events were lost: the system's event queue overflowed")


class Watching:
    """An observer that is built anew when it dies or its directory is replaced.

    Args:
        settings: the directory and the kind of observer.
        touch: told of each path, relative and POSIX, and what happened.
        on_overflow: told why events may have been lost.
    """

    def __init__(self, settings: Settings, touch: Callable[[str, EventKind], None],
                 on_overflow: Callable[[str], None]) -> None:
        self._root = settings.upload_dir
        self._touch = touch
        self._on_overflow = on_overflow
        self._overflows = _OverflowHandler(self._overflowed)
        kind = file_system_kind(self._root)
        self._is_polling = settings.use_polling_observer or not delivers_events(kind)
        if self._is_polling and not settings.use_polling_observer:
            logger.info("the file system (%s) does not tell of every change: the directory is "
                        "polled", kind)
        self._observer: BaseObserver | None = None
        self._lock = threading.Lock()
        self._last_event: float | None = None
        self.n_overflows = 0
        self.problem = ""

    @property
    def name(self) -> str:
        """Which observer is at work, in a word or two."""
        if self._observer is None:
            return "none"
        return "polling" if self._is_polling else "native"

    @property
    def last_event_age(self) -> float | None:
        """Seconds since the last event; None before the first."""
        return None if self._last_event is None else time.monotonic() - self._last_event

    def start(self) -> None:
        """Begin to listen; where the system cannot, the scans go on alone."""
        logging.getLogger("watchdog").addHandler(self._overflows)
        with self._lock:
            self._start()

    def _start(self) -> None:
        observer: BaseObserver = PollingObserver() if self._is_polling else Observer()
        try:
            observer.schedule(_Handler(self._root, self._heard), str(self._root),
                              recursive=True, event_filter=EVENT_TYPES)
            observer.start()
        except OSError as error:
            problem = f"the directory cannot be watched ({error.strerror or error})"
            if self.problem != problem:
                logger.warning("%s: only scans find files now; on Linux, raise "
                               "fs.inotify.max_user_watches and max_user_instances with sysctl",
                               problem)
            self.problem = problem
            return
        self.problem = ""
        self._observer = observer

    def _heard(self, rel_path: str, kind: EventKind) -> None:
        self._last_event = time.monotonic()
        self._touch(rel_path, kind)

    def _overflowed(self, why: str) -> None:
        self.n_overflows += 1
        self._on_overflow(why)

    def is_well(self) -> bool:
        """Return whether the observer is at work."""
        observer = self._observer
        return observer is not None and observer.is_alive() \
            and all(emitter.is_alive() for emitter in observer.emitters)

    def restart(self) -> None:
        """Listen with a new observer, because the old one is deaf."""
        self._stop_observer()
        with self._lock:
            self._start()

    def stop(self) -> None:
        """Stop listening."""
        logging.getLogger("watchdog").removeHandler(self._overflows)
        self._stop_observer()

    def _stop_observer(self) -> None:
        with self._lock:
            observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            observer.join(5)
