"""What is read of a file is what the file held at one time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.waiting import wait_until
from tui.engine.sending import source as source_module
from tui.engine.sending.source import open_source
from tui.engine.system.files import Below, read_at
from tui.errors import SourceChangedError


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    """A file that was last changed before the present tick of the file system's clock."""
    path = tmp_path / "a"
    path.write_bytes(b"old content")
    other = tmp_path / "other"

    def clock_has_moved() -> bool:
        other.write_bytes(b"")
        return other.stat().st_ctime_ns > path.stat().st_ctime_ns

    wait_until(clock_has_moved, "the file system's clock moves")
    return path


def test_a_small_file_rewritten_while_it_is_read_is_noticed_though_its_time_is_restored(
        old_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_and_rewrite(descriptor: int, n_bytes: int, offset: int) -> bytes:
        data = read_at(descriptor, n_bytes, offset)
        before = old_file.stat()
        old_file.write_bytes(b"new content")
        os.utime(old_file, ns=(before.st_atime_ns, before.st_mtime_ns))
        return data

    monkeypatch.setattr(source_module, "read_at", read_and_rewrite)
    with Below(old_file.parent) as below:
        source = open_source(below, "a", follow_symlinks=False)
    with pytest.raises(SourceChangedError):
        source.read_whole()
    source.close()
