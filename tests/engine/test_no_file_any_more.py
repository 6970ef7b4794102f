"""A queued file whose place something else takes is forgotten, and nothing is left to be done."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.in_process import RunningEngine, settings_for
from tests.waiting import wait_until


def link(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize("take_its_place", [Path.mkdir, os.mkfifo, link])
def test_what_is_no_file_any_more_is_forgotten(tmp_path: Path, upload_dir: Path,
                                               take_its_place: Callable[[Path], None]) -> None:
    with RunningEngine(settings_for(upload_dir, tmp_path / "state",
                                    "--rescan_seconds", "0")) as engine:
        engine.uploader.pause()
        (upload_dir / "a").write_bytes(b"a")
        wait_until(lambda: engine.uploader.snapshot().counts.waiting == 1, "it is queued")
        (upload_dir / "a").unlink()
        take_its_place(upload_dir / "a")
        engine.uploader.resume()
        wait_until(lambda: engine.uploader.snapshot().counts.unfinished == 0, "it is forgotten")
        assert engine.uploader.snapshot().counts.failed == 0
        assert engine.quit() == 0
