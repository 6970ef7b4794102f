"""The words the engine speaks: files, versions, snapshots. Imports nothing of ours.

What is made for every single file is a named tuple: made in a third of a data class's time.
"""

from __future__ import annotations

import enum
import random
import re
from dataclasses import dataclass, field
from typing import NamedTuple

_LEDGER_NAME = re.compile(r"upload_to_.+\.sqlite3")


def is_ledger_name(name: str) -> bool:
    """Return whether a file name is that of a ledger of this program."""
    return _LEDGER_NAME.fullmatch(name) is not None


def back_off_seconds(n_attempts: int) -> float:
    """Return the time to the next attempt at a file: doubling, jittered, ten minutes at most."""
    return float(min(600.0, 2.0 * 2 ** min(n_attempts, 9)) * random.uniform(0.75, 1.25))


class FileState(enum.IntEnum):
    """Where a path stands. The numbers are stored in the ledger and never change."""

    LEFT_ALONE = 0  #: there before the program, and not asked for
    SETTLING = 1  #: seen to change, waiting until it rests
    WAITING = 2  #: at rest, in line to be sent
    UPLOADING = 3  #: in the hands of an uploading thread
    UPLOADED = 4  #: every chunk acknowledged
    HELD = 5  #: cannot be sent just now, tried again by itself
    FAILED = 6  #: cannot be sent, tried again on request or after a change


class VersionState(enum.IntEnum):
    """Where a version that was sent, or begun, stands. Stored in the ledger."""

    BEGUN = 0  #: durable in the ledger, messages may be on the topic
    COMPLETE = 1  #: every chunk acknowledged
    ABANDONED = 2  #: its bytes cannot be had any more
    REFUSED = 3  #: the broker refused every chunk: nothing of it is on the topic


class EventKind(enum.StrEnum):
    """What an observer or a scan says about a path."""

    CREATED = "created"
    MODIFIED = "modified"
    MOVED = "moved"
    CLOSED = "closed"
    FOUND = "found by scan"


class Phase(enum.StrEnum):
    """What the program as a whole is doing."""

    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"
    STOPPED = "stopped"


