"""Pages of the long lists as people read them: sorted, filtered, and never held in memory."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.snapshot import Cause, PageOrder
from tui.engine.model.versions import VersionRecord, VersionState
from tui.engine.recording.database import Database
from tui.engine.recording.file_rows import STATUS_COLUMNS, status_of_row
from tui.engine.recording.schema import LIKE_ESCAPE, UNFINISHED, join
from tui.engine.recording.version_rows import RECORD_COLUMNS, record_of_row

#: Up to so many rows are read and sorted; of more, the index that has the order is walked through.
_MOST_SORTED = 20_000
#: Summing the bytes ahead reads every row ahead.
_MOST_SUMMED = 10_000
_MOST_EXAMPLES = 3
_FINISHED = (FileState.NOT_TAKEN, FileState.UPLOADED, FileState.GONE)
_STATUS = ", ".join(f"f.{name}" for name in STATUS_COLUMNS.split(", "))
_NEWEST = ("(SELECT max(version_id) FROM versions n WHERE n.file_id = f.file_id "
           f"AND n.state = {VersionState.COMPLETE:d})")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which rows of ``files`` a list shows, and how it is sorted.

    Attributes:
        states: of the files.
        like: a pattern for SQL's LIKE with ``\\`` as escape; empty for all.
        reason: only those that are held, or have failed, for this; empty for all.
        without: rows of ``files`` that are shown elsewhere.
        order: how they are sorted; ``LINE`` has the newest first of those uploaded.
    """

    states: Sequence[FileState]
    like: str = ""
    reason: str = ""
    without: Collection[int] = field(default=())
    order: PageOrder = PageOrder.LINE

    @property
    def _is_unfinished(self) -> bool:
        return not set(self.states) & set(_FINISHED)

    def where(self) -> tuple[str, list[object]]:
        """Return the condition in SQL, and its parameters."""
        parameters: list[object] = []
        where = f"f.state IN ({', '.join(str(int(state)) for state in self.states)})"
        if self._is_unfinished:
            where += f" AND f.{UNFINISHED}"
        if self.without:
            where += f" AND f.file_id NOT IN ({', '.join(map(str, self.without))})"
        if self.like:
            where += f" AND f.directory || '/' || f.name LIKE ? {LIKE_ESCAPE}"
            parameters.append(self.like)
        if self.reason:
            where += " AND f.reason = ?"
            parameters.append(self.reason)
        return where, parameters

    def index(self, n_total: int) -> str:
        """Return which index of ``files`` has the order, where it must be named."""
        if n_total <= _MOST_SORTED:
            return ""
        if self.order is PageOrder.NAME:
            return "INDEXED BY sqlite_autoindex_files_1"
        return "INDEXED BY files_by_size" \
            if self.order is PageOrder.SIZE and len(self.states) == 1 else ""

    def sorting(self, *, is_reversed: bool) -> str:
        """Return how the rows are sorted, in SQL."""
        columns = {
            PageOrder.NAME: ("f.directory", "f.name"),
            PageOrder.SIZE: ("f.n_bytes DESC", "f.file_id DESC"),
            PageOrder.LINE: ("f.state", "f.position", "f.file_id")}[self.order]
        if self.order is PageOrder.LINE and not self._is_unfinished:
            columns = ("f.since DESC", "f.file_id DESC")
        if is_reversed:
            columns = tuple(name.removesuffix(" DESC") if name.endswith(" DESC")
                            else f"{name} DESC" for name in columns)
        return ", ".join(columns)

    def n_total(self, database: Database) -> int:
        """Return how many rows there are."""
        if self.like or self.reason:
            where, parameters = self.where()
            return int(database.query(f"SELECT count(*) FROM files f WHERE {where}",
                                      parameters)[0][0])
        marks = ", ".join(str(int(state)) for state in self.states)
        n_total = int(database.query(
            f"SELECT sum(n_files) FROM counts WHERE state IN ({marks})")[0][0] or 0)
        if self.without:
            n_total -= int(database.query(
                f"SELECT count(*) FROM files WHERE state IN ({marks}) "
                f"AND file_id IN ({', '.join(map(str, self.without))})")[0][0])
        return n_total


