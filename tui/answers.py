"""What the program answers: how it stands, whether it may be closed, why a file is where it is."""

from __future__ import annotations

from collections.abc import Sequence

from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.snapshot import (
    BrokerState,
    Cause,
    Counts,
    Explanation,
    PathState,
    Phase,
    Snapshot,
)
from tui.engine.model.verdicts import Left, LeftKind, left_behind, only_here
from tui.engine.supervisor import UNREACHABLE_SECONDS
from tui.text import shorten, visible, wrapped
from tui.wording import (
    NOTHING_IS_KEPT,
    broker_words,
    count,
    counted,
    done,
    duration,
    files,
    moment,
    need,
    phase_words,
    rate,
    size,
    state_word,
    status_words,
    until,
    version_line,
    visible_path,
    waiting_words,
)

#: What answers to commands keep to: a terminal's width, and never long.
_COLUMNS, _LABEL_COLUMNS = 80, 9
_MOST_BROKER_LINES, _MOST_NAME_CELLS = 6, 400
MOST_NAMED = 5
GIVES_UP = f"gives up after {UNREACHABLE_SECONDS:.0f} s"


# May I close it, may I empty the disk.

def close_words(snapshot: Snapshot) -> str:
    """Return the answer to: may I close it? It concerns the program alone."""
    if snapshot.phase is Phase.STARTING:
        return "not yet: it is just starting"
    left = left_behind(snapshot)
    if not left:
        return "yes: everything found so far is uploaded"
    text = "not yet: " + ", ".join(_left_words(one) for one in left)
    if snapshot.counts.unfinished:
        return f"{text}; {quit_words(snapshot)}"
    return text + ("" if snapshot.broker.is_embedded else "; remembered for the next start")


def quit_words(snapshot: Snapshot) -> str:
    """Return what a quit does about what is not uploaded yet."""
    if snapshot.broker.is_embedded:
        return "quit uploads them first; nothing is kept"
    if is_cut_off(snapshot):
        return f"the broker cannot be reached, and quit {GIVES_UP}: they are uploaded at the " \
            "next start"
    return "quit uploads them first"


def is_cut_off(snapshot: Snapshot) -> bool:
    """Return whether a quit cannot upload anything just now."""
    return not snapshot.broker.is_embedded and snapshot.broker.state is not BrokerState.CONNECTED


def _left_words(left: Left) -> str:
    n = left.n_files
    these = files(n, left.n_bytes)
    is_one = n == 1
    return {
        LeftKind.NOT_LOOKED: "the upload directory is still being looked through",
        LeftKind.SOURCE_OFFLINE: "the upload directory cannot be seen",
        LeftKind.UNRECORDED: f"{these} cannot be recorded, and must be found again",
        LeftKind.UNSENT: f"{these} not uploaded yet",
        LeftKind.UNSETTLED: f"{these} still being written",
        LeftKind.HEARD: f"{counted(n, 'change')} not looked at yet",
        LeftKind.HELD: f"{these} cannot be uploaded just now",
        LeftKind.FAILED: f"{these} {need(n)} you",
        LeftKind.UNREADABLE: f"{_unreadable(n)} cannot be read",
        LeftKind.IN_DOUBT: f"{these} read again to see whether "
                           f"{'it has' if is_one else 'they have'} changed",
        LeftKind.NOT_REBUILT: f"{these} that consumers may be unable to rebuild",
    }[left.kind]


def _unreadable(n: int) -> str:
    return "1 file or directory" if n == 1 else f"{count(n)} files or directories"


def disk_words(snapshot: Snapshot, *, is_brief: bool = False) -> str:
    """Return the answer to: may I empty the disk? It concerns the data.

    Args:
        snapshot: of the program.
        is_brief: say only what is not uploaded, where something is not.
    """
    if snapshot.broker.is_embedded:
        return "no: nothing is kept, this is a try"
    n_files, n_bytes = only_here(snapshot)
    text = f"not answered yet: {files(snapshot.counts.uploaded)} uploaded"
    if snapshot.freshness.last_scan_age is None or snapshot.freshness.source_offline:
        return f"{text}; the upload directory is not looked through"
    if not n_files:
        return text
    only = f"{files(n_files, n_bytes)} only on this disk"
    return f"not answered yet: {only}" if is_brief else f"{text}, {only}"


