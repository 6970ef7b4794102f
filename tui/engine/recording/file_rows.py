"""What the ledger holds of each path: where it stands, and what counts as unchanged."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tui.engine.model.files import (
    FileState,
    FileStatus,
    KnownFile,
    Observation,
    WaitingFile,
)
from tui.engine.recording.database import Database, Row
from tui.engine.recording.doubts import DOUBTED, LEARNT
from tui.engine.recording.file_statements import (
    FOUND_AT_START,
    NOT_TAKEN,
    SETTLING,
    UPLOADED,
    WAITING,
)
from tui.engine.recording.schema import LIKE_ESCAPE, UNFINISHED, join, split
from tui.engine.system.back_off import FILE_BACK_OFF
from tui.engine.system.paths import as_like, as_like_below, is_glob
from tui.errors import LedgerError

_KNOWN = ("state, n_bytes, mtime_ns, rest_state, rest_n_bytes, rest_mtime_ns, inode, "
          "rest_ctime_ns, in_doubt")
#: The setting of the ledger that holds what :meth:`FileRows.record_covered` records.
COVERS_KEY = "covers_ns"
_LINE_ROWS = 2000
_MOST_BYTES = (1 << 63) - 1
_STATES = {int(state): state for state in FileState}  # by number, quicker than the enum itself
_LONGEST_PAUSE_SECONDS = 3600.0
_AT_PATH = "WHERE directory = ? AND name = ?"
_IS_WAITING = f"state = {FileState.WAITING:d}"
_IS_HELD = f"state = {FileState.HELD:d}"
_LINE = ("file_id, directory, name, n_bytes, mtime_ns, position, partition, acks, must_send, "
         "n_attempts, cut_size, may_change")
#: What :func:`status_of_row` takes.
STATUS_COLUMNS = ("directory, name, state, n_bytes, reason, next_attempt, n_attempts, since")


class TableFile(NamedTuple):
    """An unfinished file as the tables list it; ``partition`` is -1 before its first version."""

    rel_path: str
    n_bytes: int
    mtime_ns: int
    partition: int


class FileRows:
    """The paths of one upload directory, for one topic.

    Args:
        database: the open ledger.
        acks: what versions are sent with, recorded as they are queued.
    """

    def __init__(self, database: Database, acks: str) -> None:
        self._database = database
        self._acks = acks
        rows = database.query(f"SELECT max(position) FROM files WHERE {UNFINISHED}")
        self._last_position = int(rows[0][0] or 0)
        self.is_new = database.is_new
        self.is_covered = False  #: whether a scan of this run has seen all that is there
        #: As :meth:`n_unrecorded` was last counted, for those who must not wait for the disk.
        self.last_n_unrecorded = 0
        self._unrecorded: set[tuple[str, str]] = set()
        self._n_refused_seen = 0
        self._outage = 0

    # What finding needs.

    def known(self, rel_path: str) -> KnownFile | None:
        """Return what is held of a path; None for a path never seen."""
        rows = self._database.query(f"SELECT {_KNOWN} FROM files {_AT_PATH}", split(rel_path))
        return _known(rows[0]) if rows else None

    def known_among(self, directory: str, names: Sequence[str]) -> dict[str, KnownFile]:
        """Return what is held of some files directly in a directory, by file name."""
        marks = ", ".join("?" * len(names))
        rows = self._database.query(
            f"SELECT {_KNOWN}, name FROM files WHERE directory = ? AND name IN ({marks})",
            (directory, *names))
        return {row[-1]: _known(row) for row in rows}

    def record_not_taken(self, observations: Sequence[Observation]) -> None:
        """Record files that were there before and are not sent unless they change.

        One that an event reported meanwhile stays as it was recorded then.
        """
        self._database.wait_for_room()
        self._database.write(FOUND_AT_START, _seen_rows(observations))

    def record_settling(self, observations: Sequence[Observation], *,
                        is_new: bool = False) -> None:
        """Record files that were seen to change.

        Args:
            observations: what was seen.
            is_new: they are others than those not taken there before, whatever they look like.
        """
        self._database.wait_for_room()
        with self._database.together():
            self._database.write(SETTLING, _seen_rows(observations))
            if is_new:
                self._database.write(
                    "UPDATE files SET rest_state = NULL "
                    f"{_AT_PATH} AND rest_state = {FileState.NOT_TAKEN:d}",
                    [split(o.rel_path) for o in observations])

    def record_covered(self, until_ns: int, *, is_seen: bool = True) -> None:
        """Note that every file that came before a time is recorded, or is not taken.

        Durable together with what was written before.

        Args:
            until_ns: by the file system's clock, nanoseconds since the epoch.
            is_seen: whether a scan of this run has seen it, which is not so at its start.
        """
        self._database.set_meta(COVERS_KEY, str(until_ns))
        self.is_covered = is_seen

    def n_unrecorded(self) -> int:
        """Return how many unfinished files the ledger's file knows nothing of, counted now.

        There are some only while it cannot be written; the next start has to find them again.
        """
        with self._database.together():
            outage, rows = self._database.refused(self._n_refused_seen)
            if outage != self._outage:
                self._outage = outage
                self._unrecorded.clear()
                self._n_refused_seen = 0
                rows = self._database.refused(0)[1]
            self._n_refused_seen += len(rows)
            for sql, values in rows:
                if sql not in (SETTLING, WAITING):
                    continue
                for path in {(row[0], row[1]) for row in values}:
                    if not self._database.query(
                            f"SELECT 1 FROM files {_AT_PATH} AND state IN "
                            f"({FileState.SETTLING:d}, {FileState.WAITING:d})", path):
                        self._unrecorded.add(path)
            return len(self._unrecorded)

    def make_durable(self) -> bool:
        """Commit what was recorded; where the disk refuses, the next commit tries again.

        Returns:
            Whether the disk has taken it.
        """
        try:
            self._database.commit()
        except LedgerError:
            return False  # said by the database itself
        return True

    def record_settling_again(self, file: WaitingFile) -> None:
        """Take a file out of the line that changed while its turn came, or while it was sent."""
        self._database.write(
            f"UPDATE files SET state = {FileState.SETTLING:d} "
            f"WHERE file_id = ? AND {_IS_WAITING} AND position = ?",
            [(file.file_id, file.position)])

    def record_waiting(self, observations: Sequence[Observation], *,
                       may_change: bool = False) -> None:
        """Put files at the end of the line.

        Args:
            observations: as they were last seen.
            may_change: whether they are sent although they have not settled.
        """
        self._database.wait_for_room()
        self.put_at_the_end(observations, may_change=may_change)

    def put_at_the_end(self, observations: Sequence[Observation], *,
                       may_change: bool = False) -> None:
        """Put files at the end of the line, at once even while the disk is full."""
        with self._database.together():
            rows = []
            for row in _seen_rows(observations):
                self._last_position += 1
                rows.append((*row, self._last_position, self._acks, int(may_change)))
            self._database.write(WAITING, rows)

    def record_unchanged(self, rel_paths: Sequence[str]) -> None:
        """Put files back to what they were before they seemed to change."""
        self._database.write(
            "UPDATE files SET state = rest_state, n_bytes = rest_n_bytes, "
            "mtime_ns = rest_mtime_ns, reason = '' "
            f"{_AT_PATH} AND rest_state IS NOT NULL", [split(path) for path in rel_paths])

    def record_ctimes(self, observations: Sequence[Observation]) -> None:
        """Record when uploaded files last changed, of which that was not known."""
        self._database.write(LEARNT, [(o.ctime_ns, *split(o.rel_path)) for o in observations])

    def record_in_doubt(self, rel_paths: Sequence[str]) -> None:
        """Record that only their content tells whether files changed that were sent, or are."""
        self._database.write(DOUBTED, [split(path) for path in rel_paths])

    def forget(self, rel_paths: Sequence[str], *, even_queued: bool = False) -> None:
        """Drop files that are gone; what was uploaded of them stays known.

        Args:
            rel_paths: the files.
            even_queued: whether queued files are dropped as well. Their versions may be on their
                way; the sending side notices that they are gone.
        """
        self.record_unchanged(rel_paths)
        where = f"{_AT_PATH} AND rest_state IS NULL"
        if not even_queued:
            where += f" AND state <> {FileState.WAITING:d}"
        # Of what was once queued a version may be on its way, and needs the row to be recorded.
        never_queued = "" if even_queued else "AND position = 0"
        self._database.write(
            f"DELETE FROM files {where} {never_queued} AND NOT EXISTS "
            "(SELECT 1 FROM versions WHERE versions.file_id = files.file_id)",
            [split(path) for path in rel_paths])
        # Never settled, and yet sent in part: its versions are all that is left to tell.
        self._database.write(
            f"UPDATE files SET state = {FileState.GONE:d}, reason = 'it is no longer there' "
            f"{where}", [split(path) for path in rel_paths])

    def settling_paths(self) -> Iterator[str]:
        """Yield the paths that a stop left settling."""
        rows = self._database.query(
            f"SELECT directory, name FROM files WHERE state = {FileState.SETTLING:d} "
            f"AND {UNFINISHED}")
        return (join(directory, name) for directory, name in rows)

    def record_held(self, rel_path: str, reason: str) -> None:
        """Record that a path cannot be looked at just now, and when it is tried again."""
        now = time.time()
        directory, name = split(rel_path)
        with self._database.together():
            rows = self._database.query(f"SELECT n_attempts FROM files {_AT_PATH}",
                                        (directory, name))
            again = now + FILE_BACK_OFF.seconds(rows[0][0] if rows else 0)
            self._database.write(
                "INSERT INTO files (directory, name, n_bytes, mtime_ns, since, state) "
                f"VALUES (?, ?, 0, 0, ?, {FileState.HELD:d}) "
                f"ON CONFLICT (directory, name) DO UPDATE SET {_IS_HELD}",
                [(directory, name, now)])
            self._database.write(
                "UPDATE files SET since = ?, reason = ?, next_attempt = ?, "
                f"n_attempts = n_attempts + 1 {_AT_PATH}",
                [(now, reason, again, directory, name)])

    # What sending needs.

    def next_in_line(self, after_position: int, n_rows: int) -> list[WaitingFile]:
        """Return waiting files behind a place in the queue, in order."""
        return self.next_of_size(after_position, n_rows, 0, _MOST_BYTES)[0]

    def next_of_size(self, after_position: int, n_rows: int, least_bytes: int,
                     most_bytes: int) -> tuple[list[WaitingFile], int]:
        """Return waiting files of some sizes behind a place in the queue, in order.

        Args:
            after_position: the place.
            n_rows: of them, at most.
            least_bytes, most_bytes: their sizes.

        Returns:
            The files, and the place up to which there are no others of these sizes.
        """
        with self._database.together():
            # As the table has it: a place may be given to a row that the disk has refused so far.
            (last,), = self._database.query(
                f"SELECT max(position) FROM files WHERE {_IS_WAITING} AND {UNFINISHED}")
            rows = self._database.query(
                f"SELECT {_LINE} FROM files WHERE {_IS_WAITING} AND {UNFINISHED} "
                "AND position > ? AND n_bytes BETWEEN ? AND ? ORDER BY position LIMIT ?",
                (after_position, least_bytes, most_bytes, n_rows))
        found = [_waiting(row) for row in rows]
        return found, found[-1].position if len(found) == n_rows \
            else max(after_position, last or 0)

    def waiting(self, rel_path: str) -> WaitingFile | None:
        """Return a path's row as it is now, if it is waiting."""
        rows = self._database.query(
            f"SELECT {_LINE} FROM files {_AT_PATH} AND {_IS_WAITING}", split(rel_path))
        return _waiting(rows[0]) if rows else None

    def set_partitions(self, files: Sequence[WaitingFile]) -> None:
        """Record the partitions that all versions of these paths go to."""
        self._database.write("UPDATE files SET partition = ? WHERE file_id = ?",
                             [(file.partition, file.file_id) for file in files])

    def set_unsent(self, file: WaitingFile, state: FileState, reason: str,
                   retry_after_seconds: float | None) -> None:
        """Hold or fail a queued file, unless it was seen to change since."""
        now = time.time()
        again = None if retry_after_seconds is None else now + retry_after_seconds
        self._database.write(
            "UPDATE files SET state = ?, reason = ?, next_attempt = ?, since = ?, "
            f"n_attempts = n_attempts + 1 WHERE file_id = ? AND {_IS_WAITING} AND position = ?",
            [(int(state), reason, again, now, file.file_id, file.position)])

    def record_uploaded(self, files: Sequence[tuple[WaitingFile, int, int]]) -> None:
        """Record (file, n_bytes, mtime_ns) as uploaded, and as settled unless seen to change."""
        now = time.time()
        self._database.write(
            UPLOADED,
            [(file.file_id, n_bytes, mtime_ns, file.partition, file.position, now)
             for file, n_bytes, mtime_ns in files])

    def record_uploaded_before(self, observation: Observation) -> None:
        """Record a file that another program uploaded as it is now."""
        self._database.write(NOT_TAKEN, _seen_rows([observation]))
        self._database.write(
            f"UPDATE files SET state = {FileState.UPLOADED:d}, "
            f"rest_state = {FileState.UPLOADED:d} {_AT_PATH}", [split(observation.rel_path)])

    # What the commands need.

    def put_back(self, rel_path: str | None, reason: str = "") -> int:
        """Put held and failed files back in the queue; return how many.

        Args:
            rel_path: one of them; None for all.
            reason: only those that are stuck for this; empty for all.
        """
        where = f"state IN ({FileState.HELD:d}, {FileState.FAILED:d}) AND {UNFINISHED}"
        parameters: tuple[str, ...] = ()
        if rel_path is not None:
            where += " AND directory = ? AND name = ?"
            parameters = split(rel_path)
        if reason:
            where += " AND reason = ?"
            parameters += (reason,)
        return self._put_in_line(where, parameters, "position")

    def take(self, which: str) -> int:
        """Put files in the queue that were there before the first start; return how many.

        Others get their turn at the ledger in between.

        Args:
            which: a path, which may hold any character, a folder or a glob; empty for all.
        """
        where = f"state = {FileState.NOT_TAKEN:d} AND file_id > ?"
        named: tuple[str, ...] = ()
        is_path = self._database.query(
            f"SELECT 1 FROM files {_AT_PATH} AND state = {FileState.NOT_TAKEN:d}", split(which))
        if is_glob(which) and not is_path:
            where += f" AND directory || '/' || name LIKE ? {LIKE_ESCAPE}"
            named = (as_like(which),)
        elif which:
            where += f" AND (directory = ? AND name = ? OR directory = ? OR directory LIKE ? " \
                f"{LIKE_ESCAPE})"
            named = (*split(which), which, as_like_below(which))
        n_taken = last = 0
        while True:
            with self._database.together():
                (end,), = self._database.query(
                    f"SELECT max(file_id) FROM (SELECT file_id FROM files WHERE {where} "
                    "ORDER BY file_id LIMIT ?)", (last, *named, _LINE_ROWS))
                if end is None:
                    return n_taken
                n_taken += self._put_in_line(f"{where} AND file_id <= ?", (last, *named, end),
                                             "file_id")
            last = end

    def put_back_due(self) -> int:
        """Put held files whose time has come back in the queue; return how many."""
        # None is set so far ahead: the wall clock was set back.
        now = time.time()
        return self._put_in_line(
            f"{_IS_HELD} AND (next_attempt <= ? OR next_attempt > ?) AND {UNFINISHED}",
            (now, now + _LONGEST_PAUSE_SECONDS), "position")

    def _put_in_line(self, where: str, parameters: Sequence[object], by: str) -> int:
        with self._database.together():
            rows = self._database.query(
                f"SELECT file_id FROM files WHERE {where} ORDER BY {by}", parameters)
            again = []
            for (file_id,) in rows:
                self._last_position += 1
                again.append((self._last_position, file_id))
            self._database.write(
                f"UPDATE files SET {_IS_WAITING}, position = ?, next_attempt = NULL "
                "WHERE file_id = ?", again)
        return len(again)

    def must_send(self, rel_path: str) -> None:
        """Make the next version of a path go even if its content was sent before."""
        self._database.write(f"UPDATE files SET must_send = 1 {_AT_PATH}", [split(rel_path)])

    # What people see.

    def note_unrecorded(self) -> None:
        """Count again what could not be written; see :attr:`last_n_unrecorded`."""
        self.last_n_unrecorded = self.n_unrecorded() if self._database.problem else 0

    def n_waiting(self) -> int:
        """Return how many files are queued or being uploaded, counted now."""
        return int(self._database.query(f"SELECT n_files FROM counts WHERE {_IS_WAITING}")[0][0])

    def n_bytes_ahead(self, rel_path: str, most_small_bytes: int) -> int:
        """Return the payload that waits before a path.

        Args:
            rel_path: of the waiting file.
            most_small_bytes: a file of so many bytes is still a small one, and small ones go first.
        """
        rows = self._database.query(
            f"SELECT coalesce(sum(f.n_bytes), 0) FROM files f, (SELECT position AS own, n_bytes AS "
            f"size FROM files {_AT_PATH}) WHERE f.{_IS_WAITING} AND f.{UNFINISHED} "
            "AND iif(size > ?, f.n_bytes <= ? OR f.position < own, "
            "f.n_bytes <= ? AND f.position < own)",
            (*split(rel_path), *(most_small_bytes,) * 3))
        return int(rows[0][0])

    def status(self, rel_path: str) -> FileStatus | None:
        """Return where a path stands."""
        rows = self._database.query(f"SELECT {STATUS_COLUMNS} FROM files {_AT_PATH}",
                                    split(rel_path))
        return status_of_row(rows[0]) if rows else None

    def file_id(self, rel_path: str) -> int | None:
        """Return the row of a path."""
        rows = self._database.query(f"SELECT file_id FROM files {_AT_PATH}", split(rel_path))
        return int(rows[0][0]) if rows else None

    def in_line(self, state: FileState) -> Iterator[TableFile]:
        """Yield the files in one of the unfinished states, in the order of the line.

        Others get their turn at the ledger in between; what changes meanwhile may be missed.
        """
        after = (-1, -1)
        while True:
            rows = self._database.query(
                "SELECT directory, name, n_bytes, mtime_ns, partition, position, file_id "
                f"FROM files WHERE state = ? AND {UNFINISHED} AND (position, file_id) > (?, ?) "
                "ORDER BY position, file_id LIMIT ?", (int(state), *after, _LINE_ROWS))
            for row in rows:
                yield TableFile(join(row[0], row[1]), row[2], row[3],
                                -1 if row[4] is None else row[4])
            if len(rows) < _LINE_ROWS:
                return
            after = rows[-1][5:]


