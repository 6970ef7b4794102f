"""One sentence for whoever just came in: what it does, whether all is well, and what to do."""

from __future__ import annotations

from tui import answers, wording
from tui.console.panes.freshness import is_acknowledgement_old
from tui.console.panes.pane import Drawing, Pane, Part, cells
from tui.console.view import View
from tui.engine.model.snapshot import BrokerState, Phase, Snapshot
from tui.engine.model.verdicts import may_close
from tui.text import shorten, visible

_WIDE = 110
_LEAST_FOR_ANSWER = 76
_ADDED = ("~", "○")  #: signs of what cures itself, and of what nobody has asked for
_Sentence = tuple[str, str, str]


class Verdict(Pane):
    """The state in a sentence, and the answer to: may I close this?"""

    HAS_FRAME = False

    def __init__(self) -> None:
        super().__init__("verdict", "Verdict")

    @staticmethod
    def draw(view: View, width: int, height: int) -> Drawing:
        """Show the sentence on the left, the answer on the right."""
        snapshot = view.snapshot
        full, short = sentences(snapshot), sentences(snapshot, is_short=True)
        answer, brief = _answer(snapshot, width), _answer(snapshot, 0)
        # The first that fits: what the program does and the answer matter most.
        for said, answered in ((full, answer), (_needed(full), answer), (full, brief),
                               (_needed(full), brief), (short, brief), (_needed(short), brief)):
            left = _joined(said)
            if cells(left) + cells(answered) + 2 <= width:
                break
        else:
            if width < _LEAST_FOR_ANSWER or snapshot.counts.failed:
                answered = []  # what is wrong matters more
            left = _cut(_joined(_needed(short)), max(10, width - cells(answered) - 2))
        return Drawing(([*left, " " * (width - cells(left) - cells(answered)), *answered],))


def _needed(said: list[_Sentence]) -> list[_Sentence]:
    """Return sentences without those that only add to the first one."""
    return [said[0], *(one for one in said[1:] if one[0] not in _ADDED)]


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
    question: Part = ("may I close this? ", "$quiet")
    if may_close(snapshot):
        return [question, ("yes", "bold $success")]
    rest = ""
    if width >= _WIDE and snapshot.counts.unfinished:
        rest = f", q {answers.GIVES_UP}" if answers.is_cut_off(snapshot) \
            else ", q uploads the rest first"
    return [question, ("not yet", "bold $warning"), (rest, "$quiet")]


def sentences(snapshot: Snapshot, is_short: bool = False) -> list[_Sentence]:
    """Return a sign, a sentence and a style for what is true, the worst first.

    One of them says what the program does; what a person has to do is said beside it.
    """
    worst = _phase(snapshot) or _trouble(snapshot)
    found = [worst] if worst else [_work(snapshot, is_short)]
    return found + _stuck(snapshot, is_short) + (
        [] if worst else _not_taken(snapshot, is_short))


def _phase(snapshot: Snapshot) -> _Sentence | None:
    if snapshot.phase is Phase.STARTING:
        return "○", "Starting", "$warning"
    if snapshot.phase is Phase.DRAINING:
        return "▼", f"Quitting when all is uploaded: {answers.draining_words(snapshot)}", \
            "bold $warning"
    if snapshot.phase is Phase.STOPPED:
        return "■", "Stopped", "bold $warning"
    return None


def _trouble(snapshot: Snapshot) -> _Sentence | None:
    offline = snapshot.freshness.source_offline
    if offline:
        text = visible(offline[:1].upper() + offline[1:])
        return "×", f"{text}. Uploading resumes when it is back", "bold $error"
    broker = snapshot.broker
    if broker.state is BrokerState.UNREACHABLE:
        return "×", f"Broker unreachable since {wording.since(broker.since, snapshot.taken_at)}: " \
            "your files are safe on this disk; retrying automatically", "bold $error"
    if snapshot.problems:
        n_more = len(snapshot.problems) - 1
        more = f" (and {n_more} more: check)" if n_more else ""
        return "×", visible(snapshot.problems[0]) + more, "bold $error"
    if broker.state is BrokerState.REFUSED:
        return "×", f"The broker refuses: {visible(broker.reason)}", "bold $error"
    if broker.state is BrokerState.CONNECTING:
        return "○", f"Connecting to {visible(broker.address)}; files are queued " \
            "meanwhile", "$warning"
    counts = snapshot.counts
    if counts.stalled or counts.reading < counts.unfinished and is_acknowledgement_old(snapshot):
        age = wording.coarse(snapshot.freshness.last_acknowledgement_age or 0)
        return "!", f"Nothing acknowledged for {age}, though files wait", "bold $warning"
    return None


def _stuck(snapshot: Snapshot, is_short: bool) -> list[_Sentence]:
    counts = snapshot.counts
    found = []
    if counts.failed:
        n = counts.failed
        where = "" if is_short else ": press 3"
        found.append(("!", f"{wording.files(n)} {wording.need(n)} you{where}",
                      "bold $error"))
    if counts.held:
        found.append(("~", f"{wording.count(counts.held)} retrying", "bold $warning"))
    return found


def _not_taken(snapshot: Snapshot, is_short: bool) -> list[_Sentence]:
    counts = snapshot.counts
    if not counts.not_taken:
        return []
    n = wording.files(counts.not_taken, counts.n_bytes_not_taken)
    if is_short:
        return [("○", f"{wording.count(counts.not_taken)} not taken", "$warning")]
    return [("○", f"{n} here before, not taken: press 5", "$warning")]


def _work(snapshot: Snapshot, is_short: bool) -> _Sentence:
    counts, traffic = snapshot.counts, snapshot.traffic
    n = counts.unfinished
    if snapshot.is_paused:
        if traffic.n_bytes_in_flight:
            return "‖", f"Pausing: {wording.size(traffic.n_bytes_in_flight)} still on their way", \
                "bold $warning"
        return "‖", f"Paused: {wording.files(n)} waiting. p resumes", "bold $warning"
    if counts.reading and n == counts.reading:
        size = wording.size(sum(s.n_bytes for s in snapshot.uploading))
        return "▶", f"Reading {wording.files(n)}, {size}, before the upload", "bold $success"
    if n:
        text = "" if is_short else "Uploading "
        text += f"{wording.files(n)}, {wording.size(traffic.n_bytes_waiting)}"
        if traffic.seconds_left is not None:
            text += f", {wording.until(traffic.seconds_left, snapshot.taken_at)}"
        return "▶", text, "bold $success"
    return _rest(snapshot)


def _rest(snapshot: Snapshot) -> _Sentence:
    """Return how it stands while nothing waits to be uploaded."""
    counts = snapshot.counts
    if snapshot.freshness.last_scan_age is None:
        return "○", "Looking through the upload directory", "$warning"
    if counts.unsettled:
        is_one = counts.unsettled == 1
        return "…", f"{wording.files(counts.unsettled)} {'is' if is_one else 'are'} still being " \
            f"written; {'it uploads' if is_one else 'they upload'} once unchanged", "$foreground"
    if snapshot.n_heard:
        return "…", "Looking at what has just changed", "$foreground"
    if counts.in_doubt:
        return "●", f"{wording.files(counts.in_doubt)} read again to see whether the content " \
            "changed; everything else is uploaded", "$success"
    if counts.stuck or not may_close(snapshot):
        return "●", "Everything else is uploaded", "$success"
    if not counts.found:
        return "○", "Nothing found yet; watching for new files", "$foreground"
    return "●", "Everything found so far is uploaded; watching for new files" \
        if counts.uploaded else "Nothing new so far; watching for new files", "bold $success"
