"""What most panes are: a framed text, painted again only when it has changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.widgets import Static

from tui.console.panes.painter import Painter
from tui.console.view import View
from tui.text import cell_width, shorten, wrapped

#: A text, or a text and its style.
Part = str | tuple[str, str]
Line = Sequence[Part]


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a pane shows: its lines, and what stands in its frame beside its name."""

    lines: tuple[Line, ...]
    beside: str = ""
    subtitle: str = ""


class Pane(Painter, Static, can_focus=True):
    """A pane that shows a few lines.

    Subclasses implement :meth:`draw`, a pure function of the view and of the room.
    """

    def __init__(self, pane_id: str, name: str) -> None:
        super().__init__("", id=pane_id, markup=False)
        self._name_shown = name
        self.n_painted = 0  #: how often something was painted, for the budget
        self._view: View | None = None
        self._content: Content | None = None
        self._frame = ("", "")
        if self.HAS_FRAME:
            self.border_title = name

    @staticmethod
    def draw(view: View, width: int, height: int) -> Drawing:
        """Return what is shown in so many cells and lines."""
        raise NotImplementedError

    def show(self, view: View) -> None:
        """Paint what has changed; nothing where the pane is not in sight."""
        self._view = view
        width, height = self.size
        if not width or not height:
            return
        drawing = self.draw(view, width, height)
        content = Content("\n").join(Content.assemble(*line) for line in drawing.lines)
        if self._content is None or content.plain != self._content.plain \
                or content.spans != self._content.spans:
            self._content = content
            self.n_painted += 1
            self.update(content, layout=False)
        frame = (drawing.beside, drawing.subtitle)
        if self.HAS_FRAME and frame != self._frame:
            self._frame = frame
            beside = Content.assemble((self._name_shown, "bold"), "  ",
                                      (drawing.beside, "$quiet not bold"))
            self.border_title = beside if drawing.beside else self._name_shown
            self.border_subtitle = Content(drawing.subtitle)

    def on_resize(self, _event: events.Resize) -> None:
        """Fill the new room at once."""
        if self._view is not None:
            self.show(self._view)


def cells(line: Line) -> int:
    """Return how many cells a line takes."""
    return sum(cell_width(part if isinstance(part, str) else part[0]) for part in line)


def bar(share: float, width: int, style: str = "$secondary") -> list[Part]:
    """Return a bar of ``width`` cells, filled to a share from 0 to 1."""
    full = filled(share, width)
    return [("━" * full, style), ("─" * (width - full), "$rule")]


def filled(share: float, width: int) -> int:
    """Return how many cells of a bar are filled: all and none only where that is exact."""
    full = min(width, max(0, round(share * width)))
    if 0 < share < 1:
        full = min(width - 1, max(1, full))
    return full


def table(rows: Sequence[tuple[str, Part]], width: int, height: int) -> list[Line]:
    """Return rows of a label and a text; the first text is broken where there is room for that.

    What does not fit loses its end.
    """
    room = max(4, width - 10)
    lines: list[Line] = []
    n_spare = height - len(rows)
    for label, value in rows:
        text, style = (value, "") if isinstance(value, str) else value
        parts = wrapped(text, room)
        n_parts = 1 if lines else 1 + max(0, min(n_spare, len(parts) - 1))
        shown = [*parts[:n_parts - 1], " ".join(parts[n_parts - 1:])]
        for part in shown:
            lines.append([(f"{label:<10}", "$quiet"),
                          (shorten(part, room, cut_end=True), style)])
            label = ""
    return lines[:height]
