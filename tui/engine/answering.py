"""Answers what people ask of single paths and long lists."""

from __future__ import annotations

from dataclasses import replace

from tui.engine.finding.finding import Finding
from tui.engine.finding.selection import NOT_UTF8
from tui.engine.model import (
    Explanation,
    FileState,
    FileStatus,
    Page,
    PageKind,
    VersionState,
)
from tui.engine.paths import as_like, is_utf8, matches
from tui.engine.recording.ledger import Ledger
from tui.engine.sending.queue import UploadQueue
from tui.errors import UploadError

_VERDICTS = {
    FileState.LEFT_ALONE: "left alone",
    FileState.SETTLING: "settling",
    FileState.WAITING: "waiting",
    FileState.UPLOADING: "uploading",
    FileState.UPLOADED: "uploaded",
    FileState.HELD: "held",
    FileState.FAILED: "failed",
}


def page_of(ledger: Ledger, finding: Finding, queue: UploadQueue, kind: PageKind, offset: int,
            n_rows: int, pattern: str) -> Page:
    """Return some rows of a long list.

    Args:
        ledger, finding, queue: who knows them.
        kind: which list.
        offset, n_rows: which rows.
        pattern: part of the path, or a glob; empty for all.
    """
    like = as_like(pattern)
    if kind is PageKind.UPLOADED:
        n_total, records = ledger.versions.page(offset, n_rows, like)
        return Page(kind, offset, n_total, records)
    if kind is PageKind.HELD:
        n_total, rows = ledger.files.page((FileState.HELD, FileState.FAILED), offset, n_rows, like)
        refused = [r for r in finding.refused() if not pattern or matches(pattern, r.rel_path)]
        room = max(0, n_rows - len(rows))
        start = max(0, offset - n_total)
        rows += tuple(refused[start:start + room])
        return Page(kind, offset, n_total + len(refused), rows)
    n_settling, settling = finding.settling_page(offset, n_rows, pattern)
    rest = n_rows - len(settling)
    n_waiting, waiting = ledger.files.page(
        (FileState.WAITING,), max(0, offset - n_settling), max(0, rest), like)
    shown = tuple(_as_uploading(queue, row) for row in waiting)
    return Page(kind, offset, n_settling + n_waiting, settling + shown)


def _as_uploading(queue: UploadQueue, row: FileStatus) -> FileStatus:
    sending = queue.sending_of(row.rel_path)
    return row if sending is None else sending.status()


def explain(ledger: Ledger, finding: Finding, queue: UploadQueue, rel_path: str) -> Explanation:
    """Return what is happening to a path, and why."""
    excluded = finding.why_excluded(rel_path)
    if not is_utf8(rel_path):  # the ledger cannot know it
        if not excluded and finding.observe(rel_path) is None:
            return Explanation(rel_path, "unknown", reason=finding.why_unknown(rel_path))
        return Explanation(rel_path, "excluded", reason=excluded or NOT_UTF8)
    records = ledger.versions.records_of(rel_path)
    version = records[0] if records else None
    if excluded:
        return Explanation(rel_path, "excluded", version=version, reason=excluded)
    for refused in finding.refused():
        if refused.rel_path == rel_path:
            return Explanation(rel_path, "failed", refused, version, reason=refused.reason)
    sending = queue.sending_of(rel_path)
    if sending is not None:
        return Explanation(rel_path, "uploading", sending.status(), version)
    status = finding.settling_status(rel_path) or ledger.files.status(rel_path)
    if status is None:
        return Explanation(rel_path, "unknown", reason=finding.why_unknown(rel_path))
    verdict = _VERDICTS[status.state]
    if status.state is FileState.UPLOADED and version is not None \
            and version.state is not VersionState.COMPLETE:
        version = next((r for r in records if r.state is VersionState.COMPLETE), version)
    ahead = 0
    if status.state is FileState.WAITING:
        ahead = ledger.files.n_bytes_ahead(rel_path)
    return Explanation(rel_path, verdict, status, version, ahead, status.reason)


def reupload(ledger: Ledger, finding: Finding, rel_path: str) -> None:
    """Put a file in line whether or not it changed.

    Raises:
        UploadError: it is excluded, or not there.
    """
    excluded = finding.why_excluded(rel_path) or ("" if is_utf8(rel_path) else NOT_UTF8)
    if excluded:
        raise UploadError(f"it is never uploaded: {excluded}", where=rel_path)
    observation = finding.observe(rel_path)
    if observation is None:
        raise UploadError("there is no such file", where=rel_path,
                          remedy="Give the path relative to the upload directory")
    with ledger.database.together():  # nobody may take it from the line in between
        ledger.files.record_waiting([replace(observation, rel_path=rel_path)])
        ledger.files.must_send(rel_path)
