"""Asks, while something is unfinished, whether it is sent before the program ends."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from tui import wording
from tui.console.bindings import key_word
from tui.engine.model.snapshot import Snapshot


class LeavingScreen(ModalScreen[str]):
    """Returns ``drain``, ``force`` or ``stay``.

    Args:
        snapshot: says what is unfinished.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s,q", "answer('drain')", "Send, then leave", id="leaving.drain",
                tooltip="Upload what is queued, then quit"),
        Binding("n", "answer('force')", "Leave now", id="leaving.force",
                tooltip="Leave at once; the rest is sent at the next start"),
        Binding("escape", "answer('stay')", "Stay", id="leaving.stay",
                tooltip="Stay, as if nothing had been asked"),
    ]

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self._snapshot = snapshot

    def compose(self) -> ComposeResult:
        counts, traffic = self._snapshot.counts, self._snapshot.traffic
        left = f", about {wording.duration(traffic.seconds_left)}" \
            if traffic.seconds_left is not None else ""
        lines = [f"{wording.files(counts.unfinished)} not sent yet: "
                 f"{wording.size(traffic.n_bytes_waiting)}{left}.",
                 "What is not sent now is remembered, and sent at the next start."]
        if self._snapshot.is_paused:
            lines.append("Uploading is paused; uploading first resumes it.")
        with Vertical(id="leaving-frame") as frame:
            frame.border_title = "Leave?"
            yield Static(Content("\n").join(map(Content, lines)), markup=False)
            with Horizontal():
                yield Button(self._labelled("Send, then leave", "leaving.drain"), id="drain")
                yield Button(self._labelled("Leave now", "leaving.force"), id="force")
                yield Button(self._labelled("Stay", "leaving.stay"), id="stay")

    def _labelled(self, word: str, binding_id: str) -> Content:
        return Content(f"{word} ({key_word(self.app, binding_id)})")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id or "stay")

    def action_answer(self, answer: str) -> None:
        """Close with an answer."""
        self.dismiss(answer)
