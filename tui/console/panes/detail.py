"""What is known of the selected file, in a few lines."""

from __future__ import annotations

from tui import wording
from tui.console.panes.pane import Drawing, Pane, Part, table
from tui.console.view import View
from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.versions import VersionRecord, VersionState

_STYLES = {FileState.HELD: "$error", FileState.FAILED: "$error", FileState.UPLOADED: "$success",
           FileState.SETTLING: "$warning"}


class Detail(Pane):
    """The selected file; Enter shows all of it."""

    def __init__(self) -> None:
        super().__init__("detail", "File")

    @staticmethod
    def draw(view: View, width: int, height: int) -> Drawing:
        """Show a file and its last version."""
        if not view.wish.path:
            return Drawing(([("select a file with the arrow keys", "$quiet")],))
        rows = _status_rows(view.status, bool(view.versions))
        if view.versions:
            rows += _version_rows(view.versions)
        if not rows:
            return Drawing(([("nothing is known of it yet", "$quiet")],))
        return Drawing(tuple(table(rows, width, height)), subtitle="enter shows all of it")


def _status_rows(status: FileStatus | None, has_versions: bool) -> list[tuple[str, Part]]:
    if status is None:
        return []
    words = wording.status_words(status)
    if status.state is FileState.UPLOADING and not wording.is_being_read(status):
        words = f"uploading, {wording.done(status)} acknowledged"
    rows: list[tuple[str, Part]] = [("state", (words, _STYLES.get(status.state, "")))]
    if not status.n_chunks and not has_versions:
        rows.append(("size", wording.size(status.n_bytes)))
    if status.since:
        rows.append(("since", wording.moment(status.since)))
    return rows


def _version_rows(versions: tuple[VersionRecord, ...]) -> list[tuple[str, Part]]:
    last = versions[0]
    partition = str(last.partition)
    if last.offsets:
        partition = ", ".join(f"{r.partition}, offsets {r.first}-{r.last}" for r in last.offsets)
    rows: list[tuple[str, Part]] = [
        ("size", f"{wording.size(last.n_bytes)}, {wording.count(last.n_chunks)} chunks of "
         f"{wording.count(last.chunk_size)}"),
        ("sha512", last.sha512.hex()),
        ("partition", partition)]
    before = [r for r in versions if r.state is VersionState.COMPLETE and r.completed]
    when = f", uploaded {wording.moment(before[0].completed or 0)}" if before else ""
    rows.append(("versions", f"{wording.count(len(versions))}{when}"))
    return rows
