"""Until when the topic was seen to be the ledger's: what it acknowledged before that counts."""

from __future__ import annotations

from tui.engine.sending.connection import Connection


class TopicProof:
    """What the looks at the topic's id have shown.

    A topic that is recreated under its old name acknowledges as the old one did. So a version that
    is complete counts only after a look that began later has seen the ledger's topic.

    Args:
        connection: has the cluster check look soon.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._proved_until = 0.0
        self.is_possible = False  #: whether the cluster tells the topic's id
        self.is_wanted = False  #: whether something complete waits for a look

    def ask(self) -> None:
        """Have the topic looked at soon."""
        self.is_wanted = True
        self._connection.ask_for_attention()

    def prove(self, until: float) -> None:
        """Say that the topic was the ledger's at a monotonic time, and so at all times before."""
        self._proved_until = max(self._proved_until, until)

    def covers(self, at: float) -> bool:
        """Return whether what was acknowledged at a monotonic time is on the ledger's topic.

        True of everything where the cluster does not tell the topic's id.
        """
        return not self.is_possible or at < self._proved_until
