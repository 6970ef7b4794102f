"""What the observer does not tell of: overflows, watches that it may not have, its own death."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import settings_for
from tests.engine.finder import RunningFinder
from tests.waiting import wait_until
from tui.engine.finding import scanner, settling
from tui.engine.finding import watcher as watching_module
from tui.engine.finding.walk import Batch, walk
from tui.engine.finding.watcher import Watcher
from tui.engine.model.files import EventKind
from tui.engine.system.inotify import watched_inodes

LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


def test_s26_an_overflow_is_said_once_with_its_sysctl_and_followed_by_a_scan(
        upload_dir: Path) -> None:
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        age = finder.finder.freshness().last_scan_age or 0.0
        # What watchdog says when the kernel tells it that events were dropped.
        for text in ("Inotify queue overflowed; filesystem events were lost",
                     "Inotify queue overflowed; reconciling recursive watches below b'x'"):
            logging.getLogger("watchdog.observers.inotify_c").warning(text)
        finder.wait_log("^events lost, scanned again: .* fs.inotify.max_queued_events")
        finder.wait(lambda: (finder.finder.freshness().last_scan_age or 0.0) < age + 60
                    and finder.finder.freshness().n_overflows == 1, "it is counted once")


def test_more_events_than_can_be_taken_in_lead_to_a_scan_and_forget_none(
        upload_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "_INTAKE_PATHS", 10)
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        for i in range(500):
            (upload_dir / f"f{i}").write_bytes(b"x")
        finder.wait(lambda: len(finder.queued()) == 500, "all are in line")


@LINUX_ONLY
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_observer_whose_thread_died_is_built_anew_and_what_it_missed_is_found(
        upload_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        (thread,) = (t for t in threading.enumerate() if type(t).__name__ == "InotifyFD")
        monkeypatch.setattr(thread, "handle_event", lambda event: sys.exit())
        (upload_dir / "missed").write_bytes(b"x")
        finder.wait_queued("missed")
        monkeypatch.undo()
        (upload_dir / "heard").write_bytes(b"x")
        finder.wait_queued("missed", "heard")


@LINUX_ONLY
def test_s26_directories_that_are_not_watched_are_counted_with_the_sysctl_to_raise(
        upload_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        (upload_dir / name).mkdir()
    unwatched = (upload_dir / "b").stat().st_ino
    real = watched_inodes
    monkeypatch.setattr(watching_module, "watched_inodes",
                        lambda: (real() or set()) - {unwatched})
    with RunningFinder(upload_dir) as finder:
        finder.wait_log("^1 of 4 directories are not watched: .* fs.inotify.max_user_watches")
        assert [p for p in finder.finder.problems() if "max_user_watches" in p
                and p.startswith("1 of 4 directories are not watched")]
        monkeypatch.undo()
        finder.scan()
        finder.wait_log("all directories are watched again")
        assert finder.finder.problems() == []


@LINUX_ONLY
def test_all_directories_are_watched_where_there_is_room(upload_dir: Path) -> None:
    for i in range(50):
        (upload_dir / f"a{i}" / "b").mkdir(parents=True)
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        (upload_dir / "a1" / "b" / "f").write_bytes(b"x")
        finder.wait_queued("a1/b/f")
        finder.scan()
        wait_until(lambda: not finder.finder.watcher.seen_inodes, "the two were compared")
        assert finder.finder.problems() == []


_IN_A_NAMESPACE = """
import sys
from pathlib import Path
Path("/proc/sys/user/max_inotify_watches").write_text("3")
from tests.engine.finder import RunningFinder
upload_dir = Path(sys.argv[1])
with RunningFinder(upload_dir, rescan_seconds=0.5) as finder:
    finder.wait_log("directories are not watched: only scans find files in them; .*max_user_wat")
    for name in ("a0", "a5", "a9"):
        (upload_dir / name / "new").write_bytes(b"x")
    finder.wait_queued("a0/new", "a5/new", "a9/new")