# How it stands.

def check_lines(snapshot: Snapshot, stuck: Sequence[FileStatus | Cause] = (),
                n_stuck: int = 0) -> list[str]:
    """Return the answer to `check`: at most 80 columns, and never long.

    Args:
        snapshot: of the program.
        stuck: the first of what is stuck; those with one cause are one.
        n_stuck: how many of them there are.
    """
    counts, traffic, now = snapshot.counts, snapshot.traffic, snapshot.taken_at
    backlog = size(traffic.n_bytes_waiting)
    if traffic.seconds_left:
        backlog += f", {until(traffic.seconds_left, now)}"
    lines = [
        *_row("close?", close_words(snapshot)),
        *_row("disk?", disk_words(snapshot)),
        # In the words and the order that scripts know.
        *_row("files", f"{count(max(counts.unsettled, snapshot.n_heard))} settling, "
              f"{count(counts.waiting)} waiting, {count(counts.on_their_way)} uploading,"),
        *_row("", f"{count(counts.uploaded)} uploaded ({_this_run(counts)}), "
              f"{count(counts.held)} retrying, {_need(counts.failed)}"),
        *(_row("", f"of them {special}") if (special := _special(counts)) else ()),
        *(_row("", f"{files(counts.not_taken, counts.n_bytes_not_taken)} not taken: here before "
               "the first start; take uploads them") if counts.not_taken else ()),
        *(_row("", f"{files(counts.in_doubt)} to be read again, to see whether the content "
               "changed") if counts.in_doubt else ()),
        *_row("sent", f"{counted(traffic.n_chunks_sent, 'chunk')}, {size(traffic.n_bytes_sent)} "
              f"acknowledged"),
        *_row("in flight", f"{size(traffic.n_bytes_in_flight)} of "
              f"{size(traffic.in_flight_limit_bytes)}, at most {size(traffic.queue_max_bytes)}"),
        *_row("rate", f"{rate(traffic.bytes_per_second)} now, "
              f"{rate(traffic.peak_bytes_per_second)} at most"),
        *_row("backlog", backlog),
        *_row("broker", broker_words(snapshot), _MOST_BROKER_LINES),
        *_row("program", f"{phase_words(snapshot)} for {duration(now - snapshot.started_at)}"),
    ]
    for status in snapshot.uploading[:MOST_NAMED]:
        lines += _row(f"  {done(status):>5}", f"{shorten(visible_path(status.rel_path), 44)}, "
                      f"{size(status.n_bytes)}"
                      f"{', being read' * (status.state is FileState.READING)}", 1)
    lines += _more(counts.on_their_way)
    for one in stuck[:MOST_NAMED]:
        lines += _row("  stuck", f"{state_word(one.state)}: " + (
            f"{files(one.n_files)}: {cause_words(one)}" if isinstance(one, Cause)
            else f"{visible_path(one.rel_path)}: {visible(one.reason)}"))
    lines += _more(n_stuck, ": files")
    for problem in snapshot.problems[:MOST_NAMED]:
        lines += _row("PROBLEM", visible(problem))
    return lines + _more(len(snapshot.problems))


def cause_words(cause: Cause) -> str:
    """Return why several files are stuck, what happens next, and some of them."""
    text = visible(cause.reason)
    if cause.next_attempt_seconds is not None:
        text += f" (next attempt in {duration(cause.next_attempt_seconds)})"
    return f"{text}: {', '.join(shorten(visible(path), 40) for path in cause.examples)}"


def _this_run(counts: Counts) -> str:
    text = f"{count(counts.uploaded_this_run)} now"
    if counts.n_versions_this_run > counts.uploaded_this_run:
        text += f", in {counted(counts.n_versions_this_run, 'version')}"
    return text


def _special(counts: Counts) -> str:
    """Return the states that are no rule, of which there are some."""
    return ", ".join(f"{count(n)} {word}" for n, word in (
        (counts.reading, "reading"), (counts.stalled, "stalled"), (counts.growing, "growing"),
        (counts.gone, "gone")) if n)


def _need(n: int) -> str:
    return f"{count(n)} {need(n)} you"


