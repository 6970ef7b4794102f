"""Finding as a whole: watcher, settling and scan, and what people ask about them."""

from __future__ import annotations

from tui.config.settings import Settings
from tui.engine.finding.changes import (
    SETTLED_BY_ONE_CLOCK_SECONDS,
    SETTLED_BY_TWO_CLOCKS_SECONDS,
    Comparison,
)
from tui.engine.finding.lag import Lags
from tui.engine.finding.scan_requests import ScanRequests
from tui.engine.finding.scanner import Scanner
from tui.engine.finding.selection import TOO_LONG, FileRecords, Selection
from tui.engine.finding.settling import Settling
from tui.engine.finding.stuck_files import FinderEvents, StuckFiles
from tui.engine.finding.upload_root import UploadRoot
from tui.engine.finding.watcher import Watcher
from tui.engine.model.files import EventKind, FileStatus, Observation
from tui.engine.model.snapshot import Freshness
from tui.engine.system.file_clock import FileClock
from tui.engine.system.paths import leads_out
from tui.engine.system.workers import Worker


class Finder:
    """Finds files, from :meth:`start` to :meth:`stop`; may be started again.

    Args:
        settings: the program's.
        ledger: where what is found is recorded.
        events: receives what becomes of files.
        new_since_ns: files changed after this time are new, although the program was not there:
            when the tables of a lost ledger were written.
        clock: of the upload directory's file system, where another one is to be believed.
    """

    def __init__(self, settings: Settings, ledger: FileRecords, events: FinderEvents, *,
                 new_since_ns: int | None = None, clock: FileClock | None = None) -> None:
        self._settings = settings
        self._ledger = ledger
        self._events = events
        self._selection = Selection(settings)
        clock = clock or FileClock(settings.state_dir, settings.upload_dir)
        self._root = UploadRoot(settings.upload_dir,
                                settings.upload_dir_given or settings.upload_dir, clock)
        self._lags = Lags(settings.lag_seconds)
        self.stuck = StuckFiles(ledger, events)
        self._is_running = False
        self._knew_files = not ledger.is_new
        self._has_one_clock = new_since_ns is None and clock.can_be_read()
        self._start_ns = clock.now_ns() if new_since_ns is None else new_since_ns
        # Durable before anything is said or watched: a kill at once must make no old file new.
        ledger.record_covered(self._start_ns, is_seen=False)
        ledger.make_durable()
        self._scanned_before = False
        self._make()

    def _make(self) -> None:
        settings, selection, ledger = self._settings, self._selection, self._ledger
        self.requests = ScanRequests()
        self.settling = Settling(settings, selection, ledger, self._lags, self._root,
                                 self.requests, self.stuck, self._events)
        self.watcher = Watcher(settings, self)
        comparison = Comparison(
            settings, selection, ledger, self._start_ns, SETTLED_BY_ONE_CLOCK_SECONDS
            if self._has_one_clock else SETTLED_BY_TWO_CLOCKS_SECONDS)
        self._scanner = Scanner(settings, ledger, comparison, self._root, self.watcher,
                                self.settling, self.stuck, self.requests)
        self._scanner.knew_files = self._knew_files
        self._scanner.is_first = not self._scanned_before

    def start(self) -> None:
        """Start the watcher first and the scan second, so that nothing falls between them."""
        if self._is_running:
            return
        if self.settling.stopping.is_set():
            self._make()
        self._is_running = True
        self.settling.start()
        self._scanner.start()

    def stop(self, *, last_scan: bool = False) -> None:
        """Stop and join; what settles stays recorded.

        Args:
            last_scan: scan once more, for what no event has reported yet.
        """
        if not self._is_running:
            return
        self._is_running = False
        self.watcher.stop()
        self._scanner.stop(last_scan=last_scan)
        self._scanner.join(10)
        self.settling.stop()
        self.settling.join(10)
        self._scanned_before = not self._scanner.is_first

    def threads(self) -> list[Worker]:
        """Return the threads without which files would be missed."""
        return [self.settling, self._scanner]

    # What the watcher tells.

    def heard(self, rel_path: str, kind: EventKind, *, is_sure: bool) -> bool:
        """Have a file settle to which something happened, if it is wanted; return whether it is."""
        reason = self._selection.why_not_path(rel_path)
        if reason == TOO_LONG:
            self.stuck.refuse(rel_path, reason)
        elif not reason:
            self.settling.note(rel_path, kind if is_sure else EventKind.FOUND)
        return not reason

    def heard_of_directory(self, rel_path: str) -> None:
        """Have a directory looked into that has just appeared."""
        self.requests.look_into(rel_path)

    def events_lost(self, why: str) -> None:
        """Have everything looked at again."""
        self.requests.scan(why)

    # What sending tells.

    def content_changed(self, rel_path: str) -> None:
        """Say that the content of a path was found to be another."""
        self.settling.note(rel_path, EventKind.MODIFIED)

    def settle_again(self, rel_path: str) -> None:
        """Say that a path changed while it was sent."""
        self.settling.settle_again(rel_path)

    def why_offline(self) -> str:
        """Look, and return why the upload directory cannot be seen; empty where it can."""
        return self._root.why_offline()

    # What people ask.

    @property
    def can_see_all(self) -> bool:
        """Whether the last scan could look at everything."""
        return not self._scanner.n_unreadable and not self._scanner.source_offline

    @property
    def n_unreadable(self) -> int:
        """Number of files and directories that the last scan could not look at."""
        return self._scanner.n_unreadable

    @property
    def n_heard(self) -> int:
        """Number of paths to which something happened, and that were not looked at yet."""
        return self.settling.n_heard

    def n_growing(self) -> int:
        """Return how many files do not come to rest."""
        return self.settling.n_growing()

    def settling_status(self, rel_path: str) -> FileStatus | None:
        """Return where a path stands, if it is settling."""
        return self.settling.status(rel_path)

    def settling_page(self, offset: int, n_rows: int, pattern: str) \
            -> tuple[int, tuple[FileStatus, ...]]:
        """Return how many files settle, and some of them."""
        return self.settling.page(offset, n_rows, pattern)

    def why_excluded(self, rel_path: str) -> str:
        """Return why a path is not uploaded whatever happens; empty where it may be."""
        if leads_out(rel_path):
            return "it is outside the upload directory"
        reason = self._selection.why_not_name(rel_path)
        if reason:
            return reason
        try:
            return self._selection.observe(rel_path)[1]
        except (OSError, ValueError):
            return ""

    def why_unknown(self, rel_path: str) -> str:
        """Return what there is to say of a path that was never seen."""
        try:
            if self._selection.observe(rel_path)[0] is None:
                return "there is no such file in the upload directory"
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            return f"it cannot be looked at: {reason}"
        return "it is there, and the next scan will find it"

    def observe(self, rel_path: str) -> Observation | None:
        """Return what is on the disk; None where there is no regular file."""
        try:
            return self._selection.observe(rel_path)[0]
        except (OSError, ValueError):
            return None

    def problems(self) -> list[str]:
        """Return what keeps files from being found, one sentence each."""
        found = self._scanner.problems() + self.watcher.problems()
        for path, seconds in self.settling.hanging[:1]:
            found.append(f"the file system has not answered about {path} for {seconds:.0f} s")
        return found

    def freshness(self) -> Freshness:
        """Return when what was last heard and looked at."""
        return Freshness(
            last_event_age=self.watcher.last_event_age, last_scan_age=self._scanner.last_age,
            last_scan_seconds=self._scanner.last_seconds,
            last_scan_n_missed=self._scanner.n_missed, n_unreadable=self.n_unreadable,
            next_scan_seconds=self._scanner.next_seconds, observer=self.watcher.name,
            source_offline=self._scanner.source_offline,
            n_overflows=self.watcher.n_overflows)
