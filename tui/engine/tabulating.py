"""Keeps the CSV tables in step with the ledger, and takes older tables into it at start."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tui.engine.model import FileState, FileStatus, FileVersion, Observation, VersionRecord
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.legacy_tables import (
    LegacyUploaded,
    find_legacy_tables,
    is_held_by,
    read_legacy,
    set_aside,
)
from tui.engine.recording.ranges import format_ranges, parse_ranges
from tui.engine.recording.tables import (
    BadRow,
    InProgressRow,
    InProgressTable,
    UploadedRow,
    UploadedTables,
    epoch_time,
    is_ours,
    iso_time,
    read_in_progress,
    read_uploaded,
)
from tui.engine.sending.delivery import Sending
from tui.engine.threads import StoppableThread
from tui.settings import Settings

logger = logging.getLogger(__name__)

_PERIOD_SECONDS = 4.0
_NEXT_IN_LINE = 1000
_WAITING_SHARE = 0.05
_PAGE_ROWS = 2000
#: Versions that ended so long before the tables were written may have missed that writing.
_LATE_SECONDS = 5.0
_TABLED_UNTIL = "tabled_until"


class Tables:
    """The tables of one topic, as the ledger has them.

    Args:
        ledger: the truth.
        settings: the program's.
    """

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        self._ledger = ledger
        self._settings = settings
        self._topic = settings.topic_name
        self._uploaded = UploadedTables(settings.state_dir, self._topic)
        self._in_progress = InProgressTable(settings.state_dir, self._topic)
        self._lock = threading.Lock()
        self._new: list[UploadedRow] = []
        self._next_waiting = 0.0
        self._n_seen: object = None
        self._trouble = ""

    def uploaded(self, sendings: list[Sending]) -> None:
        """Take versions that are complete and durable."""
        rows = [_uploaded_row(self._topic, s.version, s.started, s.completed) for s in sendings]
        with self._lock:
            self._new.extend(rows)

    def set_aside(self, why: str) -> None:
        """Rename all tables, because they speak of another cluster.

        Raises:
            OSError: one cannot be renamed.
        """
        with self._lock:
            self._uploaded.set_aside(why)
            self._in_progress.set_aside(why)
            self._new = []

    def finish(self, *, consolidate: bool) -> None:
        """Write everything; after a clean quit, join the parts."""
        self._next_waiting = 0.0
        self.write()
        if consolidate:
            try:
                self._uploaded.consolidate()
            except OSError as error:
                logger.warning("the uploaded tables cannot be joined: %s; the next start does it",
                               error)
        if self._uploaded.is_written:
            self._ledger.database.set_meta(_TABLED_UNTIL, str(time.time()))

    def write(self) -> None:
        """Write the tables; trouble is said once and ends with the next success."""
        began = time.time()
        try:
            with self._lock:
                is_news = bool(self._new)
                self._uploaded.append(self._new)
                self._new = []
                self._uploaded.write()
            if is_news and self._uploaded.is_written:
                self._ledger.database.set_meta(_TABLED_UNTIL, str(began - _LATE_SECONDS))
            self._write_in_progress()
        except OSError as error:
            if str(error) != self._trouble:
                logger.warning("the tables cannot be written: %s; the ledger is complete, and "
                               "they are written again later", error)
            self._trouble = str(error)
        else:
            self._trouble = ""

    def _write_in_progress(self) -> None:
        rows = [*self._unfinished(), *itertools.islice(self._waiting(0), _NEXT_IN_LINE)]
        self._in_progress.write(rows)
        n_waiting = self._ledger.files.n_waiting()
        if n_waiting <= _NEXT_IN_LINE:
            self._in_progress.write_waiting(None)
        elif time.monotonic() >= self._next_waiting:
            began = time.monotonic()
            self._in_progress.write_waiting(self._waiting(_NEXT_IN_LINE))
            took = time.monotonic() - began
            self._next_waiting = time.monotonic() + max(_PERIOD_SECONDS, took / _WAITING_SHARE)

    def _unfinished(self) -> Iterator[InProgressRow]:
        """Yield what is begun, held or failed."""
        begun = set()
        for past in self._ledger.versions.all_begun():
            version = past.version
            begun.add(version.rel_path)
            yield InProgressRow(
                self._topic, version.rel_path.rpartition("/")[2], version.rel_path,
                version.n_chunks, past.n_delivered, version.n_chunks - past.n_delivered,
                iso_time(past.started),
                format_ranges(past.delivered, version.n_chunks, wanted=True),
                format_ranges(past.delivered, version.n_chunks, wanted=False),
                version.n_bytes, version.mtime_ns, version.chunk_size, version.partition,
                version.sha512.hex())
        for row in self._rows((FileState.HELD, FileState.FAILED), 0):
            if row.rel_path not in begun:
                yield self._uncut(row)

    def _waiting(self, offset: int) -> Iterator[InProgressRow]:
        return (self._uncut(row) for row in self._rows((FileState.WAITING,), offset))

    def _rows(self, states: tuple[FileState, ...], offset: int) -> Iterator[FileStatus]:
        """Yield files page by page, letting others at the ledger in between."""
        while True:
            _, rows = self._ledger.files.page(states, offset, _PAGE_ROWS)
            yield from rows
            if len(rows) < _PAGE_ROWS:
                return
            offset += len(rows)

    def _uncut(self, row: FileStatus) -> InProgressRow:
        return InProgressRow(
            self._topic, row.rel_path.rpartition("/")[2], row.rel_path, 0, 0, 0, "", "", "",
            row.n_bytes, 0, 0, -1, "")


class TabulatingThread(StoppableThread):
    """Writes the tables, at most five seconds behind the ledger.

    Args:
        tables: what it writes.
        on_death: see :class:`StoppableThread`.
    """

    def __init__(self, tables: Tables, on_death: Callable[[str, BaseException], None]) -> None:
        super().__init__("tabulating", on_death)
        self._tables = tables

    def work(self) -> None:
        self._tables.write()
        while not self.stopping.wait(_PERIOD_SECONDS):
            self._tables.write()


def _uploaded_row(topic: str, version: FileVersion | VersionRecord, started: float,
                  completed: float | None) -> UploadedRow:
    return UploadedRow(
        topic, version.rel_path.rpartition("/")[2], version.rel_path, version.n_chunks,
        iso_time(started), iso_time(completed), version.n_bytes, version.mtime_ns,
        version.chunk_size, version.partition, version.sha512.hex())


def take_over_tables(ledger: Ledger, settings: Settings) -> None:
    """Join the parts, and take into the ledger what tables tell and it lacks.

    Bad rows are said with file and line, stay where they are, and stop nothing.
    """
    tables = UploadedTables(settings.state_dir, settings.topic_name)
    try:
        if ledger.files.is_new:
            _take_over_in_progress(ledger, settings)
        _take_over_legacy(ledger, settings)
        _write_what_a_crash_kept_out(ledger, settings.topic_name, tables)
        tables.consolidate()
        if tables.path.exists():
            _take_over_ours(ledger, settings, tables)
    except OSError as error:
        logger.warning("the tables cannot be read or joined: %s; the ledger alone is used", error)


def _write_what_a_crash_kept_out(ledger: Ledger, topic: str, tables: UploadedTables) -> None:
    """Add what the ledger recorded in the last seconds of a run that could not write its tables."""
    since = float(ledger.database.meta(_TABLED_UNTIL) or 0)
    missing = {}
    for record in ledger.versions.completed_since(since):
        row = _uploaded_row(topic, record, record.started, record.completed)
        missing[_identity(row)] = row
    for path in (*tables.parts(), tables.path):
        if missing and path.exists() and is_ours(path):
            for found in read_uploaded(path, topic):
                if isinstance(found, UploadedRow):
                    missing.pop(_identity(found), None)
    tables.append(missing.values())
    tables.write()


def _identity(row: UploadedRow) -> tuple[str, str, float]:
    """Return what tells a row from all others, wherever the clock's zone has moved since."""
    return row.rel_filepath, row.sha512, epoch_time(row.completed)