class BrokerState(enum.StrEnum):
    """What is known of the connection to the Kafka cluster."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"


class Observation(NamedTuple):
    """What one ``stat`` told of a file.

    Attributes:
        rel_path: POSIX path relative to the upload directory.
        n_bytes: size.
        mtime_ns: time of last modification, nanoseconds since the epoch.
        inode: file number; 0 where there is none, or where it may change by itself.
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
        n_bytes, mtime_ns: as last seen; for a file left alone or uploaded, as it then was.
        rest_state: LEFT_ALONE or UPLOADED where the path has come to rest before; else None.
        rest_n_bytes, rest_mtime_ns: size and time of that rest; equal to what is on the disk
            means unchanged.
        inode: file number when it was last queued or left alone; 0 where not known.
        rest_ctime_ns: time of the last change as it was uploaded; None where not known, and
            negative where whether it changed since has to be seen from its content.
        is_in_doubt: whether its content is to be looked at.
    """

    state: FileState
    n_bytes: int
    mtime_ns: int
    rest_state: FileState | None = None
    rest_n_bytes: int = -1
    rest_mtime_ns: int = -1
    inode: int = 0
    rest_ctime_ns: int | None = None
    is_in_doubt: bool = False

    def is_replaced_by(self, observation: Observation) -> bool:
        """Return whether another file has taken the path."""
        return 0 not in (self.inode, observation.inode) and self.inode != observation.inode


class FileVersion(NamedTuple):
    """The unit of uploading: one content of one path, cut one way. Never mixed with another.

    Attributes:
        version_id: row in the ledger; 0 while it has none.
        file_id: row of its path in the ledger.
        rel_path: POSIX path relative to the upload directory.
        n_bytes: size.
        mtime_ns: time of last modification, nanoseconds.
        mtime_seconds: the same as ``os.stat().st_mtime`` gave it, which the messages carry.
        inode: file number; 0 where the platform has none.
        sha512: 64 bytes, of the whole file.
        chunk_size: bytes of every chunk but the last.
        n_chunks: number of chunks, at least 1.
        partition: of the path; -1 leaves it to the partitioner.
        acks: as in the producer's config when it was queued.
        is_recovery: its first chunk goes twice, because consumers may drop one.
        may_not_rebuild: consumers may be unable to rebuild it, and nothing can be done here.
        sent_twice: some of its chunks may be on the topic twice.
    """

    version_id: int
    file_id: int
    rel_path: str
    n_bytes: int
    mtime_ns: int
    mtime_seconds: float
    inode: int
    sha512: bytes
    chunk_size: int
    n_chunks: int
    partition: int
    acks: str
    is_recovery: bool = False
    may_not_rebuild: bool = False
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

    Times are seconds since the epoch; ``completed`` is None while it is not.
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
    may_not_rebuild: bool = False


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
        seconds_left: until acknowledged at that rate; None where not known.
        settles_in_seconds: until it may be queued; None unless settling.
        changing_since: epoch seconds of the first change, where it does not come to rest.
        reason: why it is held or failed, or a remark; may be empty.
        next_attempt_seconds: until it is tried again; None where it is not by itself.
        n_attempts: how often it failed.
        since: epoch seconds since when it is in this state; None where not known.
        n_bytes_ahead: payload that goes before it, while it waits; None where not known.
        n_bytes_hashed: of a large file that is read for its SHA-512, before it is cut; else None.
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


@dataclass(frozen=True, slots=True)
class Counts:
    """Number of paths in each state.

    ``uploaded`` counts versions, of this run and before; ``in_doubt`` files whose content is still
    to be read again, since only that tells whether they changed.
    """

    left_alone: int = 0
    settling: int = 0
    waiting: int = 0
    uploading: int = 0
    uploaded: int = 0
    held: int = 0
    failed: int = 0
    uploaded_this_run: int = 0
    in_doubt: int = 0

    @property
    def unfinished(self) -> int:
        """What a quit still has to send."""
        return self.waiting + self.uploading


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes and chunks; everything acknowledged unless it says otherwise.

    Attributes:
        n_bytes_sent, n_chunks_sent: acknowledged payload since the start of the program.
        n_bytes_waiting: of files waiting, and what uploading files have left.
        n_bytes_in_flight: produced and not acknowledged.
        n_chunks_in_flight: produced and not acknowledged.
        queue_max_bytes: the bound on ``n_bytes_in_flight``.
        bytes_per_second: now. peak_bytes_per_second: highest so far.
        files_per_second: now.
        history: acknowledged bytes in each of the last 60 seconds, oldest first.
        seconds_left: for the backlog at the rate of late; None where not known.
    """

    n_bytes_sent: int = 0
    n_chunks_sent: int = 0
    n_bytes_waiting: int = 0
    n_bytes_in_flight: int = 0
    n_chunks_in_flight: int = 0
    queue_max_bytes: int = 0
    bytes_per_second: float = 0.0
    peak_bytes_per_second: float = 0.0
    files_per_second: float = 0.0
    history: tuple[float, ...] = ()
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """The connection, as librdkafka and the delivery reports tell it.

    Attributes:
        state, address, reason: reason says why it is not connected.
        since: epoch seconds since when it is in this state.
        cluster_id: of the cluster; empty while unknown.
        n_brokers_up, n_brokers: of those known.
        round_trip_avg_ms, round_trip_p99_ms: None while there are no figures.
        throttle_avg_ms: what the broker's quota makes us wait.
        n_retries: requests sent again. n_errors: errors reported so far.
        last_error: text of the last of them, without secrets.
        is_embedded: nothing leaves this process and nothing is kept.
        acks: how many brokers must confirm a chunk, as the config says it.
        compression_ratio: payload bytes over bytes on the wire; None while unknown.
    """

    state: BrokerState = BrokerState.CONNECTING
    address: str = ""
    reason: str = ""
    since: float = 0.0
    cluster_id: str = ""
    n_brokers_up: int = 0
    n_brokers: int = 0
    round_trip_avg_ms: float | None = None
    round_trip_p99_ms: float | None = None
    throttle_avg_ms: float = 0.0
    n_retries: int = 0
    n_errors: int = 0
    last_error: str = ""
    is_embedded: bool = False
    acks: str = ""
    compression_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Freshness:
    """Ages, in seconds; None where it never happened.

    Attributes:
        last_event_age: since the observer last reported anything.
        last_scan_age: since the last scan ended. last_scan_seconds: how long it took.
        last_scan_n_missed: files it found that events had not reported.
        next_scan_seconds: until the next one; None where scans are off.
        last_acknowledgement_age: since the last delivery report.
        oldest_unsent_age: since the file that has waited longest was queued.
        observer: which one is at work, in a word or two.
        source_offline: why the upload directory cannot be seen; empty where it can.
        n_overflows: how often events were lost.
        n_unreadable: files and directories that the last scan could not look at.
    """

    last_event_age: float | None = None
    last_scan_age: float | None = None
    last_scan_seconds: float | None = None
    last_scan_n_missed: int = 0
    next_scan_seconds: float | None = None
    last_acknowledgement_age: float | None = None
    oldest_unsent_age: float | None = None
    observer: str = ""
    source_offline: str = ""
    n_overflows: int = 0
    n_unreadable: int = 0


