"""The commands: what they say, within 80 columns, whatever the names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import fakes
from tests.fakes import FakeEngine
from tui.commands import COMMANDS, complete, execute
from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.snapshot import Counts, Snapshot, Traffic
from tui.text import cell_width


@pytest.mark.parametrize("word", ["check", "c", "CHECK", " c "])
def test_check_says_how_it_is_going(word: str) -> None:
    text = "\n".join(execute(word, FakeEngine(fakes.busy())).lines)
    for part in ("2 settling", "of them 1 growing", "128 waiting", "3 uploading", "4,812 uploaded",
                 "1 retrying", "0 need you", "312 files (312 MB) not taken", "212 MB/s",
                 "connected to kafka.lab:9093", "cal/locked.raw"):
        assert part in text


def test_pausing_while_leaving_says_that_nothing_is_paused() -> None:
    engine = FakeEngine(fakes.draining())
    answer = execute("pause", engine)
    assert not answer.ok
    assert answer.lines[0].startswith("not paused")
    assert engine.done == []


@pytest.mark.parametrize("snapshot", [fakes.idle(), fakes.busy(), fakes.broker_down(),
                                      fakes.paused(), fakes.draining(), fakes.embedded()])
@pytest.mark.parametrize("line", ["check", "files", "help", "why a", "why " + "x" * 300])
def test_no_answer_is_wider_than_a_terminal(snapshot: Snapshot, line: str) -> None:
    answer = execute(line, FakeEngine(snapshot, queue=1_000_000, held=5000))
    assert 0 < len(answer.lines) <= 40
    assert max(map(cell_width, answer.lines)) <= 80


def test_hostile_names_are_shown_and_do_nothing() -> None:
    rows = [FileStatus(name, FileState.HELD, 1, reason=name) for name in fakes.HOSTILE]
    snapshot = replace(fakes.busy(), uploading=tuple(
        fakes.uploading(name, 1, 5) for name in fakes.HOSTILE))
    engine = FakeEngine(snapshot, queue=rows, held=rows)
    for line in ("check", "files", *(f"why {name}" for name in fakes.HOSTILE)):
        text = "".join(execute(line, engine).lines)
        assert not any(ord(c) < 32 or c in "\x1b\u202e\x7f" for c in text)


def test_files_lists_some_and_counts_the_rest() -> None:
    lines = execute("files", FakeEngine(fakes.busy(), queue=1_000_000)).lines
    assert len(lines) == 21
    assert lines[-1] == "and 999,984 more"


def test_quit_twice_forces() -> None:
    engine = FakeEngine(fakes.busy())
    execute("q", engine)
    execute("quit", engine)
    assert engine.done == ["quit", "force_quit"]


def test_quit_while_paused_says_that_it_sends_all_the_same() -> None:
    assert "although uploading is paused" in execute("q", FakeEngine(fakes.paused())).lines[0]


@pytest.mark.parametrize(("line", "done"), [
    ("retry", "retry"), ("take", "take"), ("take run 7", "take run 7"),
    ("retry a b.txt", "retry a b.txt"), ("pause", "pause"),
    ("resume", "resume"), ("reupload d/x y", "reupload d/x y"), ('reupload "q u"', "reupload q u")])
def test_commands_do_what_they_say(line: str, done: str) -> None:
    engine = FakeEngine(fakes.busy())
    assert execute(line, engine).ok
    assert engine.done == [done]


@pytest.mark.parametrize(("line", "says"), [
    ("frobnicate", "unknown command"), ("why", "needs a path"), ("pause now", "takes nothing"),
    ("[/red]", "unknown command")])
def test_what_cannot_be_understood_is_answered(line: str, says: str) -> None:
    answer = execute(line, FakeEngine(fakes.busy()))
    assert not answer.ok
    assert says in answer.lines[0]


def test_help_lists_every_command() -> None:
    text = "\n".join(execute("help", FakeEngine(fakes.idle())).lines)
    for command in COMMANDS:
        assert command.name in text
        assert command.help in text


def test_completion() -> None:
    assert complete("re") == ["retry", "resume", "reupload"]
    assert complete("why a", ("a1", "b", "a2")) == ["why a1", "why a2"]
    assert complete("pause ", ("a",)) == []


def enormous() -> Snapshot:
    """Return a picture in which every number and text is as long as it can be."""
    n = 10**15
    rows = tuple(FileStatus("d/" * 2000 + "x" * 255, FileState.UPLOADING, n, n_chunks=n,
                            n_chunks_delivered=n - 1, reason="y " * 2000) for _ in range(1000))
    return replace(
        fakes.broker_down(), uploading=rows, problems=("z " * 2000,) * 1000,
        counts=Counts(n, n, n, n, n, n, n, n),
        traffic=Traffic(n, n, n, n, n, n, n, 1e15, 1e3, 1e15, 1e15, 1e9, (), 1e12),
        broker=replace(fakes.broker_down().broker, address="h" * 300, reason="w " * 2000))


@pytest.mark.parametrize("line", ["check", "files", "why " + "d/" * 2000, "retry " + "x" * 5000])
def test_nothing_makes_an_answer_wide_or_long(line: str) -> None:
    rows = list(enormous().uploading)
    answer = execute(line, FakeEngine(enormous(), queue=rows, held=rows))
    assert 0 < len(answer.lines) <= 80
    assert max(map(cell_width, answer.lines)) <= 80


def test_an_answer_says_what_happened_and_not_what_was_asked_for() -> None:
    engine = FakeEngine(fakes.busy())
    assert execute("resume", engine).lines == ("nothing was paused",)
    execute("pause", engine)
    assert execute("resume", engine).lines == ("resumed",)
    engine.quit = lambda: False  # type: ignore[method-assign]
    assert execute("quit", engine).lines == ("the program is already ending",)
