"""Opening and reading: never outside the directory, never a byte of another version."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from tui.engine.sending import chunk_digests
from tui.engine.sending import source as source_module
from tui.engine.sending.source import SLICE_BYTES, Source, open_source
from tui.engine.system import files
from tui.engine.system.files import Below
from tui.errors import (
    SourceChangedError,
    SourceGoneError,
    SourceRefusedError,
    SourceUnreadableError,
)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory beside the upload directory, with a secret in it."""
    path = tmp_path / "outside"
    path.mkdir()
    (path / "f").write_bytes(b"secret")
    return path


def opened(upload_dir: Path, rel_path: str, *, follow_symlinks: bool) -> Source:
    with Below(upload_dir) as below:
        return open_source(below, rel_path, follow_symlinks=follow_symlinks)


@pytest.mark.parametrize("follow_symlinks", [False, True])
def test_a_file_in_a_subdirectory_is_opened(upload_dir: Path, follow_symlinks: bool) -> None:
    (upload_dir / "d" / "e").mkdir(parents=True)
    (upload_dir / "d" / "e" / "f").write_bytes(b"content")
    source = opened(upload_dir, "d/e/f", follow_symlinks=follow_symlinks)
    assert source.read_whole() == b"content"
    source.close()


def test_a_directory_that_may_be_searched_and_not_read_is_gone_through(upload_dir: Path) -> None:
    if os.geteuid() == 0:
        # The superuser may read it anyway; that it is not even asked for shows in the flags.
        assert not hasattr(os, "O_PATH") or files._DIRECTORY & os.O_PATH
        return
    (upload_dir / "d").mkdir()
    (upload_dir / "d" / "f").write_bytes(b"content")
    (upload_dir / "d").chmod(0o100)
    opened(upload_dir, "d/f", follow_symlinks=False).close()


@pytest.mark.parametrize("rel_path", ["../outside/f", "d/../../outside/f", "./f", "d//f",
                                      "/f", "d/"])
def test_a_path_that_is_no_plain_path_is_refused(upload_dir: Path, outside: Path,
                                                 rel_path: str) -> None:
    (upload_dir / "d").mkdir()
    with pytest.raises(SourceRefusedError):
        opened(upload_dir, rel_path, follow_symlinks=False)


def test_links_count_as_gone_where_they_are_not_followed(upload_dir: Path, outside: Path) -> None:
    (upload_dir / "a").write_bytes(b"a")
    (upload_dir / "link").symlink_to("a")
    (upload_dir / "directory").symlink_to(outside)
    for rel_path in ("link", "directory/f"):
        with pytest.raises(SourceGoneError, match="symbolic link"):
            opened(upload_dir, rel_path, follow_symlinks=False)


def test_followed_links_are_refused_where_they_lead_outside(upload_dir: Path,
                                                            outside: Path) -> None:
    (upload_dir / "a").write_bytes(b"a")
    (upload_dir / "link").symlink_to("a")
    opened(upload_dir, "link", follow_symlinks=True).close()
    (upload_dir / "escape").symlink_to(outside / "f")
    (upload_dir / "directory").symlink_to(outside)
    for rel_path in ("escape", "directory/f", "../outside/f"):
        with pytest.raises(SourceRefusedError, match="outside the upload directory"):
            opened(upload_dir, rel_path, follow_symlinks=True)


@pytest.mark.parametrize("follow_symlinks", [False, True])
def test_s30_a_directory_swapped_for_a_link_while_it_is_opened_does_not_let_out(
        upload_dir: Path, outside: Path, monkeypatch: pytest.MonkeyPatch,
        follow_symlinks: bool) -> None:
    """A link stands there for the opening only: before and after, every name is innocent."""
    directory, aside = upload_dir / "d", upload_dir / "aside"
    directory.mkdir()
    (directory / "f").write_bytes(b"inside")
    real_open = os.open

    def swapping_open(path: str, flags: int, *more: int, **named: int) -> int:
        directory.rename(aside)
        directory.symlink_to(outside)
        try:
            return real_open(path, flags, *more, **named)
        finally:
            directory.unlink()
            aside.rename(directory)

    monkeypatch.setattr(os, "open", swapping_open)
    with pytest.raises((SourceRefusedError, SourceGoneError)):
        opened(upload_dir, "d/f", follow_symlinks=follow_symlinks)
    monkeypatch.undo()
    opened(upload_dir, "d/f", follow_symlinks=follow_symlinks).close()


