"""The long lists: what waits, what is stuck, and what is uploaded, a page at a time."""

from __future__ import annotations

from tui import wording
from tui.console.panes.listing import Cell, Column, Listing
from tui.engine.model import (
    FileState,
    FileStatus,
    Page,
    PageKind,
    Snapshot,
    VersionRecord,
)

_STYLES = {
    FileState.SETTLING: "listing--accent", FileState.WAITING: "listing--plain",
    FileState.UPLOADING: "listing--good", FileState.HELD: "listing--bad",
    FileState.FAILED: "listing--bad"}
_EMPTY = {
    PageKind.QUEUE: "no file settles or waits",
    PageKind.HELD: "no file is held or failed",
    PageKind.UPLOADED: "nothing is uploaded yet"}


class Queue(Listing):
    """One list at a time; the titles of all three stand in the frame."""

    def __init__(self) -> None:
        super().__init__("queue", (
            Column("file", 0), Column("size", 9, right=True), Column("state", 9),
            Column("", 0, cut_end=True)))
        self.kind = PageKind.QUEUE
        self.pattern = ""
        self.rows_in_sight: tuple[FileStatus | VersionRecord, ...] = ()
        self._page_offset = 0

    def switch(self, kind: PageKind) -> None:
        """Show another list, from its beginning."""
        self.kind = kind
        self.cursor, self.cursor_key = 0, ""
        self.scroll_to(y=0, animate=False)
        self.set_rows(0, 0, [], [])
        self.empty_text = "…"
        self.post_message(self.Moved())

    def filter(self, pattern: str) -> None:
        """Show only paths with a pattern."""
        self.pattern = pattern
        self.switch(self.kind)

    def show(self, snapshot: Snapshot, page: Page) -> None:
        """Show a page and the lengths of all lists."""
        counts = snapshot.counts
        titles = {
            PageKind.QUEUE: ("Queue", counts.settling + counts.waiting),
            PageKind.HELD: ("Held", counts.held + counts.failed),
            PageKind.UPLOADED: ("Uploaded", counts.uploaded)}
        self.border_title = " | ".join(
            f"{number} {'[b $accent]' if kind is self.kind else '[$quiet]'}{word} "
            f"{wording.count(n)}[/]"
            for number, (kind, (word, n)) in enumerate(titles.items(), 1))
        shown = f"filter: {wording.visible(self.pattern)}" if self.pattern else "/ filter"
        self.border_subtitle = shown.replace("[", "\\[")
        if page.kind is not self.kind:
            return
        self.empty_text = "no path matches" if self.pattern else _EMPTY[self.kind]
        self.rows_in_sight, self._page_offset = page.rows, page.offset
        self.set_rows(page.n_total, page.offset, [_key(row) for row in page.rows],
                      [_row(row) for row in page.rows])

    def selected(self) -> FileStatus | VersionRecord | None:
        """Return the row under the cursor, if it is known."""
        position = self.cursor - self._page_offset
        if 0 <= position < len(self.rows_in_sight):
            return self.rows_in_sight[position]
        return None


def _key(row: FileStatus | VersionRecord) -> str:
    return row.rel_path if isinstance(row, FileStatus) else f"{row.version_id}"


def _row(row: FileStatus | VersionRecord) -> list[Cell]:
    name = (wording.visible(row.rel_path), "listing--plain")
    if isinstance(row, VersionRecord):
        when = wording.moment(row.completed) if row.completed else ""
        took = wording.duration(max(0.0, (row.completed or row.started) - row.started))
        style = "listing--warn" if row.may_not_rebuild else "listing--good"
        word = "unsure" if row.may_not_rebuild else "uploaded"
        return [name, (wording.size(row.n_bytes), "listing--quiet"), (word, style),
                (f"{when}, in {took}", "listing--quiet")]
    words = wording.status_words(row)
    state = wording.state_word(row.state)
    words = words.removeprefix(state).lstrip(":, ")
    style = _STYLES.get(row.state, "listing--plain")
    if row.changing_since is not None:
        style = "listing--warn"
    return [name, (wording.size(row.n_bytes), "listing--quiet"), (state, style),
            (words, "listing--quiet")]
