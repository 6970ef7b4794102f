"""The versions being uploaded: a row a file, with its bar."""

from __future__ import annotations

from tui import wording
from tui.console.panes.listing import Bar, Cell, Column, Listing
from tui.console.view import View
from tui.engine.model.files import FileState, FileStatus


class Uploading(Listing):
    """Path, size, bar, percent, chunks, rate, time left."""

    def __init__(self) -> None:
        super().__init__("uploading", (
            Column("file", 0, 4),
            Column("size", 9, right=True, wide_only=80),
            Column("done", 0, 1),
            Column("", 5, right=True),
            Column("chunks", 15, right=True, wide_only=96),
            Column("rate", 9, right=True),
            Column("left", 10, right=True, wide_only=64)))
        self.border_title = "Uploading"
        self.empty_text = "nothing is being sent just now"
        self._statuses: tuple[FileStatus, ...] = ()

    def show(self, view: View) -> None:
        """Show the versions being uploaded."""
        snapshot = view.snapshot
        self._statuses = snapshot.uploading
        self.title("border_title",
                   f"Uploading {wording.count(snapshot.counts.on_their_way)}")
        n_more = snapshot.counts.on_their_way - len(self._statuses)
        self.title("border_subtitle", "paused: what is begun waits" if snapshot.is_paused
                   else f"and {wording.count(n_more)} more" if n_more > 0 else "")
        top, n_rows = self.first_in_sight(), self.n_in_sight()
        part = self._statuses[top:top + n_rows]
        self.set_rows(len(self._statuses), top, [s.rel_path for s in part],
                      [row_cells(s) for s in part])

    def selected(self) -> FileStatus | None:
        """Return the file under the cursor."""
        if 0 <= self.cursor < len(self._statuses):
            return self._statuses[self.cursor]
        return None


def row_cells(status: FileStatus) -> list[Cell]:
    """Return what the row of a file shows."""
    n_done, n_all = status.n_chunks_delivered, status.n_chunks
    share = n_done / n_all if n_all else 0.0
    chunks, rate = f"{wording.count(n_done)} / {wording.count(n_all)}", \
        wording.rate(status.bytes_per_second)
    if status.state is FileState.READING:
        share = (status.n_bytes_hashed or 0) / status.n_bytes if status.n_bytes else 0.0
        chunks = "reading"
    elif status.state is FileState.STALLED:
        rate = "stalled"
    elif not n_all:
        chunks = rate = ""
    left = "" if status.seconds_left is None else wording.duration(status.seconds_left)
    return [
        (wording.visible_path(status.rel_path), "listing--plain"),
        (wording.size(status.n_bytes), "listing--quiet"),
        Bar(share),
        (wording.done(status), "listing--plain"),
        (chunks, "listing--quiet"),
        (rate, "listing--plain"),
        (left, "listing--quiet")]
