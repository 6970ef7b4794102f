"""Heartbeats and log messages: what the next one will tell, and how the last one fared."""

from __future__ import annotations

from tui import wording
from tui.console.panes.pane import Drawing, Line, Pane, Part
from tui.console.view import View
from tui.engine.model.snapshot import PeriodicStatus
from tui.text import cell_width, shorten, visible

_LABEL_CELLS = 10
_GOOD_OUTCOMES = ("delivered", "on its way", "")


class Heartbeats(Pane):
    """Both kinds of periodic messages, side by side."""

    def __init__(self) -> None:
        super().__init__("heartbeats", "Heartbeats and log messages")

    def show(self, view: View) -> None:
        """Take one line where both are off."""
        self.set_class(are_off(view), "-off")
        super().show(view)

    @staticmethod
    def draw(view: View, width: int, height: int) -> Drawing:
        """Show counters, next and last; or how to switch them on."""
        beat, log = view.snapshot.heartbeat, view.snapshot.log_messages
        if are_off(view):
            return Drawing(([("both are off", "$quiet"), (
                ": --heartbeat_topic_name, --log_topic_name" if width >= 54 else "", "$quiet")],))
        columns = []
        if beat.topic_name is not None:
            counted = f"{wording.count(beat.n_messages)}, {wording.size(beat.n_bytes)}"
            columns.append(_column("heartbeat", counted, beat))
        if log.topic_name is not None:
            noun = "line" if log.n_messages == 1 else "lines"
            columns.append(_column("log message", f"{wording.count(log.n_messages)} {noun}", log))
        lines = _rows(columns, width)
        for word, option, status in (("heartbeats", "heartbeat", beat),
                                     ("log messages", "log", log)):
            if status.topic_name is None:
                how = f"--{option}_topic_name TOPIC"
                lines += [[f"{word} are off",
                           ("; start with", "$quiet")], [(f"  {how}", "$quiet")]]
        return Drawing(tuple(lines[:height]))


def are_off(view: View) -> bool:
    """Return whether there is nothing to show."""
    snapshot = view.snapshot
    return snapshot.heartbeat.topic_name is None and snapshot.log_messages.topic_name is None


def _column(title: str, counted: str, status: PeriodicStatus) -> list[Part]:
    """Return the cells of a column, from its title downward."""
    last: Part = ("none yet", "$quiet")
    if status.last_sent is not None:
        is_well = status.last_outcome in _GOOD_OUTCOMES
        last = (f"{wording.clock(status.last_sent)[:5]} {visible(status.last_outcome)}",
                "$success" if is_well else "bold $error")
    failed = f", {wording.count(status.n_failed)} failed" if status.n_failed else ""
    due = "" if status.next_in_seconds is None else \
        wording.duration(status.next_in_seconds) if status.next_in_seconds >= 10 \
        else f"{round(status.next_in_seconds)} s"
    many = "" if status.n_sent == 1 else "s"
    sent = f"{wording.count(status.n_sent)} {title}{many}{failed}"
    return [(sent, "bold"), (counted, "$secondary"),
            visible(status.topic_name or ""), visible(status.program_id), last,
            due]


_LABELS = ("sent", "counted", "to topic", "as", "last", "next in")


def _rows(columns: list[list[Part]], width: int) -> list[Line]:
    if not columns:
        return []
    room = (width - _LABEL_CELLS) // len(columns)
    lines: list[Line] = []
    for number, label in enumerate(_LABELS):
        line: list[Part] = [(f"{label:<{_LABEL_CELLS}}", "$quiet")]
        for column in columns:
            part = column[number]
            text, style = (part, "") if isinstance(part, str) else part
            text = shorten(text, room - 1, cut_end=number in (0, 4))
            line.append((text + " " * (room - cell_width(text)), style))
        lines.append(line)
    return lines
