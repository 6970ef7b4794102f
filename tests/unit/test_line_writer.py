"""Lines for a stream that somebody reads, reads slowly, or not at all."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterator

import pytest

from tests.waiting import wait_until
from tui.line_writer import LineWriter


@pytest.fixture
def pipe() -> Iterator[tuple[int, io.TextIOWrapper]]:
    """A pipe's reading end, and a text stream that writes to the other."""
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w", encoding="ascii")
    yield reading, stream
    with contextlib.suppress(OSError):
        os.close(reading)
    with contextlib.suppress(OSError):
        stream.close()


def test_lines_are_written_in_order_and_what_the_encoding_lacks_as_escapes(
        pipe: tuple[int, io.TextIOWrapper]) -> None:
    reading, stream = pipe
    writer = LineWriter(stream, "test")
    for line in ("one", "größe", "three"):
        assert writer.put(line)
    writer.close()
    assert os.read(reading, 1000) == b"one\ngr\\xf6\\xdfe\nthree\n"


def test_nobody_waits_for_a_reader_and_what_was_dropped_is_counted(
        pipe: tuple[int, io.TextIOWrapper]) -> None:
    reading, stream = pipe
    writer = LineWriter(stream, "test", n_most=100)
    line = "x" * 9999
    n_taken = sum(writer.put(line) for _ in range(300))
    assert n_taken < 300
    assert writer.n_dropped == 300 - n_taken
    read = bytearray()
    while read.count(b"x\n") < n_taken:
        read += os.read(reading, 1 << 20)
    assert writer.put("after")
    writer.close()
    while not read.endswith(b"after\n"):
        read += os.read(reading, 1 << 20)
    lines = read.decode().splitlines()
    assert lines.count(line) == n_taken
    # Whenever there is room again, what was dropped until then is told: all of it, once.
    told = re.findall(r"^\((\d+) lines were dropped here: nobody read them\)$", read.decode(),
                      re.MULTILINE)
    assert sum(map(int, told)) == 300 - n_taken
    assert len(lines) == n_taken + len(told) + 1


def test_a_close_does_not_wait_for_ever_for_a_reader(
        pipe: tuple[int, io.TextIOWrapper], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.line_writer._LAST_SECONDS", 0.1)
    writer = LineWriter(pipe[1], "test")
    for _ in range(20):
        writer.put("x" * 9999)
    writer.close()
    assert not writer.put("late")


def test_a_reader_that_has_gone_is_no_error(pipe: tuple[int, io.TextIOWrapper]) -> None:
    reading, stream = pipe
    os.close(reading)
    writer = LineWriter(stream, "test")
    writer.put("x")
    wait_until(lambda: writer.is_lost, "it is noticed")
    assert not writer.put("y")
    assert writer.n_dropped == 0
    writer.close()


def test_no_stream_at_all_is_no_error() -> None:
    writer = LineWriter(None, "test")
    assert not writer.put("x")
    writer.close()
