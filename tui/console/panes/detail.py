"""What is known of the selected file, in a few lines."""

from __future__ import annotations

from tui import wording
from tui.console.panes.pane import Pane, Part
from tui.engine.model import FileStatus, VersionRecord


class Detail(Pane):
    """The selected file; Enter shows all of it."""

    def __init__(self) -> None:
        super().__init__("File", "detail")

    def show(self, path: str, status: FileStatus | VersionRecord | None,
             versions: tuple[VersionRecord, ...]) -> None:
        """Show a file and its last version."""
        if not path:
            self.paint([("select a file with the arrow keys", "$quiet")])
            return
        width = max(10, self.size.width - 12)
        rows: list[tuple[str, str]] = []
        if isinstance(status, FileStatus):
            rows.append(("state", wording.status_words(status)))
            rows.append(("size", wording.size(status.n_bytes)))
            if status.since:
                rows.append(("since", wording.moment(status.since)))
        if versions:
            last = versions[0]
            rows.append(("version", f"{wording.count(len(versions))} so far, last one "
                         + wording.version_word(last.state)))
            rows.append(("sha512", last.sha512.hex()[:max(8, width - 1)] + "…"))
            rows.append(("chunks", f"{wording.count(last.n_chunks)} of "
                         f"{wording.count(last.chunk_size)} bytes"))
            rows.append(("partition", ", ".join(
                f"{r.partition}: offsets {r.first}-{r.last}" for r in last.offsets)
                or str(last.partition)))
            if last.completed:
                rows.append(("uploaded", wording.moment(last.completed)))
        lines: list[list[Part]] = [
            [(f"{label:<10}", "$quiet"), wording.shorten(text, width, cut_end=True)]
            for label, text in rows]
        self.paint(*(lines or [[("nothing is known of it yet", "$quiet")]]),
                   subtitle="enter: all of it")
