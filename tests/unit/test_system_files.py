"""The logic of what differs between systems, whichever system this is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tui.engine.system import file_status, files, signals
from tui.engine.system.file_status import is_link, last_change_ns, mtime_in_64_bits
from tui.engine.system.files import Below, open_for_reading, read_at, replace_file
from tui.engine.system.inotify import watched_inodes
from tui.engine.system.mounts import delivers_events, file_system_kind, mount_point


def test_both_ways_of_reading_at_an_offset_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(range(100)))
    descriptor = open_for_reading(path)
    try:
        for way in (read_at, files._seek_and_read):
            assert way(descriptor, 10, 95) == bytes(range(95, 100))
            assert way(descriptor, 10, 20) == bytes(range(20, 30))
    finally:
        os.close(descriptor)


def test_a_fifo_does_not_block_and_a_link_is_not_followed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with Below(tmp_path) as below:
        os.close(below.open("fifo"))
    (tmp_path / "link").symlink_to("fifo")
    with Below(tmp_path) as below, pytest.raises(OSError, match="symbolic"):
        below.open("link")


def test_neighbours_are_opened_where_the_first_was_and_nothing_stays_open(tmp_path: Path) -> None:
    for name in ("d/a", "d/b", "e/f/a", "a"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    before = list(Path("/proc/self/fd").iterdir())
    with Below(tmp_path) as below:
        for name in ("d/a", "d/b", "a", "e/f/a", "d/a"):
            with os.fdopen(below.open(name), encoding="utf-8") as file:
                assert file.read() == name
        with pytest.raises(FileNotFoundError):
            below.open("e/g/a")
        with pytest.raises(OSError, match="no path below"):
            below.open("/a")
    assert list(Path("/proc/self/fd").iterdir()) == before


def test_a_directory_that_takes_the_place_of_another_one_is_looked_into(tmp_path: Path) -> None:
    for name in ("d/a", "d/b", "new/b"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    with Below(tmp_path) as below:
        os.close(below.open("d/a"))
        for name in ("d/a", "d/b"):
            (tmp_path / name).unlink()
        (tmp_path / "d").rmdir()
        (tmp_path / "new").rename(tmp_path / "d")
        with os.fdopen(below.open("d/b"), encoding="utf-8") as file:
            assert file.read() == "new/b"
        with pytest.raises(FileNotFoundError):
            below.open("d/a")


def test_a_table_that_is_held_open_is_tried_again_and_then_said(tmp_path: Path) -> None:
    waits: list[float] = []
    answers = [PermissionError(), PermissionError(), None]

    def busy(_source: Path, _target: Path) -> None:
        answer = answers.pop(0)
        if answer:
            raise answer

    replace_file(tmp_path / "a", tmp_path / "b", replace=busy, wait=waits.append)
    assert len(waits) == 2
    answers.extend([PermissionError()] * 4)
    with pytest.raises(PermissionError):
        replace_file(tmp_path / "a", tmp_path / "b", replace=busy, wait=waits.append)


def test_the_file_system_of_the_deepest_mount_is_found(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "1 0 0:1 / / rw - ext4 /dev/a rw\n"
        f"2 1 0:2 / {str(tmp_path).replace(' ', chr(92) + '040')} rw shared:1 - nfs4 s:/x rw\n")
    assert file_system_kind(tmp_path, mounts) == "nfs4"
    assert file_system_kind(Path("/"), mounts) == "ext4"


@pytest.mark.parametrize(("kind", "delivers"), [
    ("ext4", True), ("", True), ("nfs4", False), ("cifs", False), ("fuse.sshfs", False),
    ("9p", False), ("network", False)])
def test_where_events_are_not_to_be_trusted(kind: str, delivers: bool) -> None:
    assert delivers_events(kind) is delivers


def test_stop_signals_exist_here() -> None:
    assert {"SIGTERM", "SIGINT"} <= {number.name for number in signals.STOP_SIGNALS}


@pytest.mark.parametrize(("is_dir_in_lower", "kind"), [
    (True, "overlay, lower layer"), (False, "overlay")])
def test_a_directory_of_an_overlays_lower_layer_is_told(tmp_path: Path, is_dir_in_lower: bool,
                                                        kind: str) -> None:
    merged, lower = tmp_path / "merged", tmp_path / "lower"
    (merged / "data").mkdir(parents=True)
    lower.mkdir()
    if is_dir_in_lower:
        (lower / "data").mkdir()
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 0 0:1 / {merged} rw - overlay overlay rw,lowerdir=l/REL:{lower},"
                      "upperdir=/u,workdir=/w\n")
    assert file_system_kind(merged / "data", mounts) == kind
    assert delivers_events(kind) is not is_dir_in_lower


class Status:
    """What ``stat`` gives on Windows, as far as it matters."""

    def __init__(self, created: int, modified: int) -> None:
        self.st_ctime_ns = self.st_birthtime_ns = created
        self.st_mtime_ns = modified


@pytest.mark.parametrize(("platform", "created_or_changed", "modified", "last"), [
    ("linux", 50, 90, 50), ("linux", 50, 900, 50), ("darwin", 50, 0, 50),
    ("win32", 50, 90, 90), ("win32", 50, 10, 50), ("win32", 50, 900, 50)])
def test_the_last_change_is_not_a_time_that_a_program_set(
        platform: str, created_or_changed: int, modified: int, last: int) -> None:
    status: Any = Status(created_or_changed, modified)
    assert last_change_ns(status, now_ns=100, platform=platform) == last


@pytest.mark.parametrize("mtime_ns", [
    0, -1, 2 ** 63 - 1, -2 ** 63, 2 ** 63, 2 ** 63 + 5, 10 ** 19, -2 ** 63 - 1])
def test_every_mtime_fits_the_ledger_and_differs_from_its_neighbour(mtime_ns: int) -> None:
    this: Any = Status(0, mtime_ns)
    next_one: Any = Status(0, mtime_ns + 1)
    assert -2 ** 63 <= mtime_in_64_bits(this) < 2 ** 63
    assert mtime_in_64_bits(this) != mtime_in_64_bits(next_one)
    if -2 ** 63 <= mtime_ns < 2 ** 63:
        assert mtime_in_64_bits(this) == mtime_ns


def test_watched_inodes_are_read_from_the_table_of_what_is_open(tmp_path: Path) -> None:
    (tmp_path / "3").write_text("pos:\t0\nflags:\t02\nmnt_id:\t15\n")
    (tmp_path / "4").write_text(
        "pos:\t0\ninotify wd:2 ino:1f sdev:fe00000 mask:fc6 ignored_mask:0 fhandle-bytes:8\n"
        "inotify wd:1 ino:2a sdev:fe00000 mask:fc6 ignored_mask:0 fhandle-bytes:8\n")
    assert watched_inodes(tmp_path) == {0x1f, 0x2a}
    assert watched_inodes(tmp_path / "not there") is None


def test_a_file_opened_by_its_whole_name_is_kept_only_if_that_is_where_it_is(
        tmp_path: Path) -> None:
    """The way of systems that cannot open step by step."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_bytes(b"x")
    (tmp_path / "link").symlink_to("d")
    os.close(files._open_below_by_name(tmp_path, "d/f"))
    with pytest.raises(OSError, match="symbolic"):
        files._open_below_by_name(tmp_path, "link/f")


def test_the_mount_point_of_a_path_is_above_it(tmp_path: Path) -> None:
    found = Path(mount_point(tmp_path))
    assert tmp_path.resolve().is_relative_to(found)
    assert os.path.ismount(found)


def test_a_junction_is_a_link(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Reparse(Status):
        def __init__(self, tag: int) -> None:
            super().__init__(0, 0)
            self.st_mode = tmp_path.stat().st_mode
            self.st_reparse_tag = tag

    monkeypatch.setattr(file_status, "_HAS_JUNCTIONS", True)
    for tag, expected in ((0xA0000003, True), (0, False), (0x80000017, False)):
        status: Any = Reparse(tag)
        assert is_link(status) is expected
    (tmp_path / "link").symlink_to(tmp_path)
    assert is_link((tmp_path / "link").lstat())
