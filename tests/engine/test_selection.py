"""Which files are sent at all, shown by what comes into the line."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.engine.finder import RunningFinder, left_from_before
from tui.engine.finding import walk
from tui.engine.model.snapshot import NoticeKind


def put(upload_dir: Path, *rel_paths: str) -> None:
    for rel_path in rel_paths:
        path = upload_dir / rel_path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rel_path.encode("utf-8", "surrogateescape"))


def test_the_default_leaves_out_logs_and_what_is_below_hidden_directories(
        upload_dir: Path) -> None:
    put(upload_dir, "a", "sub/b", "x.log", "sub/y.log", ".hidden", ".dir/c", "sub/.dir/d",
        "x.log.txt")
    with RunningFinder(upload_dir, upload_existing=True) as finder:
        finder.wait_queued("a", "sub/b", "x.log.txt")


def test_a_regex_that_asks_for_hidden_directories_gets_them_but_no_hidden_file(
        upload_dir: Path) -> None:
    put(upload_dir, ".dir/c", ".dir/.hidden", ".dir/x.log", "a")
    with RunningFinder(upload_dir, upload_existing=True, upload_regex=r"\.dir/") as finder:
        finder.wait_queued(".dir/c", ".dir/x.log")
        put(upload_dir, ".dir/later", ".dir/.later")
        finder.wait_queued(".dir/c", ".dir/x.log", ".dir/later")


def test_the_regex_is_matched_from_the_start_of_the_whole_relative_path(
        upload_dir: Path) -> None:
    put(upload_dir, "run1/a.dat", "old/run1/a.dat", "run1/a.txt")
    with RunningFinder(upload_dir, upload_existing=True, upload_regex=r"run\d/.*\.dat$") as finder:
        finder.wait_queued("run1/a.dat")
        assert "does not match --upload_regex" in finder.finder.why_excluded("run1/a.txt")


def test_the_state_directory_the_top_level_logs_and_any_ledgers_are_left_out_whatever_the_regex(
        upload_dir: Path) -> None:
    put(upload_dir, "LOGS/x", "LOGS/sub/x", "state/x", "state/sub/x", "a/LOGS/x",
        "old/upload_to_other.sqlite3", "old/x", "old/sub/x", "a/x")
    with RunningFinder(upload_dir, upload_existing=True, upload_regex=".*",
                       state_dir=upload_dir / "state") as finder:
        finder.wait_queued("a/LOGS/x", "a/x")
        put(upload_dir, "state/new", "old/new", "LOGS/new", "a/new")
        finder.wait_queued("a/LOGS/x", "a/x", "a/new")


def test_special_files_are_skipped_without_being_opened(upload_dir: Path,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    put(upload_dir, "a")
    os.mkfifo(upload_dir / "fifo")
    monkeypatch.chdir(upload_dir)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener, \
            RunningFinder(upload_dir, upload_existing=True) as finder:
        listener.bind("socket")
        finder.wait_queued("a")
        finder.scan()
        finder.wait_log("fifo is skipped: it is a FIFO")
        finder.wait_log("socket is skipped: it is a socket")
        assert finder.finder.why_excluded("fifo") == "it is a FIFO"
        assert set(finder.states()) == {"a"}


def test_links_are_skipped_with_one_line_each(upload_dir: Path) -> None:
    put(upload_dir, "a", "sub/b")
    (upload_dir / "link").symlink_to("a")
    (upload_dir / "directory").symlink_to("sub")
    (upload_dir / "nowhere").symlink_to("not there")
    with RunningFinder(upload_dir, upload_existing=True) as finder:
        finder.wait_queued("a", "sub/b")
        finder.scan()
        finder.scan()
        for name in ("link", "directory", "nowhere"):
            assert [x for x in finder.log if x.startswith(f"{name} is skipped: it is a symbolic")]\
                == [f"{name} is skipped: it is a symbolic link, and --follow_symlinks is off"]


def test_followed_links_are_sent_under_their_own_path_and_loops_end(upload_dir: Path,
                                                                    tmp_path: Path) -> None:
    put(upload_dir, "a", "sub/b")
    put(tmp_path, "outside/secret")
    (upload_dir / "link").symlink_to("a")
    (upload_dir / "directory").symlink_to("sub")
    (upload_dir / "sub" / "up").symlink_to("..")
    (upload_dir / "self").symlink_to("self")
    (upload_dir / "escape").symlink_to(tmp_path / "outside" / "secret")
    (upload_dir / "escape_directory").symlink_to(tmp_path / "outside")
    with RunningFinder(upload_dir, upload_existing=True, follow_symlinks=True) as finder:
        finder.wait_queued("a", "sub/b", "link", "directory/b")
        finder.wait_log("escape is skipped: it leads outside the upload directory")
        finder.wait_log("escape_directory is skipped: it leads outside the upload directory")
        finder.wait_log("sub/up is skipped: it is a link to a directory above it")
        # Also where only an event, or a person, names such a path.
        for path in ("sub/up/a", "directory/up/sub/b", "escape_directory/secret"):
            assert finder.finder.observe(path) is None, path
            assert finder.finder.why_excluded(path), path


def test_a_link_into_the_state_directory_is_not_followed(upload_dir: Path) -> None:
    put(upload_dir, "LOGS/sub/x")
    (upload_dir / "ledger").symlink_to("LOGS/upload_to_t.sqlite3")
    (upload_dir / "state").symlink_to("LOGS")
    (upload_dir / "deeper").symlink_to("LOGS/sub")
    with RunningFinder(upload_dir, upload_existing=True, follow_symlinks=True) as finder:
        finder.wait_scanned()
        for name in ("ledger", "state", "deeper"):
            finder.wait_log(f"{name} is skipped: it leads to a place that is never uploaded")
        assert finder.states() == {}


def test_a_path_that_leaves_the_directory_is_no_path_of_it(upload_dir: Path) -> None:
    put(upload_dir.parent, "secret")
    with RunningFinder(upload_dir) as finder:
        for path in ("../secret", str(upload_dir.parent / "secret"), "x/../../secret"):
            assert finder.finder.observe(path) is None


def test_a_name_that_is_not_utf8_is_refused_until_it_is_renamed(upload_dir: Path) -> None:
    bad = os.fsencode(upload_dir) + b"/bad\xff"
    with RunningFinder(upload_dir, upload_existing=True) as finder:
        finder.wait_scanned()
        with open(bad, "wb") as file:  # noqa: PTH123 (bytes)
            file.write(b"x")
        finder.wait(lambda: len(finder.finder.stuck.unsendable()) == 1, "it is refused")
        assert "not valid UTF-8" in finder.finder.stuck.unsendable()[0].reason
        assert [kind for kind, _ in finder.notices] == [NoticeKind.FILE_FAILED]
        os.rename(bad, upload_dir / "good")  # noqa: PTH104 (bytes)
        finder.wait_queued("good")
        finder.scan()
        finder.wait(lambda: finder.finder.stuck.unsendable() == (), "it is refused no longer")


@pytest.mark.parametrize("name", [
    "sp ace", "q'uo\"te", "se;mi", "t\tab", "new\nline", "back\\slash", "[markup]", "[/oops]",
    "\x1b[31mred", "\U0001f600", "é", "e\u0301", "-dash", "x" * 255, "%d {} $HOME", "a_b"])
def test_odd_names_are_found_and_known_again(upload_dir: Path, name: str) -> None:
    with RunningFinder(upload_dir) as finder:
        finder.wait_scanned()
        put(upload_dir, name)
        finder.wait_queued(name)
        finder.upload(name)
    with RunningFinder(upload_dir, upload_existing=True) as finder:
        finder.wait_scanned()
        finder.wait_settled()
        assert finder.states() == {name: "uploaded"}


def test_two_paths_with_one_key_are_two_files_also_after_a_restart(upload_dir: Path) -> None:
    put(upload_dir, "a/b_c", "a_b/c")
    with RunningFinder(upload_dir, upload_existing=True) as finder:
        finder.wait_queued("a/b_c", "a_b/c")
        finder.upload("a/b_c")
    with RunningFinder(upload_dir, upload_existing=True) as finder:
        finder.wait_scanned()
        assert finder.states() == {"a/b_c": "uploaded", "a_b/c": "waiting"}


def test_a_file_settling_under_another_regex_is_not_sent(upload_dir: Path) -> None:
    left_from_before(upload_dir)
    with RunningFinder(upload_dir, lag_seconds=60) as finder:
        finder.wait_scanned()
        put(upload_dir, "a.tmp", "b.dat")
        finder.wait(lambda: set(finder.states().values()) == {"settling"}
                    and len(finder.states()) == 2, "both settle")
    with RunningFinder(upload_dir, upload_regex=r".*\.dat$") as finder:
        finder.wait_queued("b.dat")
        assert set(finder.states()) == {"b.dat"}


@pytest.mark.parametrize("follow_symlinks", [False, True])
def test_a_junction_that_leads_outside_is_not_entered(
        upload_dir: Path, monkeypatch: pytest.MonkeyPatch, follow_symlinks: bool) -> None:
    """To the listing of a directory, a junction is a directory like any other."""
    put(upload_dir, "a", "junction/secret")
    number = (upload_dir / "junction").stat().st_ino
    outside = upload_dir.parent / "outside"
    real = os.path.realpath
    monkeypatch.setattr(walk, "is_link", lambda status: status.st_ino == number)
    monkeypatch.setattr(os.path, "realpath",
                        lambda path: str(outside) if str(path).endswith("junction")
                        else real(path))
    with RunningFinder(upload_dir, upload_existing=True, follow_symlinks=follow_symlinks) as finder:
        finder.wait_log("junction is skipped: it is a symbolic link|junction is skipped: it leads")
        finder.wait_queued("a")
        monkeypatch.undo()