def _take_over_in_progress(ledger: Ledger, settings: Settings) -> None:
    """Take unfinished files from the tables of a ledger that was lost.

    Begun versions may have reached the topic further than the table tells, so that they count as
    sent twice; what only waited is looked at again.
    """
    table = InProgressTable(settings.state_dir, settings.topic_name)
    for path in (table.path, table.waiting_path):
        if not path.exists() or not is_ours(path):
            continue
        for row in read_in_progress(path, settings.topic_name):
            if isinstance(row, BadRow):
                _say_bad(row)
                continue
            found = _observe(settings.upload_dir, row.rel_filepath)
            if found is not None:
                ledger.files.record_settling([found])
            if row.sha512:
                delivered = parse_ranges(row.chunks_delivered, row.n_chunks)
                ledger.versions.add_begun(
                    row.rel_filepath, row.n_bytes, row.mtime_ns, bytes.fromhex(row.sha512),
                    row.chunk_size, row.n_chunks, row.partition, epoch_time(row.started),
                    delivered)
    ledger.database.commit()


def tables_written_ns(settings: Settings) -> int | None:
    """Return when the table of unfinished files was last written, nanoseconds."""
    path = InProgressTable(settings.state_dir, settings.topic_name).path
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _say_bad(row: BadRow) -> None:
    logger.warning("%s, line %d: the row cannot be used (%s); it stays there", row.path, row.line,
                   row.why)


