"""The window on the ledger's line: the next waiting files, read ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Container
from typing import Protocol

from tui.engine.model.files import WaitingFile
from tui.engine.sending.source import SLICE_BYTES

_SMALL_FILES, _LARGE_FILES = 4096, 256
_MOST_BYTES = (1 << 63) - 1


class Line(Protocol):
    """The waiting files, in the ledger."""

    def next_of_size(self, after_position: int, n_rows: int, least_bytes: int,
                     most_bytes: int) -> tuple[list[WaitingFile], int]:
        """Return waiting files of some sizes behind a place in the queue, in order.

        Also returns the place up to which there are no others of these sizes.
        """


class LinePart:
    """The small files of the line, or the large ones: as far as they are read ahead.

    Large ones that wait must keep no small one from being seen, nor the other way round.

    Args:
        n_files: so many rows are read at a time.
        least_bytes, most_bytes: sizes of the files.
    """

    def __init__(self, n_files: int, least_bytes: int, most_bytes: int) -> None:
        self.n_files = n_files
        self.least_bytes = least_bytes
        self.most_bytes = most_bytes
        self.rows: deque[WaitingFile] = deque()
        self.position = 0  #: all rows up to here were read
        self.may_have_more = True

    @property
    def needs_more(self) -> bool:
        """Whether more rows should be read."""
        return self.may_have_more and len(self.rows) < self.n_files // 4


class Window:
    """Some rows of the line, small files and large ones apart; the queue's lock guards it.

    A row that is read while another version of its path is on its way may lack what that one
    changes: it is marked as stale, and read again before it is sent.

    Args:
        line: the waiting files.
        claimed: the paths that are on their way.
    """

    def __init__(self, line: Line, claimed: Container[str]) -> None:
        self._line = line
        self._claimed = claimed
        self._small = LinePart(_SMALL_FILES, 0, SLICE_BYTES)
        self._large = LinePart(_LARGE_FILES, SLICE_BYTES + 1, _MOST_BYTES)
        self._listed: set[str] = set()  #: paths with a row here
        self._parked: dict[str, WaitingFile] = {}  #: rows that wait for their path's release
        self._is_reading = False
        self._released_meanwhile: set[str] = set()  #: while rows are read

    def expect_more(self) -> None:
        """Note that files were queued."""
        self._small.may_have_more = self._large.may_have_more = True

    @property
    def needs_more(self) -> bool:
        """Whether more rows should be read now."""
        return not self._is_reading and (self._small.needs_more or self._large.needs_more)

    def begin_reading(self) -> LinePart:
        """Note that :meth:`read` follows; return what it is to read."""
        part = self._small if self._small.needs_more else self._large
        self._is_reading, part.may_have_more = True, False
        self._released_meanwhile.clear()
        return part

    def read(self, part: LinePart) -> tuple[list[WaitingFile], int]:
        """Read the next rows; without the lock, since what is here can be taken meanwhile."""
        return self._line.next_of_size(part.position, part.n_files, part.least_bytes,
                                       part.most_bytes)

    def end_reading(self, part: LinePart, found: tuple[list[WaitingFile], int] | None) -> None:
        """Take in what was read; None where that failed."""
        self._is_reading = False
        if found is None:
            part.may_have_more = True
            return
        rows, part.position = found
        part.may_have_more |= len(rows) == part.n_files
        for row in rows:
            path = row.rel_path
            is_twice = path in self._claimed or path in self._listed \
                or path in self._released_meanwhile
            self._listed.add(path)
            part.rows.append(row._replace(is_stale=True) if is_twice else row)

    def small(self) -> WaitingFile | None:
        """Return the next small file, which stays."""
        return self._small.rows[0] if self._small.rows else None

    def take_small(self) -> WaitingFile | None:
        """Take what :meth:`small` has returned; None where its path is on its way already."""
        return self._take(self._small)

    @property
    def has_large(self) -> bool:
        """Whether a large file is known to wait."""
        return bool(self._large.rows)

    def take_large(self) -> WaitingFile | None:
        """Take the next large file; None where its path is on its way already."""
        return self._take(self._large)

    def _take(self, part: LinePart) -> WaitingFile | None:
        file = part.rows.popleft()
        self._listed.discard(file.rel_path)
        if file.rel_path not in self._claimed:
            return file
        self._parked[file.rel_path] = file._replace(is_stale=True)
        return None

    def released(self, rel_path: str) -> bool:
        """Note that a path is released; return whether that brings a parked row back."""
        if self._is_reading:
            self._released_meanwhile.add(rel_path)
        parked = self._parked.pop(rel_path, None)
        if parked is None:
            return False
        part = self._small if parked.n_bytes <= self._small.most_bytes else self._large
        part.rows.appendleft(parked)
        return True
