"""The engine's front door: joins finding, sending and recording, and owns every thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

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
    Freshness,
    LogLine,
    Notice,
    NoticeKind,
    Page,
    PageKind,
    PeriodicStatus,
    Phase,
    Snapshot,
    Traffic,
    VersionRecord,
)
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.recording import RecordingThread
from tui.engine.sending.delivery import Sending
from tui.engine.sending.heartbeats import HeartbeatThread, LogMessageThread
from tui.engine.sending.producing import ProducingThread
from tui.engine.sending.queue import UploadQueue
from tui.engine.sending.uploading import Surroundings, UploadingThread
from tui.engine.stopping import StoppingThread
from tui.engine.tabulating import TabulatingThread, tables_written_ns, take_over_tables
from tui.engine.threads import StoppableThread
from tui.errors import StartupError
from tui.settings import Settings

logger = logging.getLogger(__name__)

EXIT_UNFINISHED, EXIT_FAILURE, EXIT_FORCED = 1, 2, 130


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
        self._phase = Phase.STARTING
        self._started_at = time.time()
        self._dead_threads: list[str] = []
        self._failure: StartupError | None = None
        self._is_forced = False
        self._n_left = 0
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._was_started = False
        self._begun_here: set[int] = set()

    # Life.

    def start(self) -> None:
        """Open the ledger and start every thread.

        Raises:
            StartupError: something that cannot be put right while running.
        """
        settings = self.settings
        client_logger = logging.getLogger("tui.kafka")
        self.ledger = Ledger(settings.state_dir, settings.topic_name, settings.upload_dir,
                             settings.acks)
        new_since_ns = tables_written_ns(settings) if self.ledger.damage else None
        try:
            take_over_tables(self.ledger, settings)
            self.ledger.close_vanished(settings.upload_dir)
            self.queue = UploadQueue(self.ledger.files, settings.n_threads)
            self._producing = ProducingThread(settings, client_logger, self._over,
                                              self.queue.again, self._on_death)
        except BaseException:
            self.ledger.close()
            raise
        self._connecting = ConnectingThread(
            settings, self._producing, self.ledger, client_logger, self._on_wrong_cluster,
            self._on_new_cluster, lambda kind, text: self._notify(kind, text), self._on_death)
        self.finding = Finding(settings, self.ledger.files, self._on_queued, self._on_death,
                               new_since_ns=new_since_ns)
        self._tabulating = TabulatingThread(self.ledger, settings, self._on_death)
        self._books = Bookkeeper(self.ledger, self.queue, self._producing.traffic,
                                 self.finding.touch_again, self._notify,
                                 self._tabulating.uploaded)
        self._recording = RecordingThread(self.ledger.database, self._books.gather,
                                          self._books.committed, self._on_death)
        self._heartbeat = HeartbeatThread(settings.heartbeat, self._n_acknowledged,
                                          self._on_death)
        self._log_messages = LogMessageThread(settings.log_messages, self._log, self._on_death)
        self._uploading = [self._new_uploading(i + 1) for i in range(settings.n_threads)]
        self._stopping = StoppingThread(self, self._on_death)
        self._was_started = True
        self._begin()

    def _new_uploading(self, number: int) -> UploadingThread:
        around = Surroundings(
            self.settings, self.queue, self._producing, self.ledger.files, self.ledger.versions,
            lambda: self._connecting.n_partitions, self.finding.touch_again, self._books.over,
            self._on_unsent, self._begun_here)
        return UploadingThread(number, around, self._on_death)

    def _begin(self) -> None:
        settings = self.settings
        logger.info("uploading %s to topic %s on %s", settings.upload_dir, settings.topic_name,
                    settings.broker_address)
        if self.ledger.damage:
            logger.error("%s; it is kept as %s, and what the tables tell is taken over",
                         self.ledger.damage, self.ledger.set_aside_as)
        for text in settings.notes:
            logger.info("%s", text)
        for text in settings.warnings:
            logger.warning("%s", text)
        self._phase = Phase.RUNNING
        self._recording.record_now()
        for thread in self._sending_threads():
            thread.start()
        self.finding.start()
        self._stopping.start()

    def _sending_threads(self) -> list[StoppableThread]:
        return [self._recording, self._tabulating, self._producing, self._connecting,
                self._heartbeat, self._log_messages, *self._uploading]

    def quit(self) -> None:
        """Stop watching, send what is queued, then leave; returns at once."""
        with self._lock:
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
            if self._phase is not Phase.DRAINING or self._failure or self._is_forced:
                return False
            self._phase = Phase.RUNNING
        logger.info("quit was taken back: watching goes on")
        return True

    def force_quit(self) -> None:
        """Leave now; what is not acknowledged is sent at the next start."""
        self._is_forced = True
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
        counts = self.ledger.files.counts()[0] if self._was_started else None
        is_left = self._n_left or self._dead_threads or self._books.n_may_not_rebuild
        if is_left or (counts and (counts.held or counts.failed)) or self.finding.refused():
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
    def must_leave_now(self) -> bool:
        """Whether waiting for acknowledgements is pointless or unwanted."""
        return self._is_forced or self._failure is not None

    @property
    def producing(self) -> ProducingThread:
        """The producer, for its state."""
        return self._producing

    def n_left(self) -> int:
        """Return how many files a drain still has to send."""
        return max(self.queue.n_in_hand, self.ledger.files.n_waiting())

    def stop_finding(self) -> None:
        """Stop watching and scanning; what settles stays recorded."""
        self.finding.stop()

    def resume_finding(self) -> None:
        """Watch and scan again, after a quit was taken back."""
        self.finding.start()

    def finish(self, n_left: int) -> None:
        """Stop and join everything, record the last acknowledgements, close the ledger."""
        self._n_left = n_left
        self.finding.stop()
        last = [self._heartbeat, self._log_messages]
        workers = [*self._uploading, self._connecting]
        for thread in workers:
            thread.stop()
        late = [t.name for t in workers if not _joined(t, 10)]
        self._producing.stop()
        late += [t.name for t in (self._producing,) if not _joined(t, 10)]
        for thread in (*last, self._recording, self._tabulating):
            thread.stop()
        late += [t.name for t in (*last, self._recording, self._tabulating) if not _joined(t, 10)]
        if late:
            logger.error("these threads did not end in time: %s", ", ".join(late))
        self._close_ledger()
        self._phase = Phase.STOPPED
        self._notify(NoticeKind.STOPPED, "stopped")
        self._stopped.set()

    def _close_ledger(self) -> None:
        self._books.gather()
        try:
            self.ledger.database.commit()
            self._books.committed(True)
            self._tabulating.finish(consolidate=not self.must_leave_now)
            self.ledger.files.refresh_counts()
            self.ledger.close()
        except Exception:  # the end of the program: say it, and leave all the same
            logger.exception("the ledger could not be closed cleanly")
            self._dead_threads.append("recording")

    def look_after_threads(self) -> None:
        """Start uploading threads that died anew; any other death ends the program."""
        for position, thread in enumerate(self._uploading):
            if not thread.is_alive() and not thread.stopping.is_set():
                self._uploading[position] = self._new_uploading(position + 1)
                self._uploading[position].start()
        must_live = [self._producing, self._recording, self._connecting, *self.finding.threads()]
        if self._phase is Phase.RUNNING and not self._failure:
            dead = [t.name for t in must_live if not t.is_alive() and not t.stopping.is_set()]
            if dead:
                logger.error("the program cannot go on without its thread %s and stops", dead[0])
                self.quit()

    # Callbacks from threads.

    def _over(self, sending: Sending) -> None:
        self._books.over(sending)

    def _on_queued(self, _n_files: int) -> None:
        self.queue.wake()

    def _on_unsent(self, rel_path: str, state: FileState, reason: str) -> None:
        logger.warning("%s is %s: %s", rel_path, state.name.lower(), reason)
        kind = NoticeKind.FILE_HELD if state is FileState.HELD else NoticeKind.FILE_FAILED
        self._notify(kind, reason, rel_path)

    def _on_wrong_cluster(self, error: StartupError) -> None:
        logger.error("%s", error)
        self._failure = error
        self.force_leave()

    def force_leave(self) -> None:
        """End the program because it must not go on."""
        with self._lock:
            if self._phase is not Phase.STOPPED:
                self._phase = Phase.DRAINING

    def _on_new_cluster(self, old_id: str) -> None:
        self._tabulating.begin_anew(old_id)
        self.ledger.files.put_back_due()
        self.queue.wake()

    def _on_death(self, name: str, error: BaseException) -> None:
        self._dead_threads.append(name)
        self._notify(NoticeKind.THREAD_DIED, f"the thread {name} ended: {error}")

    def _notify(self, kind: NoticeKind, text: str, rel_path: str = "") -> None:
        notice = Notice(kind, text, rel_path)
        for callback in list(self._subscribers):
            callback(notice)

    def _n_acknowledged(self) -> tuple[int, int]:
        traffic = self._producing.traffic
        return traffic.n_chunks, traffic.n_value_bytes

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
        sendings = self.queue.sendings()
        counts, n_bytes_waiting = self.ledger.files.counts()
        uploading = sum(1 for s in sendings if not s.is_ended)
        counts = replace(
            counts, uploading=uploading, waiting=max(0, counts.waiting - len(sendings)),
            settling=max(counts.settling, self.finding.n_settling),
            failed=counts.failed + len(self.finding.refused()),
            uploaded_this_run=self._books.n_uploaded)
        traffic = self._traffic(sendings, n_bytes_waiting)
        heartbeat, log_messages = self._heartbeat.status(), self._log_messages.status()
        return replace(
            base, is_paused=self.queue.is_paused, counts=counts, traffic=traffic,
            broker=self._producing.health.status(), freshness=self._freshness(),
            heartbeat=heartbeat, log_messages=log_messages,
            uploading=tuple(s.status() for s in sendings[:1000] if not s.is_ended),
            problems=self._problems(heartbeat, log_messages),
            dead_threads=tuple(self._dead_threads), exit_status=self.exit_status)

    def _traffic(self, sendings: list[Sending], n_bytes_waiting: int) -> Traffic:
        meter, gate = self._producing.traffic, self._producing.gate
        rate, files_per_second, history = meter.rates()
        n_done = sum(min(s.n_delivered * s.version.chunk_size, s.version.n_bytes)
                     for s in sendings)
        n_left = max(0, n_bytes_waiting - n_done)
        return Traffic(
            n_bytes_sent=meter.n_bytes, n_chunks_sent=meter.n_chunks, n_bytes_waiting=n_left,
            n_bytes_in_flight=gate.n_bytes, n_chunks_in_flight=gate.n_messages,
            queue_max_bytes=gate.max_bytes, bytes_per_second=rate,
            peak_bytes_per_second=meter.peak_bytes_per_second,
            files_per_second=files_per_second, history=history,
            seconds_left=n_left / rate if rate > 0 and n_left else None)

    def _freshness(self) -> Freshness:
        freshness = self.finding.freshness()
        acknowledged = self._producing.traffic.last_acknowledgement
        since = self.ledger.files.oldest_unsent
        return replace(
            freshness,
            last_acknowledgement_age=None if acknowledged is None
            else time.monotonic() - acknowledged,
            oldest_unsent_age=None if since is None else max(0.0, time.time() - since))

    def _problems(self, heartbeat: PeriodicStatus, log_messages: PeriodicStatus) \
            -> tuple[str, ...]:
        broker = self._producing.health.status()
        found = []
        if broker.state is BrokerState.UNREACHABLE:
            found.append(f"the broker is unreachable: {broker.reason}")
        if self.ledger.database.problem:
            found.append(self.ledger.database.problem)
        found += self.finding.problems()
        found += [f"the thread {name} ended by an error; see the log"
                  for name in self._dead_threads]
        for what, status in (("heartbeats", heartbeat), ("log messages", log_messages)):
            if status.n_failed and status.last_outcome not in ("delivered", "on its way"):
                found.append(f"{what}: {status.last_outcome}")
        return tuple(found)

    def page(self, kind: PageKind, offset: int, n_rows: int, pattern: str = "") -> Page:
        """Return some rows of a long list; ``pattern`` is a part of the path, or a glob."""
        return page_of(self.ledger, self.finding, self.queue, kind, offset, n_rows, pattern)

    def explain(self, rel_path: str) -> Explanation:
        """Return what is happening to a path, and why."""
        return explain(self.ledger, self.finding, self.queue, self._clean(rel_path))

    def versions(self, rel_path: str) -> tuple[VersionRecord, ...]:
        """Return the versions of a path, newest first."""
        return self.ledger.versions.records_of(self._clean(rel_path))

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
        n_files = self.ledger.files.put_back(None if rel_path is None else self._clean(rel_path))
        self.queue.wake()
        return n_files

    def pause(self) -> None:
        """Send nothing more until :meth:`resume`; watching goes on."""
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

    def _clean(self, rel_path: str) -> str:
        """Return a path as the ledger writes it, given what a person types."""
        text = rel_path.replace("\\", "/") if "\\" in rel_path and "/" not in rel_path else rel_path
        root = self.settings.upload_dir.as_posix() + "/"
        return text.removeprefix(root).removeprefix("./") if text != root else text


def _joined(thread: StoppableThread, seconds: float) -> bool:
    if thread.is_alive():
        thread.join(seconds)
    return not thread.is_alive()

