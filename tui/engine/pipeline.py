"""Makes the parts that find, send and record, joins them, and starts and stops their threads."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

from tui.config.settings import Settings
from tui.engine.bookkeeping import Bookkeeper
from tui.engine.connecting import ConnectingThread
from tui.engine.content_check import ContentCheck
from tui.engine.finding.finder import Finder
from tui.engine.log import Log
from tui.engine.model.files import FileState, WaitingFile
from tui.engine.model.snapshot import BrokerState, NoticeKind, PeriodicStatus
from tui.engine.queries import reupload
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.recorder import Recorder
from tui.engine.recording.tables.writer import Tables, TableWriter
from tui.engine.sending.cluster import addresses
from tui.engine.sending.in_flight import InFlightLimit
from tui.engine.sending.periodic_messages import (
    HeartbeatSender,
    LogMessageSender,
    PeriodicContext,
)
from tui.engine.sending.preparer import UploadContext
from tui.engine.sending.producer import ChunkProducer
from tui.engine.sending.queue import UploadQueue
from tui.engine.sending.source import Source
from tui.engine.sending.worker import UploadWorker
from tui.engine.supervisor import UNREACHABLE_SECONDS
from tui.engine.system.workers import RenewedWorker, Worker, stop_all
from tui.errors import LedgerError, StartupError, StateDirectoryError, UploadError

logger = logging.getLogger(__name__)

_FORCED_SECONDS = 0.5
_JOIN_SECONDS = 10.0


class Program(Protocol):
    """Whose parts they are: what they tell it, from any thread."""

    def died(self, name: str, error: BaseException) -> None: ...
    def notify(self, kind: NoticeKind, text: str, rel_path: str = "") -> None: ...
    def fail(self, error: StartupError) -> None: ...


class Pipeline:
    """The parts of one run; nothing happens before :meth:`start`.

    Args:
        settings: the program's.
        log: for the log messages.
        ledger: open, with everything in it that older tables tell.
        program: whose parts they are.
        new_since_ns: see :class:`Finder`.
    """

    def __init__(self, settings: Settings, log: Log, ledger: Ledger, program: Program,
                 new_since_ns: int | None) -> None:
        self._settings = settings
        self._program = program
        self.ledger = ledger
        self.hashing: dict[str, Source] = {}  #: files that are read for the first time, by path
        died = program.died
        in_flight = InFlightLimit(settings.queue_max_bytes)
        self.queue = UploadQueue(ledger.files, settings.n_threads, in_flight)
        client_logger = logging.getLogger("tui.kafka")
        self.producer = ChunkProducer(
            settings, in_flight, client_logger, lambda transfer: self.books.over(transfer),
            self.queue.again, self.queue.refused, self.queue.doubt, died)
        self._connecting = ConnectingThread(
            settings, self.producer, ledger, client_logger, lambda: self._recording.record_soon(),
            self._on_lost_end, lambda first: self.books.note_beginnings(first),
            self._on_wrong_cluster, self._on_new_cluster, program.notify, died)
        self.finder = Finder(settings, ledger.files, lambda _n_files: self.queue.wake(), died,
                             new_since_ns=new_since_ns)
        self.books = Bookkeeper(ledger, self.queue, self.producer, self._touch_again,
                                lambda: self._recording.record_soon(), program.notify)
        self._recording = Recorder(ledger.database, self.books.gather,
                                   self.books.committed, died)
        self._tables = Tables(ledger, settings)
        self._table_writer = RenewedWorker[TableWriter](
            lambda _dead: TableWriter(self._tables, died))
        self._looking_again = RenewedWorker[ContentCheck](lambda _dead: ContentCheck(
            settings, ledger, lambda: not self.n_left(), self.finder.touch, died))
        self._make_periodic(log)
        self._make_uploading()

    def _make_periodic(self, log: Log) -> None:
        settings = self._settings
        context = PeriodicContext(
            settings.redact, lambda: addresses(self.producer.clients.first), self._program.died)
        self._heartbeat = RenewedWorker[HeartbeatSender](lambda dead: HeartbeatSender(
            settings.heartbeat, self._n_acknowledged, context, after=dead))
        self._log_messages = RenewedWorker[LogMessageSender](lambda dead: LogMessageSender(
            settings.log_messages, log, context, after=dead))

    def _make_uploading(self) -> None:
        context = UploadContext(
            self._settings, self.queue, self.producer, self.ledger.files, self.ledger.versions,
            lambda: self._connecting.n_partitions, self._touch_again, self.finder.is_overdue,
            self.finder.why_offline, self._on_answer, self.books.over, self._on_unsent, set(),
            self.hashing, self.ledger.database.is_held_file)

        def maker(number: int) -> Callable[[UploadWorker | None], UploadWorker]:
            return lambda _dead: UploadWorker(number, context, self._program.died)

        self._uploading = [RenewedWorker[UploadWorker](maker(number + 1))
                           for number in range(self._settings.n_threads)]

    # Life.

    def start(self) -> None:
        """Start every thread; the watcher last, when all are ready for what it finds."""
        self._recording.record_now()
        for thread in [*self._essential(), *(r.thread for r in self._renewed())]:
            thread.start()
        self.start_finding()

    def _essential(self) -> list[Worker]:
        """Return the threads, but for those that find files, without which all has to end."""
        return [self._recording, self.producer, self._connecting]

    def _renewed(self) -> list[RenewedWorker[Any]]:
        return [*self._uploading, self._looking_again, self._table_writer, self._heartbeat,
                self._log_messages]

    def look_after(self) -> str:
        """Start threads anew that can be; return the name of a dead one that all need, or none."""
        for renewed in self._renewed():
            renewed.look_after()
        return next((t.name for t in [*self._essential(), *self.finder.threads()]
                     if t.error is not None), "")

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
        self.producer.halt()
        late = stop_all([*(r.thread for r in self._uploading), self._looking_again.thread],
                        _JOIN_SECONDS)
        # It may be waiting for the answer of a broker, which a forced quit does not.
        late += stop_all([self._connecting], _FORCED_SECONDS if is_forced else _JOIN_SECONDS)
        late += stop_all([self.producer], _JOIN_SECONDS)
        if is_forced:
            self._heartbeat.thread.hurry()
            self._log_messages.thread.hurry()
        late += stop_all([self._heartbeat.thread, self._log_messages.thread, self._recording,
                          self._table_writer.thread], _JOIN_SECONDS)
        if late and not is_forced:
            logger.error("these threads did not end in time: %s", ", ".join(late))

    def close(self, *, consolidate: bool) -> tuple[int, bool]:
        """Record the last acknowledgements, write the tables, and give the ledger back.

        Args:
            consolidate: whether the parts of the tables are joined.

        Returns:
            How many files are left, and whether everything could be recorded.
        """
        is_recorded = True
        self.ledger.database.hurry()
        self.books.gather()
        try:
            self.ledger.database.commit()
            self.books.committed(True)
        except LedgerError as error:
            logger.error("%s: what was acknowledged last is sent again at the next start", error)
            is_recorded = False
        n_left = self.n_left()
        self._tables.finish(consolidate=consolidate)
        self.ledger.files.refresh_counts()
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
        return max(self.queue.n_in_hand, files.n_waiting()) + files.n_unrecorded()

    def progress(self) -> object:
        """Return something that changes whenever sending or recording gets on."""
        return (self.producer.traffic.n_chunks, self.n_left(),
                *(r.thread.n_slices_read for r in self._uploading))

    def why_nothing_can_move(self) -> tuple[str, float] | None:
        """Return what keeps files from being sent, and the seconds to bear with it."""
        for thread in (self.producer, self._recording):
            if thread.error is not None:
                return f"the thread {thread.name} has ended", 0.0
        if self.ledger.database.problem:
            return "the ledger cannot be written", UNREACHABLE_SECONDS
        if self.producer.health.state is BrokerState.CONNECTED:
            return None
        is_refused = self.producer.health.state is BrokerState.REFUSED
        return f"the broker {'refuses' if is_refused else 'is unreachable'}", UNREACHABLE_SECONDS

    @property
    def sending_problem(self) -> str:
        """Why nothing is acknowledged, as far as it is known, where no state of the broker says."""
        return self._connecting.unacknowledged

    def periodic(self) -> tuple[PeriodicStatus, PeriodicStatus]:
        """Return how heartbeats and log messages fare."""
        return self._heartbeat.thread.status(), self._log_messages.thread.status()

    def _n_acknowledged(self) -> tuple[int, int]:
        traffic = self.producer.traffic
        return traffic.n_chunks, traffic.n_value_bytes

    # What one part tells the others.

    def _on_unsent(self, rel_path: str, state: FileState, reason: str) -> None:
        logger.warning("%s is %s: %s", rel_path, state.name.lower(), reason)
        kind = NoticeKind.FILE_HELD if state is FileState.HELD else NoticeKind.FILE_FAILED
        self._program.notify(kind, reason, rel_path)

    def _on_answer(self, rel_path: str) -> None:
        self.ledger.files.put_back(rel_path)
        self.queue.wake()

    def _touch_again(self, file: WaitingFile) -> None:
        # Its turn is over: in line it would wait for ever, if it is gone or this is the end.
        self.ledger.files.record_settling_again(file)
        self.finder.touch_again(file.rel_path)

    def _on_lost_end(self, partition: int, offset: int) -> None:
        """Send again what was acknowledged and is on the topic no more."""
        sent = self.ledger.versions.paths_from(partition, offset)
        logger.error("partition %d has lost what it had acknowledged, from offset %s on: the files "
                     "there (%s) are sent again", partition, f"{offset:,}", f"{len(sent):,}")
        for transfer in self.queue.transfers():
            if transfer.has_offsets_from(partition, offset):
                transfer.lose()
        self.books.lost(partition, offset)
        for rel_path in sent:
            try:
                reupload(self.ledger, self.finder, rel_path)
            except UploadError as error:
                logger.error("%s cannot be sent again: %s", rel_path, error.what)
        self.queue.wake()

    def _on_wrong_cluster(self, error: StartupError) -> None:
        logger.error("%s", error)
        self._program.fail(error)

    def _on_new_cluster(self, name: str, old_id: str) -> bool:
        try:
            # First: tables of the old cluster beside a new ledger would be believed.
            self._tables.set_aside(f"cluster-{old_id}")
            kept = self.ledger.begin_anew(old_id, upload_existing=self._settings.upload_existing)
        except (OSError, LedgerError) as error:
            self._on_wrong_cluster(StateDirectoryError(
                f"the ledger of the {name} {old_id} cannot be set aside: {error}",
                where=str(self._settings.state_dir), remedy="Free the disk, then start again"))
            return False
        logger.warning("another %s answers: the ledger of %s is kept as %s, and a new one is "
                       "begun", name, old_id, kept.name)
        self.ledger.files.put_back_due()
        self.queue.wake()
        return True
