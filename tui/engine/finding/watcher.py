"""Listens to the file system; what it hears are hints, and the scan is the truth."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)

from tui.config.settings import Settings
from tui.engine.finding.observer import (
    MORE_WATCHES,
    CannotObserveError,
    RunningObserver,
    observe,
)
from tui.engine.model.files import EventKind
from tui.engine.system.inotify import watched_inodes
from tui.engine.system.mounts import Mount, delivers_events, file_system_kind, mounts_below

logger = logging.getLogger(__name__)

#: Only these: our own reads must not come back as events.
EVENT_TYPES: list[type[FileSystemEvent]] = [
    FileCreatedEvent, FileModifiedEvent, FileMovedEvent, FileClosedEvent, DirCreatedEvent,
    DirMovedEvent]


#: Where it is said how to make room for more.
_MORE_EVENTS = "on Linux, raise fs.inotify.max_queued_events with sysctl"
#: Seconds between two polls: more for large directories, so that polling takes a small share.
_LEAST_POLL_SECONDS, _MOST_POLL_SECONDS, _POLLING_SHARE = 1.0, 60.0, 0.05
#: Overflows reported within this time are one.
_ONE_OVERFLOW_SECONDS = 1.0


class Listener(Protocol):
    """Who receives events, on the observer's thread; paths are relative and POSIX."""

    def heard(self, rel_path: str, kind: EventKind, *, is_sure: bool) -> bool:
        """Hear that something happened to a file; unless it is sure, that it was seen at least.

        Returns:
            Whether files of that name are uploaded: others tell nothing of the instrument.
        """

    def heard_of_directory(self, rel_path: str) -> None:
        """Hear that a directory has appeared."""

    def events_lost(self, why: str) -> None:
        """Hear that events may have been lost, and why."""


class _Handler(FileSystemEventHandler):
    def __init__(self, root: Path, watcher: Watcher) -> None:
        self._root = os.path.join(root, "")  # noqa: PTH118 (a prefix, with its separator)
        self._watcher = watcher

    def _relative(self, path: bytes | str) -> str:
        """Return a path as the ledger writes it; empty for one that is not below the root."""
        text = os.fsdecode(path)
        if not text.startswith(self._root):
            return ""
        return text[len(self._root):].replace(os.sep, "/")

    def _tell(self, path: bytes | str, kind: EventKind, is_directory: bool) -> None:
        rel_path = self._relative(path)
        if rel_path and is_directory:
            self._watcher.note_directory(rel_path)
        elif rel_path:
            self._watcher.note(rel_path, kind)

    def on_created(self, event: FileSystemEvent) -> None:
        self._tell(event.src_path, EventKind.CREATED, event.is_directory)

    def on_modified(self, event: FileSystemEvent) -> None:
        self._tell(event.src_path, EventKind.MODIFIED, event.is_directory)

    def on_closed(self, event: FileSystemEvent) -> None:
        self._tell(event.src_path, EventKind.CLOSED, event.is_directory)

    def on_moved(self, event: FileSystemEvent) -> None:
        if not event.is_directory:
            # It is gone from there, unless it was recreated.
            self._tell(event.src_path, EventKind.MODIFIED, False)
        self._tell(event.dest_path, EventKind.MOVED, event.is_directory)


class _OverflowHandler(logging.Handler):
    """Watchdog drops events when the kernel's or its own queue is full, and only logs that."""

    def __init__(self, watcher: Watcher) -> None:
        super().__init__(logging.WARNING)
        self._watcher = watcher

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage().lower()
        if "overflow" in text or "queue" in text:
            self._watcher.overflowed()


