"""Another cluster under the same name: nothing goes to it until that is asked for.

Every embedded broker is a cluster of its own, with an id of its own.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.engine.in_process import RunningEngine, settings_for
from tui.engine.recording.tables.rows import UploadedRow, read_uploaded


def names_in(path: Path) -> list[str]:
    return [r.rel_filepath for r in read_uploaded(path, "t") if isinstance(r, UploadedRow)]


def kept(state_dir: Path) -> list[str]:
    """Return what was set aside, without dates and ids."""
    return sorted(re.sub(r"\.cluster-\w+-20\d\d-\d\d-\d\dT\d{6}$", ".kept", path.name)
                  for path in state_dir.iterdir() if ".cluster-" in path.name)


def test_another_cluster_ends_the_program_with_status_2_and_changes_nothing(
        tmp_path: Path, upload_dir: Path) -> None:
    (upload_dir / "a").write_bytes(b"a")
    with RunningEngine(settings_for(upload_dir, tmp_path / "state")) as engine:
        engine.wait_uploaded(1)
        assert engine.quit() == 0
    (upload_dir / "b").write_bytes(b"b")
    for _ in range(2):
        with RunningEngine(settings_for(upload_dir, tmp_path / "state")) as engine:
            assert engine.ended() == 2
            assert re.search(r"the ledger belongs to the cluster \w+, but .* answers as cluster "
                             r"\w+: .*--logger_file_path, or --new_cluster", engine.log)
            assert engine.uploader.snapshot().traffic.n_chunks_sent == 0
    assert kept(tmp_path / "state") == []


def test_a_new_cluster_keeps_the_old_ledger_and_tables_under_dated_names(
        tmp_path: Path, upload_dir: Path) -> None:
    state_dir = tmp_path / "state"
    (upload_dir / "a").write_bytes(b"a")
    with RunningEngine(settings_for(upload_dir, state_dir)) as engine:
        engine.wait_uploaded(1)
        assert engine.quit() == 0
    (upload_dir / "b").write_bytes(b"b")
    for number in (1, 2):
        with RunningEngine(settings_for(upload_dir, state_dir, new_cluster=True)) as engine:
            engine.wait_uploaded(2)  # with --upload_existing, both go to the new cluster
            assert engine.quit() == 0
        assert sorted(names_in(state_dir / "uploaded_to_t.csv")) == ["a", "b"]
        assert kept(state_dir) == sorted(number * [
            "upload_to_t.sqlite3.kept", "upload_to_t_in_progress.csv.kept",
            "uploaded_to_t.csv.kept"])


def test_what_was_uploaded_is_not_taken_at_a_new_cluster_unless_asked_for(
        tmp_path: Path, upload_dir: Path) -> None:
    state_dir = tmp_path / "state"
    (upload_dir / "a").write_bytes(b"a")
    with RunningEngine(settings_for(upload_dir, state_dir)) as engine:
        engine.wait_uploaded(1)
        assert engine.quit() == 0
    with RunningEngine(settings_for(upload_dir, state_dir, new_cluster=True,
                                    upload_existing=False)) as engine:
        engine.wait_log("a new one is begun")
        (upload_dir / "b").write_bytes(b"b")
        engine.wait_uploaded(1)
        assert engine.uploader.explain("a").verdict == "not taken"
        assert engine.quit() == 0
    assert names_in(state_dir / "uploaded_to_t.csv") == ["b"]