@dataclass(frozen=True, slots=True)
class PeriodicStatus:
    """Heartbeats or log messages.

    Attributes:
        topic_name: None where they are off.
        program_id: in their key.
        next_in_seconds: until the next. last_sent: epoch seconds of the last; None before it.
        last_outcome: ``delivered``, ``on its way`` or what went wrong.
        n_sent, n_failed: messages so far.
        n_messages, n_bytes: chunks and bytes acknowledged since the last heartbeat; for log
            messages, lines waiting and their bytes.
    """

    topic_name: str | None = None
    program_id: str = ""
    next_in_seconds: float | None = None
    last_sent: float | None = None
    last_outcome: str = ""
    n_sent: int = 0
    n_failed: int = 0
    n_messages: int = 0
    n_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a front end needs for one picture. Frozen: it may be kept and compared.

    Attributes:
        taken_at: epoch seconds. started_at: epoch seconds of the program's start.
        problems: what stops or slows the program just now, one sentence each.
        dead_threads: names of threads that ended by an exception.
        uploading: the versions in hand, in the order in which they were begun.
        exit_status: what the program would end with now.
        n_unrecorded: files that were found while the ledger could not be written.
    """

    taken_at: float
    started_at: float
    upload_dir: str
    topic_name: str
    phase: Phase = Phase.STARTING
    is_paused: bool = False
    counts: Counts = field(default_factory=Counts)
    traffic: Traffic = field(default_factory=Traffic)
    broker: BrokerStatus = field(default_factory=BrokerStatus)
    freshness: Freshness = field(default_factory=Freshness)
    heartbeat: PeriodicStatus = field(default_factory=PeriodicStatus)
    log_messages: PeriodicStatus = field(default_factory=PeriodicStatus)
    uploading: tuple[FileStatus, ...] = ()
    problems: tuple[str, ...] = ()
    dead_threads: tuple[str, ...] = ()
    exit_status: int = 0
    n_unrecorded: int = 0


class PageKind(enum.StrEnum):
    """What can be had in pages, because it does not fit a snapshot."""

    QUEUE = "queue"  #: all that is unfinished and not in hand: settling, held, failed, waiting
    WAITING = "waiting"  #: at rest and in line
    HELD = "held"  #: held and failed
    UPLOADED = "uploaded"  #: versions, newest first


class PageOrder(enum.StrEnum):
    """How the rows of a long list are sorted."""

    LINE = "in line"  #: in the order in which they go; uploaded versions newest first
    NAME = "by name"
    SIZE = "largest first"


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a long list.

    ``rows`` are :class:`FileStatus` for the queue and the held files, :class:`VersionRecord` for
    the uploaded; ``n_total`` counts all that match. ``order`` is how they are sorted, which is
    ``LINE`` where they are too many to be sorted otherwise.
    """

    kind: PageKind
    offset: int
    n_total: int
    rows: tuple[FileStatus, ...] | tuple[VersionRecord, ...]
    order: PageOrder = PageOrder.LINE


class NoticeKind(enum.StrEnum):
    """Rare things that a front end may want to announce."""

    FILE_UPLOADED = "file uploaded"
    FILE_HELD = "file held"
    FILE_FAILED = "file failed"
    BROKER_UP = "broker up"
    BROKER_DOWN = "broker down"
    THREAD_DIED = "thread died"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Notice:
    """One rare event, handed to subscribers from an engine thread."""

    kind: NoticeKind
    text: str
    rel_path: str = ""


@dataclass(frozen=True, slots=True)
class ChunkMap:
    """Acknowledged chunks of a version in hand, as bits (bit 0 of byte 0 is chunk 1).

    Chunks from 1 to ``n_produced`` have been produced at least once, those above not yet.
    """

    n_chunks: int
    n_produced: int
    delivered: bytes


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is happening to a path, and why; the answer to `why`.

    Attributes:
        verdict: ``unknown``, ``excluded``, ``left alone``, ``settling``, ``waiting``,
            ``uploading``, ``uploaded``, ``held`` or ``failed``.
        status: where it stands; None for an excluded or unknown path.
        version: the last version that was begun; None where there is none.
        n_bytes_ahead: payload that goes before it, while it waits.
        reason: why, where the verdict alone does not say it.
    """

    rel_path: str
    verdict: str
    status: FileStatus | None = None
    version: VersionRecord | None = None
    n_bytes_ahead: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the log; numbers only grow."""

    number: int
    epoch_seconds: float
    level: int
    text: str


class WaitingFile(NamedTuple):
    """A path in line: what the sending side needs of its row.

    Attributes:
        position: its place in line; a later observation of the path gets another one.
        partition: of the path; None until its first version.
        must_send: whether it goes even if its content was sent before.
        cut_size: the chunk size, in bytes, with which it may have been sent unrecorded, as a
            single chunk, before the program was killed; None where it was not.
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
    is_stale: bool = False


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