def _take_over_ours(ledger: Ledger, settings: Settings, tables: UploadedTables) -> None:
    """Take rows into the ledger where it lacks them; only a changed file is read."""
    status = tables.path.stat()
    stamp = f"{status.st_size} {status.st_mtime_ns}"
    if ledger.database.meta("uploaded_table") == stamp:
        return
    n_rows = 0
    for row in read_uploaded(tables.path, settings.topic_name):
        if isinstance(row, BadRow):
            _say_bad(row)
        elif ledger.versions.add_uploaded(
                row.rel_filepath, row.n_bytes, row.mtime_ns, bytes.fromhex(row.sha512),
                row.chunk_size, row.n_chunks, row.partition, epoch_time(row.started),
                epoch_time(row.completed)):
            n_rows += 1
    ledger.database.set_meta("uploaded_table", stamp)
    ledger.database.commit()
    if n_rows:
        logger.info("%s uploaded files were taken from %s into the ledger", f"{n_rows:,}",
                    tables.path.name)


def _take_over_legacy(ledger: Ledger, settings: Settings) -> None:
    for path in find_legacy_tables(settings.state_dir, settings.topic_name):
        n_held = n_other = n_bad = 0
        latest: dict[str, LegacyUploaded] = {}
        for row in read_legacy(path):
            if isinstance(row, BadRow):
                _say_bad(row)
                n_bad += 1
            elif isinstance(row, LegacyUploaded):
                if row.rel_path not in latest or row.started > latest[row.rel_path].started:
                    latest[row.rel_path] = row
            else:
                n_other += 1
                _send_anew(ledger, settings.upload_dir, row.rel_path)
        for held in latest.values():
            if _hold(ledger, settings.upload_dir, held):
                n_held += 1
            else:
                n_other += 1
        ledger.database.commit()
        target = set_aside(path)
        logger.info("%s: %d files count as uploaded, %d are sent, %d rows could not be read; it is "
                    "kept as %s", path.name, n_held, n_other, n_bad, target.name)


def _observe(upload_dir: Path, rel_path: str) -> Observation | None:
    try:
        status = (upload_dir / rel_path).stat()
    except (OSError, ValueError):
        return None
    return Observation(rel_path, status.st_size, status.st_mtime_ns, status.st_ino)


def _hold(ledger: Ledger, upload_dir: Path, row: LegacyUploaded) -> bool:
    """Record a file as uploaded where the row can be about what is on the disk."""
    found = _observe(upload_dir, row.rel_path)
    if found is not None and is_held_by(row, found.n_bytes, found.mtime_ns / 1e9):
        ledger.files.record_uploaded_before(found)
        return True
    _send_anew(ledger, upload_dir, row.rel_path)
    return False


def _send_anew(ledger: Ledger, upload_dir: Path, rel_path: str) -> None:
    found = _observe(upload_dir, rel_path)
    known = ledger.files.known(rel_path)
    if found is not None and (known is None or known.state is FileState.LEFT_ALONE):
        ledger.files.record_settling([found])


