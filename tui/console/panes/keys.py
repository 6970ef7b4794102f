"""The footer: as many keys as fit, the important ones first; a click does what the key does."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

from tui.console.bindings import APP_BINDINGS, rebound
from tui.text import cell_width

_WIDE = 100
_PLACES = {binding.action: place for place, binding in enumerate(rebound(APP_BINDINGS, {}))}


class Keys(Footer):
    """Textual's footer, which is made from the bindings, without what would be cut.

    Args:
        describe: given action, name and tooltip, returns name and tooltip as they are now.
    """

    def __init__(self, describe: Callable[[str, str, str], tuple[str, str]]) -> None:
        super().__init__(compact=True)
        self._describe = describe

    def compose(self) -> ComposeResult:
        """Yield keys from the left until the room is used up."""
        is_wide = self.app.size.width >= _WIDE
        self.show_command_palette, self.compact = is_wide, not is_wide
        room = self.app.size.width - (13 if is_wide else 0)
        # A key that the config gave to a binding does not change how important that is.
        for key in sorted(super().compose(), key=_importance):
            if isinstance(key, FooterKey):
                key.description, key.tooltip = self._describe(
                    key.action, key.description, str(key.tooltip or ""))
            if not key.has_class("-command-palette"):
                room -= _width(key) + (3 if is_wide else 2)
                if room < 0:
                    continue
            yield key

    def on_resize(self, event: events.Resize) -> None:
        """Choose again in another room."""
        self.call_after_refresh(self.recompose)


def _importance(key: Widget) -> int:
    return _PLACES.get(getattr(key, "action", ""), -1)


def _width(key: Widget) -> int:
    display, description = getattr(key, "key_display", ""), getattr(key, "description", "")
    return cell_width(display) + cell_width(description)
