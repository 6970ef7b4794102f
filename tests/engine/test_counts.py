"""Every path is in exactly one state: boxes, tabs, lists and verdict say the same."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.engine.in_process import RunningEngine, settings_for
from tests.waiting import wait_until
from tui.engine.model.snapshot import PageKind, Snapshot
from tui.engine.model.verdicts import left_behind, may_close


def assert_sound(snapshot: Snapshot) -> None:
    """See that no picture contradicts itself."""
    counts = snapshot.counts
    each = [getattr(counts, name) for name in (
        "not_taken", "settling", "growing", "waiting", "reading", "uploading", "stalled",
        "uploaded", "held", "failed", "gone")]
    assert min(each) >= 0
    assert sum(each) == counts.found
    assert len(snapshot.uploading) == counts.on_their_way
    assert may_close(snapshot) == (not left_behind(snapshot))
    if counts.unfinished or counts.unsettled or counts.stuck:
        assert not may_close(snapshot)


@pytest.mark.parametrize("seed", range(3))
def test_the_counts_add_up_through_random_histories(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    upload_dir = tmp_path / "upload"
    upload_dir.mkdir()
    (upload_dir / "before").write_bytes(b"x" * 100)
    settings = settings_for(upload_dir, tmp_path / "state", upload_existing=False)
    with RunningEngine(settings) as engine:
        uploader = engine.uploader
        wait_until(lambda: uploader.snapshot().counts.not_taken == 1, "it is found")
        assert may_close(uploader.snapshot())
        alive: set[str] = set()
        for _ in range(60):
            name = f"{rng.choice('ab')}{rng.randrange(12)}"
            act = rng.choice(("write", "write", "append", "pause", "resume", "look"))
            if act in ("write", "append"):
                with (upload_dir / name).open("ab" if act == "append" else "wb") as file:
                    file.write(rng.randbytes(rng.choice((1, 3000, 6_000_000))))
                alive.add(name)
            elif act == "pause":
                uploader.pause()
            elif act == "resume":
                uploader.resume()
            assert_sound(uploader.snapshot())
        uploader.resume()
        wait_until(lambda: may_close(uploader.snapshot()), "all is uploaded", 60)
        snapshot = uploader.snapshot()
        assert_sound(snapshot)
        assert (snapshot.counts.uploaded, snapshot.counts.not_taken) == (len(alive), 1)
        for kind, n in ((PageKind.QUEUE, 0), (PageKind.HELD, 0), (PageKind.NOT_TAKEN, 1),
                        (PageKind.UPLOADED, len(alive))):
            assert uploader.page(kind, 0, 99).n_total == n
        assert {row.rel_path for row in uploader.page(PageKind.UPLOADED, 0, 99).rows} == alive  # type: ignore[union-attr]
        assert engine.quit() == 0


def test_a_large_file_that_is_read_is_no_reason_to_close(tmp_path: Path) -> None:
    upload_dir = tmp_path / "upload"
    upload_dir.mkdir()
    with RunningEngine(settings_for(upload_dir, tmp_path / "state")) as engine:
        seen: set[str] = set()
        with (upload_dir / "large").open("wb") as file:
            file.truncate(600_000_000)

        def is_uploaded() -> bool:
            snapshot = engine.uploader.snapshot()
            assert_sound(snapshot)
            if snapshot.counts.reading:
                status, = snapshot.uploading
                assert status.n_bytes == 600_000_000
                assert not may_close(snapshot)
                seen.add("reading")
            return snapshot.counts.uploaded == 1

        wait_until(is_uploaded, "it is uploaded", 60)
        assert seen == {"reading"}
