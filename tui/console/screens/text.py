"""A page of text over the main screen: check, why, help and the detail of a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.markup import escape
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.console.bindings import key_word


class TextScreen(ModalScreen[None]):
    """Shows lines until a key, or a click outside of them, closes it.

    Args:
        title: in the frame.
        lines: plain text; nothing in it is markup.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", "Close", id="text.close", tooltip="Close the page"),
        Binding("down,j", "scroll('down')", "Down", show=False, id="text.down",
                tooltip="Scroll the page down"),
        Binding("up,k", "scroll('up')", "Up", show=False, id="text.up",
                tooltip="Scroll the page up"),
    ]

    def __init__(self, title: str, lines: Sequence[str | Content]) -> None:
        super().__init__()
        self._title = title
        self._lines = lines

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="text-frame") as frame:
            frame.border_title = Content(self._title)
            key = escape(key_word(self.app, "text.close"))
            frame.border_subtitle = f"[@click=screen.dismiss]{key} closes[/]"
            yield Static(Content("\n").join(
                line if isinstance(line, Content) else Content(line) for line in self._lines),
                         id="text", markup=False)

    def action_scroll(self, way: str) -> None:
        """Scroll by a line."""
        frame = self.query_one("#text-frame")
        frame.scroll_down(animate=False) if way == "down" else frame.scroll_up(animate=False)
