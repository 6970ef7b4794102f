"""What files do, on Apache Kafka, numbered as the scenarios; a deployed consumer judges."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.consumer import make_topic, read_topic, rebuild
from tests.faults.steps import QUICK, judged, options
from tests.kafka_broker import KafkaBroker
from tests.program import Program
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("faults")]

#: As root, but with no more right to read files than their owner has.
NO_OVERRIDE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


def contents(kafka: KafkaBroker, topic: str, rel_path: str) -> list[bytes]:
    """Return all contents of a path that a consumer rebuilt, in their order."""
    return [content for path, content in judged(kafka.bootstrap, topic).completed
            if path == rel_path]


def only_new(config: Path, topic: str, *more: str) -> tuple[str, ...]:
    """Return words of the command line for a program that leaves alone what is there."""
    return ("--config", str(config), "--topic_name", topic, *QUICK, *more)


def wait_scanned(program: Program) -> None:
    """Wait until the first scan is over: a file that came after the start is uploaded."""
    program.wait_for("uploading .* to topic")


def test_s19_an_empty_file_arrives_and_again_when_it_is_filled(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    path = upload_dir / "a"
    path.write_bytes(b"")
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_uploaded(1)
        path.write_bytes(b"filled")
        program.wait_uploaded(2)
        assert program.quit() == 0
    assert contents(kafka, topic, "a") == [b"", b"filled"]


def test_s19_a_file_truncated_to_empty_after_its_upload_is_sent_as_empty(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    path = upload_dir / "a"
    path.write_bytes(b"filled")
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_uploaded(1)
        os.truncate(path, 0)
        program.wait_uploaded(2)
        path.unlink()
        path.write_bytes(b"")  # the same content once more: nothing is sent
        (upload_dir / "b").write_bytes(b"b")
        program.wait_uploaded(3)
        assert program.quit() == 0
    # Not judged by the deployed consumer, which never shortens what it has.
    assert rebuild(read_topic(kafka.bootstrap, topic)) == {"a": [b"filled", b""], "b": [b"b"]}


def test_s20_a_file_that_is_appended_to_is_uploaded_once_it_is_quiet(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    end = threading.Event()
    path = upload_dir / "a"

    def append() -> None:
        while not end.wait(0.1):
            with path.open("ab") as file:
                file.write(b"x" * 100)

    writer = threading.Thread(target=append)
    with Program(upload_dir, *options(config, topic, "--watchdog_lag_time", "1.5")) as program:
        wait_scanned(program)
        writer.start()
        try:
            def still_changing() -> bool:
                program.type("why a")
                return any(re.search(r"growing since \d\d:\d\d", line)
                           for line in program.lines)

            wait_until(still_changing, "it is shown as still changing")
        finally:
            end.set()
            writer.join()
        program.wait_uploaded(1)
        assert program.quit() == 0
    assert contents(kafka, topic, "a") == [path.read_bytes()]


def test_s22_a_file_deleted_before_its_turn_is_not_sent_and_ends_nothing(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_for("connected to")
        program.type("pause")
        for name in ("deleted", "moved", "truncated", "kept"):
            (upload_dir / name).write_bytes(name.encode())

        def all_wait() -> bool:
            program.type("check")
            return any(re.search(r" 0 settling, 4 waiting", line) for line in program.lines)

        wait_until(all_wait, "all wait")
        (upload_dir / "deleted").unlink()
        (upload_dir / "moved").rename(upload_dir / "elsewhere")
        os.truncate(upload_dir / "truncated", 5)
        program.type("resume")
        program.wait_uploaded(3)
        assert program.quit() == 0
    assert judged(kafka.bootstrap, topic).files == {
        "elsewhere": b"moved", "truncated": b"trunc", "kept": b"kept"}


def test_s23_only_what_rests_is_sent_of_an_editors_dance(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    path = upload_dir / "a.txt"
    path.write_bytes(b"old")
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_uploaded(1)
        for i in range(20):
            (upload_dir / ".a.txt.swp").write_bytes(b"swap")
            (upload_dir / "4913").write_bytes(b"")
            (upload_dir / "4913").unlink()
            (upload_dir / "a.txt~").unlink(missing_ok=True)
            path.rename(upload_dir / "a.txt~")
            path.write_bytes(f"new {i}".encode())
        (upload_dir / "a.txt~").unlink()
        (upload_dir / ".a.txt.swp").unlink()
        program.wait_uploaded(2)
        path.rename(upload_dir.parent / "out")
        (upload_dir.parent / "out").rename(path)  # out and back: nothing new
        (upload_dir / "last").write_bytes(b"last")
        program.wait_uploaded(3)
        assert program.quit() == 0
    assert judged(kafka.bootstrap, topic).completed == [
        ("a.txt", b"old"), ("a.txt", b"new 19"), ("last", b"last")]


def test_s24_s25_directories_that_come_whole_or_fill_in_a_burst_arrive_whole(
        kafka: KafkaBroker, config: Path, upload_dir: Path, tmp_path: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    expected = {}
    for i in range(500):
        path = tmp_path / "run" / f"d{i % 5}" / f"f{i}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(str(i).encode())
        expected[f"run/d{i % 5}/f{i}"] = str(i).encode()
    with Program(upload_dir, *only_new(config, topic, "--rescan_seconds", "10")) as program:
        wait_scanned(program)
        shutil.copytree(tmp_path / "run", upload_dir / "copied")
        (tmp_path / "run").rename(upload_dir / "run")
        expected |= {f"copied{path.removeprefix('run')}": content
                     for path, content in expected.items()}
        for i in range(5000):
            path = upload_dir / f"a{i % 10}" / f"b{i % 100}" / f"c{i % 1000}" / f"f{i}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(str(i).encode())
            expected[path.relative_to(upload_dir).as_posix()] = str(i).encode()
        program.wait_uploaded(6000, 120)
        (upload_dir / "run" / "d3" / "later").write_bytes(b"later")
        expected["run/d3/later"] = b"later"
        program.wait_uploaded(6001)
        assert program.quit() == 0
    assert judged(kafka.bootstrap, topic).files == expected


def test_s26_what_is_created_while_the_program_is_stopped_is_found_although_events_are_lost(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    n_events = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    n_files = n_events // 2  # each gives two events at least: created and closed
    with Program(upload_dir, *only_new(config, topic, "--rescan_seconds", "0")) as program:
        wait_scanned(program)
        (upload_dir / "first").write_bytes(b"x")
        program.wait_uploaded(1)
        program.process.send_signal(signal.SIGSTOP)
        for i in range(n_files):
            (upload_dir / f"f{i}").write_bytes(b"x")
        program.process.send_signal(signal.SIGCONT)
        program.wait_for("events lost, scanned again: .* fs.inotify.max_queued_events")
        program.wait_uploaded(n_files + 1, 240)
        assert program.quit() == 0
    assert len(judged(kafka.bootstrap, topic).files) == n_files + 1


@pytest.fixture
def mounted(upload_dir: Path) -> Iterator[Path]:
    """The upload directory with a file system of its own mounted at it."""
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(upload_dir)],
                           capture_output=True, text=True, check=False)
    if mount.returncode:
        pytest.skip(f"nothing can be mounted here: {mount.stderr.strip()}")
    yield upload_dir
    subprocess.run(["umount", "-l", str(upload_dir)], capture_output=True, check=False)


def test_s27_an_unmounted_root_is_offline_and_goes_on_when_it_is_mounted_again(
        kafka: KafkaBroker, config: Path, mounted: Path, tmp_path: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    with Program(mounted, *options(config, topic, "--logger_file_path",
                                   str(tmp_path / "state"))) as program:
        (mounted / "a").write_bytes(b"a")
        program.wait_uploaded(1)
        unmount = ["umount", str(mounted)]
        wait_until(lambda: not subprocess.run(unmount, capture_output=True,
                                              check=False).returncode, "it is unmounted")
        program.wait_for("source offline: no file system is mounted at .* any more; no file "
                         "counts as deleted")
        (mounted / "below the mount").write_bytes(b"not of the directory")
        subprocess.run(["mount", "-t", "tmpfs", "none", str(mounted)], check=True)
        program.wait_for("can be seen again")
        (mounted / "b").write_bytes(b"b")
        program.wait_uploaded(2)
        assert program.quit() == 0
    assert judged(kafka.bootstrap, topic).files == {"a": b"a", "b": b"b"}


def test_s27_a_root_that_is_renamed_and_made_again_is_watched_again(
        kafka: KafkaBroker, config: Path, upload_dir: Path, tmp_path: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(config, topic, "--logger_file_path",
                                      str(tmp_path / "state"))) as program:
        (upload_dir / "a").write_bytes(b"a")
        program.wait_uploaded(1)
        upload_dir.rename(tmp_path / "old")
        program.wait_for("source offline: .* cannot be seen")
        upload_dir.mkdir()
        program.wait_for("can be seen again")
        (upload_dir / "b").write_bytes(b"b")
        program.wait_uploaded(2)
        assert program.quit() == 0


def test_s28_what_may_not_be_read_is_held_and_sent_once_it_may(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    wrapper = NO_OVERRIDE if os.geteuid() == 0 else ()
    if wrapper and not shutil.which(wrapper[0]):
        pytest.skip("the superuser can read everything, and there is no setpriv")
    (upload_dir / "locked").write_bytes(b"x")
    (upload_dir / "locked").chmod(0)
    (upload_dir / "closed").mkdir()
    (upload_dir / "closed" / "inside").write_bytes(b"y")
    (upload_dir / "closed").chmod(0)
    (upload_dir / "open").write_bytes(b"z")
    topic = make_topic(kafka.bootstrap)
    try:
        with Program(upload_dir, *options(config, topic), wrapper=wrapper) as program:
            program.wait_for("locked is held: it cannot be read: Permission denied")
            program.wait_for("closed cannot be read: Permission denied; every scan tries again")
            program.wait_uploaded(1)
            program.type("why locked")
            program.wait_for("^locked: retrying: it cannot be read: Permission denied")
            program.wait_for("attempt in")
            (upload_dir / "locked").chmod(0o600)
            (upload_dir / "closed").chmod(0o700)
            program.wait_uploaded(3)
            assert program.quit() == 0
    finally:
        (upload_dir / "closed").chmod(0o700)
    assert judged(kafka.bootstrap, topic).files == {
        "locked": b"x", "closed/inside": b"y", "open": b"z"}


def test_s28_what_cannot_be_read_counts_until_the_end(upload_dir: Path, config: Path,
                                                      kafka: KafkaBroker) -> None:
    wrapper = NO_OVERRIDE if os.geteuid() == 0 else ()
    if wrapper and not shutil.which(wrapper[0]):
        pytest.skip("the superuser can read everything, and there is no setpriv")
    (upload_dir / "closed").mkdir()
    (upload_dir / "closed" / "inside").write_bytes(b"y")
    (upload_dir / "closed").chmod(0)
    try:
        with Program(upload_dir, *options(config, make_topic(kafka.bootstrap)),
                     wrapper=wrapper) as program:
            program.wait_for("closed cannot be read")
            program.type("check")
            program.wait_for(r"^close\? +not yet: 1 file or directory cannot be read")
            assert program.quit() == 1
            assert "1 file or directory cannot be read: what is in there is not sent" \
                in program.text()
    finally:
        (upload_dir / "closed").chmod(0o700)


NAMES = ["sp ace", "q'uo\"te", "se;mi", "t\tab", "new\nline", "back\\slash", "[markup]",
         "x[/oops].bin", "\x1b[31mred", "\U0001f600", "é", "e\u0301", "-dash", "x" * 255,
         "a/b_c", "a_b/c"]


def test_s29_odd_names_and_equal_keys_arrive_and_are_known_again(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    for name in NAMES:
        (upload_dir / name).parent.mkdir(exist_ok=True)
        (upload_dir / name).write_bytes(name.encode())
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_uploaded(len(NAMES))
        assert program.quit() == 0
    with Program(upload_dir, *options(config, topic)) as program:
        (upload_dir / "last").write_bytes(b"last")
        program.wait_uploaded(1)
        assert program.quit() == 0
    assert sorted(judged(kafka.bootstrap, topic).completed) == sorted(
        [(name, name.encode()) for name in [*NAMES, "last"]])


def test_s29_a_name_that_is_not_utf8_is_refused_and_counted_as_failed(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    with open(os.fsencode(upload_dir) + b"/bad\xff", "wb") as file:  # noqa: PTH123 (bytes)
        file.write(b"?")
    (upload_dir / "good").write_bytes(b"good")
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_uploaded(1)
        program.wait_for(r"bad\\xff cannot be uploaded: its name is not valid UTF-8")
        program.type("check")
        program.wait_for("1 needs you")
        assert program.quit() == 1
    assert judged(kafka.bootstrap, topic).files == {"good": b"good"}


def test_s30_links_and_special_files_neither_hang_nor_escape(
        kafka: KafkaBroker, config: Path, upload_dir: Path, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outside").write_bytes(b"secret")
    (upload_dir / "a").write_bytes(b"a")
    (upload_dir / "sub").mkdir()
    (upload_dir / "sub" / "b").write_bytes(b"b")
    for name, target in (("escape", str(tmp_path / "outside")), ("up", str(tmp_path)),
                         ("loop", "."), ("sub/loop", "../sub"), ("dangling", "nowhere"),
                         ("inside", "a"), ("directory", "sub")):
        (upload_dir / name).symlink_to(target)
    os.mkfifo(upload_dir / "fifo")
    monkeypatch.chdir(upload_dir)  # a socket's path must be short
    topic = make_topic(kafka.bootstrap)
    with socket.socket(socket.AF_UNIX) as listener, \
            Program(upload_dir, *options(config, topic, "--follow_symlinks")) as program:
        listener.bind("socket")
        program.wait_uploaded(4)
        for name in ("escape", "up"):
            program.wait_for(f"{name} is skipped: it leads outside the upload directory")
        program.wait_for("loop is skipped: it is a link to a directory above it")
        program.wait_for("fifo is skipped: it is a FIFO")
        program.wait_for("socket is skipped: it is a socket")
        assert program.quit() == 0
    assert judged(kafka.bootstrap, topic).files == {
        "a": b"a", "sub/b": b"b", "inside": b"a", "directory/b": b"b"}


def test_s30_a_sparse_file_of_100_gb_shows_progress_and_keeps_nothing_waiting(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    with (upload_dir / "sparse").open("wb") as file:
        file.truncate(100_000_000_000)
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(config, topic)) as program:
        def is_being_read() -> bool:
            program.type("why sparse")
            return any("being read, " in line for line in program.lines)

        wait_until(is_being_read, "its progress is told")
        for i in range(10):
            (upload_dir / f"small{i}").write_bytes(b"x")
        program.wait_uploaded(10)
        program.type("quit")
        program.wait_for("stopping: what is queued is uploaded first")
        program.type("quit")
        assert program.wait() == 130


def test_s31_odd_mtimes_are_not_taken_at_start_and_sent_when_new(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    hour_ns = 3_600_000_000_000
    times = {"future": time.time_ns() + hour_ns, "epoch": 0, "negative": -hour_ns}
    for name, mtime_ns in times.items():
        (upload_dir / name).write_bytes(b"old")
        os.utime(upload_dir / name, ns=(mtime_ns, mtime_ns))
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *only_new(config, topic)) as program:
        program.wait_for("3 files were here already and are not taken")
        for name, mtime_ns in times.items():
            (upload_dir / f"new {name}").write_bytes(b"new")
            os.utime(upload_dir / f"new {name}", ns=(mtime_ns, mtime_ns))
        program.wait_uploaded(3)
        assert program.quit() == 0
    assert judged(kafka.bootstrap, topic).files == {f"new {name}": b"new" for name in times}


def test_s12_files_that_were_settling_when_the_program_was_killed_are_sent(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *only_new(config, topic, "--watchdog_lag_time", "600")) as program:
        wait_scanned(program)
        program.wait_for("connected to")
        (upload_dir / "a").write_bytes(b"a")

        def is_settling() -> bool:
            program.type("why a")
            return any("still being written" in line for line in program.lines)

        wait_until(is_settling, "it settles")
        program.kill()
    with Program(upload_dir, *only_new(config, topic)) as program:
        program.wait_uploaded(1)
        assert program.quit() == 0
    assert judged(kafka.bootstrap, topic).files == {"a": b"a"}
