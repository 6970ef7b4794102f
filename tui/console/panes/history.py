"""The uploaded versions, newest first, a page at a time from the ledger."""

from __future__ import annotations

from tui import wording
from tui.console.panes.listing import Cell, Column
from tui.console.panes.paged import PagedList
from tui.console.view import Row
from tui.engine.model.snapshot import PageKind, PageOrder
from tui.engine.model.versions import VersionRecord
from tui.text import visible


class History(PagedList):
    """A row a version: a file that was sent twice stands there twice."""

    def __init__(self) -> None:
        super().__init__("history", (
            Column("file", 0), Column("size", 9, right=True), Column("state", 8),
            Column("uploaded", 19), Column("took", 11, right=True, wide_only=70),
            Column("chunks", 10, right=True, wide_only=84)), PageKind.UPLOADED)

    def row_cells(self, row: Row) -> list[Cell]:
        """Return path, size, when it was uploaded, and how long that took."""
        assert isinstance(row, VersionRecord)
        took = max(0.0, (row.completed or row.started) - row.started)
        state: Cell = ("uploaded", "listing--good")
        if row.rebuild_uncertain:
            state = ("unsure", "listing--warn")
        return [(visible(row.rel_path), "listing--plain"),
                (wording.size(row.n_bytes), "listing--quiet"), state,
                (wording.moment(row.completed) if row.completed else "", "listing--quiet"),
                (wording.duration(took), "listing--quiet"),
                (wording.count(row.n_chunks), "listing--quiet")]

    def empty_words(self) -> str:
        """Return that there is nothing."""
        return "nothing is uploaded yet"

    def order_words(self, order: PageOrder) -> str:
        """Return an order as people read it."""
        return "newest first" if order is PageOrder.LINE else order.value
