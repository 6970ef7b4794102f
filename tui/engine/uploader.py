"""The engine's front door: its life from start to end, and what front ends ask and tell it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from tui.config.settings import Settings
from tui.engine.finding.finder import Finder
from tui.engine.log import Log
from tui.engine.model.snapshot import (
    Explanation,
    LogLine,
    Notice,
    NoticeKind,
    Page,
    PageKind,
    PageOrder,
    Phase,
    Snapshot,
)
from tui.engine.model.versions import ChunkMap, VersionRecord
from tui.engine.pipeline import Pipeline
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.tables.take_over import files_new_since_ns, take_over_tables
from tui.engine.sending.connection import Obstacle
from tui.engine.sending.queue import UploadQueue
from tui.engine.supervisor import Supervisor
from tui.engine.system.paths import is_glob, is_utf8, relative
from tui.errors import (
    EXIT_FAILED,
    EXIT_FORCED,
    EXIT_UNFINISHED,
    LedgerError,
    StartupError,
    StateDirectoryError,
)

logger = logging.getLogger(__name__)


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

    # Life.

    def start(self) -> None:
        """Open the ledger and start every thread.

        Raises:
            StartupError: something that cannot be put right while running.
        """
        settings = self.settings
        ledger = Ledger(settings.state_dir, settings.topic_name, settings.upload_dir,
                        settings.acks)
        try:
            since_ns = files_new_since_ns(ledger, settings)
            take_over_tables(ledger, settings)
            ledger.close_vanished(settings.upload_dir)
            ledger.note_chunk_size(settings.chunk_size)
            self.pipeline = Pipeline(settings, self._log, ledger, self, since_ns)
        except LedgerError as error:
            ledger.abandon()
            raise StateDirectoryError(
                error.what, where=str(settings.state_dir),
                remedy="Free the disk, or choose another state directory with "
                "--logger_file_path") from error
        except BaseException:
            ledger.abandon()
            raise
        self._was_started = True
        self._begin()

    def _begin(self) -> None:
        settings, ledger = self.settings, self.ledger
        logger.info("uploading %s to topic %s on %s", settings.upload_dir, settings.topic_name,
                    settings.broker_address)
        if ledger.damage:
            kept = ledger.set_aside_as
            logger.error("%s%s; the ledger is rebuilt from the CSV tables; files missing from them "
                         "are uploaded again", ledger.damage,
                         f": it is kept as {kept.name}" if kept else "")
        for text in settings.notes:
            logger.info("%s", text)
        for text in settings.warnings:
            logger.warning("%s", text)
        self.pipeline.start()
        with self._lock:
            if self._phase is Phase.STARTING:  # else it was asked meanwhile to end
                self._phase = Phase.RUNNING
        if self._must_quit_at_once:
            self.quit()
        Supervisor(self).start()

    @property
    def ledger(self) -> Ledger:
        """What has been sent, and what is to be."""
        return self.pipeline.ledger

    @property
    def queue(self) -> UploadQueue:
        """Who goes next."""
        return self.pipeline.queue

    @property
    def finder(self) -> Finder:
        """Watcher, scan and settling."""
        return self.pipeline.finder

    def quit(self) -> bool:
        """Stop watching, send what is queued, then leave; returns at once.

        Returns:
            Whether it leaves because of this; False where it was leaving already.
        """
        with self._lock:
            self._must_quit_at_once = self._phase is Phase.STARTING
            if self._phase is not Phase.RUNNING:
                return self._must_quit_at_once
            self._phase = Phase.DRAINING
        self.pipeline.hurry(is_hurried=True)
        if self.pipeline.connection.is_blocked_by(Obstacle.PAUSED):
            logger.info("what is queued is uploaded before quitting, although uploading was paused")
            self.pipeline.connection.unblock(Obstacle.PAUSED)
        logger.info("stopping: what is queued is uploaded first")
        return True

    def cancel_quit(self) -> bool:
        """Take a quit back; True where the program keeps running."""
        with self._lock:
            if self._phase is not Phase.DRAINING or self.must_leave_now or self._is_broken:
                return False
            self._phase = Phase.RUNNING
        self.pipeline.hurry(is_hurried=False)
        logger.info("quit cancelled: watching continues")
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
            return EXIT_FAILED
        if self._is_forced:
            return EXIT_FORCED
        if self._n_left or self._is_broken:
            return EXIT_UNFINISHED
        if self._was_started:
            counts = self.ledger.census.last.counts
            finder = self.finder
            if counts.held or counts.failed or finder.stuck.unsendable() or finder.n_unreadable \
                    or self.pipeline.n_rebuild_uncertain:
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
        """Whether it was asked to quit, or has ended."""
        return self._phase in (Phase.DRAINING, Phase.STOPPED)

    @property
    def must_leave_now(self) -> bool:
        """Whether waiting for acknowledgements is pointless or unwanted."""
        return self._is_forced or self._failure is not None

    def n_left(self) -> int:
        """Return how many files a drain still has to send."""
        return self.pipeline.n_left()

    def progress(self) -> object:
        """Return something that changes whenever a drain makes progress."""
        return self.pipeline.progress()

    def stall_reason(self) -> tuple[str, float] | None:
        """Return why the drain is stalled, and how many seconds to tolerate that."""
        return self.pipeline.stall_reason()

    def restart_dead_workers(self) -> None:
        """Restart dead threads where that is possible; else end the program."""
        self._note_deaths()
        dead = self.pipeline.restart_dead_workers()
        if dead and not self._is_broken:
            self._is_broken = True
            logger.error("the program cannot continue without its thread %s: it sends what it can "
                         "and ends", dead)
            self.quit()

    def _note_deaths(self) -> None:
        for name, error in self.pipeline.new_deaths():
            self.died(name, error)

    def stop_finding(self) -> None:
        """Stop watching, scan once more, and stop scanning; what settles stays recorded."""
        self.pipeline.stop_finding(last_scan=not self.must_leave_now)

    def resume_finding(self) -> None:
        """Watch and scan again, after a quit was taken back."""
        self.pipeline.start_finding()

    def finish(self, *, is_clean: bool) -> None:
        """Stop and join everything, record the last acknowledgements, close the ledger.

        Args:
            is_clean: whether the stopping thread itself came to a regular end.
        """
        self._is_broken |= not is_clean
        try:
            self.pipeline.stop(is_forced=self._is_forced, last_scan=not self.must_leave_now)
            self._note_deaths()  # of threads that an error ended on the way out
            self._n_left, is_recorded = self.pipeline.close(consolidate=not self.must_leave_now)
            self._is_broken |= not is_recorded
        except Exception:  # the end of the program: say it, and leave all the same
            logger.exception("the program could not end cleanly")
            self._is_broken = True
        if self.finder.n_unreadable:
            n = self.finder.n_unreadable
            logger.error("%s cannot be read: what is in there is not sent",
                         "1 file or directory" if n == 1 else f"{n:,} files or directories")
        if self._n_left:
            logger.error("%d file%s not uploaded; the next start continues", self._n_left,
                         " is" if self._n_left == 1 else "s are")
        self._phase = Phase.STOPPED
        self.notify(NoticeKind.STOPPED, "stopped")
        self._stopped.set()

    # What the parts tell.

    def fail(self, error: StartupError) -> None:
        """End the program with status 2, because it must not go on."""
        self._failure = error
        self._drain()

    def died(self, name: str, error: BaseException) -> None:
        """Note that a thread ended by an error."""
        self._dead_threads.append(name)
        self.notify(NoticeKind.THREAD_DIED, f"the thread {name} ended: {error}")

    def notify(self, kind: NoticeKind, text: str, rel_path: str = "") -> None:
        """Tell the subscribers of a rare event."""
        notice = Notice(kind, text, rel_path)
        for callback in list(self._subscribers):
            try:
                callback(notice)
            except Exception:  # a front end's failure must not stop an engine thread
                if callback not in self._deaf:
                    self._deaf.add(callback)
                    logger.exception("a subscriber failed to handle a notice; uploading continues")

    # What front ends ask.

    def subscribe(self, callback: Callable[[Notice], None]) -> Callable[[], None]:
        """Subscribe to rare events, on the thread where they happen; return how to unsubscribe."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    def snapshot(self) -> Snapshot:
        """Return the state of everything."""
        base = Snapshot(taken_at=time.time(), started_at=self._started_at,
                        upload_dir=str(self.settings.upload_dir),
                        topic_name=self.settings.topic_name,
                        lag_seconds=self.settings.lag_seconds, phase=self._phase)
        if not self._was_started:
            return base
        return self.pipeline.snapshot(replace(
            base, exit_status=self.exit_status,
            dead_threads=tuple(dict.fromkeys(self._dead_threads))))

    def page(self, kind: PageKind, offset: int, n_rows: int, pattern: str = "",
             order: PageOrder = PageOrder.LINE, reason: str = "") -> Page:
        """Return some rows of a long list; see :meth:`Queries.page`."""
        return self.pipeline.queries.page(kind, offset, n_rows, pattern, order, reason)

    def explain(self, rel_path: str) -> Explanation:
        """Return what is happening to a path, and why."""
        return self.pipeline.queries.explain(self._clean(rel_path))

    def versions(self, rel_path: str) -> tuple[VersionRecord, ...]:
        """Return the versions of a path, newest first."""
        path = self._clean(rel_path)
        return self.ledger.versions.records_of(path) if is_utf8(path) else ()

    def chunk_map(self, rel_path: str) -> ChunkMap | None:
        """Return the chunks of a path that is being sent."""
        return self.pipeline.queries.chunk_map(rel_path)

    def log_lines(self, after: int, n_max: int = 1000) -> tuple[LogLine, ...]:
        """Return log lines whose number is higher than ``after``."""
        return self._log.lines(after, n_max)

    # What commands do.

    def retry(self, rel_path: str | None, reason: str = "") -> int:
        """Put stuck files back in the queue; return how many.

        Args:
            rel_path: one of them; None for all.
            reason: only those that are stuck for this; empty for all.
        """
        path = None if rel_path is None else self._clean(rel_path)
        if path is not None and not is_utf8(path):
            return 0
        n_files = self.ledger.files.put_back(path, reason)
        self.queue.wake()
        return n_files

    def take(self, pattern: str) -> int:
        """Queue files that were there before the first start; return how many.

        Args:
            pattern: a path, a folder or a glob; empty for all.
        """
        n_files = self.ledger.files.take(
            pattern if is_glob(pattern) or not pattern else self._clean(pattern).rstrip("/"))
        self.queue.wake()
        if n_files:
            logger.info("%s that %s here before the first start: queued now",
                        "1 file" if n_files == 1 else f"{n_files:,} files",
                        "was" if n_files == 1 else "were")
        return n_files

    def pause(self) -> bool:
        """Send nothing more until :meth:`resume`; watching continues. Not while leaving.

        Returns:
            Whether it is paused now.
        """
        if self._phase is not Phase.RUNNING:
            logger.info("the program is quitting: what is queued is uploaded, not paused")
            return False
        self.pipeline.connection.block(Obstacle.PAUSED)
        logger.info("paused: files are watched and queued, nothing is uploaded")
        return True

    def resume(self) -> bool:
        """Send again; return whether it was paused."""
        if not self.pipeline.connection.is_blocked_by(Obstacle.PAUSED):
            return False
        self.pipeline.connection.unblock(Obstacle.PAUSED)
        logger.info("resumed")
        return True

    def reupload(self, rel_path: str) -> None:
        """Send a file again, whether or not it changed.

        Raises:
            UploadError: it cannot be uploaded.
        """
        self.pipeline.reupload(self._clean(rel_path))

    def _clean(self, typed: str) -> str:
        return relative(typed, self.settings.upload_dir)
