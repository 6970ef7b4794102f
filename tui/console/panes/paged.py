"""What the long lists share: they know a page, the titles of all lists, a filter and an order."""

from __future__ import annotations

from collections.abc import Sequence

from textual.markup import escape

from tui import wording
from tui.console.bindings import key_word
from tui.console.panes.listing import Cell, Column, Listing
from tui.console.view import Row, View
from tui.engine.model.snapshot import Cause, Counts, PageKind, PageOrder, Snapshot
from tui.engine.model.versions import VersionRecord
from tui.text import shorten, visible

#: The lists in the order of their keys.
KINDS = (PageKind.QUEUE, PageKind.WAITING, PageKind.HELD, PageKind.UPLOADED, PageKind.NOT_TAKEN)
_ORDERS = tuple(PageOrder)
#: The first two columns of every list are path and size.
_ORDER_OF_COLUMN = {0: PageOrder.NAME, 1: PageOrder.SIZE}


class PagedList(Listing):
    """A list that is held by the ledger and known here by the page.

    Subclasses say what a row shows, and what an empty list says.
    """

    def __init__(self, pane_id: str, columns: tuple[Column, ...], kind: PageKind) -> None:
        super().__init__(pane_id, columns)
        self.kind = kind
        self.pattern = ""
        self.order = PageOrder.LINE
        self.reason = ""  #: of the stuck files that are listed one by one
        self.rows_in_sight: tuple[Row, ...] = ()
        self.now = 0.0  #: epoch seconds of the picture
        self._page_offset = 0
        self._cursor_row: Row | None = None

    def row_cells(self, row: Row) -> list[Cell]:
        """Return what a row shows."""
        raise NotImplementedError

    def empty_words(self) -> str:
        """Return what stands where no row does."""
        raise NotImplementedError

    def first_words(self, snapshot: Snapshot) -> str:
        """Return what a newcomer has to know while nothing was uploaded yet; else nothing."""
        return ""

    def order_words(self, order: PageOrder) -> str:
        """Return an order as people read it."""
        return order.value

    def switch(self, kind: PageKind) -> None:
        """Show another list, from its beginning."""
        self.kind, self.reason = kind, ""
        self._start_over()

    def open_cause(self, reason: str) -> None:
        """List the files that are stuck for one reason, or the reasons again."""
        self.reason = reason
        self._start_over()

    def filter(self, pattern: str) -> None:
        """Show only paths with a pattern."""
        self.pattern = pattern
        self._start_over()

    def next_order(self) -> None:
        """Sort another way."""
        self.order = _ORDERS[(_ORDERS.index(self.order) + 1) % len(_ORDERS)]
        self._start_over()

    def title_clicked(self, number: int) -> None:
        """Sort by path or size; by any other column in the order of the list itself."""
        self.order = _ORDER_OF_COLUMN.get(number, PageOrder.LINE)
        self._start_over()

    def sign_of(self, number: int) -> str:
        """Return an arrow behind the column that the list is sorted by."""
        if _ORDER_OF_COLUMN.get(number) is not self.order:
            return ""
        return " ↑" if self.order is PageOrder.NAME else " ↓"

    def _start_over(self) -> None:
        self.cursor, self.cursor_key, self._cursor_row = 0, "", None
        self.rows_in_sight = ()
        self.scroll_to(y=0, animate=False, immediate=True)
        self.empty_text = "…"
        self.set_rows(0, 0, [], [])
        self.post_message(self.Moved())

    def show(self, view: View) -> None:
        """Show a page, and the lengths of all lists."""
        self.now = view.snapshot.taken_at
        keys = [key_word(self.app, kind.value) for kind in KINDS]
        self.title("border_title", tabs(view.snapshot, self.kind, keys))
        wish, page = view.wish, view.page
        if (wish.kind, wish.pattern, wish.order, wish.reason) != (
                self.kind, self.pattern, self.order, self.reason):
            return
        self._subtitle(view)
        self.empty_text = "no path matches the filter" if self.pattern \
            else self.first_words(view.snapshot) or self.empty_words()
        self.rows_in_sight, self._page_offset = page.rows, page.offset
        self.set_rows(page.n_total, page.offset, [key_of(row) for row in page.rows],
                      [self.row_cells(row) for row in page.rows])
        position = self.cursor - self._page_offset
        if 0 <= position < len(self.rows_in_sight):
            self._cursor_row = self.rows_in_sight[position]
        elif not page.n_total:
            self._cursor_row = None

    def _subtitle(self, view: View) -> None:
        order = self.order_words(self.order)
        key = key_word(self.app, "sort")
        words = f"[@click=app.sort]{escape(key)} sort: {order}[/]"
        key = escape(key_word(self.app, "filter"))
        if self.pattern:
            n_found = wording.count(view.page.n_total)
            words = f"[@click=app.filter][b $accent]{key} $pattern[/]: {n_found} found[/]   {words}"
        else:
            words = f"[@click=app.filter]{key} filter[/]   {words}"
        self.title("border_subtitle", words, pattern=shorten(visible(self.pattern), 30))

    def selected(self) -> Row | None:
        """Return the row under the cursor, also while it is out of sight."""
        position = self.cursor - self._page_offset
        if 0 <= position < len(self.rows_in_sight):
            return self.rows_in_sight[position]
        return self._cursor_row


def key_of(row: Row) -> str:
    """Return what tells a row from all others."""
    if isinstance(row, Cause):
        return f"{row.state}/{row.reason}"
    return f"{row.version_id}" if isinstance(row, VersionRecord) else row.rel_path


def tabs(snapshot: Snapshot, shown: PageKind, keys: Sequence[str]) -> str:
    """Return the titles of all lists as markup, each with its key; a click shows one."""
    words = []
    for number, (kind, key) in enumerate(zip(KINDS, keys, strict=True), 1):
        title, n = _title(kind, snapshot.counts)
        if kind is PageKind.NOT_TAKEN and not n and kind is not shown:
            continue  # after the first days there are none
        style = "b $accent" if kind is shown else "$quiet not bold"
        words.append(f"[@click=app.list({number})]{escape(key)} [{style}]{title} "
                     f"{wording.count(n)}[/][/]")
    return " [$rule]│[/] ".join(words)


def _title(kind: PageKind, counts: Counts) -> tuple[str, int]:
    return {
        PageKind.QUEUE: ("Queue", counts.unsettled + counts.waiting),
        PageKind.WAITING: ("Waiting", counts.waiting),
        PageKind.HELD: ("Needs you" if counts.failed or not counts.held else "Retrying",
                        counts.stuck),
        PageKind.UPLOADED: ("Uploaded", counts.uploaded),
        PageKind.NOT_TAKEN: ("Not taken", counts.not_taken)}[kind]
