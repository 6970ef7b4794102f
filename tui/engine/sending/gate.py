"""The internal queue's limit: payload bytes between being read and being acknowledged."""

from __future__ import annotations

import threading


class Gate:
    """Lets bytes through until so many are on their way; the first one always passes.

    Args:
        max_bytes: the limit (``--queue_max_size``).
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.n_bytes = 0
        self.n_messages = 0
        self._freed = threading.Condition()
        self._n_blocked = 0

    def enter(self, n_bytes: int, timeout_seconds: float) -> bool:
        """Take room for a message; False where there was none within the time."""
        with self._freed:
            if self.n_bytes and self.n_bytes + n_bytes > self.max_bytes:
                self._n_blocked += 1
                try:
                    self._freed.wait_for(
                        lambda: not self.n_bytes or self.n_bytes + n_bytes <= self.max_bytes,
                        timeout_seconds)
                finally:
                    self._n_blocked -= 1
                if self.n_bytes and self.n_bytes + n_bytes > self.max_bytes:
                    return False
            self.n_bytes += n_bytes
            self.n_messages += 1
            return True

    def leave(self, n_bytes: int) -> None:
        """Give the room of one message back."""
        with self._freed:
            self.n_bytes -= n_bytes
            self.n_messages -= 1
            if self._n_blocked:
                self._freed.notify_all()

    def wait_for_room(self, timeout_seconds: float) -> None:
        """Wait until some message has left; for a client whose own queue is full."""
        with self._freed:
            self._n_blocked += 1
            try:
                self._freed.wait(timeout_seconds)
            finally:
                self._n_blocked -= 1