class Watcher:
    """An observer that is rebuilt when it dies or its directory is replaced.

    Args:
        settings: the directory and the kind of observer.
        listener: receives the events.
    """

    def __init__(self, settings: Settings, listener: Listener) -> None:
        self._root = settings.upload_dir
        self._listener = listener
        self._overflows = _OverflowHandler(self)
        self._kind = file_system_kind(self._root)
        self.is_polling = settings.use_polling_observer or not delivers_events(self._kind)
        if self.is_polling and not settings.use_polling_observer:
            logger.info("the file system (%s) does not report every change: the directory is "
                        "polled", self._kind)
        self._has_stopped = False
        self._observing: RunningObserver | None = None
        self._lock = threading.Lock()
        self._last_event: float | None = None
        self._last_overflow = float("-inf")
        self.seen_inodes: frozenset[int] = frozenset()  #: by the last scan, until compared
        self._mounts = mounts_below(self._root)
        self.poll_seconds = _LEAST_POLL_SECONDS
        self.n_overflows = 0
        self.n_unwatched = self._n_seen = 0
        self.problem = ""

    @property
    def name(self) -> str:
        """Which observer is at work, in a word or two."""
        if self._observing is None:
            return "none"
        return "polling" if self.is_polling else "native"

    @property
    def last_event_age(self) -> float | None:
        """Seconds since the last event; None before the first."""
        return None if self._last_event is None else time.monotonic() - self._last_event

    def problems(self) -> list[str]:
        """Return why events do not report everything, one sentence each."""
        found = [self.problem] if self.problem else []
        if self.n_unwatched:
            found.append(f"{self._unwatched_words()}; {MORE_WATCHES}")
        if not self.is_polling:
            found += [f"only scans find files in {self._name_of(mount)}: its file system "
                      f"({mount.kind}) does not report changes made by other computers"
                      for mount in self._mounts if not delivers_events(mount.kind)]
        return found

    def start(self) -> None:
        """Begin to listen; where the system cannot, the scans go on alone."""
        logging.getLogger("watchdog").addHandler(self._overflows)
        with self._lock:
            self._start()

    def _start(self) -> None:
        if self._has_stopped:
            return  # stopped before it had begun
        # It warns, on the terminal, of directories that are reported twice; that does no harm.
        warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
        try:
            self._observing = observe(
                self._root, _Handler(self._root, self), EVENT_TYPES,
                self.poll_seconds if self.is_polling else None)
        except CannotObserveError as error:
            remedy = f"; {error.remedy}" if error.remedy else ""
            self._cannot_watch(f"the directory cannot be watched ({error.what}): only scans find "
                               f"files{remedy}")
            return
        self.problem = ""

    def cannot_begin(self, why: str) -> None:
        """Note that beginning to listen does not come to an end."""
        self._cannot_watch(f"the directory cannot be watched yet ({why}): only scans find files")

    def _cannot_watch(self, problem: str) -> None:
        if self.problem != problem:
            logger.warning("%s; every scan tries again", problem)
        self.problem = problem

    def note(self, rel_path: str, kind: EventKind) -> None:
        """Tell the listener of an event, and whether its kind can be believed."""
        if self._listener.heard(rel_path, kind, is_sure=self._is_sure(kind)):
            self._last_event = time.monotonic()

    def needs_new_interval(self, walk_seconds: float) -> bool:
        """Return whether polling has to start over with another pause, now set, between polls.

        Args:
            walk_seconds: how long a walk through the directory takes; polls are as long.
        """
        wanted = min(_MOST_POLL_SECONDS, max(_LEAST_POLL_SECONDS, walk_seconds / _POLLING_SHARE))
        if not self.is_polling or self.poll_seconds / 2 < wanted < self.poll_seconds * 2:
            return False
        self.poll_seconds = wanted
        return True

    def _is_sure(self, kind: EventKind) -> bool:
        """Return whether an event of a kind means what it says.

        A polling observer takes a share that comes back for new files. Only inotify tells writing
        from other changes; elsewhere our own reading may be reported as a modification.
        """
        if self.is_polling:
            return kind is not EventKind.CREATED
        return kind is not EventKind.MODIFIED or sys.platform == "linux"

    def note_directory(self, rel_path: str) -> None:
        """Note that a directory has appeared."""
        self._listener.heard_of_directory(rel_path)

    def overflowed(self) -> None:
        """Note that events were dropped."""
        now, last = time.monotonic(), self._last_overflow
        self._last_overflow = now
        if now - last > _ONE_OVERFLOW_SECONDS:
            self.n_overflows += 1
            self._listener.events_lost("events lost, scanned again: the queue of file events "
                                       f"overflowed; {_MORE_EVENTS}")

    def have_mounts_changed(self) -> bool:
        """Return whether a file system was mounted or unmounted in the directory, and say so.

        Watches stay with what was there before: only a new observer sees what is there now.
        """
        before, self._mounts = self._mounts, mounts_below(self._root)
        for mount in self._mounts - before:
            logger.info("a file system (%s) was mounted at %s: what is in it is watched from now "
                        "on", mount.kind, self._name_of(mount))
        for mount in before - self._mounts:
            logger.warning("the file system (%s) at %s is no longer mounted; the files in it "
                           "cannot be seen", mount.kind, self._name_of(mount))
        return before != self._mounts

    def _name_of(self, mount: Mount) -> str:
        return os.path.relpath(mount.point, self._root)

    # What the scan saw, against what is watched.

    def seen(self, inodes: Iterable[int]) -> None:
        """Take the file numbers of all directories that a scan went through."""
        self.seen_inodes = frozenset(inodes) - {0}

    def look_for_unwatched(self) -> None:
        """Compare what the last scan saw with what the kernel watches; once after each scan.

        At its limit of watches, an observer watches a part and says nothing.
        """
        seen, self.seen_inodes = self.seen_inodes, frozenset()
        if self.is_polling or not seen:
            return
        watched = watched_inodes()
        if watched is None:
            return
        # The numbers of an overlay's directories are not those that the kernel watches.
        n_unwatched = len(seen - watched) if self._kind != "overlay" else len(seen) - len(watched)
        before, self.n_unwatched, self._n_seen = self.n_unwatched, max(0, n_unwatched), len(seen)
        if self.n_unwatched and not before:
            logger.warning("%s; %s", self._unwatched_words(), MORE_WATCHES)
        elif before and not self.n_unwatched:
            logger.info("all directories are watched again")

    def _unwatched_words(self) -> str:
        return f"{self.n_unwatched:,} of {self._n_seen:,} directories are not watched: only " \
            "scans find files in them"

    def is_well(self) -> bool:
        """Return whether the observer is at work."""
        return self._observing is not None and self._observing.is_well()

    def say_deaf(self) -> None:
        """Say that the observer died, where it did."""
        if self._observing is not None and not self._observing.is_well():
            logger.warning("the observer of file events has died: another is started, and the "
                           "directory is scanned again")

    def restart(self) -> None:
        """Listen with a new observer, because the old one is deaf."""
        self._stop_observer()
        with self._lock:
            self._start()

    def stop(self) -> None:
        """Stop listening; not to be started again."""
        self._has_stopped = True
        logging.getLogger("watchdog").removeHandler(self._overflows)
        self._stop_observer()

    def _stop_observer(self) -> None:
        if not self._lock.acquire(timeout=1.0):
            return  # it is just being started, and hangs; it ends with the process
        try:
            observing, self._observing = self._observing, None
        finally:
            self._lock.release()
        if observing is not None:
            observing.end()
