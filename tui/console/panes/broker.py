"""The connection: where to, since when, round trip, and what goes wrong with it."""

from __future__ import annotations

from tui import wording
from tui.console.panes.pane import Drawing, Line, Pane, Part, cells
from tui.console.view import View
from tui.engine.model.snapshot import BrokerState, BrokerStatus
from tui.text import shorten, visible, wrapped


class Broker(Pane):
    """What librdkafka reports about the cluster."""

    def __init__(self) -> None:
        super().__init__("broker", "Broker")

    @staticmethod
    def draw(view: View, width: int, height: int) -> Drawing:
        """Show the figures, or why there is no connection."""
        broker = view.snapshot.broker
        address = "" if broker.is_embedded else shorten(
            visible(broker.address), max(6, width - 12))
        since = f"{broker.state.value} since {wording.clock(broker.since)}"
        if broker.state is not BrokerState.CONNECTED:
            text = visible(broker.reason) or "no answer yet; files are queued meanwhile"
            style = "$error" if broker.reason else "$warning"
            lines: list[Line] = [[(line, style)] for line in wrapped(text, width)[:height]]
            if len(lines) < height:
                lines.append(_trouble(broker, width))
            return Drawing(tuple(lines), address, since)
        return Drawing((_cluster(broker, width), _round_trip(broker), _trouble(broker, width)),
                       address, since)


def _cluster(broker: BrokerStatus, width: int) -> Line:
    if broker.is_embedded:
        return [(shorten("embedded: nothing is kept", width, cut_end=True),
                 "bold $warning")]
    noun = "broker" if broker.n_brokers == 1 else "brokers"
    line: list[Part] = [(f"{broker.n_brokers} {noun}", "bold")]
    if broker.n_brokers_up < broker.n_brokers:
        line = [(f"{broker.n_brokers_up} of {broker.n_brokers} {noun} up", "bold $warning")]
    for text in (f"acks={broker.acks}" if broker.acks else "",
                 f"compressed {broker.compression_ratio:.1f}:1"
                 if broker.compression_ratio and broker.compression_ratio > 1.05 else ""):
        if text and cells(line) + 2 + len(text) <= width:
            line.append((f"  {text}", "$quiet"))
    return line


def _round_trip(broker: BrokerStatus) -> Line:
    if broker.round_trip_avg_ms is None:
        return [("round trip not measured yet", "$quiet")]
    line: list[Part] = [f"round trip {_milliseconds(broker.round_trip_avg_ms)}"]
    if broker.round_trip_p99_ms is not None:
        line.append((f"  p99 {_milliseconds(broker.round_trip_p99_ms)}", "$quiet"))
    return line


def _milliseconds(value: float) -> str:
    """Return ``1.8 ms``, ``399 ms`` or ``6.8 s``."""
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms"


def _trouble(broker: BrokerStatus, width: int) -> Line:
    line: list[Part] = [
        (f"{wording.count(broker.n_retries)} retr{'y' if broker.n_retries == 1 else 'ies'}",
         "$warning" if broker.n_retries else "$quiet"), "  ",
        (wording.counted(broker.n_errors, "error"), "$error" if broker.n_errors else "$quiet")]
    throttled: Part = ("  unthrottled", "$quiet")
    if broker.throttle_avg_ms:
        throttled = (f"  throttled {broker.throttle_avg_ms:.0f} ms", "bold $warning")
    if cells([*line, throttled]) <= width:
        line.append(throttled)
    elif broker.throttle_avg_ms:
        line = [(f"throttled {broker.throttle_avg_ms:.0f} ms", "bold $warning")]
    return line
