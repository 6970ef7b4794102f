"""What every pane is: a widget that shows the present view of the engine."""

from __future__ import annotations

from typing import ClassVar

from tui.console.view import View


class Painter:
    """Makes a widget a pane; its id is its name for ``hidden_panes`` and the palette.

    Named before the widget's class, whose class of styles it sets; no widget itself, since Textual
    takes styles from the first widget among the bases alone.
    """

    DEFAULT_CLASSES: ClassVar[str] = "painter"
    #: Whether it has a frame with a title, and so is worth a whole screen.
    HAS_FRAME = True

    n_painted = 0  #: how often something was painted, for the budget

    def show(self, view: View) -> None:
        """Paint what has changed since the last view."""
        raise NotImplementedError
