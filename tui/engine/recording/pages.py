"""Pages of the long lists as people read them: sorted, filtered, and never held in memory."""

from __future__ import annotations

from collections.abc import Sequence

from tui.engine.model import FileState, FileStatus, PageOrder
from tui.engine.recording.database import Database
from tui.engine.recording.files import STATUS_COLUMNS, status_of_row
from tui.engine.recording.schema import UNFINISHED

#: Sorting reads every row; beyond so many the order of the line, which has an index, is kept.
MOST_SORTED = 20_000
#: Summing the bytes ahead reads every row ahead.
_MOST_SUMMED = 10_000

_ORDERS = {PageOrder.LINE: "state, position", PageOrder.NAME: "directory, name",
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
        rows = database.query(
            f"SELECT {STATUS_COLUMNS} FROM files WHERE {where} ORDER BY {_ORDERS[order]} "
            "LIMIT ? OFFSET ?", [*parameters, n_rows, offset]) if n_rows > 0 else []
    return n_total, tuple(status_of_row(row) for row in rows), order


def n_bytes_of_first(database: Database, n_files: int, without: Sequence[int] = ()) -> int | None:
    """Return the payload of the first files in line; None where they are too many to sum."""
    if n_files > _MOST_SUMMED:
        return None
    rows = database.query(
        "SELECT coalesce(sum(n_bytes), 0) FROM (SELECT n_bytes FROM files WHERE state = 2 "
        f"AND {UNFINISHED} AND file_id NOT IN ({', '.join(map(str, without))}) "
        "ORDER BY position LIMIT ?)",
        (n_files,))
    return int(rows[0][0])
