"""A map of the selected file's chunks, scaled so that gaps show."""

from __future__ import annotations

from tui import wording
from tui.console.panes.pane import Pane, Part
from tui.engine.model import ChunkMap

_ROWS = 7
_FULL, _PARTLY, _NONE = "$success", "$warning", "$rule"


class Chunks(Pane):
    """Acknowledged, in flight, to send."""

    def __init__(self) -> None:
        super().__init__("Chunks", "chunks")

    def show(self, path: str, chunk_map: ChunkMap | None) -> None:
        """Show the chunks of a file that is being sent."""
        width = max(10, self.size.width - 2)
        name = wording.shorten(wording.visible(path), width)
        if chunk_map is None:
            text = "not being sent just now" if path else "no file selected"
            self.paint([(name or "", "")], [(text, "$quiet")])
            return
        cells, per_cell = chunk_cells(chunk_map, width * _ROWS)
        lines: list[list[Part]] = [[name]]
        for start in range(0, len(cells), width):
            lines.append(_runs(cells[start:start + width]))
        lines.append([("■", _FULL), (" acknowledged  ", "$quiet"), ("▒", _PARTLY),
                      (" in flight  ", "$quiet"), ("·", _NONE), (" to send", "$quiet")])
        self.paint(*lines, subtitle=f"1 cell = {wording.count(per_cell)} chunk"
                   f"{'' if per_cell == 1 else 's'}")


def _runs(cells: str) -> list[Part]:
    styles = {"■": _FULL, "▒": _PARTLY, "·": _NONE}
    parts: list[Part] = []
    start = 0
    for end in range(1, len(cells) + 1):
        if end == len(cells) or cells[end] != cells[start]:
            parts.append((cells[start:end], styles[cells[start]]))
            start = end
    return parts


def chunk_cells(chunk_map: ChunkMap, n_cells: int) -> tuple[str, int]:
    """Return a character for each cell, and how many chunks a cell stands for.

    A cell is acknowledged only when all of its chunks are, so that a gap never hides.
    """
    per_cell = -(-chunk_map.n_chunks // n_cells)
    cells = []
    for first in range(0, chunk_map.n_chunks, per_cell):
        end = min(chunk_map.n_chunks, first + per_cell)
        n_delivered = _count_bits(chunk_map.delivered, first, end)
        if n_delivered == end - first:
            cells.append("■")
        else:
            cells.append("▒" if n_delivered or first < chunk_map.n_produced else "·")
    return "".join(cells), per_cell


def _count_bits(bitmap: bytes, first: int, end: int) -> int:
    bits = int.from_bytes(bitmap[first // 8:(end + 7) // 8], "little") >> first % 8
    return (bits & ((1 << (end - first)) - 1)).bit_count()
