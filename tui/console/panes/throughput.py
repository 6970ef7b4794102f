"""The rate: now, in the last minute, and at the most."""

from __future__ import annotations

from tui import wording
from tui.console.panes.pane import Drawing, Line, Pane, Part, cells
from tui.console.view import View

_STEPS = " ▁▂▃▄▅▆▇█"


class Throughput(Pane):
    """A sparkline that fills the pane, over the rate."""

    def __init__(self) -> None:
        super().__init__("throughput", "Throughput")

    @staticmethod
    def draw(view: View, width: int, height: int) -> Drawing:
        """Show the acknowledged bytes of the last minute."""
        traffic = view.snapshot.traffic
        rates: list[Part] = [(wording.rate(traffic.bytes_per_second), "bold $accent")]
        more = [f"peak {wording.rate(traffic.peak_bytes_per_second)}"] \
            if traffic.peak_bytes_per_second else []
        if traffic.files_per_second >= 1:
            n = round(traffic.files_per_second)
            more.append(f"{wording.counted(n, 'file')}/s")
        for text in more:
            if cells(rates) + 2 + len(text) <= width:
                rates.append((f"  {text}", "$quiet"))
        n_rows = max(1, height - 1)
        lines: list[Line] = [[(line, "$accent")]
                             for line in sparkline(traffic.history, width, n_rows)]
        return Drawing((*lines, rates), subtitle="last minute")


def sparkline(history: tuple[float, ...], width: int, n_rows: int) -> list[str]:
    """Return rows of bars, the top one first: the values from left to right fill the width."""
    values = [history[i * len(history) // width] for i in range(width)] if history else []
    if 0 < width < len(history):  # a cell shows the mean of the values that share it
        bounds = [i * len(history) // width for i in range(width + 1)]
        values = [sum(history[a:b]) / (b - a) for a, b in zip(bounds, bounds[1:], strict=False)]
    most = max(values, default=0.0)
    levels = [0 if most <= 0 or value <= 0 else max(1, round(8 * n_rows * value / most))
              for value in values]
    return ["".join(_STEPS[min(8, max(0, level - 8 * row))] for level in levels)
            for row in reversed(range(n_rows))]
