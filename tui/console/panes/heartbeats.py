"""Heartbeats and log messages: what the next one will tell, and how the last one fared."""

from __future__ import annotations

from tui import wording
from tui.console.panes.pane import Pane, Part
from tui.engine.model import PeriodicStatus, Snapshot


class Heartbeats(Pane):
    """Both kinds of periodic messages."""

    def __init__(self) -> None:
        super().__init__("Heartbeats", "heartbeats")

    def show(self, snapshot: Snapshot) -> None:
        """Show counters, next and last; or how to switch them on."""
        beat, log = snapshot.heartbeat, snapshot.log_messages
        lines: list[list[Part]] = []
        if beat.topic_name is None:
            lines.append([("heartbeats off: --heartbeat_topic_name", "$quiet")])
        else:
            lines.append([(wording.count(beat.n_messages), "bold $secondary"), " chunks, ",
                          (wording.size(beat.n_bytes), "bold $secondary"), " since the last"])
            lines += self._where(beat)
        if log.topic_name is None:
            lines.append([("log messages off: --log_topic_name", "$quiet")])
        else:
            lines.append([(wording.count(log.n_messages), "bold $secondary"),
                          " log lines since the last"])
            lines += self._where(log)
        subtitle = "" if beat.next_in_seconds is None \
            else f"next in {wording.duration(beat.next_in_seconds)}"
        self.paint(*lines, subtitle=subtitle)

    def _where(self, status: PeriodicStatus) -> list[list[Part]]:
        width = max(10, self.size.width - 2)
        to = wording.visible(f"to {status.topic_name} as {status.program_id}")
        is_well = status.last_outcome in ("delivered", "on its way", "")
        last: list[Part] = [("none sent yet", "$quiet")]
        if status.last_sent is not None:
            outcome = wording.visible(status.last_outcome)
            last = [f"{status.n_sent} sent, last {wording.clock(status.last_sent)} ",
                    (wording.shorten(outcome, max(8, width - 24)),
                     "$success" if is_well else "$error")]
        return [[(wording.shorten(to, width), "$quiet")], last]
