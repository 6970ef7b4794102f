"""The internal queue's limit: payload bytes between being read and being acknowledged."""

from __future__ import annotations

import threading


class InFlightLimit:
    """Lets bytes through until so many are on their way; the first one always passes.

    While it is shut, for whatever reason, nothing passes, and whoever waits is sent away.

    Args:
        max_bytes: the limit (``--queue_max_size``).
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.n_bytes = 0
        self.n_messages = 0
        # The lock is taken for every message, and by itself it costs half of the condition.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._n_blocked = 0
        self._shut_for: set[str] = set()

    def shut(self, reason: str) -> None:
        """Let nothing more through until :meth:`open` is called for the same reason."""
        with self._changed:
            self._shut_for.add(reason)
            self._changed.notify_all()

    def open(self, reason: str) -> None:
        """Take one reason for being shut away."""
        with self._changed:
            self._shut_for.discard(reason)

    @property
    def is_shut(self) -> bool:
        """Whether nothing may pass just now, room or not."""
        return bool(self._shut_for)

    def enter(self, n_bytes: int) -> bool:
        """Take room for a message, waiting for it; False once the gate is shut."""
        with self._lock:
            if self.n_bytes and self.n_bytes + n_bytes > self.max_bytes:
                self._n_blocked += 1
                try:
                    self._changed.wait_for(lambda: self._shut_for or not self.n_bytes
                                           or self.n_bytes + n_bytes <= self.max_bytes)
                finally:
                    self._n_blocked -= 1
            if self._shut_for:
                return False
            self.n_bytes += n_bytes
            self.n_messages += 1
            return True

    def leave(self, n_bytes: int) -> None:
        """Give the room of one message back."""
        with self._lock:
            self.n_bytes -= n_bytes
            self.n_messages -= 1
            if self._n_blocked:
                self._changed.notify_all()

    def wait_for_room(self, timeout_seconds: float) -> None:
        """Wait until some message has left; for a client whose own queue is full."""
        with self._changed:
            if self._shut_for:
                return
            self._n_blocked += 1
            try:
                self._changed.wait(timeout_seconds)
            finally:
                self._n_blocked -= 1
