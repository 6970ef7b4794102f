"""What somebody laid under the names of the state directory is neither followed nor waited for."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import Program
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and FIFOs of POSIX")

QUICK = ("--watchdog_lag_time", "0.1", "--upload_existing", "--topic_name", "T")
NAMES = ("upload_to_T.sqlite3", "upload_to_T.sqlite3-wal", "upload_to_T.sqlite3-shm",
         "upload_to_T.sqlite3-journal", "upload_to_T.owner.json", "upload_to_T_in_progress.csv",
         "upload_to_T_in_progress@waiting.csv", "uploaded_to_T.csv", "uploaded_to_T@1.csv",
         "upload_to_T.log", "upload_to_T.log.1")


def refusal(upload_dir: Path, config: Path, *words: str) -> str:
    """Start the program, which must not start; return what it says."""
    ran = subprocess.run(
        [sys.executable, "-m", "tui", str(upload_dir), "--headless", "--config", str(config),
         *QUICK, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 2, ran.stderr
    assert ran.stderr.count("\n") == 1
    assert "Traceback" not in ran.stderr
    return ran.stderr


@pytest.mark.parametrize("name", NAMES)
def test_s43_links_fifos_and_directories_under_names_of_ours_are_refused(
        upload_dir: Path, nowhere: Path, tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path = upload_dir / "LOGS" / name
    path.parent.mkdir()
    path.symlink_to(victim)
    assert f"{path}: it is a link, and this program writes only" in refusal(upload_dir, nowhere)
    assert victim.read_text() == "precious"
    path.unlink()
    os.mkfifo(path)
    assert f"{path}: it is no regular file" in refusal(upload_dir, nowhere)
    path.unlink()
    path.mkdir()
    assert f"{path}: it is a directory" in refusal(upload_dir, nowhere)


def test_what_has_the_name_of_a_growing_file_is_not_followed(
        upload_dir: Path, nowhere: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    logs = upload_dir / "LOGS"
    logs.mkdir()
    for name in (".uploaded_to_T@1.csv.new", ".upload_to_T_in_progress.csv.new",
                 ".upload_to_T.sqlite3.1.new"):
        (logs / name).symlink_to(victim)
    (upload_dir / "a").write_bytes(b"x")
    with Program(upload_dir, "--config", str(nowhere), *QUICK) as program:
        wait_until((logs / "upload_to_T_in_progress.csv").exists, "a table is written")
        program.type("quit")
        program.type("quit")
        assert program.wait() == 130
    assert victim.read_text() == "precious"
    assert not [path for path in logs.iterdir() if path.name.endswith(".new")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a link of somebody else")
def test_a_state_directory_that_somebody_else_linked_is_refused(
        upload_dir: Path, nowhere: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    logs = upload_dir / "LOGS"
    logs.symlink_to(tmp_path / "elsewhere")
    os.lchown(logs, 65534, -1)
    assert f"{logs} is a link that nobody laid" in refusal(upload_dir, nowhere)
    os.lchown(logs, 0, -1)  # laid by the one who runs it: that is meant
    with Program(upload_dir, "--config", str(nowhere), *QUICK) as program:
        program.wait_for("not connected")
        assert program.quit() == 0
    assert (tmp_path / "elsewhere" / "upload_to_T.sqlite3").exists()


def test_files_are_private_and_a_directory_that_all_may_write_to_is_said(
        upload_dir: Path, nowhere: Path) -> None:
    logs = upload_dir / "LOGS"
    logs.mkdir()
    logs.chmod(0o777)
    (logs / "uploaded_to_T.csv").write_text("")  # as 1.0.0 left it
    (logs / "uploaded_to_T.csv").chmod(0o644)
    (logs / "notes.txt").write_text("of somebody else")
    (logs / "notes.txt").chmod(0o644)
    (upload_dir / "a").write_bytes(b"x")
    with Program(upload_dir, "--config", str(nowhere), *QUICK) as program:
        program.wait_for(f"everybody may write to the state directory {logs}.*: chmod go-w")
        wait_until((logs / "upload_to_T_in_progress.csv").exists, "a table is written")
        program.kill()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in logs.iterdir()}
    assert modes.pop("notes.txt") == 0o644
    assert len(modes) >= 5
    assert set(modes.values()) == {0o600}


@pytest.mark.skipif(os.geteuid() != 0, reason="root is in every group")
def test_a_group_may_be_given_the_files(upload_dir: Path, nowhere: Path) -> None:
    logs = upload_dir / "LOGS"
    with Program(upload_dir, "--config", str(nowhere), *QUICK, "--state_group", "65534") as program:
        program.wait_for("not connected")
        wait_until((logs / "upload_to_T.owner.json").exists, "the owner is named")
        program.kill()
    assert stat.S_IMODE(logs.stat().st_mode) & 0o077 == 0o050
    for path in logs.iterdir():
        assert (path.stat().st_gid, stat.S_IMODE(path.stat().st_mode)) == (65534, 0o640), path
    assert "--state_group: there is no group nosuchgroup" in refusal(
        upload_dir, nowhere, "--state_group", "nosuchgroup")


@pytest.mark.skipif(os.geteuid() != 0, reason="it changes the user")
def test_a_ledger_of_another_user_is_a_matter_of_permission(
        upload_dir: Path, nowhere: Path, tmp_path: Path) -> None:
    """Root may read everything, so that somebody else is asked."""
    from tui.engine.recording import state_access
    from tui.errors import StateDirectoryError

    logs = upload_dir / "LOGS"
    logs.mkdir()
    (logs / "upload_to_T.sqlite3").write_bytes(b"")
    (logs / "upload_to_T.sqlite3").chmod(0o600)
    for folder in (logs, *logs.parents[:-1]):
        folder.chmod(folder.stat().st_mode | 0o055)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setuid(65534)
            state_access.check_files(logs, "T", logs / "upload_to_T.log")
        except StateDirectoryError as error:
            status = 0 if "permission denied: it belongs to root" in str(error) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_link_to_the_ledger_laid_over_a_waiting_file_frees_no_lock(
        upload_dir: Path, tmp_path: Path) -> None:
    from tests.engine.in_process import RunningEngine, settings_for

    settings = settings_for(upload_dir, tmp_path / "state")
    other = [sys.executable, "-c", (
        "import sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], timeout=0)\n"
        "try:\n    c.execute('BEGIN EXCLUSIVE')\n"
        "except sqlite3.OperationalError:\n    sys.exit(7)")]
    with RunningEngine(settings) as engine:
        engine.uploader.pause()
        (upload_dir / "x").write_bytes(b"waits")
        wait_until(lambda: engine.uploader.snapshot().counts.waiting == 1, "it waits")
        ledger = engine.uploader.ledger.database.path
        waiting = (upload_dir / "x").stat()
        (upload_dir / "x").unlink()
        os.link(ledger, upload_dir / "x")
        assert (upload_dir / "x").stat().st_ino != waiting.st_ino
        engine.uploader.resume()
        wait_until(lambda: not engine.uploader.snapshot().counts.unfinished, "it is dealt with")
        assert subprocess.run([*other, str(ledger)], timeout=60).returncode == 7
