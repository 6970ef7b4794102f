"""The one stoppable thread base, and the thread that is restarted where it dies."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from tui.engine.system.back_off import BackOff

logger = logging.getLogger(__name__)

_BACK_OFF = BackOff(0.25, 60.0)


class Worker(threading.Thread):
    """A thread that loops until it is asked to stop.

    Subclasses implement :meth:`work` and return from it soon after :attr:`stopping` is set. An
    exception that leaves :meth:`work` is logged with its traceback and kept as :attr:`error`, where
    the supervisor sees it.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.stopping = threading.Event()
        self.error: BaseException | None = None  #: what ended it; None while nothing has
        self.is_death_reported = False  #: whether it has been reported

    def run(self) -> None:
        try:
            self.work()
        except BaseException as error:  # a thread's top: whatever it is, it must be seen
            self.error = error
            logger.exception("the thread %s ended by an unexpected error", self.name)
            self.died(error)

    def died(self, error: BaseException) -> None:
        """Hear, on the thread itself, that it ends by an error; does nothing by default."""

    def work(self) -> None:
        """What the thread is for; runs on the thread itself."""
        raise NotImplementedError

    def stop(self) -> None:
        """Ask the thread to end; returns at once."""
        self.stopping.set()


Kind = TypeVar("Kind", bound=Worker)


class RenewedWorker(Generic[Kind]):
    """A thread in whose place a new one is started when it dies, after a pause that doubles.

    Args:
        make: makes the thread, given the dead one; None the first time.
    """

    def __init__(self, make: Callable[[Kind | None], Kind]) -> None:
        self._make = make
        self._n_deaths = 0
        self._again_at: float | None = None
        self.thread = make(None)

    def restart_if_dead(self) -> None:
        """Start a new thread where the old one died; to be called several times a second."""
        if self.thread.error is None or self.thread.stopping.is_set():
            return
        now = time.monotonic()
        if self._again_at is None:
            self._again_at = now + _BACK_OFF.seconds(self._n_deaths)
            self._n_deaths += 1
        elif now >= self._again_at:
            self._again_at = None
            self.thread = self._make(self.thread)
            self.thread.start()
            logger.warning("the thread %s was restarted", self.thread.name)


def stop_all(threads: Iterable[Worker], deadline_seconds: float) -> list[str]:
    """Stop all threads, then join all.

    Args:
        threads: those that were never started, or have ended, do no harm.
        deadline_seconds: for all of them together.

    Returns:
        The names of those that did not end in time.
    """
    threads = list(threads)
    for thread in threads:
        thread.stop()
    deadline = time.monotonic() + deadline_seconds
    late = []
    for thread in threads:
        if thread.is_alive():
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                late.append(thread.name)
    return late
