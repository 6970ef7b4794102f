"""What the ledger holds of each version: begun, complete or abandoned, chunk by chunk."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from tui.engine.model.files import FileState
from tui.engine.model.versions import (
    Delivery,
    FileVersion,
    OffsetRange,
    PastVersion,
    VersionRecord,
    VersionState,
)
from tui.engine.recording.database import Database, Row
from tui.engine.recording.schema import (
    join,
    offsets_from_text,
    offsets_to_text,
    split,
)

_COLUMNS = (
    "version_id, file_id, n_bytes, mtime_ns, mtime_seconds, inode, sha512, chunk_size, n_chunks, "
    "partition, acks, is_recovery, may_not_rebuild, sent_twice"
)
_INSERT = (
    f"INSERT INTO versions ({_COLUMNS}, state, started, completed, n_delivered, delivered, "
    "offsets) VALUES (" + ", ".join("?" * 20) + ")"
)
#: What :func:`record_of_row` takes.
RECORD_COLUMNS = (
    "v.version_id, f.directory, f.name, v.state, v.n_bytes, v.mtime_ns, v.sha512, v.chunk_size, "
    "v.n_chunks, v.n_delivered, v.partition, v.acks, v.started, v.completed, v.offsets, "
    "v.is_recovery, v.may_not_rebuild"
)
_RECORD = f"{RECORD_COLUMNS} FROM versions v JOIN files f USING (file_id)"
_IS_COMPLETE = f"v.state = {VersionState.COMPLETE:d}"
_ENOUGH_WITHOUT = 1000


class VersionRows:
    """The versions of all paths.

    Args:
        database: the open ledger.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        rows = database.query("SELECT max(version_id) FROM versions")
        self._last_id = int(rows[0][0] or 0)
        self._number_lock = threading.Lock()

    def next_id(self) -> int:
        """Return a number for a new version; nothing is written yet."""
        with self._number_lock:
            self._last_id += 1
            return self._last_id

    def begin(self, versions: Sequence[FileVersion], started: float) -> None:
        """Make versions durable before their first message.

        Raises:
            LedgerError: the disk refuses; they must not be sent now.
        """
        self._database.write(_INSERT, [
            _row(version, VersionState.BEGUN, started, None, 0, None, ()) for version in versions])
        self._database.commit()

    def record(self, deliveries: Sequence[Delivery]) -> None:
        """Record acknowledgements; a version whose ``completed`` is set becomes complete.

        Versions of one chunk come here without having begun.
        """
        whole = [d for d in deliveries if d.completed is not None and d.version.n_chunks == 1]
        self._database.write(_INSERT.replace("INSERT", "INSERT OR REPLACE", 1), [
            _row(d.version, VersionState.COMPLETE, d.started, d.completed, 1, None, d.offsets)
            for d in whole])
        rest = [d for d in deliveries if d.version.n_chunks > 1]
        self._database.write(
            "UPDATE versions SET state = ?, completed = ?, n_delivered = ?, delivered = ?, "
            "offsets = ? WHERE version_id = ?",
            [(int(VersionState.BEGUN if d.completed is None else VersionState.COMPLETE),
              d.completed, d.n_delivered, d.delivered if d.completed is None else None,
              offsets_to_text(d.offsets), d.version.version_id) for d in rest])

    def close(self, version_id: int, state: VersionState) -> None:
        """Record that a begun version will not be finished."""
        self._database.write("UPDATE versions SET state = ?, delivered = NULL "
                             "WHERE version_id = ?", [(int(state), version_id)])

    def mark_sent_twice(self, version_id: int) -> None:
        """Record that chunks of a version may be on the topic twice."""
        self._database.write("UPDATE versions SET sent_twice = 1 WHERE version_id = ?",
                             [(version_id,)])

    def of_file(self, file_id: int, rel_path: str) -> list[PastVersion]:
        """Return the versions of a path, newest first."""
        rows = self._database.query(
            f"SELECT {_COLUMNS}, state, started, n_delivered, delivered, offsets FROM versions "
            "WHERE file_id = ? ORDER BY version_id DESC", (file_id,))
        return [_past(row, rel_path) for row in rows]

    def all_begun(self) -> list[PastVersion]:
        """Return every version that is begun and neither complete nor given up, oldest first."""
        columns = ", ".join(f"v.{name}" for name in _COLUMNS.split(", "))
        rows = self._database.query(
            f"SELECT {columns}, v.state, v.started, v.n_delivered, v.delivered, v.offsets, "
            "f.directory, f.name FROM versions v JOIN files f USING (file_id) "
            f"WHERE v.state = {VersionState.BEGUN:d} ORDER BY v.version_id")
        return [_past(row, join(row[-2], row[-1])) for row in rows]

    def add_uploaded(self, rel_path: str, n_bytes: int, mtime_ns: int, sha512: bytes,
                     chunk_size: int, n_chunks: int, partition: int, started: float,
                     completed: float) -> bool:
        """Add a complete version from a table; False where the ledger has it."""
        with self._database.together():
            if self._database.query(
                    "SELECT 1 FROM versions v JOIN files f USING (file_id) WHERE f.directory = ? "
                    "AND f.name = ? AND v.sha512 = ? AND abs(v.started - ?) < 0.001 "
                    f"AND {_IS_COMPLETE}", (*split(rel_path), sha512, started)):
                return False
            file_id = self._file_of_row(rel_path, n_bytes, mtime_ns, completed, partition)
            later = self._database.query(
                "SELECT count(*) FROM versions WHERE file_id = ? "
                "AND coalesce(completed, started) > ?", (file_id, completed))[0][0]
            # What was uploaded before a version that is known must not pass for the newest.
            version_id = self.next_id() if not later else self._older_id()
            version = FileVersion(
                version_id, file_id, rel_path, n_bytes, mtime_ns, mtime_seconds(mtime_ns),
                sha512, chunk_size, n_chunks, partition, "")
            self._database.write(_INSERT, [_row(version, VersionState.COMPLETE, started, completed,
                                                n_chunks, None, ())])
            self.mark_exported([version_id])
            if not later:
                self._database.write(
                    f"UPDATE files SET rest_state = {FileState.UPLOADED:d}, "
                    "rest_n_bytes = ?1, rest_mtime_ns = ?2, "
                    f"state = CASE WHEN state = {FileState.NOT_TAKEN:d} AND n_bytes = ?1 "
                    f"AND mtime_ns = ?2 THEN {FileState.UPLOADED:d} "
                    f"ELSE state END, n_bytes = iif(state = {FileState.UPLOADED:d}, ?1, n_bytes), "
                    f"mtime_ns = iif(state = {FileState.UPLOADED:d}, ?2, mtime_ns) "
                    "WHERE file_id = ?3",
                    [(n_bytes, mtime_ns, file_id)])
        return True

    def add_begun(self, rel_path: str, n_bytes: int, mtime_ns: int, sha512: bytes,
                  chunk_size: int, n_chunks: int, partition: int, started: float,
                  delivered: bytes) -> None:
        """Add a begun version from a table, as one that may have been sent twice.

        The table does not tell a recovery generation from others: while its first chunk is
        missing, that one goes twice, which spares a consumer that drops one.
        """
        with self._database.together():
            file_id = self._file_of_row(rel_path, n_bytes, mtime_ns, started, partition,
                                        FileState.NOT_TAKEN)
            version = FileVersion(
                self.next_id(), file_id, rel_path, n_bytes, mtime_ns, mtime_seconds(mtime_ns),
                sha512, chunk_size, n_chunks, partition, "", sent_twice=True,
                is_recovery=not delivered[0] & 1)
            n_delivered = int.from_bytes(delivered, "little").bit_count()
            self._database.write(_INSERT, [_row(version, VersionState.BEGUN, started, None,
                                                n_delivered, delivered, ())])

    def _file_of_row(self, rel_path: str, n_bytes: int, mtime_ns: int, since: float,
                     partition: int, state: FileState = FileState.UPLOADED) -> int:
        """Return the row of a path from a table, making it where there is none."""
        directory, name = split(rel_path)
        self._database.write(
            "INSERT INTO files (directory, name, state, n_bytes, mtime_ns, since, partition) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (directory, name) DO UPDATE SET "
            "partition = coalesce(partition, excluded.partition)",
            [(directory, name, int(state), n_bytes, mtime_ns, since, max(partition, 0))])
        return int(self._database.query(
            "SELECT file_id FROM files WHERE directory = ? AND name = ?", (directory, name))[0][0])

    def _older_id(self) -> int:
        """Return a number below all others."""
        return int(self._database.query("SELECT min(min(version_id), 0) FROM versions")[0][0]) - 1

    def records_of(self, rel_path: str) -> tuple[VersionRecord, ...]:
        """Return all that is known of the versions of a path, newest first."""
        directory, _, name = rel_path.rpartition("/")
        rows = self._database.query(
            f"SELECT {_RECORD} WHERE f.directory = ? AND f.name = ? "
            "ORDER BY v.version_id DESC", (directory, name))
        return tuple(record_of_row(row) for row in rows)

    def paths_from(self, partition: int, offset: int) -> list[str]:
        """Return the paths of which complete versions have records from an offset on.

        The newest are looked at first, until so many in a row have none that older ones cannot.
        """
        found: dict[str, None] = {}
        n_without, n_seen = 0, 0
        while n_without < _ENOUGH_WITHOUT:
            rows = self._database.query(
                f"SELECT {_RECORD} WHERE {_IS_COMPLETE} ORDER BY v.completed DESC LIMIT ? OFFSET ?",
                (_ENOUGH_WITHOUT, n_seen))
            for record in map(record_of_row, rows):
                if any(r.partition == partition and r.last >= offset for r in record.offsets):
                    found[record.rel_path] = None
                    n_without = 0
                else:
                    n_without += any(r.partition == partition for r in record.offsets)
            n_seen += len(rows)
            if len(rows) < _ENOUGH_WITHOUT:
                break
        return list(found)

    def unexported(self, n_rows: int) -> tuple[VersionRecord, ...]:
        """Return complete versions that are in no table yet, in the order of their numbers."""
        rows = self._database.query(
            f"SELECT {_RECORD} JOIN (SELECT version_id AS chosen FROM untabulated "
            "ORDER BY version_id LIMIT ?) ON chosen = v.version_id ORDER BY v.version_id",
            (n_rows,))
        return tuple(record_of_row(row) for row in rows)

    def export_all_again(self) -> None:
        """Have all complete versions written into the tables once more, for they are gone."""
        self._database.write("INSERT OR IGNORE INTO untabulated SELECT version_id FROM versions "
                             f"WHERE state = {VersionState.COMPLETE:d}", [()])

    def mark_exported(self, version_ids: Sequence[int]) -> None:
        """Record that versions are in a table."""
        self._database.write("DELETE FROM untabulated WHERE version_id = ?",
                             [(version_id,) for version_id in version_ids])


