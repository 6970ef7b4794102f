"""What a large version sends is read one slice ahead, and what is not asked for does no harm."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import version_of
from tests.waiting import wait_until
from tui.engine.model.files import WaitingFile
from tui.engine.sending.messages import MessageMaker
from tui.engine.sending.read_ahead import ReadAhead
from tui.engine.sending.source import SLICE_BYTES, Source, open_source
from tui.engine.sending.transfer import Transfer
from tui.engine.system.files import Below
from tui.engine.system.guarded_calls import GuardedCalls
from tui.errors import SourceChangedError, SourceUnreadableError

CONTENT = os.urandom(2 * SLICE_BYTES + 5)


class Bench:
    """A file of three slices, and who reads it."""

    def __init__(self, folder: Path, chunk_size: int = 1 << 20) -> None:
        (folder / "a").write_bytes(CONTENT)
        with Below(folder) as below:
            source = open_source(below, "a", follow_symlinks=False)
        source.hash_whole(lambda: False, chunk_size)
        version = version_of(CONTENT, "a", chunk_size, 1.0)
        file = WaitingFile(1, "a", len(CONTENT), 0, 1, 0, "all", False, 0)
        self.transfer = Transfer(version, file, MessageMaker(version), source=source)
        self.calls = GuardedCalls("reading", lambda _path: None, patience_seconds=0.5)
        self.ahead = ReadAhead(self.calls)
        self.returned: list[int] = []  #: slices, in the order of their reading

    def get(self, number: int, *, goes_on: bool = True) -> tuple[bytes, int]:
        return self.ahead.get(self.transfer, number, goes_on=goes_on)

    def close(self) -> None:
        self.ahead.drop()
        self.calls.stop()
        self.transfer.discard()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    real = Source.read_slice

    def read_slice(source: Source, number: int) -> bytes:
        data = real(source, number)
        bench.returned.append(number)
        return data

    monkeypatch.setattr(Source, "read_slice", read_slice)
    yield bench
    bench.close()


def test_the_next_slice_is_read_before_it_is_asked_for(bench: Bench) -> None:
    assert bench.get(0) == (CONTENT[:SLICE_BYTES], 0)
    wait_until(lambda: bench.returned == [0, 1], "the second slice is read")
    assert bench.get(1) == (CONTENT[SLICE_BYTES:2 * SLICE_BYTES], SLICE_BYTES)
    assert bench.get(2) == (CONTENT[2 * SLICE_BYTES:], 2 * SLICE_BYTES)
    assert bench.returned == [0, 1, 2]


def test_nothing_is_read_ahead_at_the_end_of_a_turn_or_of_what_was_delivered(bench: Bench) -> None:
    bench.get(0, goes_on=False)
    bench.transfer.delivered[:] = b"\xff\xff"
    bench.get(0)
    bench.ahead.drop()
    assert bench.returned == [0, 0]


def test_another_slice_than_was_foreseen_is_read_when_it_is_asked_for(bench: Bench) -> None:
    bench.get(0)
    assert bench.get(2) == (CONTENT[2 * SLICE_BYTES:], 2 * SLICE_BYTES)
    assert bench.get(1) == (CONTENT[SLICE_BYTES:2 * SLICE_BYTES], SLICE_BYTES)


def test_a_chunk_of_several_slices_is_read_whole(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 2 * SLICE_BYTES)
    assert bench.get(0) == (CONTENT[:2 * SLICE_BYTES], 0)
    assert bench.get(1) == (CONTENT[2 * SLICE_BYTES:], 2 * SLICE_BYTES)
    bench.close()


def test_what_went_wrong_ahead_is_met_when_it_is_asked_for_and_not_before(
        bench: Bench, tmp_path: Path) -> None:
    with (tmp_path / "a").open("r+b") as file:
        file.seek(SLICE_BYTES)
        file.write(b"changed in place")
    assert bench.get(0)[1] == 0
    bench.ahead.drop()
    assert bench.get(0)[1] == 0
    with pytest.raises(SourceChangedError):
        bench.get(1)


def test_a_slice_that_hangs_is_left_behind(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    real = Source.read_slice

    def read_slice(source: Source, number: int) -> bytes:
        if number == 1:
            assert release.wait(60)
        return real(source, number)

    monkeypatch.setattr(Source, "read_slice", read_slice)
    bench.get(0)
    with pytest.raises(SourceUnreadableError, match="does not answer"):
        bench.get(1)
    release.set()
    wait_until(lambda: not bench.calls.hanging, "it has answered after all")
    assert bench.get(1)[1] == SLICE_BYTES


def test_bytes_are_given_up_only_once_no_thread_has_them_in_hand(bench: Bench) -> None:
    bench.transfer.abandon()
    assert bench.transfer.end()
    assert bench.get(0)[0] == CONTENT[:SLICE_BYTES]
    bench.ahead.drop()
    assert not bench.transfer.release()
    with pytest.raises(SourceUnreadableError):
        bench.get(0)
