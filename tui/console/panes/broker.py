"""The connection: brokers, round trip, and what goes wrong with it."""

from __future__ import annotations

from tui import wording
from tui.console.panes.pane import Pane, Part
from tui.engine.model import BrokerState, Snapshot


class Broker(Pane):
    """What librdkafka tells of the cluster."""

    def __init__(self) -> None:
        super().__init__("Broker", "broker")

    def show(self, snapshot: Snapshot) -> None:
        """Show the figures, or why there is no connection."""
        broker = snapshot.broker
        width = max(10, self.size.width - 2)
        if broker.state is not BrokerState.CONNECTED:
            text = wording.visible(broker.reason or f"{broker.state.value} {broker.address}")
            lines = wording.wrapped(text, width)[:3]
            self.paint(*[[(line, "$error")] for line in lines], subtitle=broker.state.value)
            return
        brokers = f"{broker.n_brokers_up} of {broker.n_brokers} brokers"
        if broker.n_brokers_up == broker.n_brokers:
            brokers = f"{broker.n_brokers} broker{'' if broker.n_brokers == 1 else 's'}"
        first: list[Part] = [(brokers, "bold")]
        if broker.is_embedded:
            first = [("embedded, nothing is kept", "bold $warning")]
        trip: list[Part] = [("round trip not measured yet", "$quiet")]
        if broker.round_trip_avg_ms is not None:
            trip = [f"round trip {broker.round_trip_avg_ms:.1f} ms",
                    (f"  p99 {broker.round_trip_p99_ms or 0:.1f} ms", "$quiet")]
        throttled: Part = ("unthrottled", "$quiet")
        if broker.throttle_avg_ms:
            throttled = (f"throttled by broker {broker.throttle_avg_ms:.0f} ms", "bold $warning")
        self.paint(first, trip, [
            (f"{wording.count(broker.n_retries)} retries", "$warning" if broker.n_retries
             else "$quiet"), "  ",
            (f"{wording.count(broker.n_errors)} errors", "$error" if broker.n_errors
             else "$quiet"), "  ", throttled])
