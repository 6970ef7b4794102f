"""A list of any length: only the rows in sight are known, and only changed lines are painted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui import wording

#: One cell of a row: its text and the component class that styles it.
Cell = tuple[str, str]


class Column:
    """A column: its title, its width in cells (0 takes what is left), and where its text stands."""

    def __init__(self, title: str, width: int, *, right: bool = False, wide_only: int = 0,
                 cut_end: bool = False) -> None:
        self.title = title
        self.width = width
        self.right = right
        self.cut_end = cut_end  #: what does not fit loses its end, and not its middle
        self.wide_only = wide_only  #: shown where the list is at least so wide


class Listing(ScrollView, can_focus=True):
    """Rows by number, a cursor kept by key, and a header line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="list.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="list.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="list.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="list.page_down"),
        Binding("home", "jump(0)", "First", show=False, id="list.first"),
        Binding("end", "jump(-1)", "Last", show=False, id="list.last"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "listing--header", "listing--cursor", "listing--plain", "listing--quiet",
        "listing--good", "listing--warn", "listing--bad", "listing--accent", "listing--rule"}

    class Moved(Message):
        """The cursor, or the part in sight, is another one."""

    class Chosen(Message):
        """A row was clicked twice."""

    def __init__(self, pane_id: str, columns: Sequence[Column]) -> None:
        super().__init__(id=pane_id)
        self.columns = tuple(columns)
        self.n_rows = 0
        self.cursor = 0
        self.cursor_key = ""
        self.empty_text = ""
        self.n_painted = 0  #: lines painted so far, for the budget
        self._offset = 0
        self._keys: list[str] = []
        self._rows: list[list[Cell]] = []

    # Data.

    def first_in_sight(self) -> int:
        """Return the number of the first row in sight."""
        return max(0, int(self.scroll_offset.y))

    def n_in_sight(self) -> int:
        """Return how many rows fit."""
        return max(1, self.size.height - 1)

    def set_rows(self, n_rows: int, offset: int, keys: list[str], rows: list[list[Cell]]) -> None:
        """Take the rows in sight; the cursor stays on its key where that is among them."""
        old = {self._offset + i: row for i, row in enumerate(self._rows)}
        old_cursor, old_n_rows = self.cursor, self.n_rows
        self.n_rows, self._offset, self._keys, self._rows = n_rows, offset, keys, rows
        if self.cursor_key in keys:
            self.cursor = offset + keys.index(self.cursor_key)
        self.cursor = min(self.cursor, max(0, n_rows - 1))
        if self._key_at(self.cursor) is not None:
            self.cursor_key = self._key_at(self.cursor) or ""
        elif not n_rows:
            self.cursor_key = ""
        size = Size(self.size.width, n_rows + 1)
        if size != self.virtual_size:
            self.virtual_size = size
        if n_rows != old_n_rows or old_cursor != self.cursor:
            self.refresh()
            return
        changed = [number for number in range(offset, offset + len(rows))
                   if old.get(number) != rows[number - offset]]
        self._repaint(changed)

    def _repaint(self, numbers: list[int]) -> None:
        top = self.first_in_sight()
        regions = [Region(0, number - top + 1, self.size.width, 1) for number in numbers
                   if 0 <= number - top < self.n_in_sight()]
        if regions:
            self.refresh(*regions)

    def _key_at(self, number: int) -> str | None:
        position = number - self._offset
        return self._keys[position] if 0 <= position < len(self._keys) else None

    # Moving.

    def action_move(self, by: int) -> None:
        """Move the cursor by rows."""
        self._move_to(self.cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by pages."""
        self._move_to(self.cursor + by * self.n_in_sight())

    def action_jump(self, to: int) -> None:
        """Move the cursor to the first or the last row."""
        self._move_to(self.n_rows - 1 if to < 0 else to)

    def _move_to(self, number: int) -> None:
        self.cursor = max(0, min(number, self.n_rows - 1))
        self.cursor_key = self._key_at(self.cursor) or ""
        top = self.first_in_sight()
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + self.n_in_sight():
            self.scroll_to(y=self.cursor - self.n_in_sight() + 1, animate=False)
        self.refresh()
        self.post_message(self.Moved())

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to where the mouse points."""
        if event.y >= 2:  # the frame and the header stand above
            self._move_to(self.first_in_sight() + event.y - 2)
        if event.chain == 2:
            self.post_message(self.Chosen())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Ask for other rows when others are in sight."""
        super().watch_scroll_y(old_value, new_value)
        if int(old_value) != int(new_value):
            self.post_message(self.Moved())

    # Painting.

    def _widths(self) -> list[tuple[Column, int]]:
        width = self.scrollable_content_region.width
        shown = [c for c in self.columns if width >= c.wide_only]
        fixed = sum(c.width + 2 for c in shown if c.width)
        flexible = [c for c in shown if not c.width]
        # Two cells stand between columns.
        left = width - fixed - 2 * (len(flexible) - 1)
        each = max(8, left // max(1, len(flexible)))
        return [(c, c.width or each) for c in shown]

    def render_line(self, y: int) -> Strip:
        """Return one line of the list."""
        self.n_painted += 1
        width = self.scrollable_content_region.width
        if y == 0:
            style = self.get_component_rich_style("listing--header")
            cells = [(column.title, "listing--header") for column in self.columns]
            return self._strip(cells, style, width)
        number = self.first_in_sight() + y - 1
        position = number - self._offset
        base = self.rich_style
        if number >= self.n_rows or not 0 <= position < len(self._rows):
            text = self.empty_text if y == 2 and not self.n_rows else ""
            style = self.get_component_rich_style("listing--quiet")
            return Strip([Segment(text.ljust(width)[:width], base + style)], width)
        if number == self.cursor:
            base += Style(bgcolor=self.get_component_rich_style("listing--cursor").bgcolor,
                          bold=self.has_focus or None)
        return self._strip(self._rows[position], base, width)

    def _strip(self, cells: Sequence[Cell], base: Style, width: int) -> Strip:
        segments, taken = [], 0
        by_column = dict(zip(self.columns, cells, strict=True))
        widths = self._widths()
        for position, (column, room) in enumerate(widths):
            text, name = by_column[column]
            if position == len(widths) - 1:
                room = max(0, width - taken)
            text = wording.shorten(text, room, cut_end=column.cut_end)
            blanks = " " * max(0, room - wording.cell_width(text))
            text = blanks + text if column.right else text + blanks
            if position < len(widths) - 1:
                text += "  "
            style = self.get_component_rich_style(name, partial=True)
            segments.append(Segment(text, base + style))
            taken += room + 2
        return Strip(segments).adjust_cell_length(width, base)
