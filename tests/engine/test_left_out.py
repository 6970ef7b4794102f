"""What the program leaves out, or no longer sees, for a reason of its own: said, and shown."""

from __future__ import annotations

from pathlib import Path

from tests.engine.finder import RunningFinder


def test_a_directory_is_left_out_for_a_ledgers_name_in_it_and_that_is_said(
        upload_dir: Path) -> None:
    (upload_dir / "run").mkdir()
    (upload_dir / "run" / "a.dat").write_bytes(b"x")
    (upload_dir / "run" / "upload_to_x.sqlite3").write_bytes(b"no ledger")
    with RunningFinder(upload_dir, upload_existing=True, rescan_seconds=0.1) as finder:
        said = r"the directory run is left out, because a file there has the name of a ledger"
        finder.wait_log(said)
        assert [text for text in finder.finder.problems() if said in text]
        finder.scan()
        assert len([line for line in finder.log if said in line]) == 1  # not with every scan
        assert finder.states() == {}
        (upload_dir / "run" / "upload_to_x.sqlite3").unlink()
        finder.wait_queued("run/a.dat")
        finder.wait(lambda: finder.finder.problems() == [], "nothing is left out any more")


def test_the_state_directory_of_this_run_is_no_news(upload_dir: Path) -> None:
    with RunningFinder(upload_dir, state_dir=upload_dir / "state") as finder:
        finder.wait_scanned()
        assert finder.finder.problems() == []
        assert not [line for line in finder.log if "left out" in line]


def test_an_upload_directory_whose_link_is_turned_elsewhere_is_said(
        upload_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    link = tmp_path / "current"
    link.symlink_to(upload_dir)
    with RunningFinder(upload_dir, upload_dir_given=link) as finder:
        finder.wait_scanned()
        assert finder.finder.problems() == []
        link.unlink()
        link.symlink_to(tmp_path / "other")
        finder.wait_log(f"{link} leads to {tmp_path / 'other'} now; what is uploaded is "
                        f"{upload_dir}")
        assert [text for text in finder.finder.problems() if text.startswith(f"{link} leads to")]
        (upload_dir / "a.dat").write_bytes(b"x")
        finder.wait_queued("a.dat")
        link.unlink()
        link.symlink_to(upload_dir)
        finder.wait(lambda: finder.finder.problems() == [], "it leads where it led")
