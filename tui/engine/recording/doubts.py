"""Files that look as they were uploaded, while something says that their content may be another.

A program that writes through a memory map may change neither size nor times, and only its closing
of the file is noticed; one that restores both leaves the time of the last change as the only
witness. Only reading such a file again shows whether it changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.engine.model.files import FileState
from tui.engine.recording.database import Database
from tui.engine.recording.schema import join

#: Takes (ctime_ns, directory, name): what 1.0.0 recorded has no time of the last change.
LEARNT = f"""UPDATE files SET rest_ctime_ns = ? WHERE directory = ? AND name = ?
    AND state = {FileState.UPLOADED:d} AND rest_ctime_ns IS NULL"""
#: Takes (directory, name). The time makes a look void that is being taken just now.
DOUBTED = f"""UPDATE files SET in_doubt = 1, rest_ctime_ns = -1
    WHERE directory = ? AND name = ? AND state IN ({FileState.WAITING:d}, {FileState.UPLOADED:d})"""
N_IN_DOUBT = "SELECT count(*) FROM files WHERE in_doubt = 1"
_NEXT = f"""SELECT file_id, directory, name FROM files WHERE in_doubt = 1
    AND state = {FileState.UPLOADED:d} AND file_id > ? ORDER BY file_id LIMIT ?"""
_LOOKED_AT = -2  # in place of a time, while its content is read


@dataclass(frozen=True, slots=True)
class Doubt:
    """A file whose content is to be read again."""

    file_id: int
    rel_path: str


class Doubts:
    """The files in doubt.

    Args:
        database: the open ledger.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def after(self, file_id: int, n_rows: int) -> Sequence[Doubt]:
        """Return some of them, in the order of their numbers, behind a number."""
        return [Doubt(number, join(directory, name))
                for number, directory, name in self._database.query(_NEXT, (file_id, n_rows))]

    def begin(self, doubt: Doubt) -> None:
        """Note that its content is about to be read."""
        self._database.write(
            f"UPDATE files SET rest_ctime_ns = {_LOOKED_AT} WHERE file_id = ? AND in_doubt = 1",
            [(doubt.file_id,)])

    def end(self, doubt: Doubt, n_bytes: int, mtime_ns: int, ctime_ns: int) -> None:
        """Note that its content is what was uploaded, unless there is a new doubt since.

        Args:
            doubt: begun before.
            n_bytes, mtime_ns, ctime_ns: as it was when its reading began.
        """
        self._database.write(
            "UPDATE files SET in_doubt = 0, rest_ctime_ns = ? WHERE file_id = ? "
            f"AND state = {FileState.UPLOADED:d} "
            f"AND rest_ctime_ns = {_LOOKED_AT} AND rest_n_bytes = ? AND rest_mtime_ns = ?",
            [(ctime_ns, doubt.file_id, n_bytes, mtime_ns)])

    def drop(self, doubt: Doubt) -> None:
        """Note that there is nothing to be read any more."""
        self._database.write("UPDATE files SET in_doubt = 0 WHERE file_id = ?", [(doubt.file_id,)])
