"""The CSV tables: views of the ledger for people, and what a lost ledger is rebuilt from.

RFC 4180: comma, quotes, a header; times are ISO 8601 with the offset from UTC.
"""

from __future__ import annotations

import contextlib
import csv
import datetime
import functools
import io
import logging
import operator
import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from tui.engine.operating_system import fsync_directory, replace_file
from tui.engine.recording.keeping import kept_name
from tui.engine.recording.ranges import parse_ranges

logger = logging.getLogger(__name__)

ROWS_PER_PART = 1000
csv.field_size_limit(1 << 30)


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
_uploaded_cells = operator.attrgetter(*UPLOADED_HEADER)
_in_progress_cells = operator.attrgetter(*IN_PROGRESS_HEADER)
_NUMBERS = frozenset({"n_chunks", "n_chunks_delivered", "n_chunks_to_send", "n_bytes", "mtime_ns",
                      "chunk_size", "partition"})


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
    return datetime.datetime.fromisoformat(text).timestamp()


def write_table(path: Path, header: list[str], rows: Iterable[tuple[object, ...]]) -> bool:
    """Replace a table atomically; False where another program holds it open.

    Raises:
        OSError: the disk refuses.
    """
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
        file.flush()
        os.fsync(file.fileno())
    try:
        replace_file(temporary, path)
    except PermissionError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        return False
    fsync_directory(path.parent)
    return True


def read_uploaded(path: Path, topic: str) -> Iterator[UploadedRow | BadRow]:
    """Yield the rows of one of our uploaded tables, even where files were joined by hand."""
    for line, cells, text in _records(path):
        if cells == UPLOADED_HEADER:
            continue
        try:
            if len(cells) != len(UPLOADED_HEADER):
                raise ValueError(f"it has {len(cells)} fields instead of {len(UPLOADED_HEADER)}")
            if cells[0] != topic:
                raise ValueError(f"it is of another topic ({cells[0]})")
            values = [int(cell) if name in _NUMBERS else cell
                      for name, cell in zip(UPLOADED_HEADER, cells, strict=True)]
            row = UploadedRow(*values)  # type: ignore[arg-type]
            if len(bytes.fromhex(row.sha512)) != 64:
                raise ValueError("sha512 has not 64 bytes")
            epoch_time(row.started), epoch_time(row.completed)
        except ValueError as error:
            yield BadRow(path, line, str(error), text)
        else:
            yield row


def read_in_progress(path: Path, topic: str) -> Iterator[InProgressRow | BadRow]:
    """Yield the rows of one of our tables of unfinished files."""
    for line, cells, text in _records(path):
        if cells == IN_PROGRESS_HEADER:
            continue
        try:
            if len(cells) != len(IN_PROGRESS_HEADER) or cells[0] != topic:
                raise ValueError("it is no row of this topic")
            values = [int(cell) if name in _NUMBERS else cell
                      for name, cell in zip(IN_PROGRESS_HEADER, cells, strict=True)]
            row = InProgressRow(*values)  # type: ignore[arg-type]
            if row.sha512:
                bytes.fromhex(row.sha512), epoch_time(row.started)
                parse_ranges(row.chunks_delivered, row.n_chunks)
        except ValueError as error:
            yield BadRow(path, line, str(error), text)
        else:
            yield row


def _records(path: Path) -> Iterator[tuple[int, list[str], str]]:
    """Yield line number, cells and text of each record."""
    text = path.read_bytes().decode("utf-8-sig", "replace")
    # Files joined without a newline between them have a header glued to the row before it.
    head = ",".join(UPLOADED_HEADER)
    text = re.sub(rf"(?<=[0-9a-f]{{128}}){re.escape(head)}", "\r\n" + head, text)
    reader = csv.reader(io.StringIO(text, newline=""))
    line = 1
    for cells in reader:
        if cells:
            out = io.StringIO(newline="")
            csv.writer(out).writerow(cells)
            yield line, cells, out.getvalue().rstrip("\r\n")
        line = reader.line_num + 1


def is_ours(path: Path) -> bool:
    """Return whether a table is in our dialect, told by its first line."""
    try:
        with path.open("rb") as file:
            head = file.readline(400).decode("utf-8-sig", "replace")
    except OSError:
        return False
    return head.startswith("topic,filename,rel_filepath,")


