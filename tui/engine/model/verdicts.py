"""The answers to "may I close it?" and "may I empty the disk?", from one snapshot.

Two questions, and never one answer: the first concerns the program, the second the data.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from tui.engine.model.snapshot import Phase, Snapshot


class LeftKind(enum.Enum):
    """What a quit now would leave behind, or does not know of."""

    NOT_LOOKED = enum.auto()  #: the first scan has not ended: nobody knows what is there
    SOURCE_OFFLINE = enum.auto()  #: the upload directory cannot be seen
    UNRECORDED = enum.auto()  #: found while the ledger could not be written
    UNSENT = enum.auto()  #: queued, read, or on its way; a quit sends it first
    UNSETTLED = enum.auto()  #: still being written, or just now; looked at again at the next start
    HEARD = enum.auto()  #: changes that were seen and not looked at yet
    HELD = enum.auto()  #: cannot be sent just now; retried automatically
    FAILED = enum.auto()  #: cannot be sent; a person has to do something
    UNREADABLE = enum.auto()  #: files and directories that cannot be looked at
    IN_DOUBT = enum.auto()  #: uploaded, and perhaps changed since
    NOT_REBUILT = enum.auto()  #: uploaded, and consumers may be unable to rebuild it


class Left(NamedTuple):
    """How much is left of one kind; ``n_bytes`` is None where it is not known."""

    kind: LeftKind
    n_files: int = 0
    n_bytes: int | None = None


def left_behind(snapshot: Snapshot) -> tuple[Left, ...]:
    """Return what keeps the program from being closed; empty where nothing does."""
    counts, fresh = snapshot.counts, snapshot.freshness
    found: list[Left] = []
    if fresh.source_offline:
        found.append(Left(LeftKind.SOURCE_OFFLINE))
    elif fresh.last_scan_age is None:
        found.append(Left(LeftKind.NOT_LOOKED))
    n_stuck = counts.stuck
    found += [Left(kind, n_files, n_bytes) for kind, n_files, n_bytes in (
        (LeftKind.UNRECORDED, snapshot.n_unrecorded, None),
        (LeftKind.UNSENT, counts.unfinished, snapshot.traffic.n_bytes_waiting),
        (LeftKind.UNSETTLED, counts.unsettled, counts.n_bytes_settling),
        (LeftKind.HEARD, snapshot.n_heard, None),
        (LeftKind.HELD, counts.held, counts.n_bytes_stuck if counts.held == n_stuck else None),
        (LeftKind.FAILED, counts.failed,
         counts.n_bytes_stuck if counts.failed == n_stuck else None),
        (LeftKind.UNREADABLE, fresh.n_unreadable, None),
        (LeftKind.IN_DOUBT, counts.in_doubt, None),
        (LeftKind.NOT_REBUILT, snapshot.n_rebuild_uncertain, None)) if n_files]
    return tuple(found)


def may_close(snapshot: Snapshot) -> bool:
    """Return whether a quit now leaves nothing, and ends with status 0."""
    return snapshot.phase is not Phase.STARTING and not left_behind(snapshot)


def only_here(snapshot: Snapshot) -> tuple[int, int]:
    """Return how many files are only on this disk, as far as is known, and their bytes."""
    counts = snapshot.counts
    n_files = counts.not_taken + counts.unsettled + counts.unfinished + counts.stuck \
        + snapshot.n_unrecorded
    return n_files, counts.n_bytes_not_taken + counts.n_bytes_settling + counts.n_bytes_stuck \
        + snapshot.traffic.n_bytes_waiting
