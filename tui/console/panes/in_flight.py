"""What is on its way to the broker, against its limit, and what still waits behind it."""

from __future__ import annotations

from tui import wording
from tui.console.panes.pane import Drawing, Line, Pane, bar, cells
from tui.console.view import View
from tui.text import shorten


class InFlight(Pane):
    """Bytes and chunks that are produced and not acknowledged; the backlog and its time left."""

    def __init__(self) -> None:
        super().__init__("in-flight", "In flight")

    @staticmethod
    def draw(view: View, width: int, height: int) -> Drawing:
        """Show the internal queue and the backlog."""
        traffic = view.snapshot.traffic
        limit = max(1, traffic.in_flight_limit_bytes)
        words = f" of {wording.size(limit)}"
        left = "" if traffic.seconds_left is None else \
            f", {wording.until(traffic.seconds_left, view.snapshot.taken_at)}"
        backlog = f"{wording.size(traffic.n_bytes_waiting)} to send{left}" \
            if traffic.n_bytes_waiting else "nothing waits to be sent"
        in_flight = wording.size(traffic.n_bytes_in_flight)
        chunks = wording.counted(traffic.n_chunks_in_flight, "chunk")
        gap = " " * min(2, max(1, width - len(in_flight) - len(chunks)))
        first: Line = [(in_flight, "bold"), (gap + chunks, "$quiet")]
        if cells([backlog]) > width:
            backlog = backlog.replace(" to send", "")
        if cells([backlog]) > width and left:
            backlog = left.removeprefix(", ")
        share = min(1.0, traffic.n_bytes_in_flight / limit)
        style = "" if traffic.n_bytes_waiting else "$quiet"
        return Drawing((
            first,
            [*bar(share, max(4, width - len(words)), "$accent"), words],
            [(shorten(backlog, width, cut_end=True), style)]),
            subtitle=f"at most {wording.size(traffic.queue_max_bytes)}")
