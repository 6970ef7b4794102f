"""What is known of the selected file, in a few lines."""

from __future__ import annotations

from tui import wording
from tui.console.panes.pane import Drawing, Pane, Part, table
from tui.console.view import View
from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.versions import OffsetRange, VersionRecord, VersionState

_STYLES = {FileState.HELD: "$error", FileState.FAILED: "$error", FileState.UPLOADED: "$success",
           FileState.SETTLING: "$warning", FileState.GROWING: "$warning",
           FileState.STALLED: "$warning"}


class Detail(Pane):
    """The selected file; Enter shows all of it."""

    def __init__(self) -> None:
        super().__init__("detail", "File")

    @staticmethod
    def draw(view: View, width: int, height: int) -> Drawing:
        """Show a file and its last version."""
        if not view.wish.path:
            return Drawing(([("select a file with the arrow keys", "$quiet")],))
        now = view.snapshot.taken_at
        rows = _status_rows(view.status, bool(view.versions), now)
        if view.versions:
            rows += _version_rows(view.versions)
        if not rows:
            return Drawing(([("nothing is known of it yet", "$quiet")],))
        return Drawing(tuple(table(rows, width, height)), subtitle="enter shows all of it")


def _status_rows(status: FileStatus | None, has_versions: bool,
                 now: float) -> list[tuple[str, Part]]:
    if status is None:
        return []
    words = wording.status_words(status, now)
    if status.state is FileState.UPLOADING and status.n_chunks:
        words = f"uploading, {wording.done(status)} acknowledged"
    rows: list[tuple[str, Part]] = [("state", (words, _STYLES.get(status.state, "")))]
    if not status.n_chunks and not has_versions:
        rows.append(("size", wording.size(status.n_bytes)))
    if status.since:
        rows.append(("since", wording.moment(status.since)))
    return rows


def offset_words(offsets: OffsetRange) -> str:
    """Return ``offset 286`` or ``offsets 286 to 301``."""
    if offsets.first == offsets.last:
        return f"offset {offsets.first}"
    return f"offsets {offsets.first} to {offsets.last}"


def _cut_words(version: VersionRecord) -> str:
    """Return a version's size and how it was cut."""
    chunks = wording.counted(version.n_chunks, "chunk")
    return f"{wording.size(version.n_bytes)}, {chunks}" + (
        f" of {wording.size(version.chunk_size)}" if version.n_chunks > 1 else "")


def _version_rows(versions: tuple[VersionRecord, ...]) -> list[tuple[str, Part]]:
    last = versions[0]
    partition = str(last.partition)
    if last.offsets:
        partition = ", ".join(f"{r.partition}, {offset_words(r)}" for r in last.offsets)
    rows: list[tuple[str, Part]] = [
        ("size", _cut_words(last)),
        ("sha512", last.sha512.hex()),
        ("partition", partition)]
    before = [r for r in versions if r.state is VersionState.COMPLETE and r.completed]
    when = f", uploaded {wording.moment(before[0].completed or 0)}" if before else ""
    rows.append(("versions", f"{wording.count(len(versions))}{when}"))
    return rows
