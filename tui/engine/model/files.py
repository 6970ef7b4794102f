"""Files: where a path stands, what was seen of it, and what the ledger knows of it.

What is made for every single file is a named tuple: made in a third of a data class's time.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple


class FileState(enum.IntEnum):
    """Where a path stands: each that was found is in exactly one of these states.

    The numbers are stored in the ledger and never change, but for those that are only shown.
    """

    NOT_TAKEN = 0  #: there before the first start, and not asked for
    SETTLING = 1  #: seen to change, waiting until it rests
    WAITING = 2  #: settled, and queued
    UPLOADING = 3  #: on its way; shown so, and in the ledger still waiting
    UPLOADED = 4  #: every chunk acknowledged
    HELD = 5  #: cannot be sent at the moment, retried automatically
    FAILED = 6  #: cannot be sent, tried again on request or after a change
    GONE = 7  #: no longer there, and known only by versions of which a part was sent
    READING = 8  #: read for its SHA-512, before anything is sent; in the ledger still waiting
    STALLED = 9  #: on its way, and nothing acknowledged for too long; in the ledger still waiting
    GROWING = 10  #: does not come to rest; in the ledger settling


#: What the ledger holds; the other states are only shown.
STORED_STATES = tuple(state for state in FileState if state <= FileState.GONE)


class EventKind(enum.StrEnum):
    """What an observer or a scan says about a path."""

    CREATED = "created"
    MODIFIED = "modified"
    MOVED = "moved"
    CLOSED = "closed"
    FOUND = "found by scan"


class Observation(NamedTuple):
    """What one ``stat`` says of a file.

    Attributes:
        rel_path: POSIX path relative to the upload directory.
        n_bytes: size.
        mtime_ns: time of last modification, nanoseconds since the epoch.
        inode: file number; 0 where there is none, or where it may change without a reason.
        ctime_ns: time of the last change, also of attributes, which no program can set; 0 where
            there is none.
    """

    rel_path: str
    n_bytes: int
    mtime_ns: int
    inode: int = 0
    ctime_ns: int = 0


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What the ledger holds of a path.

    Attributes:
        state: where it stands.
        n_bytes, mtime_ns: as last seen; for a file not taken or uploaded, as it then was.
        settled_state: NOT_TAKEN or UPLOADED where the path has come to rest before; else None.
        settled_n_bytes, settled_mtime_ns: with what size and time it settled; equal to the disk's
            where it is unchanged.
        inode: file number when it was last queued, or not taken; 0 where not known.
        settled_ctime_ns: time of the last change as it was uploaded; None where not known, and
            negative where whether it changed since has to be seen from its content.
        is_in_doubt: whether its content is to be looked at.
    """

    state: FileState
    n_bytes: int
    mtime_ns: int
    settled_state: FileState | None = None
    settled_n_bytes: int = -1
    settled_mtime_ns: int = -1
    inode: int = 0
    settled_ctime_ns: int | None = None
    is_in_doubt: bool = False


class WaitingFile(NamedTuple):
    """A queued path: what the sending side needs of its row.

    Attributes:
        position: its place in the queue; a later observation of the path gets another one.
        partition: of the path; None until its first version.
        must_send: whether it goes even if its content was sent before.
        cut_size: the chunk size, in bytes, with which it may have been sent unrecorded, as a
            single chunk, before the program was killed; None where it was not.
        may_change: whether it is sent although it has not settled.
        is_stale: another version of the path was on its way when this row was read, so that
            ``partition`` has to be read again.
    """

    file_id: int
    rel_path: str
    n_bytes: int
    mtime_ns: int
    position: int
    partition: int | None
    acks: str
    must_send: bool
    n_attempts: int
    cut_size: int | None = None
    may_change: bool = False
    is_stale: bool = False


@dataclass(frozen=True, slots=True)
class FileStatus:
    """One path as a front end shows it.

    Attributes:
        rel_path: POSIX path; may hold any character but NUL.
        state: where it stands.
        n_bytes: size of the version in question.
        n_chunks: chunks of that version; 0 while it is not cut.
        n_chunks_delivered: acknowledged.
        n_chunks_in_flight: produced and not yet acknowledged.
        bytes_per_second: of acknowledged payload, over the last seconds.
        seconds_left: until acknowledged at that rate, or read; of a waiting file, until its turn;
            None where not known.
        settles_in_seconds: until it may be queued; None unless settling.
        changing_since: epoch seconds of the first change, where it does not come to rest.
        reason: why it is held or failed, or a remark; may be empty.
        next_attempt_seconds: until it is retried; None where that is not automatic.
        n_attempts: how often it failed.
        since: epoch seconds since when it is in this state; None where not known.
        n_bytes_ahead: payload that goes before it, while it waits; None where not known.
        n_bytes_hashed: of a large file that is read for its SHA-512, before it is cut; else None.
        stalled_seconds: since its last acknowledgement, where that is too long ago; else None.
    """

    rel_path: str
    state: FileState
    n_bytes: int
    n_chunks: int = 0
    n_chunks_delivered: int = 0
    n_chunks_in_flight: int = 0
    bytes_per_second: float = 0.0
    seconds_left: float | None = None
    settles_in_seconds: float | None = None
    changing_since: float | None = None
    reason: str = ""
    next_attempt_seconds: float | None = None
    n_attempts: int = 0
    since: float | None = None
    n_bytes_ahead: int | None = None
    n_bytes_hashed: int | None = None
    stalled_seconds: float | None = None
