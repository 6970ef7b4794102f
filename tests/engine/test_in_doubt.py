"""Which files are in doubt: those of which only the content tells whether they changed."""

from __future__ import annotations

import os
from pathlib import Path

from tests.engine.finder import RunningFinder
from tui.engine.recording.doubts import Doubts


def in_doubt(finder: RunningFinder) -> set[str]:
    """Return the paths in doubt."""
    return {doubt.rel_path for doubt in Doubts(finder.ledger.database).after(0, 100)}


def uploaded(finder: RunningFinder, path: Path) -> None:
    """Have a file found and recorded as uploaded."""
    path.write_bytes(b"content")
    finder.wait_queued(path.name)
    finder.upload(path.name)


def test_a_close_after_writing_that_changed_nothing_else_makes_a_doubt(upload_dir: Path) -> None:
    with RunningFinder(upload_dir) as finder:
        uploaded(finder, upload_dir / "a")
        os.close(os.open(upload_dir / "a", os.O_RDWR))
        finder.wait(lambda: in_doubt(finder) == {"a"}, "a is in doubt")
        assert finder.states() == {"a": "uploaded"}
        assert finder.ledger.census.take().counts.in_doubt == 1


def test_a_close_while_it_waits_is_remembered_until_it_was_sent(upload_dir: Path) -> None:
    with RunningFinder(upload_dir) as finder:
        (upload_dir / "a").write_bytes(b"content")
        finder.wait_queued("a")
        os.close(os.open(upload_dir / "a", os.O_RDWR))
        finder.wait(lambda: finder.ledger.database.query(
            "SELECT 1 FROM files WHERE in_doubt = 1"), "it is noted")
        finder.upload("a")
        assert in_doubt(finder) == {"a"}


def test_a_file_not_taken_is_never_in_doubt(upload_dir: Path) -> None:
    (upload_dir / "a").write_bytes(b"content")
    with RunningFinder(upload_dir) as finder:
        finder.wait(lambda: finder.states() == {"a": "not_taken"}, "not taken")
        os.close(os.open(upload_dir / "a", os.O_RDWR))
        (upload_dir / "a").chmod(0o600)
        finder.scan()
        assert not finder.ledger.database.query("SELECT 1 FROM files WHERE in_doubt = 1")


def test_what_1_0_0_uploaded_gets_its_time_of_change_without_being_read(upload_dir: Path) -> None:
    with RunningFinder(upload_dir) as finder:
        uploaded(finder, upload_dir / "a")
        finder.ledger.database.write("UPDATE files SET rest_ctime_ns = NULL WHERE name = ?",
                                     [("a",)])
        finder.scan()
        known = finder.ledger.files.known("a")
        assert known is not None
        assert known.settled_ctime_ns == (upload_dir / "a").stat().st_ctime_ns
        assert not in_doubt(finder)
        (upload_dir / "a").chmod(0o600)
        finder.scan()
        finder.wait(lambda: in_doubt(finder) == {"a"}, "from then on a difference counts")


def test_a_doubt_that_comes_while_the_file_is_read_stays(upload_dir: Path) -> None:
    with RunningFinder(upload_dir) as finder:
        uploaded(finder, upload_dir / "a")
        finder.ledger.files.record_in_doubt(["a"])
        doubts = Doubts(finder.ledger.database)
        (doubt,) = doubts.after(0, 10)
        status = (upload_dir / "a").stat()
        doubts.begin(doubt)
        finder.ledger.files.record_in_doubt(["a"])  # it is closed once more
        doubts.end(doubt, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        assert in_doubt(finder) == {"a"}
        doubts.begin(doubt)
        doubts.end(doubt, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        assert not in_doubt(finder)
        finder.scan()
        assert not in_doubt(finder)


def test_a_stop_while_the_content_is_known_to_be_another_forgets_nothing(
        upload_dir: Path) -> None:
    with RunningFinder(upload_dir) as finder:
        uploaded(finder, upload_dir / "a")
        finder.ledger.files.record_in_doubt(["a"])
    with RunningFinder(upload_dir, lag_seconds=60.0) as finder:
        finder.finder.content_changed("a")
        finder.wait(lambda: finder.states() == {"a": "settling"}, "to be sent after a minute")
    with RunningFinder(upload_dir) as finder:
        finder.wait(lambda: finder.states() == {"a": "uploaded"}, "by size and time it is as sent")
        assert in_doubt(finder) == {"a"}
