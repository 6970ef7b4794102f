"""What may be on the topic unrecorded is cut in the same way after a kill, whatever is chosen."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.engine.in_process import RunningEngine, settings_for
from tests.waiting import wait_until


@pytest.mark.parametrize(("n_bytes", "chunk_size"), [(10_000, 65_536), (100_000, 4096)])
def test_a_file_that_may_have_gone_as_one_chunk_goes_so_again(
        tmp_path: Path, upload_dir: Path, n_bytes: int, chunk_size: int) -> None:
    state_dir, killed = tmp_path / "state", tmp_path / "killed"
    (upload_dir / "a").write_bytes(bytes(n_bytes))
    with RunningEngine(settings_for(upload_dir, state_dir, "--chunk_size", "65536")) as engine:
        engine.uploader.pause()
        wait_until(lambda: engine.uploader.ledger.files.waiting("a"), "it is queued")
        engine.uploader.ledger.database.commit()
        shutil.copytree(state_dir, killed)  # as a kill leaves it
    # Every embedded broker is another cluster.
    with RunningEngine(settings_for(upload_dir, killed, "--chunk_size", "4096",
                                    new_cluster=True)) as engine:
        engine.wait_uploaded(1)
        assert engine.uploader.versions("a")[0].chunk_size == chunk_size
        assert engine.uploader.ledger.files.waiting("a") is None
        assert engine.quit() == 0
    with RunningEngine(settings_for(upload_dir, killed, "--chunk_size", "4096",
                                    new_cluster=True)) as engine:
        engine.wait_uploaded(1)
        assert engine.uploader.versions("a")[0].chunk_size == 4096
        assert engine.quit() == 0
