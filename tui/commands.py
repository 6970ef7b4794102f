"""The one registry of what an operator can ask and do, for every front end."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tui import answers, wording
from tui.engine.model.snapshot import (
    Cause,
    Explanation,
    LogLine,
    Notice,
    Page,
    PageKind,
    PageOrder,
    Phase,
    Snapshot,
)
from tui.engine.model.versions import ChunkMap, VersionRecord
from tui.engine.system.paths import matches
from tui.errors import UploadError
from tui.text import cell_width, shorten, visible

_MOST_ROWS = 20


class Engine(Protocol):
    """What commands and front ends need of the uploader."""

    def quit(self) -> bool: ...
    def cancel_quit(self) -> bool: ...
    def force_quit(self) -> None: ...
    def wait(self, timeout_seconds: float | None) -> bool: ...
    @property
    def exit_status(self) -> int: ...
    def snapshot(self) -> Snapshot: ...
    def page(self, kind: PageKind, offset: int, n_rows: int, pattern: str = "",
             order: PageOrder = PageOrder.LINE, reason: str = "") -> Page: ...
    def subscribe(self, callback: Callable[[Notice], None]) -> Callable[[], None]: ...
    def explain(self, rel_path: str) -> Explanation: ...
    def versions(self, rel_path: str) -> tuple[VersionRecord, ...]: ...
    def chunk_map(self, rel_path: str) -> ChunkMap | None: ...
    def retry(self, rel_path: str | None, reason: str = "") -> int: ...
    def take(self, pattern: str) -> int: ...
    def pause(self) -> bool: ...
    def resume(self) -> bool: ...
    def reupload(self, rel_path: str) -> None: ...
    def log_lines(self, after: int, n_max: int = 1000) -> tuple[LogLine, ...]: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command has to say; ``ok`` is False where it could not be done."""

    lines: tuple[str, ...]
    ok: bool = True


@dataclass(frozen=True, slots=True)
class Command:
    """One thing to ask or do.

    Attributes:
        name: the word that is typed. aliases: other words for it.
        key: the key of the console; empty where it has none.
        argument: ``PATH``, ``[PATH]``, ``[PATTERN]`` or empty; brackets mark what may be left out.
        help: one line.
        run: does it, given the engine and the argument.
    """

    name: str
    aliases: tuple[str, ...]
    key: str
    argument: str
    help: str
    run: Callable[[Engine, str], Answer]


def _check(engine: Engine, _argument: str) -> Answer:
    stuck = engine.page(PageKind.HELD, 0, answers.MOST_NAMED)
    return Answer(tuple(answers.check_lines(
        engine.snapshot(), [row for row in stuck.rows if not isinstance(row, VersionRecord)],
        stuck.n_total)))


def _quit(engine: Engine, _argument: str) -> Answer:
    snapshot = engine.snapshot()
    if snapshot.phase is Phase.DRAINING:
        engine.force_quit()
        return Answer(("quitting now; anything not acknowledged is uploaded at the next start",))
    if not engine.quit():
        return Answer(("the program is already ending",), ok=False)
    text = "quitting once everything queued has been acknowledged; quit again to leave now"
    if snapshot.is_paused and snapshot.counts.unfinished:
        text = "what is queued is uploaded although uploading is paused; " + text
    return Answer((text,))


def _help(_engine: Engine, _argument: str) -> Answer:
    return Answer(tuple(help_lines()))


def _files(engine: Engine, pattern: str) -> Answer:
    snapshot = engine.snapshot()
    uploading = [status for status in snapshot.uploading
                 if not pattern or matches(pattern, status.rel_path)]
    stuck = engine.page(PageKind.HELD, 0, _MOST_ROWS, pattern)
    rest = engine.page(PageKind.QUEUE, 0, _MOST_ROWS, pattern)
    now = snapshot.taken_at
    shown = [row for row in (*uploading, *stuck.rows, *rest.rows)
             if not isinstance(row, VersionRecord)][:_MOST_ROWS]
    lines = [_file_line(wording.files(row.n_files), answers.cause_words(row))
             if isinstance(row, Cause)
             else _file_line(row.rel_path, wording.status_words(row, now)) for row in shown]
    n_more = len(uploading) + stuck.n_total + rest.n_total - len(shown)
    if n_more > 0:
        lines.append(f"and {wording.count(n_more)} more")
    if not lines:
        matching = f" match {shorten(visible(pattern), 50)}" if pattern else ""
        lines.append(f"no unfinished files{matching}")
    return Answer(tuple(lines))


