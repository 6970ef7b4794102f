"""Asks once before the program ends, and says what that leaves behind."""

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
from tui.engine.model.snapshot import Snapshot
from tui.engine.model.verdicts import may_close


class LeavingScreen(ModalScreen[str]):
    """Returns ``drain``, ``force`` or ``stay``.

    Args:
        snapshot: says what is unfinished.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s,q,enter", "answer('drain')", "Quit", id="leaving.drain",
                tooltip="Upload what is queued, then quit"),
        Binding("n", "answer('force')", "Quit now", id="leaving.force",
                tooltip="Quit at once; the rest is uploaded at the next start"),
        Binding("escape", "answer('stay')", "Keep running", id="leaving.stay",
                tooltip="Keep running, as if nothing had been asked"),
    ]

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self._snapshot = snapshot

    def compose(self) -> ComposeResult:
        snapshot = self._snapshot
        has_rest = snapshot.counts.unfinished > 0
        with Vertical(id="leaving-frame") as frame:
            frame.border_title = "Quit?"
            yield Static(Content("\n").join(map(Content, leaving_lines(snapshot))), markup=False)
            with Horizontal():
                yield Button(self._labelled("Upload, then quit" if has_rest else "Quit",
                                            "leaving.drain"), id="drain")
                if has_rest:
                    yield Button(self._labelled("Quit now", "leaving.force"), id="force")
                yield Button(self._labelled("Keep running", "leaving.stay"), id="stay")

    def _labelled(self, word: str, binding_id: str) -> Content:
        return Content(f"{word} ({key_word(self.app, binding_id)})")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id or "stay")

    def action_answer(self, answer: str) -> None:
        """Close with an answer."""
        self.dismiss(answer)


def leaving_lines(snapshot: Snapshot) -> list[str]:
    """Return what a quit now means."""
    counts, traffic = snapshot.counts, snapshot.traffic
    if may_close(snapshot):
        return ["Everything found so far is uploaded. New files are no longer watched for."]
    lines = []
    if counts.unfinished:
        when = "" if traffic.seconds_left is None \
            else f", {wording.until(traffic.seconds_left, snapshot.taken_at)}"
        lines.append(f"{wording.files(counts.unfinished)} not uploaded yet: "
                     f"{wording.size(traffic.n_bytes_waiting)}{when}.")
        if snapshot.broker.is_embedded:
            lines.append("This is a try: nothing is kept, and what is not uploaded is lost.")
        elif answers.is_cut_off(snapshot):
            words = answers.quit_words(snapshot)
            lines.append(f"{words[:1].upper()}{words[1:]}.")
        else:
            lines.append("What is not uploaded now is remembered, and uploaded at the next start.")
        if snapshot.is_paused:
            lines.append("Uploading is paused; uploading the rest resumes it.")
    else:
        words = answers.close_words(snapshot).removeprefix("not yet: ")
        lines.append(f"{words[:1].upper()}{words[1:]}.")
    return lines
