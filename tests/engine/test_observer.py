"""Observers that cannot start, die, or do not stop as they should: nothing ends, or is left."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.finder import RunningFinder
from tests.waiting import wait_until
from tui.engine.finding import watcher
from tui.engine.system.mounts import Mount

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")]

_DESCRIPTORS = Path("/proc/self/fd")


def observer_threads() -> set[str]:
    """Return the observer's threads that are alive."""
    return {t.name for t in threading.enumerate() if type(t).__module__.startswith("watchdog.")}


def n_instances() -> int:
    """Return how many inotify instances are open."""
    n = 0
    for entry in _DESCRIPTORS.iterdir():
        with contextlib.suppress(FileNotFoundError):  # the listing's own is closed again
            n += "inotify" in str(entry.readlink())
    return n


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    threads, instances = observer_threads(), n_instances()
    yield
    wait_until(lambda: observer_threads() <= threads, "the observer's threads have ended")
    wait_until(lambda: n_instances() <= instances, "its inotify instances are closed")


def wait_heard(finder: RunningFinder) -> None:
    """Wait until the observer has dealt with all that happened so far: its events come in order."""
    name = f"mark {len(finder.queued())}"
    (finder.settings.upload_dir / name).write_bytes(b"x")
    finder.wait(lambda: name in finder.queued(), name)


