"""The CSV tables: exact columns, hostile names, joined files, and nothing lost on the way."""

from __future__ import annotations

import dataclasses
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import row_of
from tui.engine.recording.tables.in_progress import InProgressTable
from tui.engine.recording.tables.ranges import format_ranges, parse_ranges
from tui.engine.recording.tables.rows import (
    IN_PROGRESS_HEADER,
    UPLOADED_HEADER,
    BadRow,
    InProgressRow,
    UploadedRow,
    iso_time,
    read_in_progress,
    read_uploaded,
)
from tui.engine.recording.tables.uploaded import ROWS_PER_PART, UploadedTables

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
                min_size=1).filter(lambda n: n[0] != "/" and ".." not in n.split("/"))


def test_the_columns_have_their_names_and_their_order() -> None:
    assert ",".join(UPLOADED_HEADER) == (
        "topic,filename,rel_filepath,n_chunks,started,completed,n_bytes,mtime_ns,chunk_size,"
        "partition,sha512")
    assert ",".join(IN_PROGRESS_HEADER) == (
        "topic,filename,rel_filepath,n_chunks,n_chunks_delivered,n_chunks_to_send,started,"
        "chunks_delivered,chunks_to_send,n_bytes,mtime_ns,chunk_size,partition,sha512")


def test_tables_of_older_versions_are_read_whole() -> None:
    for kept in (Path(__file__).parents[1] / "ledgers").iterdir():
        uploaded = list(read_uploaded(kept / "uploaded_to_runs.csv", "runs"))
        assert uploaded
        unfinished = list(read_in_progress(kept / "upload_to_runs_in_progress.csv", "runs"))
        assert unfinished
        assert [row for row in (*uploaded, *unfinished) if isinstance(row, BadRow)] == []


