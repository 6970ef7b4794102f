"""A line that cannot lie: when something was last heard, looked at, and acknowledged."""

from __future__ import annotations

from tui import wording
from tui.console.panes.pane import Drawing, Pane, Part, cells
from tui.console.view import View
from tui.engine.model.snapshot import Freshness, Snapshot

#: Ages in seconds from which on they are in the warning colour and marked.
OLD_SCAN_SECONDS = 300.0
OLD_UNSENT_SECONDS = 120.0
OLD_ACKNOWLEDGEMENT_SECONDS = 30.0


class FreshnessLine(Pane):
    """Ages, each in the warning colour and with a mark where it is too high."""

    HAS_FRAME = False

    def __init__(self) -> None:
        super().__init__("freshness", "Freshness")

    @staticmethod
    def draw(view: View, width: int, height: int) -> Drawing:
        """Show as many of the ages as there is room for."""
        line: list[Part] = []
        for item in items(view.snapshot):
            more = [("  ·  ", "$quiet"), *item] if line else item
            if cells(line) + cells(more) <= width:
                line += more
        return Drawing((line,))


def items(snapshot: Snapshot) -> list[list[Part]]:
    """Return the ages of a snapshot, the most telling ones first."""
    fresh = snapshot.freshness
    scan = _aged("last scan", fresh.last_scan_age,
                 fresh.next_scan_seconds is not None and is_scan_old(fresh))
    if fresh.last_scan_n_missed:
        scan.append((f" found {wording.count(fresh.last_scan_n_missed)} that events had missed",
                     "$warning"))
    found = [
        _aged("last event", fresh.last_event_age, False), scan,
        _aged("last acknowledgement", fresh.last_acknowledgement_age,
              is_acknowledgement_old(snapshot)),
        _aged("oldest unsent file", fresh.oldest_unsent_age,
              (fresh.oldest_unsent_age or 0) > OLD_UNSENT_SECONDS, "none")]
    if fresh.next_scan_seconds is None:
        found.append([("scans are off", "$warning")])
    if fresh.n_overflows:
        found.append([(f"events lost {wording.count(fresh.n_overflows)} times, scanned again",
                       "$warning")])
    if fresh.observer:
        found.append([("observer ", "$quiet"), (fresh.observer, "$quiet")])
    return found


def is_scan_old(fresh: Freshness) -> bool:
    """Return whether the last scan is longer ago than it may be."""
    limit = max(OLD_SCAN_SECONDS, 3 * (fresh.last_scan_seconds or 0))
    return (fresh.last_scan_age or 0) > limit


def is_acknowledgement_old(snapshot: Snapshot) -> bool:
    """Return whether something waits to be acknowledged, and nothing was for too long."""
    age = snapshot.freshness.last_acknowledgement_age
    return snapshot.counts.unfinished > 0 and not snapshot.is_paused and age is not None \
        and age > OLD_ACKNOWLEDGEMENT_SECONDS


def _aged(what: str, seconds: float | None, is_old: bool, never: str = "never") -> list[Part]:
    if seconds is None:
        return [(f"{what} ", "$quiet"), (never, "$quiet")]
    if is_old:
        return [("! ", "bold $warning"), (f"{what} ", ""),
                (wording.coarse(seconds), "bold $warning")]
    return [(f"{what} ", "$quiet"), (wording.coarse(seconds), "$success")]