class UploadedTables:
    """The uploaded tables of one topic: parts while running, one file after.

    Args:
        state_dir: where they are.
        topic: whose they are.
    """

    def __init__(self, state_dir: Path, topic: str) -> None:
        self._dir = state_dir
        self._topic = topic
        self.path = state_dir / f"uploaded_to_{topic}.csv"
        self._unwritten: list[UploadedRow] = []
        self._current: list[UploadedRow] = []
        self._part = 0  #: none yet: the parts of an earlier run are never written over
        self._said: set[Path] = set()

    def parts(self) -> list[Path]:
        """Return the parts that exist, in order."""
        pattern = re.compile(rf"uploaded_to_{re.escape(self._topic)}@(\d+)\.csv")
        found = [(int(m.group(1)), p) for p in self._dir.iterdir()
                 if (m := pattern.fullmatch(p.name))]
        return [path for _, path in sorted(found)]

    def _next_part(self) -> int:
        return 1 + max((int(p.stem.rpartition("@")[2]) for p in self.parts()), default=0)

    def append(self, rows: Iterable[UploadedRow]) -> None:
        """Take rows for the next :meth:`write`."""
        self._unwritten.extend(rows)

    @property
    def is_written(self) -> bool:
        """Whether nothing waits for the next :meth:`write`."""
        return not self._unwritten

    def write(self) -> None:
        """Write what was appended into parts of at most 1,000 rows.

        Raises:
            OSError: the disk refuses; the rows are kept for the next time.
        """
        while self._unwritten:
            self._part = self._part or self._next_part()
            room = ROWS_PER_PART - len(self._current)
            if room == 0:
                self._part, self._current = self._part + 1, []
                continue
            rows = [*self._current, *self._unwritten[:room]]
            path = self._dir / f"uploaded_to_{self._topic}@{self._part}.csv"
            if not write_table(path, UPLOADED_HEADER, map(_uploaded_cells, rows)):
                self._say_busy(path)
                return
            self._current = rows
            del self._unwritten[:room]

    def _say_busy(self, path: Path) -> None:
        if path not in self._said:
            self._said.add(path)
            logger.warning("%s is held open by another program; it is written again later",
                           path.name)

    def consolidate(self) -> None:
        """Join all parts into the one file.

        Rows already in it are left out, so that a crash between joining and removing the parts
        does no harm. What cannot be read stays in the part that it came from.

        Raises:
            OSError: the disk refuses.
        """
        parts = self.parts()
        if not parts:
            return
        bad: dict[Path, list[str]] = {}
        temporary = self.path.with_name(f".{self.path.name}.new")
        with temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(UPLOADED_HEADER)
            last_part_rows = self._copy_main(writer)
            for part in parts:
                for row in read_uploaded(part, self._topic):
                    if isinstance(row, BadRow):
                        bad.setdefault(part, []).append(row.text)
                    elif (key := _uploaded_cells(row)) not in last_part_rows:
                        writer.writerow(key)
            file.flush()
            os.fsync(file.fileno())
        try:
            replace_file(temporary, self.path)
        except PermissionError:
            self._say_busy(self.path)
            return
        fsync_directory(self._dir)
        for part in parts:
            self._empty(part, bad.get(part))
        self._part, self._current = self._next_part(), []

    def _copy_main(self, writer: object) -> set[tuple[object, ...]]:
        """Copy the one file as it is; return its last rows, which a crash may have left twice."""
        last: dict[tuple[object, ...], None] = {}
        if self.path.exists() and is_ours(self.path):
            for _, cells, _ in _records(self.path):
                if cells == UPLOADED_HEADER:
                    continue
                writer.writerow(cells)  # type: ignore[attr-defined]
                with contextlib.suppress(ValueError):
                    last[tuple(int(c) if n in _NUMBERS else c
                               for n, c in zip(UPLOADED_HEADER, cells, strict=True))] = None
        return set(last)

    def _empty(self, part: Path, bad: list[str] | None) -> None:
        if not bad:
            part.unlink()
            return
        part.write_text("\n".join([",".join(UPLOADED_HEADER), *bad]) + "\n", "utf-8")

    def set_aside(self, why: str) -> None:
        """Rename all uploaded tables of the topic under a dated name.

        Raises:
            OSError: one cannot be renamed.
        """
        for path in [self.path, *self.parts()]:
            if path.exists():
                replace_file(path, kept_name(path, why))
        self._part, self._current, self._unwritten = 0, [], []


class InProgressTable:
    """The table of unfinished files, and that of a longer queue.

    Args:
        state_dir: where they are.
        topic: whose they are.
    """

    def __init__(self, state_dir: Path, topic: str) -> None:
        self.path = state_dir / f"upload_to_{topic}_in_progress.csv"
        self.waiting_path = state_dir / f"upload_to_{topic}_in_progress@waiting.csv"
        self._is_said = False

    def write(self, rows: Iterable[InProgressRow]) -> None:
        """Replace the table.

        Raises:
            OSError: the disk refuses.
        """
        self._write(self.path, rows)

    def write_waiting(self, rows: Iterable[InProgressRow] | None) -> None:
        """Replace the table of the rest of the queue; None removes it.

        Raises:
            OSError: the disk refuses.
        """
        if rows is None:
            with contextlib.suppress(FileNotFoundError):
                self.waiting_path.unlink()
        else:
            self._write(self.waiting_path, rows)

    def set_aside(self, why: str) -> None:
        """Rename both tables under a dated name.

        Raises:
            OSError: one cannot be renamed.
        """
        for path in (self.path, self.waiting_path):
            if path.exists():
                replace_file(path, kept_name(path, why))

    def _write(self, path: Path, rows: Iterable[InProgressRow]) -> None:
        is_written = write_table(path, IN_PROGRESS_HEADER, map(_in_progress_cells, rows))
        if not is_written and not self._is_said:
            logger.warning("%s is held open by another program; it is written again later",
                           path.name)
        self._is_said = not is_written
