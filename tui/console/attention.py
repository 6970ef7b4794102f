"""Reaches somebody who looks away: the terminal's title, its bell, and its notifications."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from tui import wording
from tui.engine.model.snapshot import Phase, Snapshot
from tui.text import shorten, visible

_NAME = "DataFileUploadDirectory"
_TITLE_CELLS = 100
#: xterm's own: the title is put on a stack, and taken from it again.
_SAVE_TITLE, _RESTORE_TITLE = "\x1b[22;2t", "\x1b[23;2t"
#: Terminals that show OSC 9 as a notification; in others it may mean something else.
_NOTIFYING = ("iTerm.app", "WezTerm", "ghostty")


class Attention:
    """Says in the title how many things need a person, and rings when there are more.

    Args:
        write: takes control sequences for the terminal.
        environment: of the program, which names the terminal.
    """

    def __init__(self, write: Callable[[str], object],
                 environment: Mapping[str, str] = os.environ) -> None:
        self._write = write
        self._can_notify = environment.get("TERM_PROGRAM", "") in _NOTIFYING \
            or "kitty" in environment.get("TERM", "")
        self._title = ""
        self._n_before = 0

    def show(self, snapshot: Snapshot) -> None:
        """Change the title where that is another one, and ring where something came up."""
        n = snapshot.counts.failed + len(snapshot.problems)
        if snapshot.phase is Phase.STOPPED:
            return
        title = f"! {wording.count(n)} {wording.need(n)} attention - {_NAME}" if n \
            else f"{_NAME} - {shorten(visible(snapshot.topic_name), _TITLE_CELLS)}"
        if title != self._title:
            self._write(f"{'' if self._title else _SAVE_TITLE}\x1b]2;{title}\x07")
            self._title = title
        if n > self._n_before:
            self._write("\x07")
            if self._can_notify:
                self._write(f"\x1b]9;{title}\x07")
        self._n_before = n

    def end(self) -> None:
        """Give the terminal its title back."""
        if self._title:
            self._write(_RESTORE_TITLE)
            self._title = ""
