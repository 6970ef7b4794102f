"""Calls to a file system that may never answer: made on a thread that can be left behind."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from tui.errors import FileSystemHangError

logger = logging.getLogger(__name__)

#: A call that has not returned after this time is given up.
PATIENCE_SECONDS = 30.0
#: The same for one whose owner is to end.
_LAST_PATIENCE_SECONDS = 2.0
_LOOK_SECONDS = 0.5
#: So many threads may be left behind; further calls then wait until one of them returns.
_MOST_LEFT_BEHIND = 16
#: Where so many paths of one folder hang, the others in it are believed to.
_MOST_IN_ONE_FOLDER = 3

Answer = TypeVar("Answer")
#: Told which path is touched next; raises :class:`FileSystemHangError` where that is known to hang.
Touching = Callable[[str], None]


class _LeftBehindError(BaseException):
    """Ends a call whose result nobody waits for any more."""


class GuardedCalls:
    """Runs one call at a time on a thread of its own, and stops waiting for one that hangs.

    Args:
        name: of the thread.
        on_return: called with a path that hung, once its call has come back after all.
        stopping: set where its owner has been asked to end, and so is less patient.
        patience_seconds: how long a call may stay with one path; a common time by default.
    """

    def __init__(self, name: str, on_return: Callable[[str], None],
                 stopping: threading.Event | None = None,
                 patience_seconds: float | None = None) -> None:
        self._name = name
        self._on_return = on_return
        self._stopping = stopping or threading.Event()
        self._patience = PATIENCE_SECONDS if patience_seconds is None else patience_seconds
        self._worker: _Worker | None = None
        self._left_behind: list[_Worker] = []
        self._is_stopped = False

    def run(self, work: Callable[[Touching], Any]) -> Any:
        """Return what the call returns, or raise what it raises.

        Args:
            work: called with a function, to which it names each path before it touches it; the
                patience starts over each time.

        Raises:
            HangError: it has stayed with one path for too long.
        """
        self.begin(work)
        return self.end()

    def answers(self, given: list[Answer], n_items: int,
                work: Callable[[list[Answer], Touching], None]) \
            -> tuple[list[Answer], FileSystemHangError | None]:
        """Make one call for many items; return their answers until one of them hangs.

        Args:
            given: empty; holds the answers until then where the call raises another error.
            n_items: number of items.
            work: appends the answer of each item to that list, in order; see :meth:`run`.

        Returns:
            The answers, and the error where the item after them hangs.
        """
        try:
            self.run(lambda touching: work(given, touching))
        except FileSystemHangError as error:
            answered = list(given)  # the call that was left behind may go on adding to it
            # Or it has answered in the very moment it was given up.
            return answered, error if len(answered) < n_items else None
        return given, None

    def begin(self, work: Callable[[Touching], Any]) -> None:
        """Make a call as :meth:`run` does, without waiting for it; :meth:`end` must follow."""
        self._worker = self._worker or self._new_worker()
        self._worker.begin(work)

    def end(self) -> Any:
        """Return what the call gave that was begun, or raise as :meth:`run`."""
        worker = self._worker
        assert worker is not None
        while not worker.done.wait(min(_LOOK_SECONDS, self._patience / 4)):
            patience = min(self._patience, _LAST_PATIENCE_SECONDS) if self._stopping.is_set() \
                else self._patience
            if time.monotonic() - worker.since > patience:
                break
        if worker.leave_behind():
            self._worker = None
            self._left_behind.append(worker)
            raise FileSystemHangError(worker.path)
        error, result = worker.error, worker.result
        worker.error = worker.result = None
        if error is not None:
            raise error
        return result

    def _new_worker(self) -> _Worker:
        while True:
            self._left_behind = [w for w in self._left_behind if w.is_alive()]
            if len(self._left_behind) < _MOST_LEFT_BEHIND:
                break
            self._left_behind[0].join(1.0)
        worker = _Worker(self._name, self._has_returned, self._is_hanging)
        worker.start()
        return worker

    def _has_returned(self, path: str) -> None:
        if not self._is_stopped:
            logger.info("%s answers again", path or "the file system")
            self._on_return(path)

    def _is_hanging(self, path: str) -> bool:
        """Return whether a path hangs, or so many beside it that it is not worth a thread."""
        if not self._left_behind:
            return False
        paths = [w.path for w in self._left_behind if w.is_alive()]
        folder = path.rpartition("/")[0]
        return path in paths or sum(
            p.rpartition("/")[0] == folder for p in paths) >= _MOST_IN_ONE_FOLDER

    @property
    def hanging(self) -> list[tuple[str, float]]:
        """The paths that have not answered, and for how many seconds."""
        now = time.monotonic()
        return [(w.path, now - w.since) for w in list(self._left_behind) if w.is_alive()]

    def stop(self) -> None:
        """Let the thread end; one that hangs ends with the process, silently."""
        self._is_stopped = True
        if self._worker is not None:
            self._worker.end()
            self._worker.join(1.0)
            self._worker = None


class _Worker(threading.Thread):
    """Makes calls until it is ended, or left behind with one of them."""

    def __init__(self, name: str, on_return: Callable[[str], None],
                 is_hanging: Callable[[str], bool]) -> None:
        super().__init__(name=f"{name}-calls", daemon=True)
        self._on_return = on_return
        self._is_hanging = is_hanging
        self._calls: queue.SimpleQueue[Callable[[Touching], Any] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._is_left_behind = False
        self.done = threading.Event()
        self.path = ""
        self.since = 0.0
        self.error: BaseException | None = None
        self.result: Any = None

    def begin(self, work: Callable[[Touching], Any]) -> None:
        self.done.clear()
        self.path, self.since = "", time.monotonic()
        self._calls.put(work)

    def touching(self, path: str) -> None:
        if self._is_left_behind:
            raise _LeftBehindError
        if path != self.path and self._is_hanging(path):
            raise FileSystemHangError(path)
        self.path, self.since = path, time.monotonic()

    def end(self) -> None:
        self._calls.put(None)

    def leave_behind(self) -> bool:
        """Give the present call up; False where it has returned by now."""
        with self._lock:
            if self.done.is_set():
                return False
            self._is_left_behind = True
            return True

    def run(self) -> None:
        while (work := self._calls.get()) is not None:
            try:
                self.result = work(self.touching)
            except BaseException as error:  # handed to whoever waits for the call
                self.error = error
            with self._lock:
                if not self._is_left_behind:
                    self.done.set()
                    continue
            self._on_return(self.path)
            return
