"""Which rare events become notifications: the first of a kind at once, the rest counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tui import wording
from tui.engine.model.snapshot import Notice, NoticeKind, Phase, Snapshot
from tui.text import visible

Severity = Literal["information", "warning", "error"]

#: Events of one kind within this time are merged.
MERGE_SECONDS = 20.0
#: The end of a backlog is news where it had so many files, or took so long.
_BIG_BACKLOG_FILES = 20
_LONG_BACKLOG_SECONDS = 60.0
_SEVERITIES: dict[NoticeKind, Severity] = {
    NoticeKind.FILE_HELD: "warning", NoticeKind.FILE_FAILED: "error",
    NoticeKind.BROKER_DOWN: "error", NoticeKind.THREAD_DIED: "error"}


@dataclass(frozen=True, slots=True)
class Announcement:
    """A notification; its text is literal."""

    title: str
    text: str
    severity: Severity = "information"


@dataclass(slots=True)
class _Merged:
    since: float
    n_more: int = 0
    last: str = ""


class Notices:
    """Remembers what was announced. Times are seconds of one steadily growing clock."""

    def __init__(self) -> None:
        self._merged: dict[NoticeKind, _Merged] = {}
        self._backlog_since: float | None = None
        self._n_most = 0

    def told(self, notice: Notice, now: float) -> Announcement | None:
        """Take an event; return what is to be announced of it now."""
        text = visible(f"{notice.rel_path}: {notice.text}" if notice.rel_path
                       else notice.text)
        merged = self._merged.get(notice.kind)
        if merged is not None:
            merged.n_more += 1
            merged.last = text
            return None
        self._merged[notice.kind] = _Merged(now)
        return self._announcement(notice.kind, text)

    def due(self, snapshot: Snapshot, now: float) -> list[Announcement]:
        """Return what has to be announced without a new event."""
        found = []
        for kind, merged in list(self._merged.items()):
            if now - merged.since < MERGE_SECONDS:
                continue
            if merged.n_more:
                more = f"{wording.count(merged.n_more)} more, the last one: {merged.last}"
                found.append(self._announcement(kind, more))
                self._merged[kind] = _Merged(now)
            else:
                del self._merged[kind]
        ended = self._end_of_backlog(snapshot, now)
        return [*found, ended] if ended else found

    def _end_of_backlog(self, snapshot: Snapshot, now: float) -> Announcement | None:
        n_files = snapshot.counts.unfinished
        if n_files:
            if self._backlog_since is None:
                self._backlog_since = now
            self._n_most = max(self._n_most, n_files)
            return None
        since, n_most = self._backlog_since, self._n_most
        self._backlog_since, self._n_most = None, 0
        if since is None or snapshot.phase is not Phase.RUNNING or (
                n_most < _BIG_BACKLOG_FILES and now - since < _LONG_BACKLOG_SECONDS):
            return None
        counts = snapshot.counts
        if counts.stuck:
            return Announcement("caught up", f"everything is uploaded, except "
                                f"{wording.files(counts.stuck)} that could not be", "warning")
        return Announcement("caught up", "everything found so far is uploaded")

    @staticmethod
    def _announcement(kind: NoticeKind, text: str) -> Announcement:
        return Announcement(kind.value, text, _SEVERITIES.get(kind, "information"))