def _row(label: str, text: str, n_most: int = 4) -> list[str]:
    """Return a text behind its label, in so many lines at most."""
    lines = wrapped(text, _COLUMNS, " " * _LABEL_COLUMNS)[:n_most]
    return [f"{label:<{_LABEL_COLUMNS}}{lines[0][_LABEL_COLUMNS:]}", *lines[1:]]


def _more(n: int, where: str = "") -> list[str]:
    return [f"{' ' * _LABEL_COLUMNS}and {count(n - MOST_NAMED)} more{where}"] \
        if n > MOST_NAMED else []


# One file.

def explanation(found: Explanation, now: float) -> list[str]:
    """Return the answer to `why`.

    Args:
        found: what is known of a path.
        now: epoch seconds.
    """
    name = shorten(visible_path(found.rel_path), _MOST_NAME_CELLS)
    status = found.status
    if found.verdict is PathState.UNKNOWN:
        text = f"unknown: {visible(found.reason)}"
    elif found.verdict is PathState.EXCLUDED:
        text = f"never uploaded: {visible(found.reason)}"
    elif found.verdict is PathState.NOT_TAKEN:
        text = found.reason or "not taken: it was here before the program was first started, " \
            "and has not changed since; take or reupload sends it"
    elif found.verdict is PathState.WAITING and status is not None:
        text = f"waiting: {waiting_words(status, now)}"
    elif found.verdict is PathState.UPLOADED and found.version is not None \
            and found.version.completed:
        text = f"uploaded at {moment(found.version.completed)}"
        if found.version.rebuild_uncertain:
            text += "; a consumer that holds part of an older version may not rebuild it"
        if found.reason:
            text += f"; {found.reason}"
    else:
        text = status_words(status, now) if status is not None else found.verdict
    if found.obstacle:
        text += f". {found.obstacle}"
    lines = wrapped(f"{name}: {text}", _COLUMNS)
    if found.version is not None and found.verdict is not PathState.UPLOADED:
        lines += wrapped(f"last version: {version_line(found.version)}", _COLUMNS, "  ")
    return lines


# The end.

def closing_summary(snapshot: Snapshot) -> list[str]:
    """Return what is said at the end."""
    counts, traffic = snapshot.counts, snapshot.traffic
    spent = max(0.001, snapshot.taken_at - snapshot.started_at)
    versions = f" in {counted(counts.n_versions_this_run, 'version')}" \
        if counts.n_versions_this_run > counts.uploaded_this_run else ""
    lines = [f"{files(counts.uploaded_this_run)} uploaded{versions}, {size(traffic.n_bytes_sent)} "
             f"in {counted(traffic.n_chunks_sent, 'chunk')}, in {duration(spent)}"]
    if snapshot.broker.is_embedded:
        if counts.unfinished:
            lines.append(f"{files(counts.unfinished)} left, {size(traffic.n_bytes_waiting)}")
        return [*lines, NOTHING_IS_KEPT]
    if counts.unfinished:
        lines.append(f"{files(counts.unfinished)} left, {size(traffic.n_bytes_waiting)}: uploaded "
                     "at the next start")
    if n := counts.unsettled:
        lines.append(f"{files(n)} {'was' if n == 1 else 'were'} still being written; "
                     f"{'it' if n == 1 else 'they'} will be checked at the next start")
    if counts.held:
        lines.append(f"{files(counts.held)} could not be uploaded yet: see the log; retried at the "
                     "next start")
    if counts.failed:
        lines.append(f"{files(counts.failed)} {need(counts.failed)} you: "
                     "see the log, or files and why at the next start")
    return lines


def draining_words(snapshot: Snapshot) -> str:
    """Return how far the draining has come, in one line."""
    counts, traffic = snapshot.counts, snapshot.traffic
    text = f"{files(counts.unfinished)} left, {size(traffic.n_bytes_waiting)}"
    if traffic.seconds_left:
        text += (f", {until(traffic.seconds_left, snapshot.taken_at)} at "
                 f"{rate(traffic.bytes_per_second)}")
    if snapshot.broker.state is not BrokerState.CONNECTED:
        text += f"; {broker_words(snapshot)}; it {GIVES_UP} without a connection"
    return text
