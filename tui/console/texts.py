"""The longer texts of the console: help, made from registry and bindings, and a file's detail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from tui import wording
from tui.commands import Engine, help_lines

if TYPE_CHECKING:
    from textual.app import App


def help_contents(app: App[int]) -> list[Content]:
    """Return the help page: every key that is bound, and every command."""
    lines = [Content.styled("Keys", "bold $accent")]
    seen = set()
    for active in app.active_bindings.values():
        binding = active.binding
        if not binding.tooltip or binding.id in seen:
            continue
        seen.add(binding.id)
        key = app.get_key_display(binding)
        lines.append(Content.assemble((f"  {key:<10}", "bold"), binding.tooltip))
    lines += [Content.assemble(("  tab       ", "bold"), "Go to the next pane"),
              Content.assemble(("  ^p        ", "bold"), "Command palette")]
    lines += [Content(""), Content.styled("Commands, after a colon", "bold $accent")]
    lines += [Content("  " + line) for line in help_lines()]
    lines += [Content(""), Content.styled("States", "bold $accent")]
    states = (
        ("settling", "it changed a moment ago, and is queued once it rests"),
        ("waiting", "at rest and in line"),
        ("uploading", "its chunks are on their way"),
        ("uploaded", "every chunk is acknowledged by the broker"),
        ("held", "cannot be sent just now; tried again by itself"),
        ("failed", "cannot be sent; retry it, or change it"))
    lines += [Content.assemble((f"  {word:<10}", "bold"), text) for word, text in states]
    return lines


def detail_lines(engine: Engine, path: str) -> list[str | Content]:
    """Return all that is known of a file and its versions."""
    lines: list[str | Content] = list(wording.explanation(engine.explain(path)))
    versions = engine.versions(path)
    for number, record in enumerate(versions[:50]):
        title = f"Version {len(versions) - number}: {wording.version_word(record.state)}"
        lines += ["", Content.styled(title, "bold $accent")]
        rows = [
            ("size", f"{wording.size(record.n_bytes)} ({wording.count(record.n_bytes)} bytes)"),
            ("modified", wording.moment(record.mtime_ns / 1e9)),
            ("begun", wording.moment(record.started)),
            ("uploaded", wording.moment(record.completed) if record.completed else "not yet"),
            ("chunks", f"{wording.count(record.n_chunks_delivered)} of "
             f"{wording.count(record.n_chunks)} acknowledged, of "
             f"{wording.count(record.chunk_size)} bytes, acks={record.acks}")]
        for offsets in record.offsets:
            rows.append(("partition", f"{offsets.partition}, offsets {offsets.first} to "
                         f"{offsets.last}"))
        digest = record.sha512.hex()
        rows += [("sha512", digest[:64]), ("", digest[64:])]
        if record.is_recovery:
            rows.append(("recovery", "its first chunk went twice, after an abandoned version"))
        if record.may_not_rebuild:
            rows.append(("warning", "consumers may be unable to rebuild it"))
        lines += [f"  {label:<10}{text}" for label, text in rows]
    return lines
