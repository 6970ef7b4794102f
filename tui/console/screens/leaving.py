"""Leaving: asks while something is unfinished, then shows the draining until it is over."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from tui import wording
from tui.console.panes.pane import Part, bar
from tui.engine.model import Snapshot


class LeavingScreen(ModalScreen[str]):
    """Asks whether to send what is queued first; returns ``drain``, ``force`` or ``stay``.

    Args:
        snapshot: says what is unfinished.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "answer('drain')", "Send, then leave", id="leaving.drain"),
        Binding("n", "answer('force')", "Leave now", id="leaving.force"),
        Binding("escape", "answer('stay')", "Stay", id="leaving.stay"),
    ]

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self._snapshot = snapshot

    def compose(self) -> ComposeResult:
        counts = self._snapshot.counts
        with Vertical(id="leaving-frame") as frame:
            frame.border_title = "Leave?"
            yield Static(Content("\n").join(map(Content, [
                f"{wording.files(counts.unfinished)} are not sent yet, "
                f"{wording.size(self._snapshot.traffic.n_bytes_waiting)}.",
                "What is not sent now is remembered and sent at the next start."])), markup=False)
            with Horizontal():
                yield Button("Send, then leave (s)", variant="primary", id="drain")
                yield Button("Leave now (n)", variant="warning", id="force")
                yield Button("Stay (esc)", id="stay")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id or "stay")

    def action_answer(self, answer: str) -> None:
        """Close with an answer."""
        self.dismiss(answer)


class DrainingScreen(ModalScreen[str]):
    """Shows what is left; returns ``force`` or ``stay``."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,q,ctrl+c", "answer('force')", "Leave now", id="draining.force"),
        Binding("escape,b", "answer('stay')", "Go on", id="draining.stay"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._most = 1

    def compose(self) -> ComposeResult:
        with Vertical(id="leaving-frame") as frame:
            frame.border_title = "Leaving when everything queued is acknowledged"
            yield Static("", id="draining-words", markup=False)
            with Horizontal():
                yield Button("Leave now (n)", variant="warning", id="force")
                yield Button("Go on uploading (esc)", id="stay")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id or "stay")

    def action_answer(self, answer: str) -> None:
        """Close with an answer."""
        self.dismiss(answer)

    def show(self, snapshot: Snapshot) -> None:
        """Show how far it has come."""
        n_left = snapshot.counts.unfinished
        self._most = max(self._most, n_left)
        parts: list[Part] = bar((self._most - n_left) / self._most, 40, "$accent")
        words = wording.wrapped(wording.draining_words(snapshot), 60)
        settling = snapshot.counts.settling
        remembered = f"{wording.files(settling)} still settling: remembered for the next start" \
            if settling else "nothing is settling"
        lines = [Content.assemble(*parts), *map(Content, words), Content(remembered)]
        self.query_one("#draining-words", Static).update(Content("\n").join(lines))
