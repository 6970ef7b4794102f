"""One sentence for whoever just came in: what it does, whether all is well, and what to do."""

from __future__ import annotations

from tui import wording
from tui.console.panes.freshness import is_acknowledgement_old
from tui.console.panes.pane import Drawing, Pane, Part, cells
from tui.console.view import View
from tui.engine.model.snapshot import BrokerState, Phase, Snapshot
from tui.text import shorten, visible

_WIDE = 110
_Sentence = tuple[str, str, str]


class Verdict(Pane):
    """The state in a sentence, and the answer to: may I switch this off?"""

    HAS_FRAME = False

    def __init__(self) -> None:
        super().__init__("verdict", "Verdict")

    @staticmethod
    def draw(view: View, width: int, height: int) -> Drawing:
        """Show the sentence on the left, the answer on the right."""
        snapshot = view.snapshot
        answer = _answer(snapshot, width)
        if width < 76:  # the sentence matters more
            answer = []
        room = max(10, width - cells(answer) - 2)
        left = _joined(sentences(snapshot))
        if cells(left) > room or width < _WIDE:
            left = _joined(sentences(snapshot, is_short=True))
        if cells(left) > room:  # what is wrong matters more than the answer
            answer, room = [], width
        left = _cut(left, room)
        return Drawing(([*left, " " * (width - cells(left) - cells(answer)), *answer],))


def _joined(found: list[_Sentence]) -> list[Part]:
    line: list[Part] = []
    for sign, text, style in found:
        line += [("   " if line else ""), (f"{sign} {text}", style)]
    return line


def _cut(line: list[Part], room: int) -> list[Part]:
    """Return a line that fits, each part of it in its own style."""
    found: list[Part] = []
    for part in line:
        text, style = (part, "") if isinstance(part, str) else part
        found.append((shorten(text, max(0, room - cells(found)), cut_end=True), style))
    return found


def _answer(snapshot: Snapshot, width: int) -> list[Part]:
    if snapshot.phase is not Phase.RUNNING:
        return []
    if wording.can_leave(snapshot):
        return [("switch off? ", "$quiet"), ("yes", "bold $success")]
    rest = ", quit sends the rest first" if width >= _WIDE else ""
    return [("switch off? ", "$quiet"), ("not yet", "bold $warning"), (rest, "$quiet")]


def sentences(snapshot: Snapshot, is_short: bool = False) -> list[_Sentence]:
    """Return a sign, a sentence and a style for what is true, the worst first.

    One of them says what the program does; files that are stuck are said beside it.
    """
    worst = _phase(snapshot) or _trouble(snapshot)
    found = [worst] if worst else [_work(snapshot, is_short)]
    stuck = _stuck(snapshot, is_short)
    return [*found, stuck] if stuck else found


def _phase(snapshot: Snapshot) -> _Sentence | None:
    if snapshot.phase is Phase.DRAINING:
        return "▼", f"Leaving when all is acknowledged: {wording.draining_words(snapshot)}", \
            "bold $warning"
    if snapshot.phase is Phase.STOPPED:
        return "■", "Stopped", "bold $warning"
    return None


def _trouble(snapshot: Snapshot) -> _Sentence | None:
    if snapshot.freshness.source_offline:
        text = f"The source is offline: {visible(snapshot.freshness.source_offline)}"
        return "×", text + "; uploading resumes automatically when it is back", "bold $error"
    broker = snapshot.broker
    if broker.state is BrokerState.UNREACHABLE:
        since = wording.coarse(snapshot.taken_at - broker.since)
        return "×", f"Broker unreachable for {since}: nothing is lost, it is retried " \
            "automatically", "bold $error"
    if snapshot.problems:
        n_more = len(snapshot.problems) - 1
        more = f" (and {n_more} more: check)" if n_more else ""
        return "×", visible(snapshot.problems[0]) + more, "bold $error"
    if broker.state is BrokerState.REFUSED:
        return "×", f"The broker refuses: {visible(broker.reason)}", "bold $error"
    if broker.state is BrokerState.CONNECTING:
        return "○", f"Connecting to {visible(broker.address)}; files are queued " \
            "meanwhile", "$warning"
    if is_acknowledgement_old(snapshot):
        age = wording.coarse(snapshot.freshness.last_acknowledgement_age or 0)
        return "!", f"Nothing was acknowledged for {age}, though files wait", "bold $warning"
    return None


def _stuck(snapshot: Snapshot, is_short: bool) -> _Sentence | None:
    counts = snapshot.counts
    parts = [f"{wording.count(n)} {word}" for n, word in ((counts.held, "held"),
                                                          (counts.failed, "failed")) if n]
    if not parts:
        return None
    remedy = "" if is_short else ": why tells more, retry tries again"
    return "!", ", ".join(parts) + remedy, "bold $error"


def _work(snapshot: Snapshot, is_short: bool) -> _Sentence:
    counts, traffic = snapshot.counts, snapshot.traffic
    if snapshot.is_paused:
        return "‖", f"Paused: {wording.files(counts.unfinished)} wait, nothing is sent until " \
            "resume", "bold $warning"
    if counts.unfinished:
        text = "" if is_short else "Sending "
        text += f"{wording.files(counts.unfinished)}, {wording.size(traffic.n_bytes_waiting)}"
        if traffic.seconds_left is not None:
            text += f", {wording.duration(traffic.seconds_left)} left"
        return "▶", text, "bold $success"
    if counts.settling:
        return "…", f"{wording.files(counts.settling)} changed just now, sent once at rest", \
            "$foreground"
    if counts.held or counts.failed:
        return "●", "All else is sent", "$success"
    if counts.in_doubt:
        return "●", f"Everything is sent; {wording.files(counts.in_doubt)} read again to see " \
            "whether the content changed", "$success"
    return "●", "Everything is sent; new files follow by themselves", "bold $success"
