"""How many files stand where, in the words of the states, and what was sent so far."""

from __future__ import annotations

from tui import wording
from tui.console.panes.pane import Drawing, Line, Pane, Part
from tui.console.view import View


class Totals(Pane):
    """Files in each state."""

    def __init__(self) -> None:
        super().__init__("totals", "Files")

    @staticmethod
    def draw(view: View, width: int, height: int) -> Drawing:
        """Show the counts; colours only where there is something."""
        counts, traffic = view.snapshot.counts, view.snapshot.traffic
        room = max(6, width - 18)  # what the words leave to both numbers
        left = room * 3 // 5
        right = room - left

        def row(n_left: int, word: str, style: str, n_right: int, other: str,
                other_style: str) -> Line:
            return [*_cell(n_left, left, word, 9, style), *_cell(n_right, right, other, 7,
                                                                other_style)]

        lines = (
            row(counts.uploading, "uploading", "$secondary", counts.waiting, "waiting",
                "$foreground"),
            row(counts.uploaded, "uploaded", "$success", counts.held, "held", "$error"),
            row(counts.settling, "settling", "$primary", counts.failed, "failed", "$error"))
        sent = f"sent {wording.size(traffic.n_bytes_sent)}"
        chunks = f" in {short_count(traffic.n_chunks_sent)} chunks"
        return Drawing(lines, subtitle=sent + (chunks if width >= 30 else ""))


def _cell(n: int, width: int, word: str, word_width: int, style: str) -> list[Part]:
    return [(f"{short_count(n):>{width}}", f"bold {style}" if n else "$quiet"),
            (f" {word:<{word_width}}", "" if n else "$quiet")]


def short_count(n: int) -> str:
    """Return a number in at most 6 cells: ``99,999``, ``123k``, ``4.56M``."""
    if n < 100_000:
        return wording.count(n)
    return f"{n / 1000:,.0f}k" if n < 1_000_000 else f"{n / 1e6:.3g}M"
