"""What most panes are: a framed text that is painted again only when it has changed."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

Part = str | tuple[str, str]


class Pane(Static):
    """A pane that shows a few lines."""

    DEFAULT_CSS = "Pane { height: auto; }"

    def __init__(self, title: str, pane_id: str) -> None:
        super().__init__("", id=pane_id, markup=False)
        self.border_title = title
        self._shown: Content | None = None
        self._subtitle = ""

    def paint(self, *lines: Sequence[Part], subtitle: str = "") -> None:
        """Show lines, each a list of texts and (text, style) pairs."""
        content = Content("\n").join(Content.assemble(*line) for line in lines)
        if self._shown is None or content.plain != self._shown.plain \
                or content.spans != self._shown.spans:
            self._shown = content
            self.update(content)
        if subtitle != self._subtitle:
            self._subtitle = subtitle
            self.border_subtitle = subtitle


def bar(share: float, width: int, style: str = "$secondary") -> list[Part]:
    """Return a bar of ``width`` cells, filled to a share from 0 to 1."""
    full = min(width, max(0, round(share * width)))
    if 0 < share < 1:
        full = min(width - 1, max(1, full))
    return [("━" * full, style), ("─" * (width - full), "$rule")]
