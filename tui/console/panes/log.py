"""The log: live, by level, searchable, following unless somebody scrolled up."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.markup import escape
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui import wording
from tui.console.bindings import key_word
from tui.console.panes.painter import Painter
from tui.console.view import View
from tui.engine.model.snapshot import LogLine
from tui.text import visible, wrapped

_MOST_LINES = 5000
_MOST_ROWS = 10_000
_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)
_WORDS = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warn",
          logging.ERROR: "error", logging.CRITICAL: "fatal"}
_INDENT = 17


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the log, or one that only stands here: an answer, or a gap."""

    epoch_seconds: float
    level: int
    word: str
    text: str
    is_always_shown: bool = False


class LogPane(Painter, ScrollView, can_focus=True):
    """Lines in a bounded ring, wrapped to the width of the pane."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", show=False, id="log.up",
                tooltip="Scroll the log up, which ends following"),
        Binding("down,j", "scroll_down", "Down", show=False, id="log.down",
                tooltip="Scroll the log down"),
        Binding("end", "follow", "Follow", show=False, id="log.follow",
                tooltip="Go to the newest line and follow"),
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
        self.is_following = True  #: whether it scrolls to the newest line automatically
        self._lines: deque[_Line] = deque(maxlen=_MOST_LINES)
        self._rows: list[tuple[str, str, str]] = []
        self._width = 0
        self._subtitle = Content("")

    @property
    def n_kept(self) -> int:
        """How many lines are kept, whether or not they are shown."""
        return len(self._lines)

    def show(self, view: View) -> None:
        """Take the new lines of a picture; one repaint, however many they are."""
        found = [line for line in view.log if line.number > self.last_number]
        if found:
            self._add(found)
        self._paint_subtitle()

    def _add(self, found: list[LogLine]) -> None:
        lines = [_Line(line.epoch_seconds, line.level, _WORDS.get(line.level, str(line.level)),
                       line.text) for line in found]
        n_skipped = found[0].number - self.last_number - 1
        if n_skipped > 0 and self.last_number:
            text = f"{wording.count(n_skipped)} lines came too fast to be shown here; the log " \
                "file has those of its level"
            lines.insert(0, _Line(found[0].epoch_seconds, 0, "…", text, True))
        self.last_number = found[-1].number
        self._take(lines)

    def answer(self, command: str, answers: Sequence[str], epoch_seconds: float) -> None:
        """Take the answer to a command."""
        said = (f": {visible(command)}", *answers)
        self._take([_Line(epoch_seconds, 0, "answer", text, True) for text in said])

    def next_level(self) -> None:
        """Show fewer lines, or all again."""
        self.level = _LEVELS[(_LEVELS.index(self.level) + 1) % len(_LEVELS)]
        self._rewrap()

    def search(self, pattern: str) -> None:
        """Show only lines with a text."""
        self.pattern = pattern
        self._rewrap()

    def action_follow(self) -> None:
        """Go to the newest line and stay there."""
        self.is_following = True
        self.scroll_end(animate=False, immediate=True)
        self._paint_subtitle()

    def _take(self, lines: list[_Line]) -> None:
        self._lines.extend(lines)
        self._wrap(lines)

    def _is_wanted(self, line: _Line) -> bool:
        return (line.is_always_shown or line.level >= self.level) \
            and self.pattern.lower() in line.text.lower()

    def _rewrap(self) -> None:
        self._rows.clear()
        self.is_following = True
        self._wrap(list(self._lines))
        self._paint_subtitle()

    def _wrap(self, lines: Sequence[_Line]) -> None:
        self._width = self.scrollable_content_region.width
        room = max(20, self._width - _INDENT)
        for line in lines:
            if self._is_wanted(line):
                clock, word = wording.clock(line.epoch_seconds), line.word
                text = visible(line.text)
                parts = [text] if text.isascii() and len(text) <= room \
                    else wrapped(text, room)
                for part in parts:
                    self._rows.append((clock, word, part))
                    clock, word = "", ""
        n_dropped = len(self._rows) - _MOST_ROWS if len(self._rows) > 2 * _MOST_ROWS else 0
        del self._rows[:n_dropped]
        self.virtual_size = Size(self._width, len(self._rows))
        if self.is_following:
            self.scroll_end(animate=False, immediate=True)
        elif n_dropped:  # what is being read stays where it is
            self.scroll_to(y=max(0, self.scroll_offset.y - n_dropped), animate=False,
                           immediate=True)
        self.refresh()

    def _paint_subtitle(self) -> None:
        level = "all levels" if self.level == logging.DEBUG \
            else f"{_WORDS[self.level]} and above"
        key = escape(key_word(self.app, "log_level"))
        words = f"[@click=app.log_level]{key} {level}[/]"
        if self.pattern:
            words = f"[b $accent]find: $pattern[/]   {words}"
        words += "   following" if self.is_following else \
            f"   [b $accent]scrolled up, {escape(key_word(self.app, 'log.follow'))} follows[/]"
        content = Content.from_markup(words, pattern=visible(self.pattern))
        if content != self._subtitle:
            self._subtitle = content
            self.border_subtitle = content

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Whoever scrolls up wants to read, and whoever scrolls to the end to follow."""
        super().watch_scroll_y(old_value, new_value)
        self.is_following = new_value >= self.max_scroll_y - 1

    def on_resize(self, _event: events.Resize) -> None:
        """Wrap again when the width changes, and keep the newest line in sight."""
        if self.scrollable_content_region.width != self._width:
            self._rewrap()
        elif self.is_following:
            self.action_follow()

    def render_line(self, y: int) -> Strip:
        """Return one line."""
        self.n_painted += 1
        width, number = self.size.width, int(self.scroll_offset.y) + y
        if number >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        clock, word, text = self._rows[number]
        base = self.rich_style
        level = f"log--{word}" if f"log--{word}" in self.COMPONENT_CLASSES else "log--text"
        segments = [
            Segment(f"{clock:<10}", base + self.get_component_rich_style("log--clock",
                                                                         partial=True)),
            Segment(f"{word:<7}", base + self.get_component_rich_style(level, partial=True)),
            Segment(text, base)]
        return Strip(segments).adjust_cell_length(width, base)
