"""Every number, size, rate, time and state as people read it."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import humanize

from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.snapshot import BrokerState, Explanation, PathState, Phase, Snapshot
from tui.engine.model.versions import VersionRecord, VersionState
from tui.text import shorten, visible, wrapped

_VERSION_WORDS = {
    VersionState.BEGUN: "begun, not finished",
    VersionState.COMPLETE: "uploaded",
    VersionState.ABANDONED: "abandoned: its bytes changed before all were sent",
    VersionState.REFUSED: "refused by the broker",
}
#: What answers to commands keep to: a terminal's width, and never long.
_COLUMNS, _LABEL_COLUMNS = 80, 9
_MOST_NAMED, _MOST_BROKER_LINES, _MOST_NAME_CELLS = 5, 6, 400
NOTHING_IS_KEPT = "embedded broker: nothing leaves this computer and nothing is kept"


def size(n_bytes: float) -> str:
    """Return bytes as ``3.4 GB``."""
    return humanize.naturalsize(n_bytes, format="%.3g" if n_bytes < 999.5e12 else "%.0f")


def rate(bytes_per_second: float) -> str:
    """Return a rate as ``84 MB/s``."""
    return f"{size(bytes_per_second)}/s"


def count(n: int) -> str:
    """Return a number as ``4,812``."""
    return humanize.intcomma(n)


def files(n: int) -> str:
    """Return ``1 file`` or ``4,812 files``."""
    return f"{count(n)} file{'' if n == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a time span as ``1.2 s``, ``12 s``, ``4 min 5 s``, ``3 h 12 min`` or ``2 d 4 h``."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    for unit, word, below, below_word in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"),
                                          (60, "min", 1, "s")):
        if whole >= unit:
            rest = whole % unit // below
            return f"{count(whole // unit)} {word}" + (f" {rest} {below_word}" if rest else "")
    return f"{whole} s"


def coarse(seconds: float) -> str:
    """Return an age in steps, as ``now``, ``15 s`` or ``4 min``: it changes rarely on a screen."""
    if seconds < 5:
        return "now"
    if seconds < 60:
        return f"{int(seconds) // 5 * 5} s"
    step = 60 if seconds < 3600 else 600
    return duration(int(seconds) // step * step)


def age(seconds: float | None) -> str:
    """Return ``4.2 s ago``, or ``never``."""
    return "never" if seconds is None else f"{duration(seconds)} ago"


def clock(epoch_seconds: float) -> str:
    """Return the local time of day as ``10:42:07``."""
    return datetime.datetime.fromtimestamp(epoch_seconds).strftime("%H:%M:%S")


def moment(epoch_seconds: float) -> str:
    """Return a local time as ``2026-11-24 10:42:07``."""
    return datetime.datetime.fromtimestamp(epoch_seconds).strftime("%Y-%m-%d %H:%M:%S")


def percent(part: float, whole: float) -> str:
    """Return a share as ``42 %``; 100 % only where nothing is missing."""
    if whole <= 0:
        return "100 %"
    return f"{100 if part >= whole else min(99, int(100 * part / whole))} %"


def is_being_read(status: FileStatus) -> bool:
    """Return whether a file is read for its hash, before anything of it is sent."""
    return status.n_bytes_hashed is not None


def done(status: FileStatus) -> str:
    """Return the share of a version that is acknowledged, or hashed while it is hashed."""
    if status.n_bytes_hashed is not None:
        return percent(status.n_bytes_hashed, status.n_bytes)
    return percent(status.n_chunks_delivered, status.n_chunks)


def state_word(state: FileState) -> str:
    """Return a state in a word or two."""
    return PathState.of(state).value


def version_word(state: VersionState) -> str:
    """Return the state of a version in words."""
    return _VERSION_WORDS[state]


def broker_words(snapshot: Snapshot) -> str:
    """Return where the connection stands, in one line."""
    broker = snapshot.broker
    since = duration(snapshot.taken_at - broker.since)
    if broker.is_embedded:
        return NOTHING_IS_KEPT
    if broker.state is BrokerState.CONNECTED:
        throttled = f", throttled by broker ({broker.throttle_avg_ms:.0f} ms)" \
            if broker.throttle_avg_ms else ""
        return f"connected to {broker.address} for {since}{throttled}"
    if broker.state is BrokerState.UNREACHABLE:
        return f"{broker.address} unreachable for {since}: {visible(broker.reason)}"
    return f"{broker.state.value} {broker.address} {visible(broker.reason)}".rstrip()


def phase_words(snapshot: Snapshot) -> str:
    """Return what the program is doing, in a word or two."""
    if snapshot.phase is Phase.RUNNING:
        return "paused" if snapshot.is_paused else "running"
    return snapshot.phase.value


def check_lines(snapshot: Snapshot, held: Sequence[FileStatus] = ()) -> list[str]:
    """Return the answer to `check`: at most 80 columns, and never long."""
    counts, traffic = snapshot.counts, snapshot.traffic
    left = f", {duration(traffic.seconds_left)} left" if traffic.seconds_left else ""
    lines = [
        *_row("files", f"{count(counts.settling)} settling, {count(counts.waiting)} waiting, "
              f"{count(counts.uploading)} uploading,"),
        *_row("", f"{count(counts.uploaded)} uploaded ({count(counts.uploaded_this_run)} now), "
              f"{count(counts.held)} held, {count(counts.failed)} failed"),
        *(_row("", f"{files(counts.in_doubt)} to be read again, to see whether the content "
               "changed") if counts.in_doubt else ()),
        *_row("sent", f"{count(traffic.n_chunks_sent)} chunks, {size(traffic.n_bytes_sent)} "
              f"acknowledged"),
        *_row("in flight", f"{size(traffic.n_bytes_in_flight)} of "
              f"{size(traffic.in_flight_limit_bytes)}, at most {size(traffic.queue_max_bytes)}"),
        *_row("rate", f"{rate(traffic.bytes_per_second)} now, "
              f"{rate(traffic.peak_bytes_per_second)} at most"),
        *_row("backlog", size(traffic.n_bytes_waiting) + left),
        *_row("broker", broker_words(snapshot), _MOST_BROKER_LINES),
        *_row("program", f"{phase_words(snapshot)} for "
              f"{duration(snapshot.taken_at - snapshot.started_at)}"),
        *_row("leaving", may_leave(snapshot)),
    ]
    for status in snapshot.uploading[:_MOST_NAMED]:
        lines += _row(f"  {done(status):>5}", f"{shorten(visible(status.rel_path), 46)}, "
                      f"{size(status.n_bytes)}{', being read' * is_being_read(status)}", 1)
    lines += _more(len(snapshot.uploading))
    for status in held[:_MOST_NAMED]:
        lines += _row(f"{state_word(status.state):>8}",
                      f"{visible(status.rel_path)}: {visible(status.reason)}")
    lines += _more(counts.held + counts.failed, ": files")
    for problem in snapshot.problems[:_MOST_NAMED]:
        lines += _row("PROBLEM", visible(problem))
    return lines + _more(len(snapshot.problems))


def _row(label: str, text: str, n_most: int = 3) -> list[str]:
    """Return a text behind its label, in so many lines at most."""
    lines = wrapped(text, _COLUMNS, " " * _LABEL_COLUMNS)[:n_most]
    return [f"{label:<{_LABEL_COLUMNS}}{lines[0][_LABEL_COLUMNS:]}", *lines[1:]]


def _more(n: int, where: str = "") -> list[str]:
    return [f"{' ' * _LABEL_COLUMNS}and {count(n - _MOST_NAMED)} more{where}"] \
        if n > _MOST_NAMED else []


def can_leave(snapshot: Snapshot) -> bool:
    """Return whether nothing is lost by time: leaving now has nothing left to send."""
    return snapshot.counts.unfinished == 0 and not snapshot.n_unrecorded \
        and _is_looked_through(snapshot)


def _is_looked_through(snapshot: Snapshot) -> bool:
    """Return whether it is known what is in the upload directory."""
    return snapshot.freshness.last_scan_age is not None


def may_leave(snapshot: Snapshot) -> str:
    """Return the answer to: may I switch this off?"""
    counts = snapshot.counts
    if snapshot.n_unrecorded:
        return f"{files(snapshot.n_unrecorded)} not recorded, for the ledger cannot be written: " \
            "the next start has to find them again"
    if not _is_looked_through(snapshot) and not snapshot.freshness.source_offline:
        return "not known yet: what is in the upload directory is still being looked at"
    if counts.unfinished:
        return f"{files(counts.unfinished)} not sent yet; quit sends what is queued first"
    if counts.settling:
        return f"{files(counts.settling)} not at rest yet: remembered for the next start"
    if counts.held or counts.failed:
        return "all else is sent; held and failed files are remembered"
    if snapshot.freshness.source_offline:
        return "all that was found is sent; the upload directory cannot be seen"
    if snapshot.freshness.n_unreadable:
        n = snapshot.freshness.n_unreadable
        what = "1 file or directory" if n == 1 else f"{count(n)} files or directories"
        return f"all else is sent; {what} cannot be read"
    if counts.in_doubt:
        return f"everything that is known to have changed is sent; {files(counts.in_doubt)} to " \
            "be read again, now or at the next start, to see whether the content changed"
    return "everything is sent"


def status_words(status: FileStatus) -> str:
    """Return where a file stands, in one line without its name."""
    if status.state is FileState.SETTLING:
        text = f"settling for {duration(status.settles_in_seconds or 0)} more"
        if status.changing_since is not None:
            text += f", still changing since {clock(status.changing_since)[:5]}"
        return f"{text}: {status.reason}" if status.reason else text
    if is_being_read(status):
        return f"being read, {done(status)} of {size(status.n_bytes)}; sent once its hash is known"
    if status.state is FileState.UPLOADING:
        return (f"uploading, {count(status.n_chunks_delivered)} of {count(status.n_chunks)} "
                f"chunks, {rate(status.bytes_per_second)}")
    text = state_word(status.state)
    if status.state is FileState.WAITING and status.n_bytes_ahead is not None:
        text += f" behind {size(status.n_bytes_ahead)}" if status.n_bytes_ahead else ", next"
    if status.state in (FileState.HELD, FileState.FAILED) and status.reason:
        text += f": {visible(status.reason)}"
    if status.next_attempt_seconds is not None:
        tried = f"tried {count(status.n_attempts)} times, " if status.n_attempts > 1 else ""
        text += f" ({tried}next attempt in {duration(status.next_attempt_seconds)})"
    return text


def version_line(record: VersionRecord) -> str:
    """Return one version in one line."""
    when = moment(record.completed or record.started)
    text = (f"{version_word(record.state)} {when}, {size(record.n_bytes)} in "
            f"{count(record.n_chunks)} chunks")
    if record.rebuild_uncertain:
        text += ", may not rebuild"
    return text


def explanation(found: Explanation) -> list[str]:
    """Return the answer to `why`."""
    name = shorten(visible(found.rel_path), _MOST_NAME_CELLS)
    status = found.status
    if found.verdict is PathState.UNKNOWN:
        text = f"unknown: {visible(found.reason)}"
    elif found.verdict is PathState.EXCLUDED:
        text = f"never uploaded: {visible(found.reason)}"
    elif found.verdict is PathState.LEFT_ALONE:
        text = found.reason or "left alone: it was here before the program was first started, " \
            "and has not changed since; reupload sends it"
    elif found.verdict is PathState.WAITING:
        text = f"waiting behind {size(found.n_bytes_ahead)}"
    elif found.verdict is PathState.UPLOADED and found.version is not None \
            and found.version.completed:
        text = f"uploaded at {moment(found.version.completed)}"
        if found.version.rebuild_uncertain:
            text += "; a consumer that holds part of an older version may not rebuild it"
        if found.reason:
            text += f"; {found.reason}"
    else:
        text = status_words(status) if status is not None else found.verdict
    lines = wrapped(f"{name}: {text}", 80)
    if found.version is not None and found.verdict is not PathState.UPLOADED:
        lines += wrapped(f"last version: {version_line(found.version)}", 80, "  ")
    return lines


def closing_summary(snapshot: Snapshot) -> list[str]:
    """Return what is said at the end."""
    counts, traffic = snapshot.counts, snapshot.traffic
    spent = max(0.001, snapshot.taken_at - snapshot.started_at)
    lines = [f"{files(counts.uploaded_this_run)} uploaded, {size(traffic.n_bytes_sent)} in "
             f"{count(traffic.n_chunks_sent)} chunks, in {duration(spent)}"]
    if snapshot.broker.is_embedded:
        if counts.unfinished:
            lines.append(f"{files(counts.unfinished)} left, {size(traffic.n_bytes_waiting)}")
        return [*lines, NOTHING_IS_KEPT]
    if counts.unfinished:
        lines.append(f"{files(counts.unfinished)} left, {size(traffic.n_bytes_waiting)}: sent at "
                     "the next start")
    if counts.settling:
        lines.append(f"{files(counts.settling)} had not come to rest: looked at again at the next "
                     "start")
    if counts.held or counts.failed:
        lines.append(f"{count(counts.held)} held and {count(counts.failed)} failed: see the log, "
                     "or files and why at the next start")
    return lines


def draining_words(snapshot: Snapshot) -> str:
    """Return how far the draining has come, in one line."""
    counts, traffic = snapshot.counts, snapshot.traffic
    text = f"{files(counts.unfinished)} left, {size(traffic.n_bytes_waiting)}"
    if traffic.seconds_left:
        text += f", {duration(traffic.seconds_left)} at {rate(traffic.bytes_per_second)}"
    if snapshot.broker.state is not BrokerState.CONNECTED:
        text += f"; {broker_words(snapshot)}"
    return text
