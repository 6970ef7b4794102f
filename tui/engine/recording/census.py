"""Counts the paths in each state; the triggers of the ledger keep the numbers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tui.engine.model.files import FileState
from tui.engine.model.snapshot import Counts
from tui.engine.recording.database import Database
from tui.engine.recording.doubts import N_IN_DOUBT
from tui.engine.recording.schema import COMPLETE_VERSIONS, UNFINISHED

#: How long a count waits for a ledger that is busy, before the one before it stands.
_PATIENCE_SECONDS = 0.02
_STATES = "SELECT state, n_files, n_bytes FROM counts"
_CLAIMED = f"SELECT -1, file_id, 0 FROM files WHERE state = {FileState.WAITING:d} AND file_id IN "
_OLDEST = (f"SELECT since FROM files WHERE state = {FileState.WAITING:d} AND {UNFINISHED} "
           "ORDER BY position LIMIT 1")


@dataclass(frozen=True, slots=True)
class Count:
    """The paths in each state at one moment.

    Attributes:
        counts: as the ledger has them; of those that wait, the claimed ones count as uploading.
        on_their_way: the rows of ``files`` that wait there, and are claimed.
        n_bytes_waiting: of all that wait, claimed or not.
        oldest_unsent: since when the file has waited that has waited longest, epoch seconds.
    """

    counts: Counts = Counts()
    on_their_way: frozenset[int] = frozenset()
    n_bytes_waiting: int = 0
    oldest_unsent: float | None = None


class Census:
    """Counts paths.

    Args:
        database: the open ledger.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.last = Count()

    def take(self, claimed: Collection[int] = ()) -> Count:
        """Return the numbers of this moment, or the last ones where the ledger is busy.

        Args:
            claimed: the rows of ``files`` that uploading threads have claimed.
        """
        marks = ", ".join(map(str, claimed))
        # One statement, so that each path is in exactly one state.
        rows = self._database.try_query(f"{_STATES} UNION ALL {_CLAIMED} ({marks})",
                                        _PATIENCE_SECONDS)
        in_doubt = self._database.try_query(N_IN_DOUBT, _PATIENCE_SECONDS)
        oldest = self._database.try_query(_OLDEST, _PATIENCE_SECONDS)
        if rows is None or in_doubt is None or oldest is None:
            return self.last
        n = {state: (n_files, n_bytes) for state, n_files, n_bytes in rows if state >= 0}
        on_their_way = frozenset(file_id for state, file_id, _ in rows if state < 0)
        files = {state: n[state][0] for state in n}
        self.last = Count(
            Counts(
                not_taken=files[FileState.NOT_TAKEN], settling=files[FileState.SETTLING],
                waiting=files[FileState.WAITING] - len(on_their_way),
                uploading=len(on_their_way), uploaded=files[FileState.UPLOADED],
                held=files[FileState.HELD], failed=files[FileState.FAILED],
                gone=files[FileState.GONE], n_versions=files[COMPLETE_VERSIONS],
                in_doubt=in_doubt[0][0],
                n_bytes_not_taken=n[FileState.NOT_TAKEN][1],
                n_bytes_settling=n[FileState.SETTLING][1],
                n_bytes_stuck=n[FileState.HELD][1] + n[FileState.FAILED][1]),
            on_their_way, n[FileState.WAITING][1], float(oldest[0][0]) if oldest else None)
        return self.last
