"""The versions in hand: a row a file, with its bar."""

from __future__ import annotations

from tui import wording
from tui.console.panes.listing import Cell, Column, Listing
from tui.engine.model import FileStatus, Snapshot

_BAR_CELLS = 12


class Uploading(Listing):
    """Path, size, bar, percent, chunks, rate, time left."""

    def __init__(self) -> None:
        super().__init__("uploading", (
            Column("file", 0),
            Column("size", 8, right=True, wide_only=90),
            Column("", _BAR_CELLS),
            Column("", 5, right=True),
            Column("chunks", 17, right=True, wide_only=90),
            Column("rate", 9, right=True),
            Column("left", 10, right=True, wide_only=62)))
        self.border_title = "Uploading"
        self.empty_text = "nothing is being sent just now"
        self.statuses: tuple[FileStatus, ...] = ()

    def show(self, snapshot: Snapshot) -> None:
        """Show the versions in hand."""
        self.statuses = snapshot.uploading
        self.border_title = f"Uploading {wording.count(snapshot.counts.uploading)}"
        top, n_rows = self.first_in_sight(), self.n_in_sight()
        part = self.statuses[top:top + n_rows]
        self.set_rows(len(self.statuses), top, [s.rel_path for s in part], [_row(s) for s in part])

    def selected(self) -> FileStatus | None:
        """Return the file under the cursor."""
        if 0 <= self.cursor < len(self.statuses):
            return self.statuses[self.cursor]
        return None


def _row(status: FileStatus) -> list[Cell]:
    n_done, n_all = status.n_chunks_delivered, status.n_chunks
    share = n_done / n_all if n_all else 0.0
    full = round(share * _BAR_CELLS) if share in (0, 1) else \
        min(_BAR_CELLS - 1, max(1, round(share * _BAR_CELLS)))
    left = "" if status.seconds_left is None else wording.duration(status.seconds_left)
    return [
        (wording.visible(status.rel_path), "listing--plain"),
        (wording.size(status.n_bytes), "listing--quiet"),
        ("━" * full + "─" * (_BAR_CELLS - full), "listing--accent"),
        (wording.percent(n_done, n_all), "listing--plain"),
        (f"{wording.count(n_done)} / {wording.count(n_all)}", "listing--quiet"),
        (wording.rate(status.bytes_per_second), "listing--plain"),
        (left, "listing--quiet")]