def test_s30_names_that_are_innocent_whenever_they_are_looked_at_do_not_let_out(
        upload_dir: Path, outside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name leads outside for opening and stat, and inside whenever links are resolved."""
    (upload_dir / "d").symlink_to(outside)
    real = os.path.realpath
    innocent = {str(upload_dir / "d" / "f"): str(upload_dir / "d" / "f")}
    monkeypatch.setattr(os.path, "realpath", lambda path: innocent.get(str(path)) or real(path))
    with pytest.raises(SourceRefusedError, match="outside"):
        opened(upload_dir, "d/f", follow_symlinks=True)


def test_a_link_to_a_ledger_is_not_even_opened(upload_dir: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    (upload_dir / "LOGS").mkdir()
    (upload_dir / "LOGS" / "upload_to_t.sqlite3").write_bytes(b"")
    (upload_dir / "link").symlink_to("LOGS/upload_to_t.sqlite3")
    monkeypatch.setattr(source_module, "open_for_reading",
                        lambda path: pytest.fail("it was opened"))
    with pytest.raises(SourceRefusedError, match="ledger"):
        opened(upload_dir, "link", follow_symlinks=True)


def test_special_files_count_as_gone_and_do_not_block(upload_dir: Path) -> None:
    os.mkfifo(upload_dir / "fifo")
    for follow_symlinks in (False, True):
        with pytest.raises(SourceGoneError, match="regular file is no longer there"):
            opened(upload_dir, "fifo", follow_symlinks=follow_symlinks)


def test_a_file_that_is_gone_is_told_from_one_that_cannot_be_read(
        upload_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceGoneError):
        opened(upload_dir, "d/f", follow_symlinks=False)
    for code in (errno.EACCES, errno.EIO, errno.ESTALE):
        def refuse(*_: object, code: int = code) -> int:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(Below, "open", refuse)
        with pytest.raises(SourceUnreadableError, match=os.strerror(code)):
            opened(upload_dir, "a", follow_symlinks=False)


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE])
def test_an_error_while_reading_is_said(upload_dir: Path, monkeypatch: pytest.MonkeyPatch,
                                        code: int) -> None:
    (upload_dir / "a").write_bytes(b"a")

    def fail(descriptor: int, n_bytes: int, offset: int) -> bytes:
        raise OSError(code, os.strerror(code))

    source = opened(upload_dir, "a", follow_symlinks=False)
    monkeypatch.setattr(source_module, "read_at", fail)
    with pytest.raises(SourceUnreadableError, match=os.strerror(code)):
        source.read_whole()
    source.close()


LARGE = bytes(range(256)) * (SLICE_BYTES // 256) * 2 + b"end"


def test_each_slice_is_compared_with_the_pass_that_hashed(upload_dir: Path) -> None:
    path = upload_dir / "a"
    path.write_bytes(LARGE)
    source = opened(upload_dir, "a", follow_symlinks=False)
    assert source.hash_whole(lambda: False, 16384) == hashlib.sha512(LARGE).digest()
    assert source.n_hashed == len(LARGE)
    with path.open("r+b") as file:
        file.seek(SLICE_BYTES)
        file.write(b"X")
    assert source.read_slice(0) == LARGE[:SLICE_BYTES]
    with pytest.raises(SourceChangedError):
        source.read_slice(1)
    assert source.read_slice(2) == b"end"
    source.close()


def test_growth_after_hashing_leaves_the_first_bytes_readable(upload_dir: Path) -> None:
    path = upload_dir / "a"
    path.write_bytes(LARGE)
    source = opened(upload_dir, "a", follow_symlinks=False)
    source.hash_whole(lambda: False, 16384)
    with path.open("ab") as file:
        file.write(b"more")
    path.rename(upload_dir / "b")
    assert b"".join(source.read_slice(i) for i in range(3)) == LARGE
    (upload_dir / "b").unlink()
    assert source.read_slice(2) == b"end"
    source.close()


def test_hashing_can_be_interrupted(upload_dir: Path) -> None:
    (upload_dir / "a").write_bytes(LARGE)
    source = opened(upload_dir, "a", follow_symlinks=False)
    answers = iter([False, True])
    assert source.hash_whole(lambda: next(answers), 16384) is None
    assert source.n_hashed == SLICE_BYTES
    source.close()


@pytest.mark.parametrize("may_change", [False, True])
def test_a_file_that_changes_while_it_is_read_is_refused_unless_it_may(
        upload_dir: Path, may_change: bool) -> None:
    path = upload_dir / "a"
    path.write_bytes(LARGE)
    source = opened(upload_dir, "a", follow_symlinks=False)

    def grow() -> bool:
        with path.open("ab") as file:
            file.write(b"more")
        return False

    if may_change:
        assert source.hash_whole(grow, 16384, may_change=True) == hashlib.sha512(LARGE).digest()
    else:
        with pytest.raises(SourceChangedError):
            source.hash_whole(grow, 16384)
    source.close()


def test_a_file_that_shrinks_while_it_is_read_is_refused_in_any_case(upload_dir: Path) -> None:
    path = upload_dir / "a"
    path.write_bytes(LARGE)
    source = opened(upload_dir, "a", follow_symlinks=False)
    os.truncate(path, 10)
    with pytest.raises(SourceChangedError):
        source.hash_whole(lambda: False, 16384, may_change=True)
    source.close()


@pytest.mark.parametrize("chunk_size", [1 << 15, SLICE_BYTES, 2 * SLICE_BYTES, 8 * SLICE_BYTES])
def test_the_digests_of_the_chunks_come_from_the_pass_that_hashed(
        upload_dir: Path, monkeypatch: pytest.MonkeyPatch, chunk_size: int) -> None:
    (upload_dir / "a").write_bytes(LARGE)
    source = opened(upload_dir, "a", follow_symlinks=False)
    source.hash_whole(lambda: False, chunk_size)
    source.close()
    assert source.digests is not None
    chunks = [LARGE[i:i + chunk_size] for i in range(0, len(LARGE), chunk_size)]
    found = [source.digests.of(i, chunk_size) for i in range(len(chunks) + 1)]
    assert found == [*(hashlib.sha512(chunk).digest() for chunk in chunks), b""]
    assert source.digests.of(0, chunk_size // 2) == b""  # it was cut in another way after all


def test_digests_are_kept_of_so_many_chunks_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_digests, "_MOST_DIGESTS", 3)
    digests = chunk_digests.ChunkDigests(10)
    for start in range(0, 100, 20):
        part = bytes(range(start, start + 20))
        assert digests.add(part) == chunk_digests.checksum(part)
    digests.end()
    assert [len(digests.of(i, 10)) for i in range(5)] == [64, 64, 64, 0, 0]
    assert digests.of(2, 10) == hashlib.sha512(bytes(range(20, 30))).digest()
