"""The command line of the console: the same words as headless, with history and completion."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input

from tui.commands import COMMANDS, complete
from tui.text import visible

_MOST_HISTORY = 200
_HINT = "   ".join(f"{c.name} {c.argument}".rstrip() for c in COMMANDS)


class _Completion(Suggester):
    def __init__(self, prompt: Prompt) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._prompt = prompt

    async def get_suggestion(self, value: str) -> str | None:
        found = complete(value, self._prompt.paths) if value else []
        # What could not be typed or read is left to the keys, which need no name.
        return next((line for line in found if visible(line) == line), None)


class Prompt(Input):
    """Takes commands; while filtering, takes the pattern."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "older", "Older", id="prompt.older",
                tooltip="Recall the command before"),
        Binding("down", "newer", "Newer", id="prompt.newer",
                tooltip="Recall the command after"),
        Binding("escape", "leave", "Back", id="prompt.leave",
                tooltip="Leave the command line"),
    ]

    class Left(Message):
        """Escape was pressed.

        Attributes:
            purpose: what was being filtered; empty for a command.
        """

        def __init__(self, purpose: str) -> None:
            super().__init__()
            self.purpose = purpose

    def __init__(self) -> None:
        super().__init__(id="prompt", placeholder=f": {_HINT}", compact=True,
                         select_on_focus=False)
        self.suggester = _Completion(self)
        self.cursor_blink = False  # blinking would write to an idle terminal twice a second
        self.paths: tuple[str, ...] = ()
        self.purpose = ""  #: empty for commands; else what is being filtered
        self._history: list[str] = []
        self._position = 0

    def ask(self, purpose: str, value: str = "") -> None:
        """Take the focus, for a command or a filter."""
        self.purpose = purpose
        self.placeholder = f"/ {purpose}: a part of the text; empty shows all" if purpose \
            else f": {_HINT}"
        self.value = value
        self.cursor_position = len(value)
        self.screen.set_focus(self)  # at once: the next key is for this line

    async def type_in(self, key: events.Key) -> None:
        """Take a character."""
        await self._on_key(key)

    def remember(self, line: str) -> None:
        """Keep a command for later."""
        if line and (not self._history or self._history[-1] != line):
            self._history = [*self._history[-_MOST_HISTORY:], line]
        self._position = len(self._history)

    def action_older(self) -> None:
        """Show the command before."""
        self._recall(-1)

    def action_newer(self) -> None:
        """Show the command after."""
        self._recall(1)

    def _recall(self, by: int) -> None:
        self._position = max(0, min(len(self._history), self._position + by))
        self.value = self._history[self._position] if self._position < len(self._history) else ""
        self.cursor_position = len(self.value)

    def action_leave(self) -> None:
        """Go back to the lists."""
        purpose = self.purpose
        if purpose:
            self.ask("")
        self.value = ""
        self.post_message(self.Left(purpose))
