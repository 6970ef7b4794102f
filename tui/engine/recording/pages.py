"""Pages of the long lists as people read them: sorted, filtered, and never held in memory."""

from __future__ import annotations

from collections.abc import Sequence

from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.snapshot import PageOrder
from tui.engine.recording.database import Database
from tui.engine.recording.file_rows import STATUS_COLUMNS, status_of_row
from tui.engine.recording.schema import UNFINISHED

#: Sorting reads every row; beyond so many the order of the line, which has an index, is kept.
MOST_SORTED = 20_000
#: Summing the bytes ahead reads every row ahead.
_MOST_SUMMED = 10_000

_ORDERS = {PageOrder.LINE: "state, position, file_id", PageOrder.NAME: "directory, name",
           PageOrder.SIZE: "n_bytes DESC, directory, name"}


def sorted_as(order: PageOrder, n_total: int) -> PageOrder:
    """Return how so many rows are sorted when an order was asked for."""
    return order if n_total <= MOST_SORTED else PageOrder.LINE


def file_page(database: Database, states: Sequence[FileState], offset: int, n_rows: int, *,
              like: str = "", order: PageOrder = PageOrder.LINE, without: Sequence[int] = ()) \
        -> tuple[int, tuple[FileStatus, ...], PageOrder]:
    """Return how many paths are in some states, some of them, and how they are sorted.

    Args:
        database: the open ledger.
        states: of the unfinished ones.
        offset, n_rows: which of them.
        like: a pattern for SQL's LIKE with ``\\`` as escape; empty for all.
        order: how they are to be sorted.
        without: rows of ``files`` that are shown elsewhere.
    """
    marks = ", ".join(str(int(state)) for state in states)
    where, parameters = f"state IN ({marks}) AND {UNFINISHED}", list[object]()
    if without:
        where += f" AND file_id NOT IN ({', '.join(map(str, without))})"
    if like:
        where += " AND directory || '/' || name LIKE ? ESCAPE '\\'"
        parameters.append(like)
    with database.together():
        if like:
            n_total = int(database.query(f"SELECT count(*) FROM files WHERE {where}",
                                         parameters)[0][0])
        else:
            n_total = int(database.query(
                f"SELECT sum(n_files) FROM counts WHERE state IN ({marks})")[0][0] or 0)
            if without:
                n_total -= int(database.query(
                    f"SELECT count(*) FROM files WHERE state IN ({marks}) "
                    f"AND file_id IN ({', '.join(map(str, without))})")[0][0])
        order = sorted_as(order, n_total)
        n_rows = max(0, min(n_rows, n_total - offset))
        by, start = _ORDERS[order], offset
        # Rows before a page are stepped over one by one: of a deep page, those behind it are fewer.
        is_reversed = order is PageOrder.LINE and offset > n_total // 2
        if is_reversed:
            by, start = "state DESC, position DESC, file_id DESC", n_total - offset - n_rows
        rows = database.query(
            f"SELECT {STATUS_COLUMNS} FROM files WHERE {where} ORDER BY {by} LIMIT ? OFFSET ?",
            [*parameters, n_rows, start]) if n_rows else []
    if is_reversed:
        rows.reverse()
    return n_total, tuple(status_of_row(row) for row in rows), order


def n_bytes_of_first(database: Database, n_files: int, without: Sequence[int] = ()) -> int | None:
    """Return the payload of the first queued files; None where they are too many to sum."""
    if n_files > _MOST_SUMMED:
        return None
    rows = database.query(
        "SELECT coalesce(sum(n_bytes), 0) FROM (SELECT n_bytes FROM files "
        f"WHERE state = {FileState.WAITING:d} "
        f"AND {UNFINISHED} AND file_id NOT IN ({', '.join(map(str, without))}) "
        "ORDER BY position LIMIT ?)",
        (n_files,))
    return int(rows[0][0])
