"""How many files stand where, in the words of the states, and what was sent so far."""

from __future__ import annotations

from tui import wording
from tui.console.panes.pane import Drawing, Line, Pane, Part
from tui.console.view import View
from tui.engine.model.snapshot import Counts


class Totals(Pane):
    """Files in each state."""

    def __init__(self) -> None:
        super().__init__("totals", "Files")

    @staticmethod
    def draw(view: View, width: int, height: int) -> Drawing:
        """Show the counts; colours only where there is something."""
        counts, traffic = view.snapshot.counts, view.snapshot.traffic
        room = max(6, width - 18)  # what the words leave to both numbers
        left = room * 5 // 9
        right = room - left

        def row(n_left: int, word: str, style: str, n_right: int, other: str,
                other_style: str) -> Line:
            return [*_cell(n_left, left, word, 9, style), *_cell(n_right, right, other, 7,
                                                                 other_style)]

        lines = (
            row(counts.uploading + counts.stalled, "uploading", "$secondary", counts.waiting,
                "waiting", "$foreground"),
            row(counts.uploaded, "uploaded", "$success", counts.stuck, "stuck",
                "$error" if counts.failed else "$warning"),
            row(counts.unsettled, "settling", "$primary", counts.reading, "reading",
                "$secondary"))
        sent = f"sent {wording.size(traffic.n_bytes_sent)}"
        chunks = f" in {short_count(traffic.n_chunks_sent)} chunks"
        return Drawing(lines, subtitle=_special(counts, width)
                       or sent + (chunks if width >= 30 else ""))


def _special(counts: Counts, width: int) -> str:
    """Return the states that are no rule, as many of them as fit."""
    text = ""
    for n, word in ((counts.failed, f"{wording.need(counts.failed)} you"),
                    (counts.held, "retrying"), (counts.stalled, "stalled"),
                    (counts.not_taken, "not taken"), (counts.growing, "growing"),
                    (counts.gone, "gone")):
        more = f"{text}, {short_count(n)} {word}" if text else f"{short_count(n)} {word}"
        if n and len(more) <= width - 2:
            text = more
    return text


def _cell(n: int, width: int, word: str, word_width: int, style: str) -> list[Part]:
    number = short_count(n, width - 1)  # the blank before it keeps the columns apart
    return [(f"{number:>{width}}", f"bold {style}" if n else "$quiet"),
            (f" {word:<{word_width}}", "" if n else "$quiet")]


def short_count(n: int, n_cells: int = 6) -> str:
    """Return a number as ``4,812``, ``128k`` or ``3.46M``, if need be, to take few cells."""
    text = wording.count(n)
    if len(text) <= n_cells:
        return text
    unit, value = next((unit, n / divisor) for divisor, unit in (
        (1e3, "k"), (1e6, "M"), (1e9, "G")) if n < 999.5 * divisor or unit == "G")
    for n_decimals in (2, 1, 0):
        digits = f"{value:.{n_decimals}f}"
        text = (digits.rstrip("0").rstrip(".") if "." in digits else digits) + unit
        if len(text) <= n_cells:
            break
    return text
