"""Whether anything may be sent just now: the one answer to that question, and why not."""

from __future__ import annotations

import enum
import threading


class ConnectionState(enum.StrEnum):
    """What is known of the cluster at the other end.

    * UNCHECKED -> VERIFIED: the cluster check found the ledger's own cluster and topic.
    * VERIFIED -> LOST: the connection was lost, or the topic may be another one; any thread.
    * LOST -> VERIFIED: the cluster check found them again.
    * UNCHECKED, LOST -> REJECTED: it is another cluster or topic; the program ends.
    """

    UNCHECKED = "the cluster is not checked yet"
    VERIFIED = "the cluster is the ledger's own"
    LOST = "the cluster has to be checked again"
    REJECTED = "another cluster or topic answers"


class Obstacle(enum.Enum):
    """What keeps anything from being sent to a cluster that is verified."""

    PAUSED = "uploading is paused"
    UNRECORDABLE = "the ledger cannot be written"
    STOPPING = "the program stops"


class Connection:
    """The way to the cluster: open while it is verified and nothing stands in the way.

    Attributes:
        lock, changed: guard everything here and what is in flight; notified of every change.
        may_send: whether anything may be sent just now.
        is_verified: whether what the cluster acknowledges counts.
    """

    def __init__(self) -> None:
        # Taken for every message, and the bare lock costs half of the condition.
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self.may_send = False
        self.is_verified = False
        self._state = ConnectionState.UNCHECKED
        self._obstacles: set[Obstacle] = set()
        self._was_invalidated = False
        self._attention = threading.Event()

    def begin_check(self) -> None:
        """Say that the cluster is asked from now on; what is lost meanwhile is not verified."""
        with self.lock:
            self._was_invalidated = False

    def verify(self) -> bool:
        """Say that the cluster is the ledger's own; False where it was lost again meanwhile."""
        with self.lock:
            if self._was_invalidated or self._state is ConnectionState.REJECTED:
                return False
            self._enter(ConnectionState.VERIFIED)
            return True

    def invalidate(self) -> None:
        """Have the cluster checked again before anything more is sent, or counts."""
        with self.lock:
            self._was_invalidated = True
            if self._state is ConnectionState.VERIFIED:
                self._enter(ConnectionState.LOST)
        self._attention.set()

    def reject(self) -> None:
        """Say that another cluster or topic answers: nothing will be sent any more."""
        with self.lock:
            self._enter(ConnectionState.REJECTED)

    def block(self, obstacle: Obstacle) -> None:
        """Let nothing more be sent until :meth:`unblock`."""
        if obstacle not in self._obstacles:
            with self.lock:
                self._obstacles.add(obstacle)
                self._enter(self._state)

    def unblock(self, obstacle: Obstacle) -> None:
        """Take one obstacle away."""
        if obstacle in self._obstacles:
            with self.lock:
                self._obstacles.discard(obstacle)
                self._enter(self._state)

    def is_blocked_by(self, obstacle: Obstacle) -> bool:
        """Return whether one obstacle is in the way."""
        return obstacle in self._obstacles

    @property
    def was_invalidated(self) -> bool:
        """Whether the connection was lost since it was last checked."""
        return self._was_invalidated

    def why_not(self) -> str:
        """Return why nothing may be sent just now; empty where it may."""
        with self.lock:
            if self._state is not ConnectionState.VERIFIED:
                return self._state.value
            return next((o.value for o in Obstacle if o in self._obstacles), "")

    def wait_to_send(self, timeout_seconds: float) -> bool:
        """Wait until something may be sent; False where that takes too long."""
        if self.may_send:
            return True
        with self.changed:
            return self.changed.wait_for(lambda: self.may_send, timeout_seconds)

    # Between those who need a check and the one who makes it.

    def ask_for_attention(self) -> None:
        """Have the cluster check look at once."""
        self._attention.set()

    def wait_for_attention(self, timeout_seconds: float) -> None:
        """Wait until somebody asks for a look at the cluster."""
        self._attention.wait(timeout_seconds)
        self._attention.clear()

    def _enter(self, state: ConnectionState) -> None:
        self._state = state
        self.is_verified = state is ConnectionState.VERIFIED
        self.may_send = self.is_verified and not self._obstacles
        self.changed.notify_all()
