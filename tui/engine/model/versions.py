"""Versions: one content of one path, cut one way, as it is sent, recorded and shown.

What is made for every single file is a named tuple: made in a third of a data class's time.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple

from tui.engine.model.files import WaitingFile


class VersionState(enum.IntEnum):
    """Where a version that was sent, or begun, stands. Stored in the ledger."""

    BEGUN = 0  #: durable in the ledger, messages may be on the topic
    COMPLETE = 1  #: every chunk acknowledged
    ABANDONED = 2  #: its bytes cannot be had any more
    REFUSED = 3  #: the broker refused every chunk: nothing of it is on the topic


class FileVersion(NamedTuple):
    """The unit of uploading: one content of one path, cut one way. Never mixed with another.

    Attributes:
        version_id: row in the ledger; 0 while it has none.
        file_id: row of its path in the ledger.
        rel_path: POSIX path relative to the upload directory.
        n_bytes: size.
        mtime_ns: time of last modification, nanoseconds.
        mtime_seconds: the same as ``os.stat().st_mtime`` gave it, which the messages carry.
        sha512: 64 bytes, of the whole file.
        chunk_size: bytes of every chunk but the last.
        n_chunks: number of chunks, at least 1.
        partition: of the path; -1 leaves it to the partitioner.
        acks: as in the producer's config when it was queued.
        is_recovery: its first chunk goes twice, because consumers may drop one.
        rebuild_uncertain: consumers may be unable to rebuild it, and nothing can be done here.
        sent_twice: some of its chunks may be on the topic twice.
    """

    version_id: int
    file_id: int
    rel_path: str
    n_bytes: int
    mtime_ns: int
    mtime_seconds: float
    sha512: bytes
    chunk_size: int
    n_chunks: int
    partition: int
    acks: str
    is_recovery: bool = False
    rebuild_uncertain: bool = False
    sent_twice: bool = False

    def n_bytes_of(self, index: int) -> int:
        """Return the payload of a chunk; ``index`` counts from 0."""
        return self.chunk_size if index < self.n_chunks - 1 \
            else self.n_bytes - index * self.chunk_size


class OffsetRange(NamedTuple):
    """First and last offset that acknowledgements gave for one partition."""

    partition: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """A version as the ledger remembers it, for History and the detail of a file.

    Times are seconds since the epoch; ``completed`` is None while it is not. ``n_versions`` counts
    those of its path, where it stands for all of them.
    """

    version_id: int
    rel_path: str
    state: VersionState
    n_bytes: int
    mtime_ns: int
    sha512: bytes
    chunk_size: int
    n_chunks: int
    n_chunks_delivered: int
    partition: int
    acks: str
    started: float
    completed: float | None
    offsets: tuple[OffsetRange, ...] = ()
    is_recovery: bool = False
    rebuild_uncertain: bool = False
    n_versions: int = 1


@dataclass(frozen=True, slots=True)
class PastVersion:
    """A version of a path that was sent or begun, as planning the next one needs it.

    ``delivered`` has bit 0 of byte 0 for chunk 1, and is empty unless the version is begun.
    """

    version: FileVersion
    state: VersionState
    started: float
    n_delivered: int
    delivered: bytes
    offsets: tuple[OffsetRange, ...]


class Delivery(NamedTuple):
    """What has been acknowledged of a version so far.

    Times are seconds since the epoch; ``completed`` is None while chunks are missing.
    """

    version: FileVersion
    started: float
    completed: float | None
    n_delivered: int
    delivered: bytes
    offsets: tuple[OffsetRange, ...]


@dataclass(frozen=True, slots=True)
class ChunkMap:
    """Acknowledged chunks of a version being uploaded, as bits (bit 0 of byte 0 is chunk 1).

    Chunks from 1 to ``n_produced`` have been produced at least once, those above not yet.
    """

    n_chunks: int
    n_produced: int
    delivered: bytes


class OutcomeKind(enum.Enum):
    """What became of a version on its way, as it is recorded."""

    PROGRESS = enum.auto()  #: more of it is acknowledged, and it continues
    COMPLETE = enum.auto()  #: every chunk is acknowledged, by the ledger's topic
    ABANDONED = enum.auto()  #: its bytes cannot be had any more
    HELD = enum.auto()  #: it cannot be sent just now


class Outcome(NamedTuple):
    """What sending hands to recording.

    Attributes:
        kind: what became of the version.
        file: its row in the line.
        delivery: what is acknowledged.
        is_sent_twice: from now on some of its chunks may be on the topic twice.
        may_be_on_topic: whether chunks of it may be there, acknowledged or not.
        reason: why it is held; empty otherwise.
        retry_after_seconds: until it is tried again; None where only on request.
    """

    kind: OutcomeKind
    file: WaitingFile
    delivery: Delivery
    is_sent_twice: bool = False
    may_be_on_topic: bool = True
    reason: str = ""
    retry_after_seconds: float | None = None

    @property
    def version(self) -> FileVersion:
        """The version that it is about."""
        return self.delivery.version
