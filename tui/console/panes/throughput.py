"""The rate: now, in the last minute, and at the most."""

from __future__ import annotations

from tui import wording
from tui.console.panes.pane import Pane, Part
from tui.engine.model import Snapshot

_STEPS = " ▁▂▃▄▅▆▇█"


class Throughput(Pane):
    """A sparkline two lines high over the rate."""

    def __init__(self) -> None:
        super().__init__("Throughput", "throughput")

    def show(self, snapshot: Snapshot) -> None:
        """Show the acknowledged bytes of the last minute."""
        traffic = snapshot.traffic
        width = max(8, self.size.width - 2)
        upper, lower = sparkline(traffic.history, width)
        rates: list[Part] = [(wording.rate(traffic.bytes_per_second), "bold $accent"),
                             (f"  peak {wording.rate(traffic.peak_bytes_per_second)}", "$quiet")]
        if traffic.files_per_second >= 1 and width >= 48:
            rates.append((f"  {wording.count(round(traffic.files_per_second))} files/s", "$quiet"))
        if self.size.height < 3:  # one line of bars, and the rate below it
            _, lower = sparkline(traffic.history, width, n_levels=8)
            self.paint([(lower, "$accent")], rates)
            return
        self.paint([(upper, "$accent")], [(lower, "$accent")], rates, subtitle="last minute")


def sparkline(history: tuple[float, ...], width: int, n_levels: int = 16) -> tuple[str, str]:
    """Return the upper and the lower line of bars for the newest values, oldest left."""
    if len(history) > width:
        history = history[-width:]
    # Spread few values over many cells, so that the minute always fills the pane.
    values = [history[i * len(history) // width] for i in range(width)] if history else []
    most = max(values, default=0.0)
    upper, lower = [], []
    for value in values:
        level = 0 if most <= 0 else max(1 if value > 0 else 0, round(n_levels * value / most))
        upper.append(_STEPS[max(0, level - 8)])
        lower.append(_STEPS[min(8, level)])
    return "".join(upper), "".join(lower)
