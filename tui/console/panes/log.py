"""The log: live, by level, searchable, following unless somebody scrolled up."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui import wording
from tui.engine.model import LogLine

_MOST_LINES = 5000
_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)
_WORDS = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warn",
          logging.ERROR: "error", logging.CRITICAL: "fatal"}
_INDENT = 17


class LogPane(ScrollView, can_focus=True):
    """Lines in a bounded ring, wrapped to the width of the pane."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", show=False, id="log.up"),
        Binding("down,j", "scroll_down", "Down", show=False, id="log.down"),
        Binding("end", "follow", "Follow", show=False, id="log.follow"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log--clock", "log--debug", "log--info", "log--warn", "log--error", "log--fatal",
        "log--answer", "log--text"}

    def __init__(self) -> None:
        super().__init__(id="log")
        self.border_title = "Log"
        self.level = logging.INFO
        self.pattern = ""
        self.n_painted = 0
        self.last_number = 0
        self._lines: deque[LogLine] = deque(maxlen=_MOST_LINES)
        self._shown: deque[tuple[str, str, str]] = deque(maxlen=2 * _MOST_LINES)
        self._width = 0

    @property
    def is_following(self) -> bool:
        """Whether the newest line is in sight."""
        return self.scroll_offset.y >= self.max_scroll_y - 1

    def add(self, lines: Sequence[LogLine]) -> None:
        """Take new lines; one repaint, however many they are."""
        lines = [line for line in lines if line.number > self.last_number]
        if not lines:
            return
        self.last_number = max(self.last_number, lines[-1].number)
        self._lines.extend(lines)
        self._wrap(lines)

    def answer(self, command: str, answers: Sequence[str], epoch_seconds: float) -> None:
        """Take the answer to a command."""
        said = (f": {wording.visible(command)}", *answers)
        lines = [LogLine(self.last_number, epoch_seconds, -1, text) for text in said]
        self._lines.extend(lines)
        self._wrap(lines)

    def next_level(self) -> None:
        """Show fewer lines, or all again."""
        position = _LEVELS.index(self.level)
        self.level = _LEVELS[(position + 1) % len(_LEVELS)]
        self._rewrap()

    def search(self, pattern: str) -> None:
        """Show only lines with a text."""
        self.pattern = pattern
        self._rewrap()

    def action_follow(self) -> None:
        """Go to the newest line and stay there."""
        self.scroll_end(animate=False)

    def _is_wanted(self, line: LogLine) -> bool:
        return (line.level >= self.level or line.level < 0) \
            and self.pattern.lower() in line.text.lower()

    def _rewrap(self) -> None:
        self._shown.clear()
        self._wrap(list(self._lines))
        self.scroll_end(animate=False)

    def _wrap(self, lines: Sequence[LogLine]) -> None:
        follow = self.is_following
        self._width = self.scrollable_content_region.width
        room = max(20, self._width - _INDENT)
        for line in lines:
            if not self._is_wanted(line):
                continue
            word = "answer" if line.level < 0 else _WORDS.get(line.level, str(line.level))
            clock = wording.clock(line.epoch_seconds)
            for text in wording.wrapped(wording.visible(line.text), room):
                self._shown.append((clock, word, text))
                clock, word = "", ""
        # A line of which only the head fell out of the ring still reads well enough.
        self.virtual_size = Size(self._width, len(self._shown))
        level = "all" if self.level == logging.DEBUG else f"{_WORDS[self.level]} and above"
        found = f"find: {wording.visible(self.pattern)}   " if self.pattern else ""
        self.border_subtitle = (found + level).replace("[", "\\[")
        if follow:
            self.scroll_end(animate=False)
        self.refresh()

    def on_resize(self, _event: events.Resize) -> None:
        """Wrap anew when the width is another one."""
        if self.scrollable_content_region.width != self._width:
            self._rewrap()

    def render_line(self, y: int) -> Strip:
        """Return one line."""
        self.n_painted += 1
        width, number = self.size.width, int(self.scroll_offset.y) + y
        if number >= len(self._shown):
            return Strip.blank(width, self.rich_style)
        clock, word, text = self._shown[number]
        base = self.rich_style
        level = f"log--{word}" if f"log--{word}" in self.COMPONENT_CLASSES else "log--text"
        segments = [
            Segment(f"{clock:<10}", base + self.get_component_rich_style("log--clock",
                                                                         partial=True)),
            Segment(f"{word:<7}", base + self.get_component_rich_style(level, partial=True)),
            Segment(text, base)]
        return Strip(segments).adjust_cell_length(width, base)