def test_a_directory_that_leaves_and_comes_back_does_not_keep_the_observer_from_stopping(
        upload_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (upload_dir / "A").mkdir()
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        (upload_dir / "A").rename(tmp_path / "out" / "A")
        wait_heard(finder)
        (upload_dir / "A").mkdir()
        wait_heard(finder)
        (upload_dir / "A").rmdir()
        wait_heard(finder)
    assert finder.deaths == []


def test_s39_an_observer_that_dies_of_directories_that_left_is_replaced_and_nothing_missed(
        upload_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in "AB":
        (upload_dir / name).mkdir()
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        (reader,) = (t for t in threading.enumerate() if type(t).__name__ == "InotifyFD")
        for name in "AB":
            (upload_dir / name).rename(out / name)
            wait_heard(finder)
            (upload_dir / name).mkdir()
            wait_heard(finder)
            (upload_dir / name).rmdir()
            wait_heard(finder)
        for name in "AB":
            (out / name).rmdir()
        reader.join(1.0)
        if not reader.is_alive():  # as it does in watchdog 7.1
            finder.wait_log("the observer of file events has died: another is started")
        wait_heard(finder)
    assert finder.deaths == []


_NAMESPACE = ["unshare", "--user", "--map-root-user"]
_LIMITED = """
import os, sys, threading
from pathlib import Path
limit = Path("/proc/sys/user") / sys.argv[2]
before = limit.read_text()
limit.write_text(sys.argv[3])
from tests.engine.finder import RunningFinder
from tests.engine.test_observer import n_instances, observer_threads
from tui.engine.finding import watcher
upload_dir = Path(sys.argv[1])
n_tries = 0
real = watcher.observe
def counted(*arguments):
    global n_tries
    n_tries += 1
    return real(*arguments)
watcher.observe = counted
with RunningFinder(upload_dir, rescan_seconds=0.1) as finder:
    finder.wait_log("the directory cannot be watched .*: only scans find files; .*" + sys.argv[4])
    (upload_dir / "found").write_bytes(b"x")
    finder.wait_queued("found")
    n_open = len(os.listdir("/proc/self/fd"))
    finder.wait(lambda: n_tries > 5, "it is tried again")
    finder.wait(lambda: len(os.listdir("/proc/self/fd")) <= n_open
                and (n_instances(), observer_threads()) == (0, set()), "nothing is left of a try")
    assert [p for p in finder.finder.problems() if sys.argv[4] in p]
    assert len([line for line in finder.log if "cannot be watched" in line]) == 1
    limit.write_text(before)
    finder.wait(lambda: not finder.finder.problems(), "it is watched")
assert n_tries > 5
"""


@pytest.mark.parametrize(("limit", "value", "remedy"), [
    ("max_inotify_instances", "0", "fs.inotify.max_user_instances"),
    ("max_inotify_watches", "0", "fs.inotify.max_user_watches")])
def test_where_nothing_can_be_watched_scans_go_on_and_trying_again_costs_nothing(
        upload_dir: Path, limit: str, value: str, remedy: str) -> None:
    probe = subprocess.run([*_NAMESPACE, "sh", "-c", f"echo {value} > /proc/sys/user/{limit}"],
                           capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"no user namespace with a limit of its own: {probe.stderr!r}")
    done = subprocess.run(
        [*_NAMESPACE, sys.executable, "-c", _LIMITED, str(upload_dir), limit, value, remedy],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr


_FEW_FILES = """
import os, resource, sys
from pathlib import Path
from watchdog.events import FileSystemEventHandler
from tui.engine.finding.observer import CannotObserveError, observe
root = Path(sys.argv[1])
n_open = len(os.listdir("/proc/self/fd")) - 1
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
for n_more in (0, 1, 2, 3):
    resource.setrlimit(resource.RLIMIT_NOFILE, (n_open + n_more, hard))
    for _ in range(3):
        try:
            observe(root, FileSystemEventHandler(), [], None)
        except CannotObserveError as error:
            assert "ulimit -n" in error.remedy, error.remedy
        else:
            raise AssertionError(f"{n_more} files are enough")
resource.setrlimit(resource.RLIMIT_NOFILE, (n_open + 20, hard))
assert len(os.listdir("/proc/self/fd")) - 1 == n_open
"""


def test_where_too_few_files_may_be_open_none_is_kept(upload_dir: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _FEW_FILES, str(upload_dir)],
                          capture_output=True, text=True, check=False,
                          cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr


@pytest.fixture
def data(upload_dir: Path) -> Iterator[Path]:
    """A directory in the upload directory, at which something is mounted later."""
    path = upload_dir / "data"
    path.mkdir()
    yield path
    while not subprocess.run(["umount", "-l", str(path)], capture_output=True,
                             check=False).returncode:
        pass


def mount(path: Path) -> None:
    """Mount an empty file system."""
    done = subprocess.run(["mount", "-t", "tmpfs", "none", str(path)], capture_output=True,
                          text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


def test_s40_a_file_system_that_is_mounted_in_the_tree_is_watched(
        upload_dir: Path, data: Path) -> None:
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        mount(data)
        finder.wait_log(r"a file system \(tmpfs\) was mounted at data: .* watched from now on")
        finder.scan()
        wait_heard(finder)
        age = finder.finder.freshness().last_scan_age or 0.0
        (data / "new").write_bytes(b"x")
        finder.wait(lambda: "data/new" in finder.queued(), "it was heard")
        assert (finder.finder.freshness().last_scan_age or 0.0) > age  # not found by a scan
        assert finder.finder.problems() == []
        subprocess.run(["umount", str(data)], check=True)
        finder.wait_log(r"the file system \(tmpfs\) at data is no longer mounted")
        (data / "below").write_bytes(b"x")
        finder.wait(lambda: "data/below" in finder.queued(), "what is there now is watched")


def test_of_a_file_system_in_the_tree_that_tells_nothing_that_is_said(
        upload_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    share = Mount(7, str(upload_dir / "share"), "nfs4")
    monkeypatch.setattr(watcher, "mounts_below", lambda path: frozenset({share}))
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        assert finder.finder.problems() == [
            "only scans find files in share: its file system (nfs4) does not report changes made "
            "by other computers"]


def test_a_file_system_that_is_mounted_again_with_other_options_is_the_same(
        upload_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ["rw"]
    monkeypatch.setattr(watcher, "mounts_below", lambda path: frozenset({
        Mount(7, str(upload_dir / "data"), "tmpfs", options[-1])}))
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        options.append("ro")
        assert not finder.finder.watcher.have_mounts_changed()