def _seen_rows(observations: Sequence[Observation]) -> list[Row]:
    now = time.time()
    return [(*split(rel_path), n_bytes, mtime_ns, _as_sql(inode), ctime_ns, now)
            for rel_path, n_bytes, mtime_ns, inode, ctime_ns in observations]


def _waiting(row: Row) -> WaitingFile:
    r = row
    return WaitingFile(r[0], join(r[1], r[2]), r[3], r[4], r[5], r[6], r[7], bool(r[8]), r[9],
                       r[10], bool(r[11]))


def _as_sql(number: int) -> int:
    """Fit a file number of 64 unsigned bits into SQLite's signed ones."""
    return number - (1 << 64) if number >= 1 << 63 else number


def _known(row: Row) -> KnownFile:
    state, inode = _STATES[row[0]], row[6] % (1 << 64)
    if row[3] is None:
        return KnownFile(state, row[1], row[2], inode=inode)
    return KnownFile(state, row[1], row[2], _STATES[row[3]], row[4], row[5], inode, row[7],
                     bool(row[8]))


def status_of_row(row: Row) -> FileStatus:
    """Return where a path stands, from the columns :data:`STATUS_COLUMNS`."""
    again = None if row[5] is None else max(0.0, row[5] - time.time())
    return FileStatus(
        rel_path=join(row[0], row[1]), state=FileState(row[2]), n_bytes=row[3], reason=row[4],
        next_attempt_seconds=again, n_attempts=row[6], since=row[7])
