"""Keeps the CSV tables in step with the ledger."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator

from tui.config.settings import Settings
from tui.engine.model.files import FileState
from tui.engine.recording.file_rows import TableFile
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.tables.in_progress import InProgressTable
from tui.engine.recording.tables.ranges import format_ranges
from tui.engine.recording.tables.rows import InProgressRow, iso_time
from tui.engine.recording.tables.take_over import add_unexported, note_own_table
from tui.engine.recording.tables.uploaded import UploadedTables
from tui.engine.system.workers import Worker
from tui.errors import LedgerError

logger = logging.getLogger(__name__)

_PERIOD_SECONDS = 4.0
_NEXT_IN_LINE = 1000
#: Held and failed files in the table of unfinished ones; more of them stand with the longer queue.
_MOST_HELD = 10_000
_WAITING_SHARE = 0.05


class Tables:
    """The tables of one topic, as the ledger has them.

    Args:
        ledger: the truth.
        settings: the program's.
        clock: monotonic seconds.
    """

    def __init__(self, ledger: Ledger, settings: Settings,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._topic = settings.topic_name
        self._clock = clock
        self._uploaded = UploadedTables(settings.state_dir, self._topic)
        self._in_progress = InProgressTable(settings.state_dir, self._topic)
        self._lock = threading.Lock()
        self._next_waiting = 0.0
        self._trouble = ""
        self._n_remade = 0

    def set_aside(self, why: str) -> None:
        """Rename all tables, because they speak of another cluster.

        Raises:
            OSError: one cannot be renamed.
        """
        with self._lock:
            self._uploaded.set_aside(why)
            self._in_progress.set_aside(why)

    def finish(self, *, consolidate: bool) -> None:
        """Write everything; after a clean quit, join the parts."""
        self._next_waiting = 0.0
        self.write()
        if not consolidate:
            return
        try:
            # First: a row that is in the one file and not noted as such would come again.
            self._ledger.database.commit()
            self._uploaded.consolidate()
            note_own_table(self._ledger, self._uploaded)
        except (OSError, LedgerError) as error:
            logger.warning("the uploaded tables cannot be joined: %s; the next start does it",
                           error)

    def write(self) -> None:
        """Write the tables; trouble is said once and ends with the next success."""
        try:
            with self._lock:
                self._remake()
                add_unexported(self._ledger, self._topic, self._uploaded)
                self._write_in_progress()
        except (OSError, LedgerError) as error:
            if str(error) != self._trouble:
                logger.warning("the tables cannot be written: %s; the ledger is complete, and "
                               "they are written again later", error)
            self._trouble = str(error)
        else:
            self._trouble = ""

    def _remake(self) -> None:
        """Write everything once more where the tables went with the file of the ledger."""
        n_remade = self._ledger.database.n_remade
        if n_remade != self._n_remade and not self._ledger.database.problem:
            self._n_remade = n_remade
            if not self._uploaded.path.exists():
                self._uploaded.own.clear()
                note_own_table(self._ledger, self._uploaded)
                self._ledger.versions.export_all_again()

    def _write_in_progress(self) -> None:
        held = itertools.chain(*(self._ledger.files.in_line(state)
                                 for state in (FileState.HELD, FileState.FAILED)))
        waiting = self._ledger.files.in_line(FileState.WAITING)
        begun = {row.rel_filepath: row for row in self._begun()}
        self._in_progress.write(itertools.chain(
            begun.values(),
            self._uncut(itertools.islice(held, _MOST_HELD), begun),
            self._uncut(itertools.islice(waiting, _NEXT_IN_LINE), begun)))
        rest = self._uncut(itertools.chain(held, waiting), begun)
        first = next(rest, None)
        if first is None:
            self._in_progress.write_waiting(None)
        elif self._clock() >= self._next_waiting:
            began = self._clock()
            self._in_progress.write_waiting(itertools.chain([first], rest))
            took = self._clock() - began
            self._next_waiting = self._clock() + took / _WAITING_SHARE

    def _begun(self) -> Iterator[InProgressRow]:
        for past in self._ledger.versions.all_begun():
            version = past.version
            yield InProgressRow(
                self._topic, version.rel_path.rpartition("/")[2], version.rel_path,
                version.n_chunks, past.n_delivered, version.n_chunks - past.n_delivered,
                iso_time(past.started),
                format_ranges(past.delivered, version.n_chunks, wanted=True),
                format_ranges(past.delivered, version.n_chunks, wanted=False),
                version.n_bytes, version.mtime_ns, version.chunk_size, version.partition,
                version.sha512.hex())

    def _uncut(self, files: Iterator[TableFile],
               begun: dict[str, InProgressRow]) -> Iterator[InProgressRow]:
        for file in files:
            if file.rel_path not in begun:
                yield InProgressRow(
                    self._topic, file.rel_path.rpartition("/")[2], file.rel_path, 0, 0, 0, "", "",
                    "", file.n_bytes, file.mtime_ns, 0, file.partition, "")


class TableWriter(Worker):
    """Writes the tables, at most five seconds behind the ledger.

    Args:
        tables: what it writes.
    """

    def __init__(self, tables: Tables) -> None:
        super().__init__("table-writer")
        self._tables = tables

    def work(self) -> None:
        self._tables.write()
        while not self.stopping.wait(_PERIOD_SECONDS):
            self._tables.write()
