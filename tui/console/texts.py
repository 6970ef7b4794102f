"""The longer texts of the console: help, made from registry and bindings, and a file's detail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from textual.binding import Binding
from textual.content import Content

from tui import answers, wording
from tui.commands import help_lines
from tui.console.panes.detail import offset_words
from tui.engine.model.snapshot import Explanation
from tui.engine.model.versions import VersionRecord

#: The states of files and what they mean, for the help.
STATES = (
    ("settling", "it changed a moment ago, and is queued once it stops changing"),
    ("growing", "it keeps changing, and is queued once it stops"),
    ("waiting", "unchanged long enough, and in the queue"),
    ("reading", "read for its SHA-512, before anything of it is sent"),
    ("uploading", "its chunks are being sent"),
    ("stalled", "being sent, and nothing acknowledged for longer than the line explains"),
    ("uploaded", "every chunk is acknowledged by the broker"),
    ("retrying", "cannot be uploaded at the moment; retried automatically"),
    ("needs you", "cannot be uploaded: do what `why` says, then retry it"),
    ("not taken", "here before the first start; `take` uploads it"),
    ("gone", "deleted before it was completely uploaded"))
_MOST_VERSIONS = 50
_KEY_CELLS = 11


def help_contents(sections: Iterable[tuple[str, Iterable[Binding]]],
                  show_key: Callable[[Binding], str]) -> list[Content]:
    """Return the help page: every key that is bound, every command, every state.

    Args:
        sections: titles, and the bindings that are active there.
        show_key: how a binding's key is written.
    """
    lines: list[Content] = []
    for title, bindings in sections:
        keys: dict[str, list[str]] = {}
        for binding in bindings:
            shown = keys.setdefault(binding.tooltip, [])
            shown += [show_key(replace(binding, key=key)) for key in binding.key.split(",")]
        lines += [_heading(title)]
        lines += [_entry(" ".join(shown), tooltip) for tooltip, shown in keys.items()]
        lines.append(Content(""))
    lines += [_heading("Mouse"),
              _entry("click", "Select a row, a pane, a title of the lists, a key in the footer"),
              _entry("twice", "Show all that is known of a file")]
    lines += [Content(""), _heading("Commands, after a colon")]
    lines += [Content("  " + line) for line in help_lines()]
    lines += [Content(""), _heading("States")]
    return lines + [_entry(word, text) for word, text in STATES]


def _heading(text: str) -> Content:
    return Content.styled(text, "bold $accent")


def _entry(word: str, text: str) -> Content:
    return Content.assemble((f"  {word:<{_KEY_CELLS}}", "bold"), text)


def detail_lines(explanation: Explanation, versions: Sequence[VersionRecord],
                 now: float) -> list[str | Content]:
    """Return all that is known of a file and its versions, newest first.

    Args:
        explanation: of its path.
        versions: of it.
        now: epoch seconds.
    """
    lines: list[str | Content] = list(answers.explanation(explanation, now))
    status = explanation.status
    if status is not None:
        rows = [("size", _size(status.n_bytes))]
        if status.since:
            rows.append(("since", wording.moment(status.since)))
        if status.n_attempts:
            rows.append(("tried", f"{wording.count(status.n_attempts)} times"))
        lines += _rows(rows)
    for number, record in enumerate(versions[:_MOST_VERSIONS]):
        word = wording.version_word(record.state)
        lines += ["", _heading(f"Version {len(versions) - number}: {word}")]
        lines += _rows(_version_rows(record))
    if len(versions) > _MOST_VERSIONS:
        lines.append(f"and {wording.count(len(versions) - _MOST_VERSIONS)} older ones")
    return lines


def _version_rows(record: VersionRecord) -> list[tuple[str, str]]:
    rows = [
        ("size", _size(record.n_bytes)),
        ("modified", wording.moment(record.mtime_ns / 1e9)),
        ("begun", wording.moment(record.started)),
        ("uploaded", wording.moment(record.completed) if record.completed else "not yet"),
        ("chunks", f"{wording.count(record.n_chunks_delivered)} of "
         f"{wording.count(record.n_chunks)} acknowledged"
         + (f", each of {wording.size(record.chunk_size)}" if record.n_chunks > 1 else "")
         + f", acks={record.acks}")]
    rows += [("partition", f"{r.partition}, {offset_words(r)}") for r in record.offsets] \
        or [("partition", str(record.partition))]
    digest = record.sha512.hex()
    rows += [("" if start else "sha512", digest[start:start + 32])
             for start in range(0, len(digest), 32)]
    if record.is_recovery:
        rows.append(("recovery", "its first chunk went twice, after an abandoned version"))
    if record.rebuild_uncertain:
        rows.append(("warning", "consumers may be unable to rebuild it"))
    return rows


def _rows(rows: Sequence[tuple[str, str]]) -> list[str | Content]:
    return [Content.assemble((f"  {label:<10}", "$quiet"), text) for label, text in rows]


def _size(n_bytes: int) -> str:
    return f"{wording.size(n_bytes)} ({wording.count(n_bytes)} bytes)"
