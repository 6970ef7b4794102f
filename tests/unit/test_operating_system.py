"""The logic of what differs between systems, whichever system this is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tui.engine import operating_system
from tui.engine.operating_system import (
    delivers_events,
    file_system_kind,
    open_below,
    open_for_reading,
    read_at,
    replace_file,
)


def test_both_ways_of_reading_at_an_offset_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(range(100)))
    descriptor = open_for_reading(path)
    try:
        for way in (read_at, operating_system._seek_and_read):
            assert way(descriptor, 10, 95) == bytes(range(95, 100))
            assert way(descriptor, 10, 20) == bytes(range(20, 30))
    finally:
        os.close(descriptor)


def test_a_fifo_does_not_block_and_a_link_is_not_followed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    os.close(open_below(tmp_path, "fifo"))
    (tmp_path / "link").symlink_to("fifo")
    with pytest.raises(OSError, match="symbolic"):
        open_below(tmp_path, "link")


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
    assert {"SIGTERM", "SIGINT"} <= {number.name for number in operating_system.STOP_SIGNALS}
