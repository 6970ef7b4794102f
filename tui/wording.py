"""Every number, size, rate, time and state as people read it."""

from __future__ import annotations

import datetime

import humanize

from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.snapshot import BrokerState, PathState, Phase, Snapshot
from tui.engine.model.versions import VersionRecord, VersionState
from tui.text import visible

_VERSION_WORDS = {
    VersionState.BEGUN: "begun, not finished",
    VersionState.COMPLETE: "uploaded",
    VersionState.ABANDONED: "abandoned: its bytes changed before all were sent",
    VersionState.REFUSED: "refused by the broker",
}
#: What is over within this time is told in seconds, and later than that by the clock.
_SOON_SECONDS = 60.0
NOTHING_IS_KEPT = "embedded broker: nothing leaves this computer and nothing is kept"


def size(n_bytes: float) -> str:
    """Return bytes as ``3.4 GB``."""
    text = humanize.naturalsize(n_bytes, format="%.3g" if n_bytes < 999.5e12 else "%.0f")
    return text.replace(" Bytes", " B").replace(" Byte", " B")


def rate(bytes_per_second: float) -> str:
    """Return a rate as ``84 MB/s``."""
    return f"{size(bytes_per_second)}/s"


def count(n: int) -> str:
    """Return a number as ``4,812``."""
    return humanize.intcomma(n)


def visible_path(rel_path: str) -> str:
    """Return a path with every character visible, blanks at its end, too."""
    shown = visible(rel_path)
    stripped = shown.rstrip(" ")
    return stripped + "\\x20" * (len(shown) - len(stripped))


def counted(n: int, noun: str) -> str:
    """Return ``1 chunk`` or ``4,812 chunks``."""
    return f"{count(n)} {noun}{'' if n == 1 else 's'}"


def need(n: int) -> str:
    """Return the verb of so many things: ``1 file needs``, ``2 files need``."""
    return "needs" if n == 1 else "need"


def files(n: int, n_bytes: int | None = None) -> str:
    """Return ``1 file`` or ``4,812 files (3.4 GB)``."""
    return counted(n, "file") + ("" if n_bytes is None else f" ({size(n_bytes)})")


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


def since(epoch_seconds: float, now: float) -> str:
    """Return a local time as ``10:42:07``, with its date where that is another one than today's."""
    then, today = (datetime.datetime.fromtimestamp(when) for when in (epoch_seconds, now))
    return then.strftime("%H:%M:%S" if then.date() == today.date() else "%Y-%m-%d %H:%M")


def until(seconds: float, now: float) -> str:
    """Return when something will be over: ``26 s left``, or ``done about 10:45``."""
    if seconds <= _SOON_SECONDS:
        return f"{max(1, round(seconds))} s left"
    return f"done about {_time_of(now + seconds, now)}"


def _time_of(then: float, now: float) -> str:
    """Return a time to come as ``10:45``, ``Tue 10:45`` or ``2026-12-24``."""
    try:
        when, today = (datetime.datetime.fromtimestamp(moment) for moment in (then, now))
    except (OverflowError, ValueError, OSError):
        return "in many years"
    if when.date() == today.date():
        return f"{when:%H:%M}"
    return f"{when:%a %H:%M}" if then - now < 6 * 86400 else f"{when:%Y-%m-%d}"


def zone(epoch_seconds: float) -> str:
    """Return the name of the local time zone, as ``CET``."""
    return datetime.datetime.fromtimestamp(epoch_seconds).astimezone().tzname() or ""


def percent(part: float, whole: float) -> str:
    """Return a share as ``42 %``; 100 % only where nothing is missing."""
    if whole <= 0:
        return "100 %"
    return f"{100 if part >= whole else min(99, int(100 * part / whole))} %"


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
    when = since(broker.since, snapshot.taken_at)
    if broker.is_embedded:
        return NOTHING_IS_KEPT
    if broker.state is BrokerState.CONNECTED:
        throttled = f", throttled by broker ({broker.throttle_avg_ms:.0f} ms)" \
            if broker.throttle_avg_ms else ""
        return f"connected to {broker.address} since {when}{throttled}"
    if broker.state is BrokerState.UNREACHABLE:
        return f"{broker.address} unreachable since {when}: {visible(broker.reason)}"
    return f"{broker.state.value} {broker.address} {visible(broker.reason)}".rstrip()


def phase_words(snapshot: Snapshot) -> str:
    """Return what the program is doing, in a word or two."""
    if snapshot.phase is Phase.RUNNING:
        return "paused" if snapshot.is_paused else "running"
    return snapshot.phase.value


def status_words(status: FileStatus, now: float) -> str:
    """Return where a file stands, in one line without its name.

    Args:
        status: of the file.
        now: epoch seconds.
    """
    state = status.state
    if state in (FileState.SETTLING, FileState.GROWING):
        return _unsettled_words(status, now)
    if state is FileState.READING:
        left = f", {until(status.seconds_left, now)}" if status.seconds_left else ""
        return (f"being read, {done(status)} of {size(status.n_bytes)} at "
                f"{rate(status.bytes_per_second)}{left}; uploaded once its hash is known")
    if state is FileState.STALLED:
        return (f"stalled: nothing acknowledged for {duration(status.stalled_seconds or 0)}, "
                f"{count(status.n_chunks_delivered)} of {counted(status.n_chunks, 'chunk')} are")
    if state is FileState.UPLOADING:
        if not status.n_chunks:
            return "about to be uploaded"
        return (f"uploading, {count(status.n_chunks_delivered)} of "
                f"{counted(status.n_chunks, 'chunk')}, {rate(status.bytes_per_second)}")
    text = state_word(state)
    if state is FileState.WAITING:
        return f"{text}: {waiting_words(status, now)}"
    if state in (FileState.HELD, FileState.FAILED) and status.reason:
        text += f": {visible(status.reason)}"
    if status.next_attempt_seconds is not None:
        tried = f"tried {count(status.n_attempts)} times, " if status.n_attempts > 1 else ""
        text += f" ({tried}next attempt in {duration(status.next_attempt_seconds)})"
    return text


def waiting_words(status: FileStatus, now: float) -> str:
    """Return when it is a waiting file's turn, as far as that is known."""
    if status.n_bytes_ahead is None:
        return "in line"
    if not status.n_bytes_ahead:
        return "next"
    if status.seconds_left is None:
        return f"in line behind {size(status.n_bytes_ahead)}"
    if status.seconds_left <= _SOON_SECONDS:
        return f"starts in about {max(1, round(status.seconds_left))} s"
    return f"starts about {_time_of(now + status.seconds_left, now)}"


def _unsettled_words(status: FileStatus, now: float) -> str:
    seconds = duration(status.settles_in_seconds or 0)
    if status.state is FileState.GROWING and status.changing_since is not None:
        text = (f"growing since {since(status.changing_since, now)[:16]} "
                f"({coarse(now - status.changing_since)}); uploads once it stops")
    else:
        text = f"still being written? Uploads in {seconds} if unchanged"
    return f"{text}: {status.reason}" if status.reason else text


def version_line(record: VersionRecord) -> str:
    """Return one version in one line."""
    when = moment(record.completed or record.started)
    text = (f"{version_word(record.state)} {when}, {size(record.n_bytes)} in "
            f"{counted(record.n_chunks, 'chunk')}")
    if record.rebuild_uncertain:
        text += ", may not rebuild"
    return text