@given(st.sets(st.integers(0, 2000)), st.integers(0, 30))
def test_ranges_are_read_back(indexes: set[int], extra: int) -> None:
    n_chunks = max(indexes, default=0) + 1 + extra
    bits = sum(1 << i for i in indexes)
    bitmap = bits.to_bytes((n_chunks + 7) // 8, "little")
    text = format_ranges(bitmap, n_chunks, wanted=True)
    assert parse_ranges(text, n_chunks) == bitmap
    missing = format_ranges(bitmap, n_chunks, wanted=False)
    both = int.from_bytes(parse_ranges(missing, n_chunks), "little") ^ bits
    assert both == (1 << n_chunks) - 1


def test_ranges_are_short_for_a_million_chunks() -> None:
    bitmap = bytearray(b"\xff" * 125_000)
    bitmap[625] = 0b11111101
    assert format_ranges(bytes(bitmap), 1_000_000, wanted=True) == "1-5001 5003-1000000"
    with pytest.raises(ValueError, match="no range"):
        parse_ranges("1-11", 10)


@settings(max_examples=40, deadline=None)
@given(st.lists(NAMES, max_size=5))
def test_rows_with_any_name_are_read_back(tmp_path_factory: pytest.TempPathFactory,
                                          names: list[str]) -> None:
    folder = tmp_path_factory.mktemp("tables")
    tables = UploadedTables(folder, "t")
    rows = [row_of(name, i) for i, name in enumerate(names)]
    tables.add(rows)
    tables.consolidate()
    found = list(read_uploaded(tables.path, "t")) if names else []
    assert found == rows


def test_parts_hold_a_thousand_rows_and_are_joined(tmp_path: Path) -> None:
    tables = UploadedTables(tmp_path, "t")
    rows = [row_of(f"f{i}", i) for i in range(ROWS_PER_PART + 5)]
    tables.add(rows[:700])
    tables.add(rows[700:])
    sizes = [len(p.read_text().splitlines()) - 1 for p in tables.parts()]
    assert sizes == [1000, 5]
    tables.consolidate()
    assert tables.parts() == []
    assert list(read_uploaded(tables.path, "t")) == rows


def test_a_crash_between_joining_and_removing_doubles_nothing(tmp_path: Path) -> None:
    tables = UploadedTables(tmp_path, "t")
    tables.add([row_of("a"), row_of("b")])
    part, = tables.parts()
    saved = part.read_bytes()
    tables.consolidate()
    part.write_bytes(saved)
    UploadedTables(tmp_path, "t").consolidate()
    assert [r.rel_filepath for r in read_uploaded(tables.path, "t")
            if isinstance(r, UploadedRow)] == ["a", "b"]


def test_bad_rows_stay_where_they_are(tmp_path: Path) -> None:
    part = tmp_path / "uploaded_to_t@1.csv"
    good = ",".join(map(str, dataclasses.astuple(row_of("a"))))
    part.write_text(",".join(UPLOADED_HEADER) + f"\n{good}\nnonsense\n"
                    + good.replace("t,a", "other,a") + "\n")
    tables = UploadedTables(tmp_path, "t")
    bad = [r for r in read_uploaded(part, "t") if isinstance(r, BadRow)]
    assert [(b.line, b.path) for b in bad] == [(3, part), (4, part)]
    assert "another topic" in bad[1].why
    tables.consolidate()
    assert "nonsense" in part.read_text()
    assert [r for r in read_uploaded(tables.path, "t") if isinstance(r, UploadedRow)] == [
        row_of("a")]


def test_files_joined_by_hand_are_understood(tmp_path: Path) -> None:
    tables = UploadedTables(tmp_path, "t")
    head = ",".join(UPLOADED_HEADER)
    rows = [",".join(map(str, dataclasses.astuple(row_of(n)))) for n in "ab"]
    tables.path.write_text(f"{head}\n{rows[0]}{head}\n{rows[1]}\n")
    assert list(read_uploaded(tables.path, "t")) == [row_of("a"), row_of("b")]


def test_parts_of_a_topic_with_a_similar_name_are_not_taken(tmp_path: Path) -> None:
    for topic in ("a", "a.b", "aXb"):
        tables = UploadedTables(tmp_path, topic)
        tables.add([row_of("f", topic=topic)])
    assert [p.name for p in UploadedTables(tmp_path, "a.b").parts()] == ["uploaded_to_a.b@1.csv"]


def test_unfinished_files_are_read_back(tmp_path: Path) -> None:
    row = InProgressRow("t", "a", "d/a", 10, 3, 7, iso_time(1.5), "1-3", "4-10", 1280, 1, 128, 0,
                        "ab" * 64)
    table = InProgressTable(tmp_path, "t")
    table.write([row])
    assert list(read_in_progress(table.path, "t")) == [row]
    table.write_waiting([row])
    assert table.waiting_path.exists()
    table.write_waiting(None)
    assert not table.waiting_path.exists()


def cells_of(row: UploadedRow) -> str:
    return ",".join(map(str, dataclasses.astuple(row)))


def names_in(path: Path) -> list[str]:
    return [r.rel_filepath for r in read_uploaded(path, "t") if isinstance(r, UploadedRow)]


@pytest.mark.parametrize("n_removed", range(5))
def test_a_crash_at_any_point_of_removing_the_parts_loses_and_doubles_nothing(
        tmp_path: Path, n_removed: int) -> None:
    tables = UploadedTables(tmp_path, "t")
    tables.add([row_of("before")])
    tables.consolidate()
    names = [f"f{i}" for i in range(4 * ROWS_PER_PART)]
    tables.add([row_of(name, number) for number, name in enumerate(names)])
    saved = {part: part.read_bytes() for part in tables.parts()}
    tables.consolidate()
    for part in list(saved)[n_removed:]:
        part.write_bytes(saved[part])
    (tmp_path / "uploaded_to_t@9.csv").write_text(
        ",".join(UPLOADED_HEADER) + f"\r\n{cells_of(row_of('new'))}\r\n")
    UploadedTables(tmp_path, "t").consolidate()
    assert names_in(tables.path) == ["before", *names, "new"]
    assert UploadedTables(tmp_path, "t").parts() == []


def test_a_part_that_is_held_open_is_gone_round_and_said_once(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
        caplog: pytest.LogCaptureFixture) -> None:
    tables = UploadedTables(tmp_path, "t")
    tables.add([row_of("a")])
    held = tables.parts()
    refuse(monkeypatch, held)
    for number in range(3):
        assert tables.add([row_of(f"b{number}")]) == 1
    assert names_in(held[0]) == ["a"]
    assert caplog.text.count("uploaded_to_t@1.csv is held open by another program") == 1
    monkeypatch.undo()
    tables.consolidate()
    assert names_in(tables.path) == ["a", "b0", "b1", "b2"]


def test_a_main_table_that_is_held_open_leaves_the_parts(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
        caplog: pytest.LogCaptureFixture) -> None:
    tables = UploadedTables(tmp_path, "t")
    tables.add([row_of("a")])
    tables.consolidate()
    refuse(monkeypatch, [tables.path])
    tables.add([row_of("b")])
    tables.consolidate()
    assert [names_in(part) for part in tables.parts()] == [["b"]]
    assert "uploaded_to_t.csv is held open" in caplog.text
    monkeypatch.undo()
    tables.consolidate()
    assert names_in(tables.path) == ["a", "b"]


def refuse(monkeypatch: pytest.MonkeyPatch, held: list[Path]) -> None:
    """Make files be held open, as Excel holds them on Windows."""
    def replace(source: Path, target: Path) -> None:
        if target in held:
            raise PermissionError(13, "held open")
        source.replace(target)

    monkeypatch.setattr("tui.engine.system.files.replace_file", replace)


def test_rows_that_nobody_could_write_are_said_to_be_left(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse_all(source: Path, target: Path) -> None:
        raise PermissionError(13, "no right to replace")

    monkeypatch.setattr("tui.engine.system.files.replace_file", refuse_all)
    tables = UploadedTables(tmp_path, "t")
    assert tables.add([row_of("a")]) == 0
    monkeypatch.undo()
    assert tables.add([row_of("a")]) == 1
    assert not list(tmp_path.glob(".*"))


def test_a_table_that_is_not_ours_is_never_written_over(tmp_path: Path,
                                                        caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "uploaded_to_t.csv"
    path.write_text("filename;rel_filepath;n_chunks;started;completed\n")
    tables = UploadedTables(tmp_path, "t")
    tables.add([row_of("a")])
    tables.consolidate()
    assert path.read_text().startswith("filename;")
    assert names_in(tables.parts()[0]) == ["a"]
    assert "is no table of this program" in caplog.text


def test_names_that_spreadsheets_take_for_formulas_stay_literal(tmp_path: Path) -> None:
    tables = UploadedTables(tmp_path, "t")
    tables.add([row_of("=1+1.csv")])
    part, = tables.parts()
    assert part.read_text().splitlines()[1].startswith("t,=1+1.csv,=1+1.csv,3,")


def test_the_file_is_rfc_4180(tmp_path: Path) -> None:
    tables = UploadedTables(tmp_path, "t")
    tables.add([row_of('a,"b"\nc')])
    part, = tables.parts()
    head, row, end = part.read_bytes().split(b"\r\n")
    assert head.decode() == ",".join(UPLOADED_HEADER)
    assert row.startswith(b't,"a,""b""\nc","a,""b""\nc",3,1970-01-01T')
    assert end == b""


def test_lines_may_end_with_lf_and_quotes_may_be_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "uploaded_to_t.csv"
    cells = cells_of(row_of("a")).split(",")
    quoted = ",".join(f'"{cell}"' for cell in cells)
    path.write_text("\ufeff" + ",".join(UPLOADED_HEADER) + f"\n{quoted}\n\n{cells_of(row_of('b'))}")
    assert list(read_uploaded(path, "t")) == [row_of("a"), row_of("b")]


@pytest.mark.parametrize("joint", ["", "\n", "\r\n", "\ufeff", "\r\n\ufeff"])
def test_files_that_a_person_joined_are_read_whatever_stands_between(
        tmp_path: Path, joint: str) -> None:
    path = tmp_path / "uploaded_to_t.csv"
    head = ",".join(UPLOADED_HEADER)
    path.write_text(joint.join(f"{head}\r\n{cells_of(row_of(n))}" for n in "abc"))
    assert list(read_uploaded(path, "t")) == [row_of(n) for n in "abc"]


def test_a_quote_that_is_never_closed_costs_its_own_line_only(tmp_path: Path) -> None:
    path = tmp_path / "uploaded_to_t.csv"
    rows = [cells_of(row_of(f"f{i}")) for i in range(2000)]
    rows[1] = 't,"torn'
    path.write_text("\n".join([",".join(UPLOADED_HEADER), *rows]) + "\n")
    found = list(read_uploaded(path, "t"))
    assert len(found) == 2000
    assert [(r.line, r.text) for r in found if isinstance(r, BadRow)] == [(3, 't,"torn')]


@pytest.mark.parametrize(("name", "value"), [
    ("n_chunks", 4), ("chunk_size", 0), ("n_bytes", -1), ("sha512", "ab"), ("sha512", "x" * 128),
    ("started", "yesterday"), ("completed", ""), ("rel_filepath", "../a"), ("rel_filepath", "/a"),
    ("rel_filepath", ""), ("n_chunks", "three"), ("mtime_ns", 1 << 63), ("topic", "T")])
def test_a_row_that_cannot_be_is_bad(tmp_path: Path, name: str, value: object) -> None:
    path = tmp_path / "uploaded_to_t.csv"
    row = dataclasses.replace(row_of("a"), **{name: value})  # type: ignore[arg-type]
    path.write_text(",".join(UPLOADED_HEADER) + f"\n{cells_of(row)}\n")
    found, = read_uploaded(path, "t")
    assert isinstance(found, BadRow)
    assert (found.line, found.text) == (2, cells_of(row))


def test_a_row_that_is_not_utf8_is_kept_byte_for_byte(tmp_path: Path) -> None:
    part = tmp_path / "uploaded_to_t@1.csv"
    bad = cells_of(row_of("a")).encode().replace(b"t,a,a,", b"t,\xff,\xff,")
    part.write_bytes(",".join(UPLOADED_HEADER).encode() + b"\r\n" + bad + b"\r\n"
                     + cells_of(row_of("b")).encode() + b"\r\n")
    tables = UploadedTables(tmp_path, "t")
    tables.consolidate()
    assert names_in(tables.path) == ["b"]
    assert bad in part.read_bytes()
    before = tables.path.stat().st_ino
    tables.consolidate()
    assert tables.path.stat().st_ino == before  # nothing new: it is not written again


def test_bad_rows_of_parts_are_said_with_file_and_line(
        tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    part = tmp_path / "uploaded_to_t@1.csv"
    part.write_text(",".join(UPLOADED_HEADER) + f"\n{cells_of(row_of('a'))}\nnonsense\n")
    UploadedTables(tmp_path, "t").consolidate()
    assert f"{part}, line 3: the row cannot be used" in caplog.text


def test_joining_a_long_table_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "uploaded_to_t.csv"
    with path.open("w") as file:
        file.write(",".join(UPLOADED_HEADER) + "\r\n")
        for number in range(100_000):
            file.write(cells_of(row_of(f"f{number}", number)) + "\r\n")
    tables = UploadedTables(tmp_path, "t")
    tables.add([row_of("new")])
    tracemalloc.start()
    try:
        tables.consolidate()
        n_rows = sum(1 for _ in read_uploaded(path, "t"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert n_rows == 100_001
    assert path.stat().st_size > 20_000_000
    assert peak < 8_000_000
