"""Makes what finds, sends and records, joins it, and starts and stops the threads."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from tui.config.settings import Settings
from tui.engine.announcer import Announcer
from tui.engine.content_check import ContentCheck
from tui.engine.finding.finder import Finder
from tui.engine.finding.selection import NOT_UTF8
from tui.engine.log import Log
from tui.engine.model.files import FileState, WaitingFile
from tui.engine.model.snapshot import BrokerState, NoticeKind, PeriodicStatus, Snapshot
from tui.engine.model.versions import OutcomeKind
from tui.engine.queries import Queries
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.recorder import Recorded, Recorder
from tui.engine.recording.tables.writer import Tables, TableWriter
from tui.engine.sending.cluster_check import ClusterCheck
from tui.engine.sending.connection import Connection, Obstacle
from tui.engine.sending.in_flight import InFlightLimit
from tui.engine.sending.periodic_messages import (
    HeartbeatSender,
    LogMessageSender,
)
from tui.engine.sending.preparer import UploadContext
from tui.engine.sending.producer import ChunkProducer
from tui.engine.sending.queue import UploadQueue
from tui.engine.sending.source import Source
from tui.engine.sending.worker import UploadWorker
from tui.engine.supervisor import UNREACHABLE_SECONDS
from tui.engine.system.paths import is_utf8
from tui.engine.system.workers import RenewedWorker, Worker, stop_all
from tui.errors import LedgerError, StartupError, StateDirectoryError, UploadError

logger = logging.getLogger(__name__)

_FORCED_SECONDS = 0.5
_JOIN_SECONDS = 10.0


class Program(Protocol):
    """What the pipeline belongs to; receives what happens, from any thread."""

    def notify(self, kind: NoticeKind, text: str, rel_path: str = "") -> None: ...
    def fail(self, error: StartupError) -> None: ...


class Pipeline:
    """What finds, sends and records in one run; nothing happens before :meth:`start`.

    Args:
        settings: the program's.
        log: for the log messages.
        ledger: open, with everything in it that older tables tell.
        program: receives rare events, and what ends it.
        new_since_ns: see :class:`Finder`.
    """

    def __init__(self, settings: Settings, log: Log, ledger: Ledger, program: Program,
                 new_since_ns: int | None) -> None:
        self._settings = settings
        self._program = program
        self.ledger = ledger
        client_logger = logging.getLogger("tui.kafka")
        self.connection = Connection()
        in_flight = InFlightLimit(settings.queue_max_bytes, self.connection)
        self.queue = UploadQueue(ledger.files, settings.n_threads, in_flight, self.connection)
        self.producer = ChunkProducer(settings, self.connection, in_flight, self.queue,
                                      client_logger)
        self._cluster_check = ClusterCheck(settings, self.producer, ledger, self, client_logger)
        self.announcer = Announcer(program.notify)
        self.finder = Finder(settings, ledger.files, self, new_since_ns=new_since_ns)
        self.recorder = Recorder(ledger, self.producer.outcomes, self._on_recorded)
        self._tables = Tables(ledger, settings)
        self._table_writer = RenewedWorker[TableWriter](lambda _dead: TableWriter(self._tables))
        self._content_check = RenewedWorker[ContentCheck](lambda _dead: ContentCheck(
            settings, ledger, self.finder, lambda: not self.n_left()))
        self._make_periodic(log)
        hashing = self._make_uploading()
        self.queries = Queries(ledger, self.finder, self.producer, self.announcer, hashing)

    def _make_periodic(self, log: Log) -> None:
        """Make the senders of heartbeats and log messages, as far as they are wanted."""
        settings, clients = self._settings, self.producer.clients
        self._heartbeat: RenewedWorker[HeartbeatSender] | None = None
        self._log_messages: RenewedWorker[LogMessageSender] | None = None
        if settings.heartbeat.topic_name is not None:
            self._heartbeat = RenewedWorker(lambda dead: HeartbeatSender(
                settings.heartbeat, self.producer.traffic, settings.redact, clients, after=dead))
        if settings.log_messages.topic_name is not None:
            self._log_messages = RenewedWorker(lambda dead: LogMessageSender(
                settings.log_messages, log, settings.redact, clients, after=dead))

    @property
    def _periodic(self) -> list[RenewedWorker[Any]]:
        return [sender for sender in (self._heartbeat, self._log_messages) if sender is not None]

    def _make_uploading(self) -> Mapping[str, Source]:
        context = UploadContext(self._settings, self.producer, self.ledger, self)

        def maker(number: int) -> Callable[[UploadWorker | None], UploadWorker]:
            return lambda _dead: UploadWorker(number, context, only_small=number > n_threads)

        n_threads = self._settings.n_threads
        self._uploading = [RenewedWorker[UploadWorker](maker(number + 1))
                           for number in range(n_threads + 1)]
        return context.hashing

    # Life.

    def start(self) -> None:
        """Start every thread; the watcher last, when all are ready for what it finds."""
        self.recorder.record_now()
        for thread in [*self._essential(), *(r.thread for r in self._renewed())]:
            thread.start()
        self.start_finding()

    def _essential(self) -> list[Worker]:
        """Return the threads, but for those that find files, without which all has to end."""
        return [self.recorder, self.producer, self._cluster_check]

    def _indispensable(self) -> list[Worker]:
        return [*self._essential(), *self.finder.threads()]

    def _renewed(self) -> list[RenewedWorker[Any]]:
        return [*self._uploading, self._content_check, self._table_writer, *self._periodic]

    def new_deaths(self) -> list[tuple[str, BaseException]]:
        """Return the names of threads that an error ended since this was asked last, and why."""
        found = []
        for worker in [*self._indispensable(), *(r.thread for r in self._renewed())]:
            if worker.error is not None and not worker.is_death_reported:
                worker.is_death_reported = True
                found.append((worker.name, worker.error))
        return found

    def restart_dead_workers(self) -> str:
        """Restart dead threads where that is possible; return the name of one that all need."""
        for renewed in self._renewed():
            renewed.restart_if_dead()
        return next((t.name for t in self._indispensable() if t.error is not None), "")

    def start_finding(self) -> None:
        """Watch and scan."""
        self.ledger.database.holds_back = True
        self.finder.start()

    def stop_finding(self, *, last_scan: bool) -> None:
        """Stop watching, perhaps scan once more, and stop scanning; what settles stays recorded."""
        self.ledger.database.holds_back = False
        self.finder.stop(last_scan=last_scan)

    def hurry(self, *, is_hurried: bool) -> None:
        """Send at once what waits for company, or no longer so."""
        self.producer.is_hurried = is_hurried

    def stop(self, *, is_forced: bool, last_scan: bool) -> None:
        """Stop and join every thread, each kind with a deadline."""
        self.stop_finding(last_scan=last_scan)
        self.connection.block(Obstacle.STOPPING)
        late = stop_all([*(r.thread for r in self._uploading), self._content_check.thread],
                        _JOIN_SECONDS)
        # It may be waiting for the answer of a broker, which a forced quit does not.
        late += stop_all([self._cluster_check], _FORCED_SECONDS if is_forced else _JOIN_SECONDS)
        late += stop_all([self.producer], _JOIN_SECONDS)
        senders = [renewed.thread for renewed in self._periodic]
        if is_forced:
            for sender in senders:
                sender.hurry()
        late += stop_all([*senders, self.recorder, self._table_writer.thread], _JOIN_SECONDS)
        if late and not is_forced:
            logger.error("these threads did not end in time: %s", ", ".join(late))

    def close(self, *, consolidate: bool) -> tuple[int, bool]:
        """Record the last acknowledgements, write the tables, and give the ledger back.

        Args:
            consolidate: whether the parts of the tables are joined.

        Returns:
            How many files are left, and whether everything could be recorded.
        """
        self.ledger.database.hurry()
        is_recorded = self.recorder.record_now()
        if not is_recorded:
            logger.error("%s: what was acknowledged last is uploaded again at the next start",
                         self.ledger.database.problem or "the ledger cannot be written")
        n_left = self.n_left()
        self._tables.finish(consolidate=consolidate)
        self.ledger.census.take()
        try:
            self.ledger.close(is_covered=self.ledger.files.is_covered and self.finder.can_see_all)
        except LedgerError as error:
            logger.error("the ledger could not be closed cleanly: %s", error)
            is_recorded = False
        return n_left, is_recorded

    # How it stands.

    def n_left(self) -> int:
        """Return how many files are still to be sent, or to be recorded."""
        files = self.ledger.files
        return max(self.queue.n_claimed, files.n_waiting()) + files.n_unrecorded()

    def progress(self) -> object:
        """Return something that changes whenever sending or recording makes progress."""
        return (self.producer.traffic.n_chunks, self.n_left(),
                *(r.thread.n_slices_read for r in self._uploading))

    def stall_reason(self) -> tuple[str, float] | None:
        """Return why nothing can be sent, and how many seconds to tolerate that."""
        for thread in (self.producer, self.recorder):
            if thread.error is not None:
                return f"the thread {thread.name} has ended", 0.0
        if self.ledger.database.problem:
            return "the ledger cannot be written", UNREACHABLE_SECONDS
        if self.producer.health.state is BrokerState.CONNECTED:
            return None
        is_refused = self.producer.health.state is BrokerState.REFUSED
        return f"the broker {'refuses' if is_refused else 'is unreachable'}", UNREACHABLE_SECONDS

    @property
    def n_rebuild_uncertain(self) -> int:
        """Number of versions that consumers may be unable to rebuild."""
        return self.announcer.n_rebuild_uncertain + self.producer.outcomes.n_trimmed

    def snapshot(self, base: Snapshot) -> Snapshot:
        """Return a snapshot that says everything, made from one that knows the program's life."""
        heartbeat = self._heartbeat.thread.status() if self._heartbeat else PeriodicStatus(
            program_id=self._settings.heartbeat.program_id)
        log_messages = self._log_messages.thread.status() if self._log_messages else \
            PeriodicStatus(program_id=self._settings.log_messages.program_id)
        return self.queries.snapshot(
            replace(base, heartbeat=heartbeat, log_messages=log_messages,
                    n_rebuild_uncertain=self.n_rebuild_uncertain),
            self._cluster_check.unacknowledged)

    def reupload(self, rel_path: str) -> None:
        """Queue a file whether or not it changed.

        Raises:
            UploadError: it is excluded, or not there.
        """
        excluded = self.finder.why_excluded(rel_path) or ("" if is_utf8(rel_path) else NOT_UTF8)
        if excluded:
            raise UploadError(f"it is never uploaded: {excluded}", where=rel_path)
        observation = self.finder.observe(rel_path)
        if observation is None:
            raise UploadError("there is no such file", where=rel_path,
                              remedy="Give the path relative to the upload directory")
        with self.ledger.database.together():  # nobody may take it from the line in between
            self.ledger.files.put_at_the_end([observation._replace(rel_path=rel_path)])
            self.ledger.files.must_send(rel_path)
        self.queue.wake()

    # What one part tells the others.

    def _on_recorded(self, recorded: Recorded | None) -> None:
        """Release what is recorded, and say so; send nothing while nothing can be."""
        if recorded is None:
            self.connection.block(Obstacle.UNRECORDABLE)
            return
        self.connection.unblock(Obstacle.UNRECORDABLE)
        self.announcer.tick()
        outcomes = recorded.outcomes
        if outcomes:
            self.queue.release([outcome.version.rel_path for outcome in outcomes])
            for outcome in outcomes:
                if outcome.kind is OutcomeKind.ABANDONED:
                    self.settle_again(outcome.file)
            self.announcer.recorded(outcomes)
        if recorded.has_more_queued:
            self.queue.wake()

    # What finding and sending tell of files.

    def files_queued(self) -> None:
        """Let uploading threads look for files that were queued."""
        self.queue.wake()

    def stuck(self, rel_path: str, state: FileState, reason: str) -> None:
        """Say that a file is held or has failed."""
        self.announcer.stuck(rel_path, state, reason)

    def why_offline(self) -> str:
        """Look whether the upload directory can be seen; return an empty text where it can."""
        return self.finder.why_offline()

    def settle_again(self, file: WaitingFile) -> None:
        """Let a file settle again that changed while it was read."""
        # Its turn is over: queued again it would wait for ever, if it is gone or this is the end.
        self.ledger.files.record_settling_again(file)
        self.finder.settle_again(file.rel_path)

    # What the cluster check finds.

    def notify(self, kind: NoticeKind, text: str, rel_path: str = "") -> None:
        """Tell front ends that the broker is up or down."""
        self._program.notify(kind, text, rel_path)

    def lost_end(self, partition: int, offset: int) -> None:
        """Send again what was acknowledged and is on the topic no more."""
        sent = self.ledger.versions.paths_from(partition, offset)
        logger.error("partition %d has lost what it had acknowledged, from offset %s on: the files "
                     "there (%s) are sent again", partition, f"{offset:,}", f"{len(sent):,}")
        self.producer.outcomes.lose(partition, offset)
        for rel_path in sent:
            try:
                self.reupload(rel_path)
            except UploadError as error:
                logger.error("%s cannot be sent again: %s", rel_path, error.what)

    def wrong_cluster(self, error: StartupError) -> None:
        """End the program."""
        logger.error("%s", error)
        self._program.fail(error)

    def start_over(self, name: str, old_id: str) -> bool:
        """Set the ledger and the tables of another cluster or topic aside, and begin new ones."""
        try:
            # First: tables of the old cluster beside a new ledger would be believed.
            self._tables.set_aside(f"cluster-{old_id}")
            kept = self.ledger.start_over(old_id, upload_existing=self._settings.upload_existing)
        except (OSError, LedgerError) as error:
            self.wrong_cluster(StateDirectoryError(
                f"the ledger of the {name} {old_id} cannot be set aside: {error}",
                where=str(self._settings.state_dir), remedy="Free the disk, then start again"))
            return False
        logger.warning("another %s answers: the ledger of %s is kept as %s, and a new one is "
                       "begun", name, old_id, kept.name)
        self.ledger.files.put_back_due()
        self.queue.wake()
        return True
