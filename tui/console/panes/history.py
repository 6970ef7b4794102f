"""The uploaded versions, newest first, a page at a time from the ledger."""

from __future__ import annotations

from tui import wording
from tui.console.panes.listing import Cell, Column
from tui.console.panes.paged import PagedList
from tui.console.view import Row
from tui.engine.model.files import FileStatus
from tui.engine.model.snapshot import Cause, PageKind, PageOrder


class History(PagedList):
    """A row a file whose content is uploaded as it is now; older versions are in its detail."""

    def __init__(self) -> None:
        super().__init__("history", (
            Column("file", 0), Column("size", 9, right=True), Column("state", 11),
            Column("uploaded", 19), Column("took", 11, right=True, wide_only=70),
            Column("chunks", 10, right=True, wide_only=84)), PageKind.UPLOADED)

    def row_cells(self, row: Row) -> list[Cell]:
        """Return path, size, when it was uploaded, and how long that took."""
        assert not isinstance(row, Cause)
        if isinstance(row, FileStatus):  # another program uploaded it
            return [(wording.visible_path(row.rel_path), "listing--plain"),
                    (wording.size(row.n_bytes), "listing--quiet"), ("uploaded", "listing--good"),
                    (wording.moment(row.since) if row.since else "", "listing--quiet"),
                    ("", "listing--quiet"), ("", "listing--quiet")]
        took = max(0.0, (row.completed or row.started) - row.started)
        state: Cell = ("uploaded" if row.n_versions == 1
                       else f"version {wording.count(row.n_versions)}", "listing--good")
        if row.rebuild_uncertain:
            state = ("unsure", "listing--warn")
        return [(wording.visible_path(row.rel_path), "listing--plain"),
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
