"""What is on its way to the broker, against the limit, and what still waits behind it."""

from __future__ import annotations

from tui import wording
from tui.console.panes.pane import Pane, Part, bar
from tui.engine.model import Snapshot


class InFlight(Pane):
    """Bytes and chunks that are produced and not acknowledged."""

    def __init__(self) -> None:
        super().__init__("In flight", "in-flight")

    def show(self, snapshot: Snapshot) -> None:
        """Show the internal queue and the backlog."""
        traffic = snapshot.traffic
        limit = max(1, traffic.queue_max_bytes)
        share = traffic.n_bytes_in_flight / limit
        words = f" {wording.percent(traffic.n_bytes_in_flight, limit)} of {wording.size(limit)}"
        width = max(4, self.size.width - 3 - len(words))
        left = f", {wording.duration(traffic.seconds_left)} left" if traffic.seconds_left else ""
        lines: list[list[Part]] = [
            [(wording.size(traffic.n_bytes_in_flight), "bold"),
             (f"  {wording.count(traffic.n_chunks_in_flight)} chunks", "$quiet")],
            [*bar(share, width, "$accent"), words],
            [f"{wording.size(traffic.n_bytes_waiting)} to send{left}"]]
        if self.size.height < 3:
            del lines[1]
        self.paint(*lines)
