"""The one stoppable thread base: named after its work, never dies silently."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class StoppableThread(threading.Thread):
    """A thread that loops until it is told to stop.

    Subclasses implement :meth:`work` and return from it soon after :attr:`stopping` is set. An
    exception that leaves :meth:`work` is logged with its traceback and handed to ``on_death``.
    """

    def __init__(self, name: str, on_death: Callable[[str, BaseException], None]) -> None:
        super().__init__(name=name, daemon=True)
        self.stopping = threading.Event()
        self._on_death = on_death

    def run(self) -> None:
        try:
            self.work()
        except BaseException as error:  # a thread's top: whatever it is, it must be seen
            logger.exception("the thread %s ended by an unexpected error", self.name)
            self._on_death(self.name, error)

    def work(self) -> None:
        """What the thread is for; runs on the thread itself."""
        raise NotImplementedError

    def stop(self) -> None:
        """Ask the thread to end; returns at once."""
        self.stopping.set()


def join_all(threads: list[StoppableThread], deadline_seconds: float) -> list[str]:
    """Wait for threads that were told to stop; return the names of those that did not end."""
    late = []
    for thread in threads:
        if thread.is_alive():
            thread.join(deadline_seconds)
            if thread.is_alive():
                late.append(thread.name)
    return late
