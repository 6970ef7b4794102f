"""What the commands answer about real files, whatever they are and are called."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.in_process import RunningEngine, settings_for
from tests.waiting import wait_until
from tui.commands import execute
from tui.engine.model.snapshot import PageKind
from tui.engine.system import files


@pytest.fixture
def engine(tmp_path: Path, upload_dir: Path) -> Iterator[RunningEngine]:
    with RunningEngine(settings_for(upload_dir, tmp_path / "state")) as engine:
        yield engine


def why(engine: RunningEngine, path: str) -> str:
    return " ".join(line.strip() for line in execute(f"why {path}", engine.uploader).lines)


def wait_why(engine: RunningEngine, path: str, words: str) -> None:
    wait_until(lambda: words in why(engine, path), f"{words!r} in {why(engine, path)!r}")


def test_files_that_are_never_uploaded(engine: RunningEngine, upload_dir: Path,
                                       tmp_path: Path) -> None:
    (upload_dir / "folder").mkdir()
    (upload_dir / "folder/x").write_bytes(b"1")
    os.mkfifo(upload_dir / "pipe")
    (upload_dir / "link").symlink_to("folder")
    (upload_dir / os.fsdecode(b"broken\xff")).write_bytes(b"1")
    reasons = {
            ".hidden": "its name begins with a dot", "a.log": "names ending in .log",
            ".git/a": "directories beginning with a dot", "LOGS/x": "in the directory LOGS",
            "pipe": "it is a FIFO", "link": "it is a symbolic link",
            "folder": "it is a directory", "link/x": "symbolic link",
            "../other": "outside the upload directory", "/etc/passwd": "outside the upload"}
    for path, words in reasons.items():
        assert f"{path.removeprefix('/etc/')}" in why(engine, path)
        assert "never uploaded: " in why(engine, path)
        assert words in why(engine, path)
    assert "not valid UTF-8" in why(engine, os.fsdecode(b"broken\xff"))


def test_a_regex_is_named(tmp_path: Path, upload_dir: Path) -> None:
    settings = settings_for(upload_dir, tmp_path / "state", "--upload_regex", r".*\.h5$")
    with RunningEngine(settings) as engine:
        assert r"it does not match --upload_regex .*\.h5$" in why(engine, "a.csv")


def test_a_file_that_nobody_has_seen(engine: RunningEngine) -> None:
    assert why(engine, "nowhere.dat") == \
        "nowhere.dat: unknown: there is no such file in the upload directory"
    assert "unknown" in why(engine, os.fsdecode(b"nowhere\xff"))


def test_a_file_on_its_way(tmp_path: Path, upload_dir: Path) -> None:
    settings = settings_for(upload_dir, tmp_path / "state", lag_seconds=5.0)
    with RunningEngine(settings) as engine:
        engine.uploader.pause()
        (upload_dir / "first").write_bytes(b"x" * 4_000_000)
        wait_why(engine, "first", "still being written?")
        (upload_dir / "second").write_bytes(b"x")
        wait_why(engine, "second", "waiting: in line behind 4 MB")
        assert why(engine, "first") == (
            "first: waiting: next. Uploading is paused: resume goes on")
        engine.uploader.resume()
        wait_why(engine, "second", "uploaded at 20")


def test_a_file_that_was_not_taken(tmp_path: Path, upload_dir: Path) -> None:
    (upload_dir / "old").write_bytes(b"x")
    settings = settings_for(upload_dir, tmp_path / "state", upload_existing=False)
    with RunningEngine(settings) as engine:
        wait_why(engine, "old", "not taken: it was here before the program")
        assert execute("reupload old", engine.uploader).ok
        wait_why(engine, "old", "uploaded at 20")


def test_a_file_that_is_held_says_why_and_retry_tries_it_again(
        tmp_path: Path, upload_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    is_closed = [True]
    real = files.Below.open

    def closed(*place: Any) -> int:
        if is_closed[0]:
            raise PermissionError(13, "Permission denied")
        return real(*place)

    monkeypatch.setattr(files.Below, "open", closed)
    (upload_dir / "closed").write_bytes(b"x")
    with RunningEngine(settings_for(upload_dir, tmp_path / "state")) as engine:
        wait_why(engine, "closed", "retrying: ")
        assert "Permission denied" in why(engine, "closed")
        assert "next attempt in" in why(engine, "closed")
        assert any("closed" in line and "retrying" in line
                   for line in execute("files", engine.uploader).lines)
        is_closed[0] = False
        assert execute("retry closed", engine.uploader).lines == ("closed is queued again",)
        wait_why(engine, "closed", "uploaded at 20")
        assert not execute("retry closed", engine.uploader).ok


HOSTILE = ("x[/oops].bin", "a b  c.dat", "tab\there.dat", "quote's \"both\".dat", "$x;&`y`.dat",
           "\u202eevil.dat", "back\\slash.dat", "-rf", "\x1b[31mred.dat", "two\nlines.dat")


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_any_name_can_be_asked_for(engine: RunningEngine, upload_dir: Path, name: str) -> None:
    (upload_dir / name).parent.mkdir(exist_ok=True)
    (upload_dir / name).write_bytes(b"x")
    wait_why(engine, name, "uploaded at 20")
    assert not any(ord(c) < 32 or c in "\u202e\x7f" for c in why(engine, name))
    assert execute(f"reupload {name}", engine.uploader).ok
    wait_until(lambda: len(engine.uploader.versions(name)) == 2, "a second version")


def test_a_path_may_be_quoted_absolute_or_written_in_a_roundabout_way(
        engine: RunningEngine, upload_dir: Path, tmp_path: Path) -> None:
    (upload_dir / "sub dir").mkdir()
    (upload_dir / "sub dir/a b.dat").write_bytes(b"x")
    wait_why(engine, "sub dir/a b.dat", "uploaded at 20")
    detour = tmp_path / "detour"
    detour.symlink_to(upload_dir)
    for path in ("'sub dir/a b.dat'", '"sub dir/a b.dat"', "./sub dir//a b.dat",
                 "sub dir/../sub dir/a b.dat", f"{upload_dir}/sub dir/a b.dat",
                 f"'{detour}/sub dir/a b.dat'"):
        assert "uploaded at 20" in why(engine, path)


def test_nothing_outside_can_be_uploaded_by_its_path(engine: RunningEngine, upload_dir: Path,
                                                     tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_bytes(b"x")
    (upload_dir / "way").symlink_to(tmp_path / "outside")
    for path in ("../outside/secret", str(tmp_path / "outside/secret"), "way/secret", "way"):
        answer = execute(f"reupload {path}", engine.uploader)
        assert not answer.ok
        assert "never uploaded" in answer.lines[0]


def test_files_are_selected_by_a_part_or_an_end_of_their_path(tmp_path: Path,
                                                              upload_dir: Path) -> None:
    settings = settings_for(upload_dir, tmp_path / "state", lag_seconds=3600.0)
    for name in ("Scan_1.tif", "scan_2.csv", "other_tif.dat"):
        (upload_dir / name).write_bytes(b"x")
    with RunningEngine(settings) as engine:
        # They are counted as soon as they are heard of, and listed once they were looked at.
        wait_until(lambda: engine.uploader.page(PageKind.QUEUE, 0, 9).n_total == 3, "three files")
        for pattern, expected in {
                "": {"Scan_1.tif", "scan_2.csv", "other_tif.dat"}, "SCAN": {"Scan_1.tif",
                "scan_2.csv"}, "*.tif": {"Scan_1.tif"}, "scan_?.*": {"Scan_1.tif", "scan_2.csv"},
                "nothing": set()}.items():
            lines = execute(f"files {pattern}", engine.uploader).lines
            assert {line.split()[0] for line in lines
                    if "still being written" in line} == expected
        assert lines == ("no unfinished files match nothing",)
