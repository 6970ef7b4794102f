"""What becomes of the path of a version that was abandoned."""

from __future__ import annotations

from pathlib import Path

from tests.engine.in_process import RunningEngine, settings_for
from tests.waiting import wait_until
from tui.engine.model.files import FileState
from tui.engine.model.snapshot import PathState


def test_a_path_that_is_gone_when_its_version_is_abandoned_does_not_wait_for_ever(
        tmp_path: Path, upload_dir: Path) -> None:
    path = upload_dir / "large"
    path.write_bytes(b"a" * 13_000_000)
    settings = settings_for(upload_dir, tmp_path / "state", "--queue_max_size", "0.1")
    with RunningEngine(settings) as engine:
        uploader = engine.uploader
        wait_until(lambda: any(s.n_chunks_delivered for s in uploader.snapshot().uploading),
                   "some chunks are acknowledged")
        uploader.pause()
        with path.open("r+b") as file:
            file.seek(12_900_000)
            file.write(b"b")
        path.rename(upload_dir / "renamed")
        uploader.resume()
        engine.wait_log("the version is abandoned")
        engine.wait_log("renamed uploaded")
        status = uploader.ledger.files.status
        wait_until(lambda: (row := status("large")) is not None
                   and row.state is FileState.GONE, "nobody waits for the path")
        assert uploader.explain("large").verdict is PathState.GONE
        assert engine.quit() == 0
