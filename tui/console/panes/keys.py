"""The footer: as many keys as fit, the important ones first; a click does what the key does."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Footer

from tui import wording

_WIDE = 100


class Keys(Footer):
    """Textual's footer, which is made from the bindings, without what would be cut."""

    def __init__(self) -> None:
        super().__init__(compact=True)

    def compose(self) -> ComposeResult:
        """Yield keys from the left until the room is used up."""
        is_wide = self.app.size.width >= _WIDE
        self.show_command_palette, self.compact = is_wide, not is_wide
        room = self.app.size.width - (13 if is_wide else 0)
        for key in super().compose():
            if not key.has_class("-command-palette"):
                room -= _width(key) + (3 if is_wide else 2)
                if room < 0:
                    continue
            yield key

    def on_resize(self, event: events.Resize) -> None:
        """Choose again in another room."""
        self.call_after_refresh(self.recompose)


def _width(key: Widget) -> int:
    display, description = getattr(key, "key_display", ""), getattr(key, "description", "")
    return wording.cell_width(display) + wording.cell_width(description)
