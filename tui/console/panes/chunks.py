"""A map of the selected file's chunks, scaled so that gaps show."""

from __future__ import annotations

from tui import wording
from tui.console.panes.pane import Drawing, Line, Pane, Part
from tui.console.view import View
from tui.engine.model.versions import ChunkMap
from tui.text import shorten, visible

_STYLES = {"■": "$success", "□": "$warning", "·": "$rule"}
_LEGEND = (("■", " acknowledged"), ("□", " in flight"), ("·", " to send"))


class Chunks(Pane):
    """Acknowledged, in flight, to send."""

    def __init__(self) -> None:
        super().__init__("chunks", "Chunks")

    @staticmethod
    def draw(view: View, width: int, height: int) -> Drawing:
        """Show the chunks of a file that is being sent."""
        if view.chunk_map is None:
            reading = view.snapshot.counts.reading
            text = f"{wording.files(reading)} being read before the upload" if reading \
                else "nothing is being sent just now"
            return Drawing(([(text, "$quiet")],))
        name = shorten(visible(view.chunk_path), max(8, width - 12))
        map_cells, per_cell = chunk_cells(view.chunk_map, width * max(1, height - 1))
        lines_of_map: list[Line] = [_runs(map_cells[start:start + width])
                                    for start in range(0, len(map_cells), width)]
        legend: list[Part] = []
        for sign, word in _LEGEND:
            legend += [("  ", "")] if legend else []
            legend += [(sign, _STYLES[sign]), (word, "$quiet")]
        noun = "chunk" if per_cell == 1 else "chunks"
        return Drawing((*lines_of_map, legend), name,
                       f"1 cell = {wording.count(per_cell)} {noun}")


def _runs(text: str) -> list[Part]:
    parts: list[Part] = []
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or text[end] != text[start]:
            parts.append((text[start:end], _STYLES[text[start]]))
            start = end
    return parts


def chunk_cells(chunk_map: ChunkMap, n_cells: int) -> tuple[str, int]:
    """Return a character for each cell, and how many chunks a cell stands for.

    A cell is acknowledged only when all of its chunks are, so that a gap never hides.
    """
    per_cell = max(1, -(-chunk_map.n_chunks // max(1, n_cells)))
    found = []
    for first in range(0, chunk_map.n_chunks, per_cell):
        end = min(chunk_map.n_chunks, first + per_cell)
        n_delivered = _count_bits(chunk_map.delivered, first, end)
        if n_delivered == end - first:
            found.append("■")
        else:
            found.append("□" if n_delivered or first < chunk_map.n_produced else "·")
    return "".join(found), per_cell


def _count_bits(bitmap: bytes, first: int, end: int) -> int:
    bits = int.from_bytes(bitmap[first // 8:(end + 7) // 8], "little") >> first % 8
    return (bits & ((1 << (end - first)) - 1)).bit_count()
