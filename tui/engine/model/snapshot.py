"""What front ends are given: snapshot, pages of long lists, explanations, notices, log lines."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.versions import VersionRecord


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


@dataclass(frozen=True, slots=True)
class Counts:
    """Number of paths in each state; each path that was found is in exactly one of them.

    Attributes:
        not_taken: there before the first start, and not asked for.
        settling, growing: seen to change; the latter do not come to rest.
        waiting: queued.
        reading, uploading, stalled: claimed by an uploading thread; read for the SHA-512, on their
            way, and on their way without an acknowledgement for too long.
        uploaded: acknowledged as they are, of this run and before.
        held, failed: cannot be sent; retried automatically, and not.
        gone: no longer there, and known only by versions of which a part was sent.
        uploaded_this_run: different files. n_versions_this_run: a file may change several times.
        n_versions: uploaded since the ledger was begun, replaced ones too.
        in_doubt: of those uploaded, read again to see whether the content changed.
        n_bytes_not_taken, n_bytes_settling, n_bytes_stuck: their sizes; stuck is held or failed.
    """

    not_taken: int = 0
    settling: int = 0
    growing: int = 0
    waiting: int = 0
    reading: int = 0
    uploading: int = 0
    stalled: int = 0
    uploaded: int = 0
    held: int = 0
    failed: int = 0
    gone: int = 0
    uploaded_this_run: int = 0
    n_versions_this_run: int = 0
    n_versions: int = 0
    in_doubt: int = 0
    n_bytes_not_taken: int = 0
    n_bytes_settling: int = 0
    n_bytes_stuck: int = 0

    @property
    def on_their_way(self) -> int:
        """What uploading threads have claimed."""
        return self.reading + self.uploading + self.stalled

    @property
    def unfinished(self) -> int:
        """What a quit still has to send."""
        return self.waiting + self.on_their_way

    @property
    def unsettled(self) -> int:
        """What was seen to change and has not come to rest."""
        return self.settling + self.growing

    @property
    def stuck(self) -> int:
        """What cannot be sent."""
        return self.held + self.failed

    @property
    def found(self) -> int:
        """All paths."""
        return self.not_taken + self.unsettled + self.unfinished + self.uploaded + self.stuck \
            + self.gone


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes and chunks; everything acknowledged unless it says otherwise.

    Attributes:
        n_bytes_sent, n_chunks_sent: acknowledged payload since the start of the program.
        n_bytes_waiting: of files waiting, and what uploading files have left.
        n_bytes_in_flight: produced and not acknowledged.
        n_chunks_in_flight: produced and not acknowledged.
        in_flight_limit_bytes: so many may be in flight just now; it follows the line.
        queue_max_bytes: and never more than these, as the user bounds it.
        line_bytes_per_second: what the line carries; 0 while not known.
        round_trip_seconds: from producing to acknowledgement without waiting; 0 while not known.
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
    in_flight_limit_bytes: int = 0
    queue_max_bytes: int = 0
    line_bytes_per_second: float = 0.0
    round_trip_seconds: float = 0.0
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
        lag_seconds: so long a file has to rest before it is uploaded.
        problems: what stops or slows the program just now, one sentence each.
        dead_threads: names of threads that ended by an exception.
        uploading: the versions being uploaded, in the order in which they were begun.
        exit_status: what the program would end with now.
        n_unrecorded: files that were found while the ledger could not be written.
        n_heard: paths to which something happened, and that were not looked at yet.
        n_rebuild_uncertain: versions of this run that consumers may be unable to rebuild.
    """

    taken_at: float
    started_at: float
    upload_dir: str
    topic_name: str
    lag_seconds: float = 0.0
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
    n_heard: int = 0
    n_rebuild_uncertain: int = 0


class PageKind(enum.StrEnum):
    """What can be had in pages, because it does not fit a snapshot."""

    QUEUE = "queue"  #: not begun: settling and waiting files
    WAITING = "waiting"  #: unchanged long enough, and in the queue
    HELD = "held"  #: held and failed
    UPLOADED = "uploaded"  #: files whose content is uploaded as it is, newest first
    NOT_TAKEN = "not_taken"  #: there before the first start


class PageOrder(enum.StrEnum):
    """How the rows of a long list are sorted."""

    LINE = "in line"  #: in the order in which they go; uploaded versions newest first
    NAME = "by name"
    SIZE = "largest first"


@dataclass(frozen=True, slots=True)
class Cause:
    """Files that are stuck for one reason.

    Attributes:
        state: HELD or FAILED.
        reason: of all of them, with what to do.
        n_files, n_bytes: of them.
        first, last: when the first and the last of them got stuck, epoch seconds.
        next_attempt_seconds: until the first of them is retried; None where that is not automatic.
        examples: some of their paths.
    """

    state: FileState
    reason: str
    n_files: int
    n_bytes: int
    first: float
    last: float
    next_attempt_seconds: float | None = None
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a long list.

    ``rows`` are :class:`VersionRecord` for uploaded files, as far as their version is known, a
    :class:`Cause` for several files that are stuck alike, and :class:`FileStatus` for all others.
    ``n_total`` counts all that match.
    """

    kind: PageKind
    offset: int
    n_total: int
    rows: tuple[FileStatus | VersionRecord | Cause, ...]


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


class PathState(enum.StrEnum):
    """What is happening to a path, in a word or two."""

    UNKNOWN = "unknown"
    EXCLUDED = "excluded"
    NOT_TAKEN = "not taken"
    SETTLING = "settling"
    WAITING = "waiting"
    UPLOADING = "uploading"
    UPLOADED = "uploaded"
    HELD = "retrying"
    FAILED = "needs you"
    GONE = "gone"
    READING = "reading"
    STALLED = "stalled"
    GROWING = "growing"

    @classmethod
    def of(cls, state: FileState) -> PathState:
        """Return the verdict on a file of which only the state counts."""
        return cls[state.name]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is happening to a path, and why; the answer to `why`.

    Attributes:
        verdict: the answer in a word or two.
        status: where it stands; None for an excluded or unknown path.
        version: the last version that was begun; None where there is none.
        reason: why, where the verdict alone does not say it.
        obstacle: what keeps it from being uploaded just now, and what ends that, as sentences.
    """

    rel_path: str
    verdict: PathState
    status: FileStatus | None = None
    version: VersionRecord | None = None
    reason: str = ""
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the log; numbers only grow."""

    number: int
    epoch_seconds: float
    level: int
    text: str
