"""Pages of the long lists: what stands in which, in which order, and what goes before a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.engine.in_process import RunningEngine, settings_for
from tests.waiting import wait_until
from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.snapshot import Cause, Page, PageKind, PageOrder
from tui.engine.model.versions import VersionRecord
from tui.engine.recording import pages


@pytest.fixture
def engine(tmp_path: Path) -> RunningEngine:
    """A paused engine with four queued files."""
    upload_dir = tmp_path / "upload"
    upload_dir.mkdir()
    return RunningEngine(settings_for(upload_dir, tmp_path / "state"))


def paths(page: Page) -> list[str]:
    return [", ".join(row.examples) if isinstance(row, Cause) else row.rel_path
            for row in page.rows]


def put_in_line(engine: RunningEngine) -> list[str]:
    """Pause, write files of several sizes, and wait until all are in line; return the line."""
    uploader = engine.uploader
    uploader.pause()
    for name, n_bytes in (("m/b", 200), ("a", 100), ("z", 50), ("c", 100)):
        path = uploader.settings.upload_dir / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * n_bytes)
    wait_until(lambda: uploader.snapshot().counts.waiting == 4, "four files are in line")
    return paths(uploader.page(PageKind.WAITING, 0, 9))


def test_waiting_files_know_what_goes_before_them(engine: RunningEngine) -> None:
    with engine:
        line = put_in_line(engine)
        sizes = {"m/b": 200, "a": 100, "z": 50, "c": 100}
        for offset in range(4):
            page = engine.uploader.page(PageKind.WAITING, offset, 9)
            ahead = sum(sizes[path] for path in line[:offset])
            for row in page.rows:
                assert isinstance(row, FileStatus)
                assert row.n_bytes_ahead == ahead
                ahead += sizes[row.rel_path]


@pytest.mark.parametrize(("order", "expected"), [
    (PageOrder.NAME, ["a", "c", "z", "m/b"]), (PageOrder.SIZE, ["m/b", "a", "c", "z"])])
def test_lists_are_sorted(engine: RunningEngine, order: PageOrder, expected: list[str]) -> None:
    with engine:
        line = put_in_line(engine)
        if order is PageOrder.SIZE:  # of the same size, the one that was found later comes first
            expected = ["m/b", *sorted(["a", "c"], key=line.index, reverse=True), "z"]
        page = engine.uploader.page(PageKind.QUEUE, 0, 9, order=order)
        assert paths(page) == expected
        for offset in range(5):
            part = engine.uploader.page(PageKind.WAITING, offset, 2, order=order)
            assert paths(part) == expected[offset:offset + 2]


@pytest.mark.parametrize(("order", "expected"), [
    (PageOrder.NAME, ["a", "c", "z", "m/b"]), (PageOrder.SIZE, ["m/b", "c", "a", "z"])])
def test_lists_of_any_length_are_sorted_by_an_index(
        engine: RunningEngine, monkeypatch: pytest.MonkeyPatch, order: PageOrder,
        expected: list[str]) -> None:
    monkeypatch.setattr(pages, "_MOST_SORTED", 3)
    with engine:
        line = put_in_line(engine)
        if order is PageOrder.SIZE:  # of the same size, the one that was found later comes first
            expected = ["m/b", *sorted(["a", "c"], key=line.index, reverse=True), "z"]
        for offset in range(5):
            page = engine.uploader.page(PageKind.WAITING, offset, 9, order=order)
            assert paths(page) == expected[offset:]


@pytest.mark.skipif(os.name == "nt", reason="names are text on Windows")
def test_each_list_holds_its_own_a_page_at_a_time(engine: RunningEngine) -> None:
    with engine:
        line = put_in_line(engine)
        uploader = engine.uploader
        bad = uploader.settings.upload_dir / os.fsdecode(b"bad\xff")
        bad.write_bytes(b"x")
        wait_until(lambda: uploader.snapshot().counts.failed == 1, "the odd name is refused")
        whole = uploader.page(PageKind.QUEUE, 0, 99)
        assert whole.n_total == 4
        assert paths(whole) == line
        for offset in range(5):
            part = uploader.page(PageKind.QUEUE, offset, 2)
            assert part.n_total == 4
            assert paths(part) == paths(whole)[offset:offset + 2]
        assert paths(uploader.page(PageKind.HELD, 0, 9)) == [os.fsdecode(b"bad\xff")]
        assert paths(uploader.page(PageKind.QUEUE, 0, 9, "m/")) == ["m/b"]


def test_files_with_one_cause_are_one_row(engine: RunningEngine) -> None:
    with engine:
        uploader = engine.uploader
        for number in range(3):
            (uploader.settings.upload_dir / os.fsdecode(b"bad%d\xff" % number)).write_bytes(b"xy")
        wait_until(lambda: uploader.snapshot().counts.failed == 3, "the odd names are refused")
        cause, = uploader.page(PageKind.HELD, 0, 9).rows
        assert isinstance(cause, Cause)
        assert (cause.n_files, cause.state, cause.next_attempt_seconds) == (
            3, FileState.FAILED, None)
        assert cause.reason.startswith("its name is not valid UTF-8")
        single = uploader.page(PageKind.HELD, 0, 9, reason=cause.reason)
        assert single.n_total == 3
        assert {row.state for row in single.rows if isinstance(row, FileStatus)} == {
            FileState.FAILED}


def test_a_file_that_was_uploaded_twice_is_one_row(engine: RunningEngine) -> None:
    with engine:
        uploader = engine.uploader
        path = uploader.settings.upload_dir / "a"
        for number in (1, 2):
            path.write_bytes(b"x" * number)
            engine.wait_uploaded(number)
        page = uploader.page(PageKind.UPLOADED, 0, 9)
        row, = page.rows
        assert isinstance(row, VersionRecord)
        assert (page.n_total, row.n_bytes, row.n_versions) == (1, 2, 2)
        counts = uploader.snapshot().counts
        assert (counts.uploaded, counts.uploaded_this_run, counts.n_versions) == (1, 1, 2)


@pytest.mark.parametrize(("which", "taken"), [
    ("", {"a", "d/b", "d/e/c", "d*"}), ("d", {"d/b", "d/e/c"}), ("a", {"a"}), ("d*", {"d*"}),
    ("*c", {"d/e/c"}), ("nothing", set())])
@pytest.mark.skipif(os.name == "nt", reason="no name holds a star on Windows")
def test_files_that_were_here_before_can_be_taken(
        tmp_path: Path, which: str, taken: set[str]) -> None:
    upload_dir = tmp_path / "upload"
    for name in ("a", "d/b", "d/e/c", "d*"):
        (upload_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (upload_dir / name).write_bytes(b"12345")
    with RunningEngine(settings_for(upload_dir, tmp_path / "state", upload_existing=False)) \
            as engine:
        uploader = engine.uploader
        wait_until(lambda: uploader.snapshot().counts.not_taken == 4, "they are found")
        assert uploader.snapshot().counts.n_bytes_not_taken == 20
        assert set(paths(uploader.page(PageKind.NOT_TAKEN, 0, 9))) == {"a", "d/b", "d/e/c", "d*"}
        assert uploader.take(which) == len(taken)
        wait_until(lambda: uploader.snapshot().counts.uploaded == len(taken), "they are uploaded")
        assert set(paths(uploader.page(PageKind.UPLOADED, 0, 9))) == taken
        assert uploader.snapshot().counts.not_taken == 4 - len(taken)


def test_uploaded_versions_are_sorted_and_found(engine: RunningEngine) -> None:
    with engine:
        put_in_line(engine)
        engine.uploader.resume()
        engine.wait_uploaded(4)
        wait_until(lambda: engine.uploader.page(PageKind.UPLOADED, 0, 9).n_total == 4, "recorded")
        page = engine.uploader.page(PageKind.UPLOADED, 0, 9, order=PageOrder.SIZE)
        assert [row.n_bytes for row in page.rows] == [200, 100, 100, 50]
        assert paths(engine.uploader.page(PageKind.UPLOADED, 0, 9, order=PageOrder.NAME)) == [
            "a", "c", "z", "m/b"]
        assert paths(engine.uploader.page(PageKind.UPLOADED, 1, 2, order=PageOrder.NAME)) == [
            "c", "z"]
        assert paths(engine.uploader.page(PageKind.UPLOADED, 0, 9, "z")) == ["z"]


def test_what_is_in_hand_is_not_in_the_queue_as_well(engine: RunningEngine) -> None:
    with engine:
        uploader = engine.uploader
        (uploader.settings.upload_dir / "large").write_bytes(b"x" * 100_000_000)
        seen = []

        def is_in_hand() -> bool:
            snapshot = uploader.snapshot()
            queued = paths(uploader.page(PageKind.QUEUE, 0, 9))
            if any(s.rel_path == "large" for s in snapshot.uploading):
                seen.append(queued)
            return snapshot.counts.uploaded_this_run == 1

        wait_until(is_in_hand, "it is uploaded")
        assert [] in seen
