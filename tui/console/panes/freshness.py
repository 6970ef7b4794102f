"""May the disk be emptied; when something was last heard, looked at, and acknowledged."""

from __future__ import annotations

from tui import answers, wording
from tui.console.panes.pane import Drawing, Pane, Part, cells
from tui.console.view import View
from tui.engine.model.snapshot import Freshness, Snapshot

#: Ages in seconds from which on they are in the warning colour and marked.
OLD_SCAN_SECONDS = 300.0
OLD_UNSENT_SECONDS = 120.0
OLD_ACKNOWLEDGEMENT_SECONDS = 30.0
#: Room that is kept for one of them.
_AGE_CELLS = 30


class FreshnessLine(Pane):
    """May the disk be emptied, and the ages: each marked where it is too high."""

    HAS_FRAME = False

    def __init__(self) -> None:
        super().__init__("freshness", "Freshness")

    @staticmethod
    def draw(view: View, width: int, height: int) -> Drawing:
        """Show as many of the ages as there is room for."""
        question = ("may I empty the disk? ", "$quiet")
        line: list[Part] = [question, answers.disk_words(view.snapshot)]
        if cells(line) + _AGE_CELLS > width:
            line = [question, answers.disk_words(view.snapshot, is_brief=True)]
        for item in items(view.snapshot):
            more: list[Part] = [("  ·  ", "$quiet"), *item]
            if cells(line) + cells(more) <= width:
                line += more
        return Drawing((line,))


def items(snapshot: Snapshot) -> list[list[Part]]:
    """Return the ages of a snapshot, what is wrong first."""
    fresh = snapshot.freshness
    scan = _aged("last check", fresh.last_scan_age,
                 fresh.next_scan_seconds is not None and is_scan_old(fresh))
    if fresh.last_scan_n_missed:
        scan.append((f" found {wording.count(fresh.last_scan_n_missed)} that events had missed",
                     "$warning"))
    longest = (fresh.oldest_unsent_age or 0) > OLD_UNSENT_SECONDS
    found = [(longest, _aged("longest wait", fresh.oldest_unsent_age, longest, "none")),
             (False, _aged("last change", fresh.last_event_age, False)),
             (is_scan_old(fresh) or bool(fresh.last_scan_n_missed), scan),
             (is_acknowledgement_old(snapshot),
              _aged("last acknowledgement", fresh.last_acknowledgement_age,
                    is_acknowledgement_old(snapshot)))]
    if fresh.next_scan_seconds is None:
        found.append((True, [("scans are off", "$warning")]))
    if fresh.n_overflows:
        found.append((True, [(f"events lost {wording.counted(fresh.n_overflows, 'time')}, scanned "
                              "again", "$warning")]))
    found.sort(key=lambda item: not item[0])
    parts = [item for _, item in found]
    if fresh.observer:
        parts.append([("observer ", "$quiet"), (fresh.observer, "$quiet")])
    return parts


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