def file_page(database: Database, chosen: Chosen, offset: int,
              n_rows: int) -> tuple[int, tuple[FileStatus, ...]]:
    """Return how many paths a list has, and some of them.

    Args:
        database: the open ledger.
        chosen: which paths.
        offset, n_rows: which of them.
    """
    with database.together():
        n_total = chosen.n_total(database)
        rows = _rows(database, chosen, f"SELECT {_STATUS} FROM files f", n_total, offset, n_rows)
    return n_total, tuple(status_of_row(row) for row in rows)


def uploaded_page(database: Database, chosen: Chosen, offset: int, n_rows: int) \
        -> tuple[int, tuple[FileStatus | VersionRecord, ...]]:
    """Return how many files are uploaded as they are, and the versions of some of them.

    A file of which only that is known, because another program uploaded it, comes as its status.
    """
    with database.together():
        n_total = chosen.n_total(database)
        found: list[FileStatus | VersionRecord] = []
        for file_id, newest, *status in _rows(
                database, chosen, f"SELECT f.file_id, {_NEWEST}, {_STATUS} FROM files f", n_total,
                offset, n_rows):
            if newest is None:
                found.append(status_of_row(tuple(status)))
                continue
            row, = database.query(
                f"SELECT {RECORD_COLUMNS}, (SELECT count(*) FROM versions n WHERE n.file_id = ?) "
                "FROM versions v JOIN files f USING (file_id) WHERE v.version_id = ?",
                (file_id, newest))
            found.append(record_of_row(row[:-1], row[-1]))
    return n_total, tuple(found)


def causes(database: Database) -> tuple[Cause, ...]:
    """Return why files are stuck, those that need a person first, then by the number of files."""
    now = time.time()
    stuck = f"f.state IN ({FileState.HELD:d}, {FileState.FAILED:d}) AND f.{UNFINISHED}"
    found = []
    for state, reason, n_files, n_bytes, first, last, again in database.query(
            "SELECT f.state, f.reason, count(*), sum(f.n_bytes), min(f.since), max(f.since), "
            f"min(f.next_attempt) FROM files f WHERE {stuck} GROUP BY f.state, f.reason "
            "ORDER BY f.state DESC, count(*) DESC"):
        paths = database.query(
            f"SELECT f.directory, f.name FROM files f WHERE {stuck} AND f.state = ? "
            "AND f.reason = ? ORDER BY f.since LIMIT ?", (state, reason, _MOST_EXAMPLES))
        found.append(Cause(FileState(state), reason, n_files, n_bytes, first, last,
                           None if again is None else max(0.0, again - now),
                           tuple(join(*path) for path in paths)))
    return tuple(found)


def _rows(database: Database, chosen: Chosen, select: str, n_total: int, offset: int,
          n_rows: int) -> list[tuple[object, ...]]:
    n_rows = max(0, min(n_rows, n_total - offset))
    if not n_rows:
        return []
    # Rows before a page are stepped over one by one: of a deep page, those behind it are fewer.
    is_reversed = offset > n_total // 2
    start = n_total - offset - n_rows if is_reversed else offset
    where, parameters = chosen.where()
    rows = database.query(
        f"{select} {chosen.index(n_total)} WHERE {where} "
        f"ORDER BY {chosen.sorting(is_reversed=is_reversed)} LIMIT ? OFFSET ?",
        [*parameters, n_rows, start])
    return rows[::-1] if is_reversed else rows


def n_bytes_of_first(database: Database, n_files: int, most_small_bytes: int,
                     without: Collection[int] = ()) -> tuple[int, int] | None:
    """Return the payload of the first queued files; None where they are too many to sum.

    Args:
        database: the open ledger.
        n_files: how many of them.
        most_small_bytes: a file of so many bytes is still a small one.
        without: rows of ``files`` that are shown elsewhere.

    Returns:
        That of the small files, which go before the large ones, and that of the large ones.
    """
    if n_files > _MOST_SUMMED:
        return None
    is_small = f"n_bytes <= {most_small_bytes}"
    (small, large), = database.query(
        f"SELECT coalesce(sum(n_bytes) FILTER (WHERE {is_small}), 0), "
        f"coalesce(sum(n_bytes) FILTER (WHERE NOT {is_small}), 0) "
        f"FROM (SELECT n_bytes FROM files WHERE state = {FileState.WAITING:d} "
        f"AND {UNFINISHED} AND file_id NOT IN ({', '.join(map(str, without))}) "
        "ORDER BY position LIMIT ?)", (n_files,))
    return int(small), int(large)
