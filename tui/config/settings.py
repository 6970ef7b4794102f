"""What the program is asked to do: one frozen value, made from the command line and the config."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tui.config.redaction import Redaction

#: Any name but one that begins with a dot, at any depth, and not ending in ``.log``.
DEFAULT_UPLOAD_REGEX = r"(?s)^(?!(.*/)?\.)(?!.*\.log\Z)"
#: Name of the state directory inside the upload directory.


@dataclass(frozen=True, slots=True)
class PeriodicMessages:
    """Heartbeats or log messages: where they go and how often.

    Attributes:
        topic_name: their topic; ``None`` switches them off.
        program_id: goes into the key of each message.
        interval_seconds: time between two messages.
        producer_config: librdkafka properties of their producer, complete.
        shares_embedded_broker: they go to the program's own embedded broker, whose address is
            known only once it runs.
    """

    topic_name: str | None
    program_id: str
    interval_seconds: float
    producer_config: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    shares_embedded_broker: bool = False


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """The ``[console]`` section: how the Textual console looks and which keys it takes.

    Attributes:
        theme: name of a Textual theme.
        refresh_hz: screen updates a second.
        hidden_panes: names of panes that are not shown.
        keymap: binding id to keys, as Textual's ``set_keymap`` takes it.
        attention: whether the terminal's title and bell tell that something needs a person.
        where: key of the section to file and line, for errors.
    """

    theme: str = ""
    refresh_hz: float = 4.0
    hidden_panes: frozenset[str] = frozenset()
    keymap: Mapping[str, str] = field(default_factory=dict)
    attention: bool = True
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the engine and the front ends need to know, checked.

    Attributes:
        upload_dir: absolute path of the watched directory, without links.
        upload_dir_given: absolute path by which it was named; None for the same.
        state_dir: absolute path of the directory of ledger, tables and log.
        state_dir_is_temporary: whether it is removed at the end (the embedded broker).
        state_group: a group that may read what is in it; None for none.
        topic_name: topic to produce to.
        producer_config: librdkafka properties, ``[broker]`` and ``[producer]`` merged, with our
            defaults filled in.
        acks: the ``acks`` that versions are sent with, as text (``all``, ``1``).
        idempotent: whether the producer is idempotent.
        redact: takes the config's secrets out of a text.
        n_threads: number of uploading threads.
        upload_regex: matched from the start of the POSIX relative path.
        upload_regex_is_default: whether the user gave none.
        upload_existing: whether files that are there at start are uploaded.
        chunk_size: bytes, a power of two.
        queue_max_bytes: bound on payload bytes on their way to the broker.
        lag_seconds: time a file must rest before it is queued.
        max_settle_seconds: a file that never rests is sent after this time; 0 = never.
        use_polling_observer: ask for watchdog's polling observer.
        rescan_seconds: period of the reconciling scan; 0 = off.
        follow_symlinks: whether symbolic links are uploaded under their own path.
        partition_by_chunk: spread chunks over partitions by key instead of one path, one partition.
        message_fields: 10, or 9 for consumers that know no mtime.
        new_cluster: set the ledger of another cluster aside.
        heartbeat: heartbeat messages.
        log_messages: log messages.
        max_log_lines_per_message: bound on log lines kept for the next log message.
        log_message_level: level of the lines that log messages carry.
        stream_level: level of the log on the console.
        file_level: level of the log file.
        log_file: absolute path of the log file.
        update_seconds: headless: time between two "." lines.
        headless: plain console.
        is_embedded_broker: whether the broker is librdkafka's own, inside this process.
        console: looks and keys of the Textual console.
        notes: remarks about the config that the log should show once.
        warnings: the same, as warnings.
    """

    upload_dir: Path
    state_dir: Path
    topic_name: str
    producer_config: Mapping[str, str | int | float | bool]
    heartbeat: PeriodicMessages
    log_messages: PeriodicMessages
    log_file: Path
    upload_regex: re.Pattern[str] = field(default_factory=lambda: re.compile(DEFAULT_UPLOAD_REGEX))
    upload_regex_is_default: bool = True
    upload_dir_given: Path | None = None
    state_dir_is_temporary: bool = False
    state_group: str | None = None
    acks: str = "all"
    idempotent: bool = True
    redact: Redaction = field(default_factory=Redaction)
    n_threads: int = 2
    upload_existing: bool = False
    chunk_size: int = 16384
    queue_max_bytes: int = 500_000_000
    lag_seconds: float = 3.0
    max_settle_seconds: float = 0.0
    use_polling_observer: bool = False
    rescan_seconds: float = 60.0
    follow_symlinks: bool = False
    partition_by_chunk: bool = False
    message_fields: int = 10
    new_cluster: bool = False
    max_log_lines_per_message: int = 65_536
    log_message_level: int = 20
    stream_level: int = 20
    file_level: int = 30
    update_seconds: float = 300.0
    headless: bool = True
    is_embedded_broker: bool = False
    console: ConsoleSettings = field(default_factory=ConsoleSettings)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def is_acknowledged_by_all(self) -> bool:
        """Whether a message counts as acknowledged only when all replicas in sync have it."""
        return self.acks.lower() in ("all", "-1")

    @property
    def broker_address(self) -> str:
        """The first bootstrap server, for people; a variable's name where one holds it."""
        if self.is_embedded_broker:
            return "embedded broker"
        servers = str(self.producer_config.get("bootstrap.servers", "")).split(",")
        return self.redact(servers[0].strip()) + (
            f" (+{len(servers) - 1})" if len(servers) > 1 else "")
