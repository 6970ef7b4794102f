"""The internal queue's limit: payload bytes between being read and being acknowledged."""

from __future__ import annotations

from tui.engine.sending.connection import Connection


class InFlightLimit:
    """Lets bytes through until so many are on their way; the first one always passes.

    While nothing may be sent, nothing passes, and whoever waits is sent away.

    Args:
        max_bytes: the limit (``--queue_max_size``).
        connection: says whether anything may be sent; its lock is this one's.
    """

    def __init__(self, max_bytes: int, connection: Connection) -> None:
        self.max_bytes = max_bytes
        self.n_bytes = 0
        self.n_messages = 0
        self._connection = connection
        self._lock = connection.lock
        self._changed = connection.changed
        self.n_waiting = 0  #: callers that wait for room

    def enter(self, n_bytes: int) -> bool:
        """Take room for a message, waiting for it; False once nothing may be sent."""
        connection = self._connection
        with self._lock:
            if self.n_bytes and self.n_bytes + n_bytes > self.max_bytes:
                self.n_waiting += 1
                try:
                    self._changed.wait_for(lambda: not connection.may_send or not self.n_bytes
                                           or self.n_bytes + n_bytes <= self.max_bytes)
                finally:
                    self.n_waiting -= 1
            if not connection.may_send:
                return False
            self.n_bytes += n_bytes
            self.n_messages += 1
            return True

    def leave(self, n_bytes: int) -> None:
        """Give the room of one message back."""
        with self._lock:
            self.n_bytes -= n_bytes
            self.n_messages -= 1
            if self.n_waiting:
                self._changed.notify_all()

    def wait_for_room(self, timeout_seconds: float) -> None:
        """Wait until some message has left; for a client whose own queue is full."""
        with self._changed:
            if not self._connection.may_send:
                return
            self.n_waiting += 1
            try:
                self._changed.wait(timeout_seconds)
            finally:
                self.n_waiting -= 1
