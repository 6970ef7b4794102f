"""The CSV tables: views of the ledger for people, and what a lost ledger is rebuilt from."""

from __future__ import annotations

import csv
import logging
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from tui.config.state_files import StateFiles, kept_name
from tui.engine.recording.tables.rows import (
    UPLOADED_HEADER,
    BadRow,
    UploadedRow,
    is_ours,
    read_uploaded,
    uploaded_cells,
    write_table,
)
from tui.engine.system.files import replace_file, replace_with

logger = logging.getLogger(__name__)

ROWS_PER_PART = 1000
_HEAD = ",".join(UPLOADED_HEADER) + "\r\n"
_MOST_SAID = 20


def say_bad(rows: Sequence[BadRow]) -> None:
    """Log rows that cannot be used, each with file and line; of very many only the first."""
    for row in rows[:_MOST_SAID]:
        logger.warning("%s, line %d: the row cannot be used (%s); it stays there", row.path,
                       row.line, row.why)
    if len(rows) > _MOST_SAID:
        logger.warning("%s: %d more rows cannot be used", rows[0].path, len(rows) - _MOST_SAID)


class UploadedTables:
    """The uploaded tables of one topic: parts while running, one file after.

    Args:
        state_dir: where they are.
        topic: whose they are.
    """

    def __init__(self, state_dir: Path, topic: str) -> None:
        self._dir = state_dir
        self._topic = topic
        self._files = StateFiles(state_dir, topic)
        self.path = self._files.uploaded
        self._current: list[UploadedRow] = []
        self._part = 0  #: none yet: the parts of an earlier run are never written over
        self.own: dict[Path, str] = {}  #: parts as this program wrote them, and their stamps
        self._said: set[Path] = set()

    def parts(self) -> list[Path]:
        """Return the parts that exist, in order."""
        return self._files.uploaded_parts()

    def is_own(self, part: Path) -> bool:
        """Return whether nobody has changed a part since this program wrote it."""
        return self.own.get(part) == stamp_of(part)

    def _begin_part(self) -> None:
        last = max((int(p.stem.rpartition("@")[2]) for p in self.parts()), default=0)
        self._part, self._current = 1 + max(last, self._part), []

    def add(self, rows: Sequence[UploadedRow]) -> int:
        """Write rows into parts of at most 1,000; return how many there was a way to write.

        Raises:
            OSError: the disk refuses; the last of them may not be written.
        """
        n_written = 0
        was_busy = False
        while n_written < len(rows):
            if not self._part or len(self._current) == ROWS_PER_PART:
                self._begin_part()
            room = ROWS_PER_PART - len(self._current)
            new = [*self._current, *rows[n_written:n_written + room]]
            path = self._files.uploaded_part(self._part)
            if not write_table(path, UPLOADED_HEADER, map(uploaded_cells, new)):
                self._say_busy(path)
                if was_busy:
                    break
                was_busy = True  # somebody looks at this part: the next one may be free
                self._begin_part()
                continue
            n_written += len(new) - len(self._current)
            self._current = new
            self.own[path] = stamp_of(path)
        return n_written

    def _say_busy(self, path: Path) -> None:
        if path not in self._said:
            self._said.add(path)
            logger.warning("%s is held open by another program, or may not be replaced; it is "
                           "written again later", path.name)

    def consolidate(self) -> None:
        """Join all parts into the one file.

        Parts whose rows stand at its end already are left out, so that a crash between joining
        and removing the parts does no harm. What cannot be read stays in the part that it came
        from.

        Raises:
            OSError: the disk refuses.
        """
        parts = self.parts()
        if not parts:
            return
        if self.path.exists() and self.path.stat().st_size and not is_ours(self.path):
            logger.warning("%s is no table of this program: nothing is added to it",
                           self.path.name)
            return
        n_joined = self._n_joined(parts)
        bad: dict[Path, list[BadRow]] = {}

        def fill(file: TextIO) -> None:
            self._copy_main(file)
            for part in parts[n_joined:]:
                bad[part] = self._append(part, file)

        is_news = any(isinstance(row, UploadedRow) for part in parts[n_joined:]
                      for row in read_uploaded(part, self._topic))
        if not is_news and n_joined == 0:
            return  # nothing but rows that an earlier start could not read
        if is_news and not replace_with(self.path, fill):
            self._say_busy(self.path)
            return
        for part in parts:
            say_bad(bad.get(part, []))
            if not self._remove(part, bad.get(part, [])):
                break
        self._part = 0
        self.own.clear()

    def _copy_main(self, file: TextIO) -> None:
        if not self.path.exists() or not self.path.stat().st_size:
            file.write(_HEAD)
            return
        with self.path.open(encoding="utf-8", errors="surrogateescape", newline="") as old:
            last = ""
            while block := old.read(1 << 20):
                file.write(block)
                last = block[-1]
            if last not in "\r\n":
                file.write("\r\n")

    def _append(self, part: Path, file: TextIO) -> list[BadRow]:
        """Append the rows of a part; return those that cannot be read."""
        if self.is_own(part):
            with part.open(encoding="utf-8", newline="") as own:
                own.readline()
                shutil.copyfileobj(own, file)
            return []
        bad = []
        writer = csv.writer(file)
        for row in read_uploaded(part, self._topic):
            if isinstance(row, BadRow):
                bad.append(row)
            else:
                writer.writerow(uploaded_cells(row))
        return bad

    def _n_joined(self, parts: Sequence[Path]) -> int:
        """Return how many parts, from the first on, the one file already ends with."""
        if not self.path.exists():
            return 0
        size = self.path.stat().st_size
        ends = [0]
        for part in parts:
            ends.append(ends[-1] + max(0, part.stat().st_size - len(_HEAD)))
        with self.path.open("rb") as main:
            for n in range(len(parts), 0, -1):
                if ends[n] and ends[n] <= size:
                    main.seek(size - ends[n])
                    if all(main.read(len(block)) == block for block in _bodies(parts[:n])):
                        return n
        return 0

    def _remove(self, part: Path, bad: Sequence[BadRow]) -> bool:
        """Remove a part that was joined, but for its bad rows; False where it is held open."""
        try:
            if bad:
                return _write_rest(part, bad)
            part.unlink()
        except PermissionError:
            self._say_busy(part)
            return False
        return True

    def set_aside(self, why: str) -> None:
        """Rename all uploaded tables of the topic under a dated name.

        Raises:
            OSError: one cannot be renamed.
        """
        for path in [self.path, *self.parts()]:
            if path.exists():
                replace_file(path, kept_name(path, why))
        self._part = 0
        self.own.clear()


def _write_rest(part: Path, bad: Sequence[BadRow]) -> bool:
    """Leave only the bad rows in a part; False where it is held open.

    Raises:
        OSError: the disk refuses.
    """
    return replace_with(part, lambda file: file.writelines(
        [_HEAD, *(f"{row.text}\r\n" for row in bad)]))


def _bodies(parts: Iterable[Path]) -> Iterator[bytes]:
    """Yield what stands in parts below their headers, a block at a time."""
    for part in parts:
        with part.open("rb") as file:
            file.seek(len(_HEAD))
            while block := file.read(1 << 16):
                yield block


def stamp_of(path: Path) -> str:
    """Return what changes whenever somebody changes a table."""
    status = path.stat()
    return f"{status.st_size} {status.st_mtime_ns}"