def mtime_seconds(mtime_ns: int) -> float:
    """Return a time of modification as ``os.stat().st_mtime`` gives it, to the last bit."""
    seconds, nanoseconds = divmod(mtime_ns, 10**9)
    return seconds + 1e-9 * nanoseconds


def _row(version: FileVersion, state: VersionState, started: float, completed: float | None,
         n_delivered: int, delivered: bytes | None, offsets: tuple[OffsetRange, ...]) -> Row:
    v = version
    return (v.version_id, v.file_id, v.n_bytes, v.mtime_ns, v.mtime_seconds, 0, v.sha512,
            v.chunk_size, v.n_chunks, v.partition, v.acks, int(v.is_recovery),
            int(v.rebuild_uncertain), int(v.sent_twice), int(state), started, completed,
            n_delivered, delivered, offsets_to_text(offsets))


def _past(row: Row, rel_path: str) -> PastVersion:
    version = FileVersion(
        version_id=row[0], file_id=row[1], rel_path=rel_path, n_bytes=row[2], mtime_ns=row[3],
        mtime_seconds=row[4], sha512=row[6], chunk_size=row[7], n_chunks=row[8],
        partition=row[9], acks=row[10], is_recovery=bool(row[11]),
        rebuild_uncertain=bool(row[12]), sent_twice=bool(row[13]))
    return PastVersion(version, VersionState(row[14]), row[15], row[16], row[17] or b"",
                       offsets_from_text(row[18]))


def record_of_row(row: Row, n_versions: int = 1) -> VersionRecord:
    """Return a version from the columns :data:`RECORD_COLUMNS`.

    Args:
        row: the columns.
        n_versions: of its path.
    """
    return VersionRecord(
        version_id=row[0], rel_path=join(row[1], row[2]), state=VersionState(row[3]),
        n_bytes=row[4], mtime_ns=row[5], sha512=row[6], chunk_size=row[7], n_chunks=row[8],
        n_chunks_delivered=row[9], partition=row[10], acks=row[11], started=row[12],
        completed=row[13], offsets=offsets_from_text(row[14]), is_recovery=bool(row[15]),
        rebuild_uncertain=bool(row[16]), n_versions=n_versions)
