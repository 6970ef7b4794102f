"""The engine's front door: joins finding, sending and recording, and owns every thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tui.engine.answering import explain, page_of, reupload
from tui.engine.bookkeeping import Bookkeeper
from tui.engine.connecting import ConnectingThread
from tui.engine.finding.finding import Finding
from tui.engine.logs import Log
from tui.engine.model import (
    BrokerState,
    ChunkMap,
    Explanation,
    FileState,
    FileStatus,
    LogLine,
    Notice,
    NoticeKind,
    Page,
    PageKind,
    PageOrder,
    PeriodicStatus,
    Phase,
    Snapshot,
    VersionRecord,
)
from tui.engine.paths import is_utf8, relative
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.recording import RecordingThread
from tui.engine.reporting import Reporting
from tui.engine.sending.cluster import addresses
from tui.engine.sending.gate import Gate
from tui.engine.sending.heartbeats import HeartbeatThread, LogMessageThread
from tui.engine.sending.heartbeats import Surroundings as PeriodicSurroundings
from tui.engine.sending.producing import ProducingThread
from tui.engine.sending.queue import UploadQueue
from tui.engine.sending.reading import Source
from tui.engine.sending.uploading import Surroundings, UploadingThread
from tui.engine.stopping import UNREACHABLE_SECONDS, StoppingThread
from tui.engine.tabulating import Tables, TabulatingThread
from tui.engine.taking_over import new_since_ns, take_over_tables
from tui.engine.threads import Renewed, StoppableThread, stop_all
from tui.errors import LedgerError, StartupError, StateDirectoryError
from tui.settings import Settings

logger = logging.getLogger(__name__)

EXIT_UNFINISHED, EXIT_FAILURE, EXIT_FORCED = 1, 2, 130
_FORCED_SECONDS = 0.5
_JOIN_SECONDS = 10.0


class Uploader:
    """Uploads one directory to one topic, from :meth:`start` to the end of :meth:`wait`.

    All methods may be called from any thread and return at once, but for :meth:`start`,
    :meth:`wait` and the pages.

    Args:
        settings: what to do.
        log: the program's log, open.
    """

    def __init__(self, settings: Settings, log: Log) -> None:
        self.settings = settings
        self._log = log
        self._subscribers: list[Callable[[Notice], None]] = []
        self._deaf: set[Callable[[Notice], None]] = set()
        self._phase = Phase.STARTING
        self._started_at = time.time()
        self._dead_threads: list[str] = []
        self._failure: StartupError | None = None
        self._is_forced = self._is_broken = self._must_quit_at_once = False
        self._n_left = 0
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._was_started = False
        self._begun_here: set[int] = set()
        self._hashing: dict[str, Source] = {}

    # Life.

    def start(self) -> None:
        """Open the ledger and start every thread.

        Raises:
            StartupError: something that cannot be put right while running.
        """
        settings = self.settings
        self.ledger = Ledger(settings.state_dir, settings.topic_name, settings.upload_dir,
                             settings.acks)
        try:
            since_ns = new_since_ns(settings) if self.ledger.damage else None
            take_over_tables(self.ledger, settings)
            self.ledger.close_vanished(settings.upload_dir)
            self._make_threads(since_ns)
        except LedgerError as error:
            self.ledger.abandon()
            raise StateDirectoryError(
                error.what, where=str(settings.state_dir),
                remedy="Free the disk, or choose another state directory with "
                "--logger_file_path") from error
        except BaseException:
            self.ledger.close()
            raise
        self._was_started = True
        self._begin()

    def _make_threads(self, since_ns: int | None) -> None:
        settings, ledger, died = self.settings, self.ledger, self._on_death
        client_logger = logging.getLogger("tui.kafka")
        gate = Gate(settings.queue_max_bytes)
        self.queue = UploadQueue(ledger.files, settings.n_threads, gate)
        self._producing = ProducingThread(
            settings, gate, client_logger, lambda sending: self._books.over(sending),
            self.queue.again, self.queue.refused, self.queue.doubt, died)
        self._connecting = ConnectingThread(
            settings, self._producing, ledger, client_logger, self._on_wrong_cluster,
            self._on_new_cluster, self._notify, died)
        self.finding = Finding(settings, ledger.files, self._on_queued, died,
                               new_since_ns=since_ns)
        self._tables = Tables(ledger, settings)
        self._tabulating = Renewed[TabulatingThread](
            lambda _dead: TabulatingThread(self._tables, died))
        self._books = Bookkeeper(ledger, self.queue, self._producing.traffic,
                                 self._touch_again, self._notify)
        self._recording = RecordingThread(ledger.database, self._books.gather,
                                          self._books.committed, died)
        around = PeriodicSurroundings(
            settings.redact, lambda: addresses(self._producing.clients.first), died)
        self._heartbeat = Renewed[HeartbeatThread](lambda dead: HeartbeatThread(
            settings.heartbeat, self._n_acknowledged, around, after=dead))
        self._log_messages = Renewed[LogMessageThread](lambda dead: LogMessageThread(
            settings.log_messages, self._log, around, after=dead))
        self._uploading = [Renewed[UploadingThread](self._uploading_maker(number + 1))
                           for number in range(settings.n_threads)]
        self._stopping = StoppingThread(self, died)
        self._reporting = Reporting(ledger, self.queue, self._producing, self.finding,
                                    self._books, self._periodic, self._dead_threads,
                                    self._hashing)

    def _uploading_maker(self, number: int) -> Callable[[UploadingThread | None], UploadingThread]:
        around = Surroundings(
            self.settings, self.queue, self._producing, self.ledger.files, self.ledger.versions,
            lambda: self._connecting.n_partitions, self._touch_again, self.finding.is_overdue,
            self.finding.why_offline, self._on_answer,
            lambda sending: self._books.over(sending), self._on_unsent, self._begun_here,
            self._hashing)
        return lambda _dead: UploadingThread(number, around, self._on_death)

    def _begin(self) -> None:
        settings = self.settings
        logger.info("uploading %s to topic %s on %s", settings.upload_dir, settings.topic_name,
                    settings.broker_address)
        if self.ledger.damage:
            kept = self.ledger.set_aside_as
            logger.error("%s%s; what the tables tell is taken over, and what they do not tell is "
                         "sent again", self.ledger.damage,
                         f": it is kept as {kept.name}" if kept else "")
        for text in settings.notes:
            logger.info("%s", text)
        for text in settings.warnings:
            logger.warning("%s", text)
        self._recording.record_now()
        for thread in [*self._essential(), *(r.thread for r in self._renewed())]:
            thread.start()
        self.ledger.database.holds_back = True
        self.finding.start()
        with self._lock:
            self._phase = Phase.RUNNING
        if self._must_quit_at_once:
            self.quit()
        self._stopping.start()

    def _essential(self) -> list[StoppableThread]:
        """Return the threads, but for those that find files, without which all has to end."""
        return [self._recording, self._producing, self._connecting]

    def _renewed(self) -> list[Renewed[Any]]:
        return [*self._uploading, self._tabulating, self._heartbeat, self._log_messages]

    def quit(self) -> None:
        """Stop watching, send what is queued, then leave; returns at once."""
        with self._lock:
            self._must_quit_at_once = self._phase is Phase.STARTING
            if self._phase is not Phase.RUNNING:
                return
            self._phase = Phase.DRAINING
        if self.queue.is_paused:
            logger.info("what is queued is sent before leaving, although uploading was paused")
            self.queue.resume()
        logger.info("stopping: what is queued is sent first")

    def cancel_quit(self) -> bool:
        """Take a quit back; True where the program goes on."""
        with self._lock:
            if self._phase is not Phase.DRAINING or self.must_leave_now or self._is_broken:
                return False
            self._phase = Phase.RUNNING
        logger.info("quit was taken back: watching goes on")
        return True

    def force_quit(self) -> None:
        """Leave now; what is not acknowledged is sent at the next start."""
        self._is_forced = True
        self._drain()

    def _drain(self) -> None:
        with self._lock:
            if self._phase is not Phase.STOPPED:
                self._phase = Phase.DRAINING

    def wait(self, timeout_seconds: float | None) -> bool:
        """Wait for the end; True once everything has stopped."""
        return self._stopped.wait(timeout_seconds)

    @property
    def exit_status(self) -> int:
        """0 all done, 1 something is left, 2 it could not go on, 130 forced."""
        if self._failure is not None:
            return EXIT_FAILURE
        if self._is_forced:
            return EXIT_FORCED
        if self._n_left or self._is_broken:
            return EXIT_UNFINISHED
        if self._was_started:
            counts = self.ledger.files.counts()[0]
            if counts.held or counts.failed or self.finding.refused() \
                    or self._books.n_may_not_rebuild:
                return EXIT_UNFINISHED
        return 0

    @property
    def failure(self) -> StartupError | None:
        """Why the program could not go on; None where it could."""
        return self._failure

    # What the stopping thread needs.

    @property
    def phase(self) -> Phase:
        """What the program as a whole is doing."""
        return self._phase

    @property
    def is_leaving(self) -> bool:
        """Whether it was told to quit, or has ended."""
        return self._phase in (Phase.DRAINING, Phase.STOPPED)

    @property
    def must_leave_now(self) -> bool:
        """Whether waiting for acknowledgements is pointless or unwanted."""
        return self._is_forced or self._failure is not None

    def n_left(self) -> int:
        """Return how many files a drain still has to send."""
        return max(self.queue.n_in_hand, self.ledger.files.n_waiting())

    def progress(self) -> object:
        """Return something that changes whenever sending or recording gets on."""
        return (self._producing.traffic.n_chunks, self.n_left(),
                *(r.thread.n_slices_read for r in self._uploading))

    def why_nothing_can_move(self) -> tuple[str, float] | None:
        """Return what keeps a drain from moving, and the seconds to bear with it."""
        for thread in (self._producing, self._recording):
            if thread.error is not None:
                return f"the thread {thread.name} has ended", 0.0
        if self.ledger.database.problem:
            return "the ledger cannot be written", UNREACHABLE_SECONDS
        if self._producing.health.state is not BrokerState.CONNECTED:
            is_refused = self._producing.health.state is BrokerState.REFUSED
            return f"the broker {'refuses' if is_refused else 'is unreachable'}", \
                UNREACHABLE_SECONDS
        return None

    def look_after_threads(self) -> None:
        """Start threads anew that can be; where another one has died, end the program."""
        for renewed in self._renewed():
            renewed.look_after()
        dead = next((t.name for t in [*self._essential(), *self.finding.threads()]
                     if t.error is not None), None)
        if dead is not None and not self._is_broken:
            self._is_broken = True
            logger.error("the program cannot go on without its thread %s: it sends what it can "
                         "and ends", dead)
            self.quit()

    def stop_finding(self) -> None:
        """Stop watching, scan once more, and stop scanning; what settles stays recorded."""
        self.ledger.database.holds_back = False
        self.finding.stop(last_scan=not self.must_leave_now)

    def resume_finding(self) -> None:
        """Watch and scan again, after a quit was taken back."""
        self.ledger.database.holds_back = True
        self.finding.start()

    def finish(self, *, is_clean: bool) -> None:
        """Stop and join everything, record the last acknowledgements, close the ledger.

        Args:
            is_clean: whether the stopping thread itself came to a regular end.
        """
        self._is_broken |= not is_clean
        try:
            self._stop_threads()
            self._close_ledger()
        except Exception:  # the end of the program: say it, and leave all the same
            logger.exception("the program could not end cleanly")
            self._is_broken = True
        if self._n_left:
            logger.error("%d files are not sent; the next start sends them", self._n_left)
        self._phase = Phase.STOPPED
        self._notify(NoticeKind.STOPPED, "stopped")
        self._stopped.set()

    def _stop_threads(self) -> None:
        self.stop_finding()
        self._producing.halt()
        late = stop_all([r.thread for r in self._uploading], _JOIN_SECONDS)
        # It may be waiting for the answer of a broker, which a forced quit does not.
        late += stop_all([self._connecting], _FORCED_SECONDS if self._is_forced else _JOIN_SECONDS)
        late += stop_all([self._producing], _JOIN_SECONDS)
        if self._is_forced:
            self._heartbeat.thread.hurry()
            self._log_messages.thread.hurry()
        late += stop_all([self._heartbeat.thread, self._log_messages.thread, self._recording,
                          self._tabulating.thread], _JOIN_SECONDS)
        if late and not self._is_forced:
            logger.error("these threads did not end in time: %s", ", ".join(late))

    def _close_ledger(self) -> None:
        self._books.gather()
        try:
            self.ledger.database.commit()
            self._books.committed(True)
        except LedgerError as error:
            logger.error("%s: what was acknowledged last is sent again at the next start", error)
            self._is_broken = True
        self._n_left = self.n_left()
        self._tables.finish(consolidate=not self.must_leave_now)
        self.ledger.files.refresh_counts()
        try:
            self.ledger.close()
        except LedgerError as error:
            logger.error("the ledger could not be closed cleanly: %s", error)
            self._is_broken = True

    # Callbacks from threads.

    def _on_queued(self, _n_files: int) -> None:
        self.queue.wake()

    def _on_unsent(self, rel_path: str, state: FileState, reason: str) -> None:
        logger.warning("%s is %s: %s", rel_path, state.name.lower(), reason)
        kind = NoticeKind.FILE_HELD if state is FileState.HELD else NoticeKind.FILE_FAILED
        self._notify(kind, reason, rel_path)

    def _on_answer(self, rel_path: str) -> None:
        self.ledger.files.put_back(rel_path)
        self.queue.wake()

    def _touch_again(self, rel_path: str) -> None:
        if self._phase is not Phase.RUNNING:
            # Nobody waits for it to rest any more: it stays recorded, for the next start.
            self.ledger.files.record_settling_again(rel_path)
        self.finding.touch_again(rel_path)

    def _on_wrong_cluster(self, error: StartupError) -> None:
        logger.error("%s", error)
        self._failure = error
        self._drain()

    def _on_new_cluster(self, name: str, old_id: str) -> bool:
        try:
            # First: tables of the old cluster beside a new ledger would be believed.
            self._tables.set_aside(f"cluster-{old_id}")
            kept = self.ledger.begin_anew(old_id, upload_existing=self.settings.upload_existing)
        except (OSError, LedgerError) as error:
            self._on_wrong_cluster(StateDirectoryError(
                f"the ledger of the {name} {old_id} cannot be set aside: {error}",
                where=str(self.settings.state_dir), remedy="Free the disk, then start again"))
            return False
        logger.warning("another %s answers: the ledger of %s is kept as %s, and a new one is "
                       "begun", name, old_id, kept.name)
        self.ledger.files.put_back_due()
        self.queue.wake()
        return True

    def _on_death(self, name: str, error: BaseException) -> None:
        self._dead_threads.append(name)
        self._notify(NoticeKind.THREAD_DIED, f"the thread {name} ended: {error}")

    def _notify(self, kind: NoticeKind, text: str, rel_path: str = "") -> None:
        notice = Notice(kind, text, rel_path)
        for callback in list(self._subscribers):
            try:
                callback(notice)
            except Exception:  # a front end's failure must not stop an engine thread
                if callback not in self._deaf:
                    self._deaf.add(callback)
                    logger.exception("a subscriber failed to take a notice; the upload goes on")

    def _n_acknowledged(self) -> tuple[int, int]:
        traffic = self._producing.traffic
        return traffic.n_chunks, traffic.n_value_bytes

    def _periodic(self) -> tuple[PeriodicStatus, PeriodicStatus]:
        return self._heartbeat.thread.status(), self._log_messages.thread.status()

    # What front ends ask.

    def subscribe(self, callback: Callable[[Notice], None]) -> Callable[[], None]:
        """Have rare events told, on the thread where they happen; return how to end that."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    def snapshot(self) -> Snapshot:
        """Return the state of everything."""
        base = Snapshot(taken_at=time.time(), started_at=self._started_at,
                        upload_dir=str(self.settings.upload_dir),
                        topic_name=self.settings.topic_name, phase=self._phase)
        if not self._was_started:
            return base
        return self._reporting.complete(replace(base, exit_status=self.exit_status))

    def page(self, kind: PageKind, offset: int, n_rows: int, pattern: str = "",
             order: PageOrder = PageOrder.LINE) -> Page:
        """Return some rows of a long list; ``pattern`` is a part of the path, or a glob."""
        return page_of(self.ledger, self.finding, self.queue, kind, offset, n_rows, pattern, order)

    def explain(self, rel_path: str) -> Explanation:
        """Return what is happening to a path, and why."""
        found = explain(self.ledger, self.finding, self.queue, self._clean(rel_path))
        source = self._hashing.get(found.rel_path)
        if source is None:
            return found
        return replace(found, verdict="uploading", status=source.status())

    def versions(self, rel_path: str) -> tuple[VersionRecord, ...]:
        """Return the versions of a path, newest first."""
        path = self._clean(rel_path)
        return self.ledger.versions.records_of(path) if is_utf8(path) else ()

    def status(self, rel_path: str) -> FileStatus | None:
        """Return where a path stands."""
        return self.explain(rel_path).status

    def chunk_map(self, rel_path: str) -> ChunkMap | None:
        """Return the chunks of a path that is being sent."""
        sending = self.queue.sending_of(rel_path)
        return None if sending is None else sending.chunk_map()

    def log_lines(self, after: int, n_max: int = 1000) -> tuple[LogLine, ...]:
        """Return log lines whose number is higher than ``after``."""
        return self._log.lines(after, n_max)

    # What commands do.

    def retry(self, rel_path: str | None) -> int:
        """Put a held or failed file, or all of them, back in line; return how many."""
        path = None if rel_path is None else self._clean(rel_path)
        if path is not None and not is_utf8(path):
            return 0
        n_files = self.ledger.files.put_back(path)
        self.queue.wake()
        return n_files

    def pause(self) -> None:
        """Send nothing more until :meth:`resume`; watching goes on. Not while leaving."""
        if self._phase is not Phase.RUNNING:
            logger.info("the program is leaving: what is queued is sent, and not paused")
            return
        self.queue.pause()
        logger.info("paused: files are watched and queued, nothing is sent")

    def resume(self) -> None:
        """Send again."""
        self.queue.resume()
        logger.info("resumed")

    def reupload(self, rel_path: str) -> None:
        """Send a file again, whether or not it changed.

        Raises:
            UploadError: it cannot be uploaded.
        """
        reupload(self.ledger, self.finding, self._clean(rel_path))
        self.queue.wake()

    def _clean(self, typed: str) -> str:
        return relative(typed, self.settings.upload_dir)
