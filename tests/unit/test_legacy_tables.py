"""The tables that OpenMSIStream left are understood, odd names and glued headers included."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.engine.recording.tables.legacy import (
    LegacyInProgress,
    LegacyUploaded,
    find_legacy_tables,
    is_held_by,
    read_legacy,
)
from tui.engine.recording.tables.rows import BadRow

UPLOADED = "filename;rel_filepath;n_chunks;started;completed"
IN_PROGRESS = ("filename;rel_filepath;n_chunks;n_chunks_delivered;n_chunks_to_send;started;"
               "chunks_delivered;chunks_to_send")
WHEN = "Fri Nov 20, 2026 at 10:00:00"
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"),
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


def names_found(state_dir: Path, topic: str) -> list[str]:
    return [p.name for p in find_legacy_tables(state_dir, topic)]


def test_a_part_of_one_topic_is_not_taken_for_the_table_of_another(tmp_path: Path) -> None:
    (tmp_path / "uploaded_to_x_p0.csv").write_text(UPLOADED)
    # Nothing speaks for the other topic: it is a part of x, and all of x_p0.
    assert names_found(tmp_path, "x") == names_found(tmp_path, "x_p0") == ["uploaded_to_x_p0.csv"]
    (tmp_path / "upload_to_x_p0.sqlite3").touch()  # of the program that asks
    (tmp_path / "upload_to_x_in_progress.csv").write_text(IN_PROGRESS)
    assert names_found(tmp_path, "x_p0") == []
    (tmp_path / "upload_to_x_p0.sqlite3").unlink()
    assert "uploaded_to_x_p0.csv" in names_found(tmp_path, "x")
    assert names_found(tmp_path, "x_p0") == []
    (tmp_path / "upload_to_x_in_progress.csv").unlink()
    (tmp_path / "upload_to_x_p0_in_progress.csv").write_text(IN_PROGRESS)
    assert names_found(tmp_path, "x") == []
    assert "uploaded_to_x_p0.csv" in names_found(tmp_path, "x_p0")


def test_a_file_that_is_named_like_a_header_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"{UPLOADED}\n{UPLOADED!r};{UPLOADED!r};1;'{WHEN}';'{WHEN}'")
    row, = read_legacy(path)
    assert isinstance(row, LegacyUploaded)
    assert row.rel_path == UPLOADED


@settings(deadline=None)
@given(st.lists(st.tuples(NAMES, st.sets(st.integers(1, 99)), st.booleans()), min_size=1,
                max_size=5), st.integers(0, 2**31), st.sampled_from(["\n", "\r\n"]))
def test_what_their_repr_writes_is_read_back(
        tmp_path_factory: pytest.TempPathFactory,
        rows: list[tuple[str, set[int], bool]], when: int, newline: str) -> None:
    path = tmp_path_factory.mktemp("legacy") / "table.csv"
    text = repr(datetime.datetime.fromtimestamp(when).strftime("%a %b %d, %Y at %H:%M:%S"))
    files, expected = [], []
    for name, chunks, is_done in rows:
        if is_done:
            files.append(newline.join([UPLOADED, f"{name!r};{'d/' + name!r};3;{text};{text}"]))
            expected.append(("d/" + name, 3))
        else:
            files.append(newline.join([
                IN_PROGRESS, f"{name!r};{name!r};99;{len(chunks)};{99 - len(chunks)};{text};"
                f"{chunks!r};{set(range(1, 100)) - chunks!r}"]))
            expected.append((name, 99))
    path.write_bytes("".join(files).encode())  # joined as cat joins files
    found = [(r.rel_path, r.n_chunks) for r in read_legacy(path) if not isinstance(r, BadRow)]
    assert found == expected


@pytest.mark.parametrize(("n_bytes", "mtime", "n_chunks", "held"), [
    (40_000, 1.0, 3, True), (40_000, 1.0, 2, True), (40_000, 200.0, 3, False),
    (40_000, 1.0, 6, False), (0, 1.0, 1, True), (0, 1.0, 2, False)])
def test_a_row_holds_only_where_it_can_be_about_the_file(
        n_bytes: int, mtime: float, n_chunks: int, held: bool) -> None:
    assert is_held_by(LegacyUploaded("a", n_chunks, 100.0, 101.0), n_bytes, mtime) is held
