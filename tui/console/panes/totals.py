"""How many files stand where."""

from __future__ import annotations

from tui import wording
from tui.console.panes.pane import Pane, Part
from tui.engine.model import Snapshot


class Totals(Pane):
    """Files in each state."""

    def __init__(self) -> None:
        super().__init__("Files", "totals")

    def show(self, snapshot: Snapshot) -> None:
        """Show the counts; colours only where there is something."""
        counts = snapshot.counts
        # Three columns need 34 cells; where there are fewer, the words are shorter.
        short = self.size.width < 34
        width = max(3, (self.size.width - 2) // 2 - (8 if short else 11))

        def cell(n: int, word: str, style: str) -> list[Part]:
            number = wording.count(n) if n < 100_000 else wording.size(n).removesuffix(" Bytes")
            if n >= 100_000:
                number = f"{n / 1000:,.0f}k" if n < 10_000_000 else f"{n / 1e6:,.1f}M"
            return [(f"{number:>{width}}", f"bold {style}" if n else "$quiet"),
                    (f" {word:<{7 if short else 10}}", "" if n else "$quiet")]

        failed = counts.held + counts.failed
        self.paint(
            [*cell(counts.uploading, "sending" if short else "uploading", "$secondary"),
             *cell(counts.waiting, "waiting", "$warning")],
            [*cell(counts.uploaded, "done" if short else "uploaded", "$success"),
             *cell(failed, "stuck" if short else "held/failed", "$error")],
            [*cell(counts.settling, "settling", "$primary"),
             *cell(counts.uploaded_this_run, "this run", "$success")])
