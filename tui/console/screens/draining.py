"""Shows the draining, from a quit to the last acknowledgement."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from tui import answers, wording
from tui.console.bindings import key_word
from tui.console.panes.pane import Line, bar
from tui.engine.model.snapshot import Snapshot
from tui.text import wrapped


class DrainingScreen(ModalScreen[str]):
    """Shows what is left and the time; returns ``force`` or ``stay``."""

    #: Enter must not be what loses the rest of the queue for today.
    AUTO_FOCUS = "#stay"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,q", "answer('force')", "Quit now", id="draining.force",
                tooltip="Quit at once; the rest is uploaded at the next start"),
        Binding("escape,b,enter", "answer('stay')", "Keep running", id="draining.stay",
                tooltip="Cancel the quit and continue uploading"),
    ]

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self._snapshot = snapshot
        self._n_most = 1
        self._n_bytes_most = 1

    def compose(self) -> ComposeResult:
        with Vertical(id="leaving-frame") as frame:
            frame.border_title = "Quitting when everything queued is uploaded"
            yield Static("", id="draining-words", markup=False)
            with Horizontal():
                yield Button(self._labelled("Quit now", "draining.force"), id="force")
                yield Button(self._labelled("Keep running", "draining.stay"), id="stay")

    def on_mount(self) -> None:
        """Show what is known already."""
        self.show(self._snapshot)

    def _labelled(self, word: str, binding_id: str) -> Content:
        return Content(f"{word} ({key_word(self.app, binding_id)})")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id or "stay")

    def action_answer(self, answer: str) -> None:
        """Close with an answer."""
        self.dismiss(answer)

    def show(self, snapshot: Snapshot) -> None:
        """Show how far it has come."""
        self._snapshot = snapshot
        if not self.query("#draining-words"):  # not there yet, or gone already
            return
        words = self.query_one("#draining-words", Static)
        width = max(20, words.size.width or 60)
        n_left, n_bytes = snapshot.counts.unfinished, snapshot.traffic.n_bytes_waiting
        self._n_most = max(self._n_most, n_left)
        self._n_bytes_most = max(self._n_bytes_most, n_bytes)
        done = min(1 - n_bytes / self._n_bytes_most, 1 - n_left / self._n_most) \
            if n_bytes else 1 - n_left / self._n_most
        lines: list[Line] = [bar(done, width, "$accent")]
        lines += [[line] for line in wrapped(answers.draining_words(snapshot), width)]
        counts = snapshot.counts
        if not snapshot.broker.is_embedded:
            for n, what in ((counts.unsettled, "still being written"), (counts.held, "retrying"),
                            (counts.failed, "that need you")):
                if n:
                    lines.append([(f"{wording.files(n)} {what}: remembered for the next start",
                                   "$quiet")])
        words.update(Content("\n").join(Content.assemble(*line) for line in lines))
