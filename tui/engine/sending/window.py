"""The window on the ledger's line: the next waiting files, read ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Container
from typing import Protocol

from tui.engine.model.files import WaitingFile
from tui.engine.sending.source import SLICE_BYTES

_WINDOW_FILES = 4096
_LARGE_FILES = 1024


class Line(Protocol):
    """The waiting files, in the ledger."""

    def next_in_line(self, after_position: int, n_rows: int) -> list[WaitingFile]:
        """Return waiting files behind a place in the queue, in order."""


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
        self._rows: deque[WaitingFile] = deque()
        self._large: deque[WaitingFile] = deque()
        self._listed: set[str] = set()  #: paths with a row here
        self._parked: dict[str, WaitingFile] = {}  #: rows that wait for their path's release
        self._last_position = 0
        self._may_have_more = True
        self._is_reading = False
        self._released_meanwhile: set[str] = set()  #: while rows are read

    def expect_more(self) -> None:
        """Note that files were queued."""
        self._may_have_more = True

    @property
    def needs_more(self) -> bool:
        """Whether more rows should be read now."""
        return self._may_have_more and not self._is_reading \
            and len(self._rows) < _WINDOW_FILES // 4

    def begin_reading(self) -> int:
        """Note that :meth:`read` follows; return the place in the queue behind which it reads."""
        self._is_reading, self._may_have_more = True, False
        self._released_meanwhile.clear()
        return self._last_position

    def read(self, after_position: int) -> list[WaitingFile]:
        """Return the next rows; without the lock, since what is here can be taken meanwhile."""
        return self._line.next_in_line(after_position, _WINDOW_FILES)

    def end_reading(self, rows: list[WaitingFile] | None) -> None:
        """Take rows in; None where they could not be read."""
        self._is_reading = False
        self._may_have_more |= rows is None or len(rows) == _WINDOW_FILES
        for row in rows or ():
            path = row.rel_path
            is_twice = path in self._claimed or path in self._listed \
                or path in self._released_meanwhile
            self._listed.add(path)
            self._rows.append(row._replace(is_stale=True) if is_twice else row)
        if rows:
            self._last_position = rows[-1].position

    def small(self) -> WaitingFile | None:
        """Return the next small file, which stays; large ones before it are put with their like."""
        while self._rows and self._rows[0].n_bytes > SLICE_BYTES:
            if len(self._large) >= _LARGE_FILES:
                return None
            self._large.append(self._rows.popleft())
        return self._rows[0] if self._rows else None

    def take_small(self) -> WaitingFile | None:
        """Take what :meth:`small` has returned; None where its path is on its way already."""
        return self._take(self._rows)

    @property
    def has_large(self) -> bool:
        """Whether a large file is known to wait."""
        return bool(self._large)

    def take_large(self) -> WaitingFile | None:
        """Take the next large file; None where its path is on its way already."""
        return self._take(self._large)

    def _take(self, rows: deque[WaitingFile]) -> WaitingFile | None:
        file = rows.popleft()
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
        self._rows.appendleft(parked)
        return True
