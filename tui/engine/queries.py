"""Answers what people ask of single paths and long lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tui.engine.finding.finder import Finder
from tui.engine.finding.selection import NOT_UTF8
from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.snapshot import Explanation, Page, PageKind, PageOrder
from tui.engine.model.versions import VersionState
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.pages import file_page, n_bytes_of_first, sorted_as
from tui.engine.sending.queue import UploadQueue
from tui.engine.system.paths import as_like, is_utf8, matches
from tui.errors import UploadError

#: Files in hand are few where they are large, and shown elsewhere.
_MOST_LEFT_OUT = 500

_VERDICTS = {
    FileState.LEFT_ALONE: "left alone",
    FileState.SETTLING: "settling",
    FileState.WAITING: "waiting",
    FileState.UPLOADING: "uploading",
    FileState.UPLOADED: "uploaded",
    FileState.HELD: "held",
    FileState.FAILED: "failed",
}


def page_of(ledger: Ledger, finder: Finder, queue: UploadQueue, kind: PageKind, offset: int,
            n_rows: int, pattern: str, order: PageOrder = PageOrder.LINE) -> Page:
    """Return some rows of a long list.

    Args:
        ledger, finder, queue: who knows them.
        kind: which list.
        offset, n_rows: which rows.
        pattern: part of the path, or a glob; empty for all.
        order: how they are to be sorted; files that settle or are refused always come in line.
    """
    if kind is PageKind.UPLOADED:
        order = sorted_as(order, ledger.files.counts()[0].uploaded)
        n_total, records = ledger.versions.page(offset, n_rows, as_like(pattern), order)
        return Page(kind, offset, n_total, records, order)
    parts = {
        PageKind.QUEUE: (_settling_part, _stuck_part, _waiting_part),
        PageKind.WAITING: (_waiting_part,),
        PageKind.HELD: (_stuck_part,)}[kind]
    asked = _Asked(ledger, finder, queue, pattern, order)
    rows: list[FileStatus] = []
    n_total, shown_as = 0, order
    for part in parts:
        n, found, shown_as = part(asked, max(0, offset - n_total), n_rows - len(rows))
        n_total += n
        rows += found
    return Page(kind, offset, n_total, tuple(rows), shown_as)


@dataclass(frozen=True, slots=True)
class _Asked:
    ledger: Ledger
    finder: Finder
    queue: UploadQueue
    pattern: str
    order: PageOrder


_Part = tuple[int, Sequence[FileStatus], PageOrder]


def _settling_part(asked: _Asked, offset: int, n_rows: int) -> _Part:
    n_total, rows = asked.finder.settling_page(offset, n_rows, asked.pattern)
    return n_total, rows, asked.order


def _stuck_part(asked: _Asked, offset: int, n_rows: int) -> _Part:
    n_total, rows, order = file_page(
        asked.ledger.database, (FileState.HELD, FileState.FAILED), offset, n_rows,
        like=as_like(asked.pattern), order=asked.order)
    refused = [r for r in asked.finder.refused()
               if not asked.pattern or matches(asked.pattern, r.rel_path)]
    start = max(0, offset - n_total)
    more = refused[start:start + n_rows - len(rows)]
    return n_total + len(refused), [*rows, *more], order


def _waiting_part(asked: _Asked, offset: int, n_rows: int) -> _Part:
    """Return what is in line, without what is in hand, and the payload that goes before each."""
    database, transfers = asked.ledger.database, asked.queue.transfers()[:_MOST_LEFT_OUT]
    in_hand = [transfer.file.file_id for transfer in transfers]
    n_total, rows, order = file_page(
        database, (FileState.WAITING,), offset, n_rows, like=as_like(asked.pattern),
        order=asked.order, without=in_hand)
    if asked.pattern or order is not PageOrder.LINE or not rows:
        return n_total, rows, order
    ahead = n_bytes_of_first(database, offset, in_hand)
    if ahead is None:
        return n_total, rows, order
    ahead += sum(max(0, s.version.n_bytes - s.n_delivered * s.version.chunk_size)
                 for s in transfers)
    shown = []
    for row in rows:
        shown.append(replace(row, n_bytes_ahead=ahead))
        ahead += row.n_bytes
    return n_total, shown, order


def explain(ledger: Ledger, finder: Finder, queue: UploadQueue, rel_path: str) -> Explanation:
    """Return what is happening to a path, and why."""
    excluded = finder.why_excluded(rel_path)
    if not is_utf8(rel_path):  # the ledger cannot know it
        if not excluded and finder.observe(rel_path) is None:
            return Explanation(rel_path, "unknown", reason=finder.why_unknown(rel_path))
        return Explanation(rel_path, "excluded", reason=excluded or NOT_UTF8)
    records = ledger.versions.records_of(rel_path)
    version = records[0] if records else None
    if excluded:
        return Explanation(rel_path, "excluded", version=version, reason=excluded)
    for refused in finder.refused():
        if refused.rel_path == rel_path:
            return Explanation(rel_path, "failed", refused, version, reason=refused.reason)
    transfer = queue.transfer_of(rel_path)
    if transfer is not None:
        return Explanation(rel_path, "uploading", transfer.status(), version)
    status = finder.settling_status(rel_path) or ledger.files.status(rel_path)
    if status is None:
        return Explanation(rel_path, "unknown", reason=finder.why_unknown(rel_path))
    verdict = _VERDICTS[status.state]
    if status.state is FileState.UPLOADED and version is not None \
            and version.state is not VersionState.COMPLETE:
        version = next((r for r in records if r.state is VersionState.COMPLETE), version)
    ahead = 0
    if status.state is FileState.WAITING:
        ahead = ledger.files.n_bytes_ahead(rel_path)
    return Explanation(rel_path, verdict, status, version, ahead,
                       status.reason or _doubt(ledger, rel_path, status))


def _doubt(ledger: Ledger, rel_path: str, status: FileStatus) -> str:
    known = ledger.files.known(rel_path) if status.state is FileState.UPLOADED else None
    if known is None or not known.is_in_doubt:
        return ""
    return "it may have changed since, and is read again to see whether it did"


def reupload(ledger: Ledger, finder: Finder, rel_path: str) -> None:
    """Put a file in line whether or not it changed.

    Raises:
        UploadError: it is excluded, or not there.
    """
    excluded = finder.why_excluded(rel_path) or ("" if is_utf8(rel_path) else NOT_UTF8)
    if excluded:
        raise UploadError(f"it is never uploaded: {excluded}", where=rel_path)
    observation = finder.observe(rel_path)
    if observation is None:
        raise UploadError("there is no such file", where=rel_path,
                          remedy="Give the path relative to the upload directory")
    with ledger.database.together():  # nobody may take it from the line in between
        ledger.files.put_at_the_end([observation._replace(rel_path=rel_path)])
        ledger.files.must_send(rel_path)
