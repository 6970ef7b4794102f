"""What the panes paint from: one frozen picture, and what the screen wishes to have in the next."""

from __future__ import annotations

from dataclasses import dataclass

from tui.engine.model.files import FileStatus
from tui.engine.model.snapshot import Cause, LogLine, Page, PageKind, PageOrder, Snapshot
from tui.engine.model.versions import ChunkMap, VersionRecord

#: A row of a long list.
Row = FileStatus | VersionRecord | Cause


@dataclass(frozen=True, slots=True)
class Wish:
    """What the screen shows just now, and so what has to be asked.

    Attributes:
        kind, offset, n_rows, pattern, order, reason: the part of the long list that is visible.
        path: the selected file; empty for none.
        after_log_line: number of the last log line that is known.
    """

    kind: PageKind = PageKind.QUEUE
    offset: int = 0
    n_rows: int = 50
    pattern: str = ""
    order: PageOrder = PageOrder.LINE
    reason: str = ""
    path: str = ""
    after_log_line: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """Everything for one picture. Panes are pure functions of it.

    Attributes:
        snapshot: the engine as a whole.
        page: the part of a long list that ``wish`` asked for.
        wish: what was asked.
        status: where the selected file stands; None for no file, or one that is not in sight.
        versions: of the selected file, newest first.
        chunk_path, chunk_map: of the selected file while it is being sent, else of the first one
            that is.
        log: lines since the last picture, at most some hundreds.
    """

    snapshot: Snapshot
    page: Page
    wish: Wish = Wish()
    status: FileStatus | None = None
    versions: tuple[VersionRecord, ...] = ()
    chunk_path: str = ""
    chunk_map: ChunkMap | None = None
    log: tuple[LogLine, ...] = ()
