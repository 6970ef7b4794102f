"""The rows of the CSV tables: their columns, and how they are written and read.

RFC 4180: comma, quotes, a header; times are ISO 8601 with the offset from UTC.
"""

from __future__ import annotations

import csv
import datetime
import functools
import operator
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TextIO, TypeVar

from tui.engine.recording.tables.ranges import parse_ranges
from tui.engine.system.files import replace_with

csv.field_size_limit(1 << 30)
#: A quote that is not closed within so many characters is no name with line breaks in it.
_LONGEST_QUOTED = 65_536
_MOST_CHUNKS = 1 << 30
_MOST_CHUNK_BYTES = 1 << 29
_MOST_PARTITION = (1 << 31) - 1  # Kafka's own limit


@dataclass(frozen=True, slots=True)
class UploadedRow:
    """One uploaded version; the columns of ``uploaded_to_{topic}.csv`` in their order."""

    topic: str
    filename: str
    rel_filepath: str
    n_chunks: int
    started: str
    completed: str
    n_bytes: int
    mtime_ns: int
    chunk_size: int
    partition: int
    sha512: str


@dataclass(frozen=True, slots=True)
class InProgressRow:
    """One unfinished file; the columns of ``upload_to_{topic}_in_progress.csv`` in their order."""

    topic: str
    filename: str
    rel_filepath: str
    n_chunks: int
    n_chunks_delivered: int
    n_chunks_to_send: int
    started: str
    chunks_delivered: str
    chunks_to_send: str
    n_bytes: int
    mtime_ns: int
    chunk_size: int
    partition: int
    sha512: str


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be taken in: where it stands and why. ``text`` is the row as it was."""

    path: Path
    line: int
    why: str
    text: str


UPLOADED_HEADER = [f.name for f in fields(UploadedRow)]
IN_PROGRESS_HEADER = [f.name for f in fields(InProgressRow)]
uploaded_cells = operator.attrgetter(*UPLOADED_HEADER)
in_progress_cells = operator.attrgetter(*IN_PROGRESS_HEADER)
_NUMBERS = frozenset({"n_chunks", "n_chunks_delivered", "n_chunks_to_send", "n_bytes", "mtime_ns",
                      "chunk_size", "partition"})
_Row = TypeVar("_Row", UploadedRow, InProgressRow)


def iso_time(epoch_seconds: float | None) -> str:
    """Return a time as ISO 8601 with offset; empty for None."""
    if epoch_seconds is None:
        return ""
    zone = _zone(time.localtime(epoch_seconds).tm_gmtoff)
    return datetime.datetime.fromtimestamp(epoch_seconds, zone).isoformat()


@functools.lru_cache(maxsize=16)
def _zone(offset_seconds: int) -> datetime.timezone:
    """Return a time zone; there are two a year, and a row has two times."""
    return datetime.timezone(datetime.timedelta(seconds=offset_seconds))


def epoch_time(text: str) -> float:
    """Return what :func:`iso_time` wrote, as seconds since the epoch.

    Raises:
        ValueError: it is no such time.
    """
    try:
        return datetime.datetime.fromisoformat(text).timestamp()
    except (OverflowError, OSError) as error:
        raise ValueError(f"{text} is no time that can be") from error


def write_table(path: Path, header: list[str], rows: Iterable[tuple[object, ...]]) -> bool:
    """Replace a table atomically; False where another program holds it open.

    Raises:
        OSError: the disk refuses; the old table is as it was.
    """
    def fill(file: TextIO) -> None:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)

    return replace_with(path, fill)


def is_ours(path: Path) -> bool:
    """Return whether a table is in our dialect, by its first line."""
    try:
        with path.open("rb") as file:
            head = file.readline(400).decode("utf-8-sig", "replace")
    except OSError:
        return False
    return head.replace('"', "").startswith("topic,filename,rel_filepath,")


def read_uploaded(path: Path, topic: str) -> Iterator[UploadedRow | BadRow]:
    """Yield the rows of one of our uploaded tables, even where files were joined by hand."""
    return _read(path, topic, UPLOADED_HEADER, UploadedRow, _check_uploaded)


def read_in_progress(path: Path, topic: str) -> Iterator[InProgressRow | BadRow]:
    """Yield the rows of one of our tables of unfinished files."""
    return _read(path, topic, IN_PROGRESS_HEADER, InProgressRow, _check_in_progress)


def _read(path: Path, topic: str, header: list[str], kind: Callable[..., _Row],
          check: Callable[[_Row], None]) -> Iterator[_Row | BadRow]:
    for line, cells, text in _records(path):
        cells = _unglued(cells, header)
        if cells == header:
            continue
        try:
            if len(cells) != len(header):
                raise ValueError(f"it has {len(cells)} fields instead of {len(header)}")
            if cells[0] != topic:
                raise ValueError(f"it is of another topic ({cells[0]})")
            row = kind(*[_number(cell) if name in _NUMBERS else cell
                         for name, cell in zip(header, cells, strict=True)])
            _check_path(row.rel_filepath)
            check(row)
        except ValueError as error:
            yield BadRow(path, line, str(error), text)
        else:
            yield row


def _number(cell: str) -> int:
    number = int(cell)
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError(f"{cell} is no number that can be")
    return number


def delivered_of(row: InProgressRow) -> bytes:
    """Return the bitmap of the chunks that a row tells to be delivered.

    Raises:
        ValueError: its ranges do not make up all chunks.
    """
    delivered = parse_ranges(row.chunks_delivered, row.n_chunks)
    bits, others = (int.from_bytes(part, "little") for part in (
        delivered, parse_ranges(row.chunks_to_send, row.n_chunks)))
    if bits & others or (bits | others).bit_count() != row.n_chunks:
        raise ValueError("its delivered chunks and those to send are not all, and each once")
    return delivered


def _check_path(rel_path: str) -> None:
    rel_path.encode()
    if not rel_path or rel_path.startswith("/") or ".." in rel_path.split("/"):
        raise ValueError("its path is not inside the directory")


def _check_cut(row: UploadedRow | InProgressRow) -> None:
    """See that size, chunk size and chunk count belong together."""
    if len(bytes.fromhex(row.sha512)) != 64:
        raise ValueError("sha512 has not 64 bytes")
    size = row.chunk_size
    if not 1 <= size <= _MOST_CHUNK_BYTES:
        raise ValueError(f"chunks of {size} bytes are no chunks")
    if not -1 <= row.partition <= _MOST_PARTITION:
        raise ValueError(f"{row.partition} is no partition")
    if row.n_bytes < 0 or row.n_chunks > _MOST_CHUNKS \
            or row.n_chunks != max(1, -(-row.n_bytes // size)):
        raise ValueError(f"{row.n_bytes} bytes are not {row.n_chunks} chunks of {size} bytes")


def _check_uploaded(row: UploadedRow) -> None:
    _check_cut(row)
    epoch_time(row.started), epoch_time(row.completed)


def _check_in_progress(row: InProgressRow) -> None:
    if row.sha512:
        _check_cut(row)
        epoch_time(row.started)
        if row.chunk_size & (row.chunk_size - 1):
            raise ValueError(f"a chunk size of {row.chunk_size} bytes is no power of two")
        if not 0 <= row.n_chunks_delivered <= row.n_chunks \
                or row.n_chunks_delivered + row.n_chunks_to_send != row.n_chunks:
            raise ValueError(f"{row.n_chunks_delivered} and {row.n_chunks_to_send} chunks are not "
                             f"{row.n_chunks}")


def _unglued(cells: list[str], header: list[str]) -> list[str]:
    """Return a row without the header of the next file, joined to it without a line break."""
    if cells and cells[0].startswith("\ufeff"):
        cells = [cells[0].removeprefix("\ufeff"), *cells[1:]]
    n, glued = len(header), header[0]
    if len(cells) == 2 * n - 1 and cells[n:] == header[1:] and cells[n - 1].endswith(glued):
        return [*cells[:n - 1], cells[n - 1].removesuffix(glued).removesuffix("\ufeff")]
    return cells


class _Lines:
    """The lines of a file, of which some may be given back."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._back: deque[str] = deque()
        self.number = 0

    def next(self) -> str:
        line = self._back.popleft() if self._back else self._file.readline()
        self.number += bool(line)
        return line

    def give_back(self, lines: list[str]) -> None:
        self._back.extendleft(reversed(lines))
        self.number -= len(lines)


def _records(path: Path) -> Iterator[tuple[int, list[str], str]]:
    """Yield line number, cells and text of each record; no cells where it is no CSV."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        lines = _Lines(file)
        while first := lines.next():
            number, taken = lines.number, [first]
            n_quotes, n_more = first.count('"'), 0
            while n_quotes % 2 and n_more < _LONGEST_QUOTED and (more := lines.next()):
                taken.append(more)
                n_quotes += more.count('"')
                n_more += len(more)
            if n_quotes % 2:
                lines.give_back(taken[1:])  # only the line with the open quote is lost
                yield number, [], first.rstrip("\r\n")
                continue
            text = "".join(taken)
            if not text.strip():
                continue
            try:
                cells = next(csv.reader([text], strict=True))
            except csv.Error:
                cells = []
            yield number, cells, text.rstrip("\r\n")
