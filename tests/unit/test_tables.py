"""The CSV tables: exact columns, hostile names, joined files, and nothing lost on the way."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.engine.recording.ranges import format_ranges, parse_ranges
from tui.engine.recording.table_rows import (
    IN_PROGRESS_HEADER,
    UPLOADED_HEADER,
    BadRow,
    InProgressRow,
    UploadedRow,
    iso_time,
    read_in_progress,
    read_uploaded,
)
from tui.engine.recording.tables import ROWS_PER_PART, InProgressTable, UploadedTables

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
                min_size=1).filter(lambda n: n[0] != "/" and ".." not in n.split("/"))


def row_of(rel_path: str, number: int = 0, topic: str = "t") -> UploadedRow:
    return UploadedRow(topic, rel_path.rpartition("/")[2], rel_path, 3, iso_time(1.5 + number),
                       iso_time(2.5 + number), 40_000, 123456789, 16384, 0, "ab" * 64)


def test_the_columns_are_those_of_the_contract() -> None:
    assert ",".join(UPLOADED_HEADER) == (
        "topic,filename,rel_filepath,n_chunks,started,completed,n_bytes,mtime_ns,chunk_size,"
        "partition,sha512")
    assert ",".join(IN_PROGRESS_HEADER) == (
        "topic,filename,rel_filepath,n_chunks,n_chunks_delivered,n_chunks_to_send,started,"
        "chunks_delivered,chunks_to_send,n_bytes,mtime_ns,chunk_size,partition,sha512")


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


def test_parts_of_a_topic_with_a_similar_name_are_left_alone(tmp_path: Path) -> None:
    for topic in ("a", "a.b", "aXb"):
        tables = UploadedTables(tmp_path, topic)
        tables.add([row_of("f", topic=topic)])
    assert [p.name for p in UploadedTables(tmp_path, "a.b").parts()] == ["uploaded_to_a.b@1.csv"]


def test_unfinished_files_are_read_back(tmp_path: Path) -> None:
    row = InProgressRow("t", "a", "d/a", 10, 3, 7, iso_time(1.5), "1-3", "4-10", 1000, 1, 100, 0,
                        "ab" * 64)
    table = InProgressTable(tmp_path, "t")
    table.write([row])
    assert list(read_in_progress(table.path, "t")) == [row]
    table.write_waiting([row])
    assert table.waiting_path.exists()
    table.write_waiting(None)
    assert not table.waiting_path.exists()
