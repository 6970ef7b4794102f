"""Makes and ends watchdog's observers so that none leaves anything behind, whatever it raises.

Watchdog 7.1 raises from ``stop()`` where a directory left the tree and came back under its name,
and then keeps its inotify instance and a thread; one that failed to start keeps them as well.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserverVFS

logger = logging.getLogger(__name__)

_JOIN_SECONDS = 5.0
_MOST_STOPS = 3
#: Where it is said how to make room for more.
MORE_WATCHES = "on Linux, raise fs.inotify.max_user_watches with sysctl"
#: What to do, by the error of the system.
_REMEDIES = {
    errno.ENOSPC: MORE_WATCHES,
    errno.EMFILE: "on Linux, raise fs.inotify.max_user_instances with sysctl",
    errno.ENFILE: "raise the system's limit of open files; on Linux, fs.file-max with sysctl",
}
_FILES_REMEDY = "raise the limit of open files of this program (ulimit -n)"


class CannotObserveError(Exception):
    """No observer could be started.

    Args:
        what: why. remedy: what to do.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class RunningObserver:
    """An observer at work.

    Attributes:
        observer: watchdog's.
        threads: all that it consists of: without any one of them it is deaf.
    """

    observer: BaseObserver
    threads: tuple[threading.Thread, ...]

    def is_well(self) -> bool:
        """Return whether every thread of it is alive."""
        return all(thread.is_alive() for thread in self.threads)

    def end(self) -> None:
        """Stop it, and free what it holds."""
        _end(self.observer)


def observe(root: Path, handler: FileSystemEventHandler, event_types: list[type[FileSystemEvent]],
            poll_seconds: float | None) -> RunningObserver:
    """Start an observer of a directory and everything below it.

    Args:
        root: the directory.
        handler: receives each event.
        event_types: which events.
        poll_seconds: pause between two polls; None for the system's own events.

    Raises:
        CannotObserveError: it cannot be started; nothing of it is left.
    """
    before = set(threading.enumerate())
    observer: BaseObserver | None = None
    try:
        # Links are not followed: what they lead to is watched where it is, if it is inside.
        if poll_seconds is None:
            _see_that_files_can_be_opened()
            observer = Observer()
        else:
            observer = PollingObserverVFS(os.lstat, _without_errors(str(root)),
                                          polling_interval=poll_seconds)
        observer.schedule(handler, str(root), recursive=True, event_filter=event_types)
        observer.start()
    except CannotObserveError:
        raise
    except Exception as error:  # whatever a library raises must not end our thread
        if observer is not None:
            _end(observer)
        code = error.errno if isinstance(error, OSError) else None
        what = (error.strerror if isinstance(error, OSError) else None) or str(error) \
            or type(error).__name__
        raise CannotObserveError(what, _REMEDIES.get(code or 0, "")) from error
    return RunningObserver(observer, tuple([
        thread for thread in threading.enumerate()
        if thread not in before and type(thread).__module__.startswith("watchdog.")]))


def _see_that_files_can_be_opened() -> None:
    """Open as many files as an observer does: one that fails halfway would keep the first."""
    opened: list[int] = []
    try:
        for _ in range(2):
            opened += os.pipe()
    except OSError as error:
        raise CannotObserveError(error.strerror or str(error), _FILES_REMEDY) from error
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _end(observer: BaseObserver) -> None:
    # As it stops, an emitter lets go of its group, whose queue its thread may be waiting for.
    groups = [getattr(emitter, "_inotify", None) for emitter in list(observer.emitters)]
    for _ in range(_MOST_STOPS):
        try:
            observer.stop()
            break
        except Exception as error:  # its bookkeeping is in disorder: continue where it stopped
            logger.debug("an observer did not stop as it should: %r", error)
            for group in groups:
                queue = getattr(group, "_move_event_grouper", None)
                if queue is not None:
                    queue.close()
    if observer.is_alive():
        observer.join(_JOIN_SECONDS)


def _without_errors(root: str) -> Callable[[str | None], Iterator[os.DirEntry[str]]]:
    """Return a listing for the polling observer, which a single bad directory must not blind."""
    def listing(path: str | None) -> Iterator[os.DirEntry[str]]:
        try:
            return os.scandir(path)
        except OSError:
            if path == root:
                raise
            return iter(())  # the scan says what is wrong with it

    return listing
