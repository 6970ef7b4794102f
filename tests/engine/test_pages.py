"""Pages of the long lists: what stands in which, in which order, and what goes before a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.engine.in_process import RunningEngine, settings_for
from tests.waiting import wait_until
from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.snapshot import Page, PageKind, PageOrder
from tui.engine.recording import pages


@pytest.fixture
def engine(tmp_path: Path) -> RunningEngine:
    """A paused engine with four queued files."""
    upload_dir = tmp_path / "upload"
    upload_dir.mkdir()
    return RunningEngine(settings_for(upload_dir, tmp_path / "state"))


def paths(page: Page) -> list[str]:
    return [row.rel_path for row in page.rows]


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
        put_in_line(engine)
        page = engine.uploader.page(PageKind.QUEUE, 0, 9, order=order)
        assert paths(page) == expected
        assert page.order is order


def test_too_many_are_not_sorted_and_that_is_said(engine: RunningEngine,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST_SORTED", 3)
    with engine:
        line = put_in_line(engine)
        page = engine.uploader.page(PageKind.WAITING, 0, 9, order=PageOrder.NAME)
        assert paths(page) == line
        assert page.order is PageOrder.LINE


@pytest.mark.skipif(os.name == "nt", reason="names are text on Windows")
def test_the_queue_holds_all_that_is_unfinished_a_page_at_a_time(engine: RunningEngine) -> None:
    with engine:
        line = put_in_line(engine)
        uploader = engine.uploader
        bad = uploader.settings.upload_dir / os.fsdecode(b"bad\xff")
        bad.write_bytes(b"x")
        wait_until(lambda: uploader.snapshot().counts.failed == 1, "the odd name is refused")
        whole = uploader.page(PageKind.QUEUE, 0, 99)
        assert whole.n_total == 5
        assert paths(whole) == [os.fsdecode(b"bad\xff"), *line]
        assert [row.state for row in whole.rows] == [FileState.FAILED, *[FileState.WAITING] * 4]
        for offset in range(6):
            part = uploader.page(PageKind.QUEUE, offset, 2)
            assert part.n_total == 5
            assert paths(part) == paths(whole)[offset:offset + 2]
        assert paths(uploader.page(PageKind.HELD, 0, 9)) == [os.fsdecode(b"bad\xff")]
        assert paths(uploader.page(PageKind.QUEUE, 0, 9, "m/")) == ["m/b"]


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
