"""What is not being uploaded yet: settling, held and failed, and waiting."""

from __future__ import annotations

from tui import wording
from tui.console.panes.listing import Cell, Column
from tui.console.panes.paged import PagedList
from tui.console.view import Row
from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.snapshot import Cause, PageKind, Snapshot
from tui.engine.model.versions import VersionRecord
from tui.text import visible

_STYLES = {
    FileState.SETTLING: "listing--accent", FileState.GROWING: "listing--warn",
    FileState.HELD: "listing--warn", FileState.FAILED: "listing--bad"}
_STUCK = (FileState.HELD, FileState.FAILED)
_EMPTY = {
    PageKind.QUEUE: "the queue is empty",
    PageKind.WAITING: "nothing waits",
    PageKind.HELD: "nothing needs you, and nothing is retried",
    PageKind.NOT_TAKEN: "nothing was here before the first start that is not taken"}


def _next_words(row: FileStatus, now: float) -> str:
    """Return what happens next to a file of the queue; when it is tried again comes first."""
    if row.state is FileState.NOT_TAKEN:
        return "here before the first start; t takes it, :take takes all"
    if row.state is FileState.HELD and row.next_attempt_seconds is not None:
        return _why_stuck(row)
    if row.state is FileState.SETTLING:
        return wording.status_words(row, now).replace("still being written? Uploads", "uploads", 1)
    return wording.status_words(row, now)


def _examples(cause: Cause) -> str:
    return f"{wording.files(cause.n_files)}: {visible(', '.join(cause.examples))}"


def _why_stuck(stuck: FileStatus | Cause) -> str:
    """Return when it is tried again, where that is automatic, and why it is stuck."""
    again = "" if stuck.next_attempt_seconds is None \
        else f"next attempt in {wording.duration(stuck.next_attempt_seconds)}; "
    return f"{again}{visible(stuck.reason)}"


class Queue(PagedList):
    """Unfinished files: all of them, those that are queued, or those that are stuck."""

    def __init__(self) -> None:
        super().__init__("queue", (
            Column("file", 0, 4), Column("size", 9, right=True, wide_only=50),
            Column("state", 9), Column("what happens next", 0, 3, cut_end=True)),
            PageKind.QUEUE)

    def row_cells(self, row: Row) -> list[Cell]:
        """Return path, size, state, and what happens next or why it is stuck."""
        assert not isinstance(row, VersionRecord)
        if isinstance(row, Cause):
            return [(_examples(row), "listing--plain"),
                    (wording.size(row.n_bytes), "listing--quiet"),
                    (wording.state_word(row.state), _STYLES[row.state]),
                    (_why_stuck(row), "listing--plain")]
        state = wording.state_word(row.state)
        words = _next_words(row, self.now).removeprefix(state).lstrip(":, ")
        return [(wording.visible_path(row.rel_path), "listing--plain"),
                (wording.size(row.n_bytes), "listing--quiet"),
                (state, _STYLES.get(row.state, "listing--plain")),
                (words, "listing--plain" if row.state in _STUCK else "listing--quiet")]

    def first_words(self, snapshot: Snapshot) -> str:
        """Return what is watched and when a file goes, while there is none."""
        if self.kind is not PageKind.QUEUE or snapshot.counts.uploaded or snapshot.is_paused:
            return ""
        return f"drop a file into {visible(snapshot.upload_dir)}: it uploads " \
            f"{wording.duration(snapshot.lag_seconds)} after its last change"

    def empty_words(self) -> str:
        """Return that there is nothing, in the words of the list."""
        return _EMPTY[self.kind]
