"""The tables that OpenMSIStream left are understood, odd names and glued headers included."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.engine.recording.legacy_tables import (
    LegacyInProgress,
    LegacyUploaded,
    find_legacy_tables,
    is_held_by,
    read_legacy,
)
from tui.engine.recording.table_rows import BadRow

UPLOADED = "filename;rel_filepath;n_chunks;started;completed"
IN_PROGRESS = ("filename;rel_filepath;n_chunks;n_chunks_delivered;n_chunks_to_send;started;"
               "chunks_delivered;chunks_to_send")
WHEN = "Fri Nov 20, 2026 at 10:00:00"
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n\r/\\"),
                min_size=1).filter(lambda n: n not in (".", ".."))


@settings(deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=4))
def test_any_name_is_read(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    path = tmp_path_factory.mktemp("legacy") / "table.csv"
    rows = [f"{name!r};{name!r};3;{WHEN!r};{WHEN!r}" for name in names]
    path.write_bytes("\n".join([UPLOADED, *rows]).encode())
    found = list(read_legacy(path))
    assert [r.rel_path for r in found if isinstance(r, LegacyUploaded)] == names


def test_both_kinds_and_glued_headers(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"{UPLOADED}\n'a';'d/a';1;'{WHEN}';'{WHEN}'{IN_PROGRESS}\n"
                    f"'b';'b';4;1;3;'{WHEN}';{{2}};{{1, 3, 4}}\n'c';'c';1;0;1;'{WHEN}';set();{{1}}")
    when = datetime.datetime(2026, 11, 20, 10).timestamp()
    assert list(read_legacy(path)) == [
        LegacyUploaded("d/a", 1, when, when), LegacyInProgress("b", 4, 1),
        LegacyInProgress("c", 1, 0)]


@pytest.mark.parametrize("row", [
    "nonsense", "'a';'a';x;'t';'t'", "'a';'../a';1;'Fri Nov 20, 2026 at 10:00:00';'y'",
    "'a;'a';1;2;3", f"'a';'/etc/passwd';1;'{WHEN}';'{WHEN}'"])
def test_a_bad_row_is_kept_with_its_line(tmp_path: Path, row: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"{UPLOADED}\n{row}\n'b';'b';1;'{WHEN}';'{WHEN}'")
    bad, good = read_legacy(path)
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.text) == (2, row)
    assert isinstance(good, LegacyUploaded)


def test_exactly_their_names_are_found(tmp_path: Path) -> None:
    theirs = ["uploaded_to_t.csv", "uploaded_to_t_p1.csv",
              "uploaded_to_t_p12_2026-11-20.csv", "upload_to_t_in_progress.csv"]
    for name in [*theirs, "uploaded_to_t2.csv", "uploaded_to_t@1.csv", "uploaded_to_t_px.csv"]:
        (tmp_path / name).write_text(UPLOADED)
    assert [p.name for p in find_legacy_tables(tmp_path, "t")] == sorted(theirs)
    (tmp_path / "uploaded_to_t.csv").write_text("topic,filename,rel_filepath,n_chunks\n")
    assert "uploaded_to_t.csv" not in [p.name for p in find_legacy_tables(tmp_path, "t")]


@pytest.mark.parametrize(("n_bytes", "mtime", "n_chunks", "held"), [
    (40_000, 1.0, 3, True), (40_000, 1.0, 2, True), (40_000, 200.0, 3, False),
    (40_000, 1.0, 6, False), (0, 1.0, 1, True), (0, 1.0, 2, False)])
def test_a_row_holds_only_where_it_can_be_about_the_file(
        n_bytes: int, mtime: float, n_chunks: int, held: bool) -> None:
    assert is_held_by(LegacyUploaded("a", n_chunks, 100.0, 101.0), n_bytes, mtime) is held
