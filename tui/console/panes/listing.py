"""A list of any length: only the rows in sight are known, and only changed lines are painted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.console.panes.painter import Painter
from tui.console.panes.pane import filled
from tui.console.view import View
from tui.text import cell_width, shorten

#: In a terminal with fewer lines than this, rows are worth more than column titles.
_LINES_FOR_HEADERS = 30


@dataclass(frozen=True, slots=True)
class Bar:
    """A cell that is a bar, filled to a share from 0 to 1."""

    share: float


#: One cell of a row: its text and the component class that styles it, or a bar.
Cell = tuple[str, str] | Bar


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a list.

    Attributes:
        title: over it.
        width: in cells; 0 takes a share of what is left.
        weight: that share.
        right: whether its text stands at the right.
        wide_only: it is shown where the list has at least so many cells.
        cut_end: what does not fit loses its end, and not its middle.
    """

    title: str
    width: int
    weight: int = 1
    right: bool = False
    wide_only: int = 0
    cut_end: bool = False


class Listing(Painter, ScrollView, can_focus=True):
    """Rows by number, a cursor kept by key, and a header line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="list.up",
                tooltip="Select the row above"),
        Binding("down,j", "move(1)", "Down", show=False, id="list.down",
                tooltip="Select the row below"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="list.page_up",
                tooltip="Select a row a page above"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="list.page_down",
                tooltip="Select a row a page below"),
        Binding("home", "jump(0)", "First", show=False, id="list.first",
                tooltip="Select the first row"),
        Binding("end", "jump(-1)", "Last", show=False, id="list.last",
                tooltip="Select the last row"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "listing--header", "listing--cursor", "listing--mark", "listing--plain", "listing--quiet",
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
        self._titles: dict[str, Content] = {}
        self._n_in_sight_before = 0

    def show(self, view: View) -> None:
        """Show a picture."""
        raise NotImplementedError

    # Data.

    @property
    def n_header_lines(self) -> int:
        """Lines that the column titles take."""
        return 1 if self.app.size.height >= _LINES_FOR_HEADERS else 0

    def first_in_sight(self) -> int:
        """Return the number of the first row in sight."""
        return max(0, int(self.scroll_offset.y))

    def n_in_sight(self) -> int:
        """Return how many rows fit."""
        return max(1, self.size.height - self.n_header_lines)

    def set_rows(self, n_rows: int, offset: int, keys: list[str], rows: list[list[Cell]]) -> None:
        """Take the rows in sight; cursor and scroll position stay with their rows."""
        old = {self._offset + i: row for i, row in enumerate(self._rows)}
        old_cursor, old_n_rows, old_top = self.cursor, self.n_rows, self.first_in_sight()
        top_key = self._key_at(old_top)
        self.n_rows, self._offset, self._keys, self._rows = n_rows, offset, keys, rows
        if self.cursor_key in keys:
            self.cursor = offset + keys.index(self.cursor_key)
        self.cursor = min(self.cursor, max(0, n_rows - 1))
        if self._key_at(self.cursor) is not None:
            self.cursor_key = self._key_at(self.cursor) or ""
        elif not n_rows:
            self.cursor_key = ""
        size = Size(self.size.width, n_rows + self.n_header_lines)
        if size != self.virtual_size:
            self.virtual_size = size
        self._keep_in_place(old_top, top_key, old_cursor)
        if n_rows != old_n_rows or old_cursor != self.cursor:
            self.refresh()
            return
        changed = [number for number in range(offset, offset + len(rows))
                   if old.get(number) != rows[number - offset]]
        self._repaint(changed)

    def _keep_in_place(self, old_top: int, top_key: str | None, old_cursor: int) -> None:
        """Scroll as far as the rows in sight moved; the top of the list stays the top."""
        if not old_top:
            return
        moved = 0
        if old_top <= old_cursor < old_top + self.n_in_sight():
            moved = self.cursor - old_cursor
        elif top_key is not None and top_key in self._keys:
            moved = self._offset + self._keys.index(top_key) - old_top
        if moved:
            self.scroll_to(y=max(0, old_top + moved), animate=False, immediate=True)

    def title(self, place: str, markup: str, **literal: str) -> None:
        """Set ``border_title`` or ``border_subtitle``, which repaints, only when it changes.

        Args:
            place: which of both.
            markup: the text, with ``$NAME`` for what is literal.
            literal: by name: nothing in it is markup.
        """
        content = Content.from_markup(markup, **literal)
        if self._titles.get(place) != content:
            self._titles[place] = content
            setattr(self, place, content)

    def _repaint(self, numbers: list[int]) -> None:
        top = self.first_in_sight()
        regions = [Region(0, number - top + self.n_header_lines, self.size.width, 1)
                   for number in numbers if 0 <= number - top < self.n_in_sight()]
        if regions:
            self.refresh(*regions)

    def _key_at(self, number: int) -> str | None:
        position = number - self._offset
        return self._keys[position] if 0 <= position < len(self._keys) else None

    # Moving.

    def action_move(self, by: int) -> None:
        """Move the cursor by rows."""
        self.move_to(self.cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by pages."""
        self.move_to(self.cursor + by * self.n_in_sight())

    def action_jump(self, to: int) -> None:
        """Move the cursor to the first or the last row."""
        self.move_to(self.n_rows - 1 if to < 0 else to)

    def move_to(self, number: int) -> None:
        """Put the cursor on a row, and the row in sight."""
        self.cursor = max(0, min(number, self.n_rows - 1))
        self.cursor_key = self._key_at(self.cursor) or ""
        top = self.first_in_sight()
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, immediate=True)
        elif self.cursor >= top + self.n_in_sight():
            self.scroll_to(y=self.cursor - self.n_in_sight() + 1, animate=False, immediate=True)
        self.refresh()
        self.post_message(self.Moved())

    def is_cursor_in_sight(self) -> bool:
        """Return whether the selected row is on the screen."""
        top = self.first_in_sight()
        return not self.n_rows or top <= self.cursor < top + self.n_in_sight()

    def row_text(self) -> str:
        """Return the selected row as it is shown; empty where it is out of sight."""
        position = self.cursor - self._offset
        if not 0 <= position < len(self._rows):
            return ""
        texts = (cell[0] for cell in self._rows[position] if not isinstance(cell, Bar))
        return "  ".join(text for text in texts if text)

    def title_clicked(self, number: int) -> None:
        """Sort by a column whose title was clicked, where the list can."""

    def sign_of(self, number: int) -> str:
        """Return what stands behind the title of a column that the list is sorted by."""
        return ""

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to where the mouse points; twice opens the row."""
        line = event.y - 1 - self.n_header_lines  # the frame stands above
        if self.n_header_lines and event.y == 1:
            end = 1  # behind the frame and a blank
            for number, width in self._widths():
                end += width + 2
                if event.x < end:
                    self.title_clicked(number)
                    return
        number = self.first_in_sight() + line
        if line < 0 or number >= self.n_rows:
            return
        self.move_to(number)
        if event.chain == 2:
            self.post_message(self.Chosen())

    def on_resize(self, _event: events.Resize) -> None:
        """Keep the cursor in sight if it was."""
        top, n_before = self.first_in_sight(), self._n_in_sight_before
        self._n_in_sight_before = self.n_in_sight()
        if top <= self.cursor < top + n_before and self.cursor >= top + self.n_in_sight():
            self.scroll_to(y=self.cursor - self.n_in_sight() + 1, animate=False, immediate=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Ask for other rows when others are in sight."""
        super().watch_scroll_y(old_value, new_value)
        if int(old_value) != int(new_value):
            self.post_message(self.Moved())

    # Painting.

    def _row_width(self) -> int:
        """Return the cells of a row; one is left free before a scrollbar."""
        return self.scrollable_content_region.width - int(self.show_vertical_scrollbar)

    def _widths(self) -> list[tuple[int, int]]:
        """Return number and width of each column that is shown."""
        width = self._row_width()
        shown = [(n, c) for n, c in enumerate(self.columns) if width >= c.wide_only]
        fixed = sum(c.width for _, c in shown) + 2 * (len(shown) - 1)
        weights = sum(c.weight for _, c in shown if not c.width)
        room = max(6 * weights, width - fixed)
        return [(n, c.width or room * c.weight // weights) for n, c in shown]

    def render_line(self, y: int) -> Strip:
        """Return one line of the list."""
        self.n_painted += 1
        width = self._row_width()
        base = self.rich_style
        if y < self.n_header_lines:
            titles: list[Cell] = [(column.title + self.sign_of(number), "listing--header")
                                  for number, column in enumerate(self.columns)]
            return self._strip(titles, base, width)
        number = self.first_in_sight() + y - self.n_header_lines
        position = number - self._offset
        if number >= self.n_rows or not 0 <= position < len(self._rows):
            text = self.empty_text if y == self.n_header_lines and not self.n_rows else ""
            style = self.get_component_rich_style("listing--quiet", partial=True)
            return Strip([Segment(text.ljust(width)[:width], base + style)], width)
        if number == self.cursor:
            cursor = self.get_component_rich_style(
                "listing--cursor" if self.has_focus else "listing--mark")
            base += Style(bgcolor=cursor.bgcolor, bold=self.has_focus or None,
                          underline=self._needs_underline() or None)
        return self._strip(self._rows[position], base, width)

    def _needs_underline(self) -> bool:
        """Return whether the cursor could not be seen by its background."""
        return self.has_focus and (self.app.no_color or self.app.native_ansi_color)

    def _strip(self, cells: Sequence[Cell], base: Style, width: int) -> Strip:
        segments, taken = [], 0
        widths = self._widths()
        for position, (number, room) in enumerate(widths):
            column, cell = self.columns[number], cells[number]
            is_last = position == len(widths) - 1
            if is_last:
                room = max(0, width - taken)
            if isinstance(cell, Bar):
                segments += self._bar(cell.share, room, base)
            else:
                text = shorten(cell[0], room, cut_end=column.cut_end)
                blanks = " " * max(0, room - cell_width(text))
                text = blanks + text if column.right else text + blanks
                style = self.get_component_rich_style(cell[1], partial=True)
                segments.append(Segment(text, base + style))
            if not is_last:
                segments.append(Segment("  ", base))
            taken += room + 2
        return Strip(segments).adjust_cell_length(width, base)

    def _bar(self, share: float, width: int, base: Style) -> list[Segment]:
        full = filled(share, width)
        accent = self.get_component_rich_style("listing--accent", partial=True)
        rule = self.get_component_rich_style("listing--rule", partial=True)
        return [Segment("━" * full, base + accent), Segment("─" * (width - full), base + rule)]
