"""What is not being uploaded yet: settling, held and failed, and waiting."""

from __future__ import annotations

from tui import wording
from tui.console.panes.listing import Cell, Column
from tui.console.panes.paged import PagedList
from tui.console.view import Row
from tui.engine.model.files import FileState
from tui.engine.model.snapshot import PageKind
from tui.engine.model.versions import VersionRecord
from tui.text import visible

_STYLES = {
    FileState.SETTLING: "listing--accent", FileState.WAITING: "listing--plain",
    FileState.UPLOADING: "listing--good", FileState.HELD: "listing--bad",
    FileState.FAILED: "listing--bad"}
_STUCK = (FileState.HELD, FileState.FAILED)
_EMPTY = {
    PageKind.QUEUE: "nothing settles, waits or is stuck",
    PageKind.WAITING: "nothing waits",
    PageKind.HELD: "nothing is held or failed"}


class Queue(PagedList):
    """Unfinished files: all of them, those that are queued, or those that are stuck."""

    def __init__(self) -> None:
        super().__init__("queue", (
            Column("file", 0, 4), Column("size", 9, right=True, wide_only=50),
            Column("state", 9), Column("what happens next", 0, 3, cut_end=True)),
            PageKind.QUEUE)

    def row_cells(self, row: Row) -> list[Cell]:
        """Return path, size, state, and what it waits for or why it is stuck."""
        assert not isinstance(row, VersionRecord)
        state = wording.state_word(row.state)
        words = wording.status_words(row).removeprefix(state).lstrip(":, ")
        is_restless = row.changing_since is not None
        return [(visible(row.rel_path), "listing--plain"),
                (wording.size(row.n_bytes), "listing--quiet"),
                (state, "listing--warn" if is_restless else _STYLES.get(row.state,
                                                                        "listing--plain")),
                (words, "listing--plain" if row.state in _STUCK else "listing--quiet")]

    def empty_words(self) -> str:
        """Return that there is nothing, in the words of the list."""
        return _EMPTY[self.kind]
