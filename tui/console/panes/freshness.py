"""A line that cannot lie: when something was last heard, looked at, and acknowledged."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from tui import wording
from tui.console.panes.pane import Part
from tui.engine.model import Snapshot

_OLD_SCAN_SECONDS = 300.0
_OLD_UNSENT_SECONDS = 120.0
_QUIET_BROKER_SECONDS = 30.0


class FreshnessLine(Static):
    """Ages, in the warning colour where they are too high; problems come before them."""

    def __init__(self) -> None:
        super().__init__("", id="freshness", markup=False)
        self._plain = ""

    def show(self, snapshot: Snapshot) -> None:
        """Show the ages, or the first problem."""
        parts = self._problem(snapshot) if snapshot.problems else self._ages(snapshot)
        content = Content.assemble(*parts)
        if content.plain != self._plain:
            self._plain = content.plain
            self.update(content)

    def _problem(self, snapshot: Snapshot) -> list[Part]:
        more = f" (and {len(snapshot.problems) - 1} more)" if len(snapshot.problems) > 1 else ""
        text = wording.visible(snapshot.problems[0]) + more
        return [("! ", "bold $error"),
                (wording.shorten(text, max(10, self.size.width - 4)), "$error")]

    def _ages(self, snapshot: Snapshot) -> list[Part]:
        fresh, counts = snapshot.freshness, snapshot.counts
        scan_limit = max(_OLD_SCAN_SECONDS, 3 * (fresh.last_scan_seconds or 0))
        waits = counts.unfinished > 0 and not snapshot.is_paused
        items: list[list[Part]] = [
            _aged("last event", fresh.last_event_age, None),
            _aged("last scan", fresh.last_scan_age,
                  scan_limit if fresh.next_scan_seconds is not None else None),
            _aged("last acknowledgement", fresh.last_acknowledgement_age,
                  _QUIET_BROKER_SECONDS if waits else None),
            _aged("oldest unsent file", fresh.oldest_unsent_age, _OLD_UNSENT_SECONDS, "none")]
        if fresh.last_scan_n_missed:
            items[1].append((f" found {wording.count(fresh.last_scan_n_missed)} missed",
                             "$warning"))
        parts: list[Part] = []
        for item in items:
            parts += [("  ·  ", "$quiet")] if parts else []
            parts += item
        return parts


def _aged(what: str, seconds: float | None, limit: float | None, never: str = "never") \
        -> list[Part]:
    if seconds is None:
        return [f"{what} ", (never, "$quiet")]
    style = "$warning" if limit is not None and seconds > limit else "$success"
    return [f"{what} ", (wording.duration(seconds), style)]