"""


@LINUX_ONLY
def test_s26_at_the_limit_of_watches_scans_find_everything(upload_dir: Path) -> None:
    probe = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c",
         "echo 3 > /proc/sys/user/max_inotify_watches"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"no user namespace with a limit of its own: {probe.stderr!r}")
    for i in range(10):
        (upload_dir / f"a{i}").mkdir()
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", sys.executable, "-c", _IN_A_NAMESPACE,
         str(upload_dir)], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "9p", "overlay, lower layer"])
def test_silent_file_systems_are_polled_without_being_asked(
        upload_dir: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(watching_module, "file_system_kind", lambda path: kind)
    with RunningFinder(upload_dir) as finder:
        finder.wait_log(f"the file system \\({kind}\\) does not report every change")
        finder.wait_scanned()
        assert finder.finder.freshness().observer == "polling"


def test_a_polled_share_that_comes_back_makes_no_not_taken_file_new(upload_dir: Path,
                                                                     tmp_path: Path) -> None:
    """To a polling observer, all that comes back has been created."""
    (upload_dir / "d").mkdir()
    (upload_dir / "d" / "old").write_bytes(b"x")
    with RunningFinder(upload_dir, use_polling_observer=True) as finder:
        finder.wait_scanned()
        finder.finder.watcher.note("d/old", EventKind.CREATED)
        (upload_dir / "new").write_bytes(b"x")
        finder.wait_queued("new")
        finder.wait_settled()
        assert finder.states() == {"d/old": "not_taken", "new": "waiting"}


@pytest.mark.parametrize(("platform", "polling", "kind", "is_sure"), [
    ("linux", False, EventKind.MODIFIED, True), ("linux", False, EventKind.CREATED, True),
    ("win32", False, EventKind.MODIFIED, False), ("darwin", False, EventKind.MODIFIED, False),
    ("win32", False, EventKind.MOVED, True), ("linux", True, EventKind.CREATED, False),
    ("linux", True, EventKind.MODIFIED, True)])
def test_which_events_mean_what_they_say(
        upload_dir: Path, monkeypatch: pytest.MonkeyPatch, platform: str, polling: bool,
        kind: EventKind, is_sure: bool) -> None:
    heard: list[tuple[EventKind, bool]] = []

    class Listening:
        def heard(self, rel_path: str, kind: EventKind, *, is_sure: bool) -> bool:
            heard.append((kind, is_sure))
            return True

        def heard_of_directory(self, rel_path: str) -> None:
            raise NotImplementedError

        def events_lost(self, why: str) -> None:
            raise NotImplementedError

    watcher = Watcher(settings_for(upload_dir, use_polling_observer=polling), Listening())
    monkeypatch.setattr(sys, "platform", platform)
    watcher.note("a", kind)
    assert heard == [(kind, is_sure)]


def test_without_periodic_scans_there_is_none_ahead_and_events_do(upload_dir: Path) -> None:
    with RunningFinder(upload_dir, rescan_seconds=0.0) as finder:
        finder.wait_scanned()
        assert finder.finder.freshness().next_scan_seconds is None
        (upload_dir / "a").write_bytes(b"x")
        finder.wait_queued("a")


def test_what_events_miss_is_found_by_the_next_scan_and_counted(
        upload_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watcher, "note", lambda *_: None)
    with RunningFinder(upload_dir, rescan_seconds=0.5) as finder:
        finder.wait_scanned()
        (upload_dir / "a").write_bytes(b"x")
        finder.wait_queued("a")
        finder.wait_log("the scan found 1 file that no event had reported")


@pytest.fixture
def slow_walks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each walk through the directory take some time."""
    def slow(*args: Any) -> Iterator[Batch]:
        threading.Event().wait(0.3)
        return walk(*args)

    monkeypatch.setattr(scanner, "walk", slow)


@pytest.mark.usefixtures("slow_walks")
def test_the_period_of_scans_grows_with_their_cost(upload_dir: Path) -> None:
    with RunningFinder(upload_dir, rescan_seconds=0.1) as finder:
        finder.wait_scanned()
        finder.wait(lambda: (finder.finder.freshness().next_scan_seconds or 0) > 5,
                    "the next scan is twenty times the last one's duration away")


@pytest.mark.usefixtures("slow_walks")
def test_polls_of_a_large_directory_are_further_apart(upload_dir: Path) -> None:
    with RunningFinder(upload_dir, use_polling_observer=True, rescan_seconds=60.0) as finder:
        finder.wait_scanned()
        finder.wait(lambda: finder.finder.watcher.poll_seconds > 3, "polls are slower")
        (upload_dir / "a").write_bytes(b"x")
        finder.scan()
        finder.wait_queued("a")