def _file_line(rel_path: str, words: str) -> str:
    name = shorten(visible(rel_path), 34)
    padding = " " * (35 - cell_width(name))
    return name + padding + shorten(words, 44, cut_end=True)


def _short(path: str) -> str:
    return shorten(visible(path), 40)


def _why(engine: Engine, path: str) -> Answer:
    return Answer(tuple(answers.explanation(engine.explain(path), time.time())))


def _retry(engine: Engine, path: str) -> Answer:
    n_files = engine.retry(path or None)
    if not n_files:
        return Answer((f"{_short(path)} is not stuck: there is nothing to retry" if path
                       else "no file is stuck that can be retried",), ok=not path)
    return Answer((f"{_short(path)} is queued again" if path
                   else f"{wording.files(n_files)} queued again",))


def _take(engine: Engine, pattern: str) -> Answer:
    n_files = engine.take(pattern)
    if not n_files:
        matching = f" matches {_short(pattern)}" if pattern else ""
        return Answer((f"no file that was here before the first start{matching}",),
                      ok=not pattern)
    return Answer((f"{wording.files(n_files)} queued",))


def _pause(engine: Engine, _argument: str) -> Answer:
    if not engine.pause():
        return Answer(("not paused: the program is quitting, and uploads what is queued first",),
                      ok=False)
    return Answer(("paused: files are watched and queued, nothing is uploaded",))


def _resume(engine: Engine, _argument: str) -> Answer:
    if not engine.resume():
        return Answer(("nothing was paused",))
    return Answer(("resumed",))


def _reupload(engine: Engine, path: str) -> Answer:
    engine.reupload(path)
    return Answer((f"{_short(path)} is queued",))


COMMANDS: tuple[Command, ...] = (
    Command("check", ("c",), "c", "", "Show the current status", _check),
    Command("quit", ("q",), "q", "", "Upload what is queued, then quit; twice: quit now", _quit),
    Command("help", ("h", "?"), "question_mark", "", "List the commands", _help),
    Command("files", (), "", "[PATTERN]", "List unfinished files", _files),
    Command("why", (), "w", "PATH", "Explain what is happening to a file", _why),
    Command("retry", (), "r", "[PATH]", "Retry a file that is stuck, or all of them", _retry),
    Command("take", (), "", "[PATTERN]", "Upload files that were here before the first start",
            _take),
    Command("pause", (), "p", "", "Stop uploading for now; files are still watched", _pause),
    Command("resume", (), "p", "", "Resume uploading", _resume),
    Command("reupload", (), "u", "PATH", "Upload a file again, changed or not", _reupload),
)
_BY_WORD = {word: command for command in COMMANDS for word in (command.name, *command.aliases)}


def help_lines() -> list[str]:
    """Return one line for each command."""
    lines = []
    for command in COMMANDS:
        words = ", ".join((command.name, *command.aliases))
        lines.append(f"{words + ' ' + command.argument:<20} {command.help}")
    return lines


def execute(line: str, engine: Engine) -> Answer:
    """Do what a typed line says; a line that cannot be understood is answered, never raised."""
    word, _, rest = line.strip().partition(" ")
    command = _BY_WORD.get(word.lower())
    if command is None:
        return Answer((f"unknown command {visible(word)}; help lists them all",), ok=False)
    argument = _unquoted(rest.strip())
    if argument and not command.argument:
        return Answer((f"{command.name} takes nothing after it",), ok=False)
    if not argument and command.argument == "PATH":
        return Answer((f"{command.name} needs a path: {command.name} {command.argument}",),
                      ok=False)
    try:
        return command.run(engine, argument)
    except UploadError as error:
        return Answer((visible(str(error)),), ok=False)


def _unquoted(text: str) -> str:
    """Return an argument without the quotes that a person put around it."""
    if text[:1] in ("'", '"'):
        try:
            words = shlex.split(text)
        except ValueError:
            return text
        if len(words) == 1:
            return words[0]
    return text


def complete(text: str, paths: tuple[str, ...] = ()) -> list[str]:
    """Return what a typed line may become.

    Args:
        text: what stands in the line so far.
        paths: paths that may be meant.
    """
    word, blank, rest = text.partition(" ")
    if not blank:
        return [c.name for c in COMMANDS if c.name.startswith(word.lower())]
    command = _BY_WORD.get(word.lower())
    if command is None or "PATH" not in command.argument:
        return []
    return [f"{word} {path}" for path in paths if path.startswith(rest)]
