"""Brings a ledger that an older version of the program wrote to the present format.

Migrations are numbered and go forward only. Each runs in one transaction together with its
number, so that one that is interrupted anywhere has not happened, and is done again at the next
start. Before the first one the ledger is copied beside itself; the copy is removed when a run with
the new format has ended cleanly.

To add one: raise :data:`~tui.engine.recording.schema.SCHEMA_VERSION`, change
:data:`~tui.engine.recording.schema.SCHEMA` for new ledgers, add the statements here under the new
number, and keep a ledger of the version before it in ``tests/ledgers``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
from pathlib import Path

from tui.config.state_files import growing_name
from tui.engine.model.files import FileState
from tui.engine.recording import database_copy, wal
from tui.engine.recording.schema import (
    FILES_BY_SIZE,
    FILES_BY_TIME,
    FILES_IN_DOUBT,
    FILES_UNFINISHED,
    SCHEMA_VERSION,
)
from tui.errors import StateDirectoryError

logger = logging.getLogger(__name__)

#: The statements that lead to a format from the one before it.
MIGRATIONS: dict[int, tuple[str, ...]] = {
    2: (
        "ALTER TABLE files ADD COLUMN ctime_ns INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE files ADD COLUMN rest_ctime_ns INTEGER",
        "ALTER TABLE files ADD COLUMN in_doubt INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE files ADD COLUMN cut_size INTEGER",
        FILES_IN_DOUBT,
    ),
    3: (
        "ALTER TABLE files ADD COLUMN may_change INTEGER NOT NULL DEFAULT 0",
        # Until then a path that is gone was one not taken, of a time that no file has.
        f"INSERT OR IGNORE INTO counts VALUES ({FileState.GONE:d}, 0, 0)",
        f"UPDATE files SET state = {FileState.GONE:d} "
        f"WHERE state = {FileState.NOT_TAKEN:d} AND mtime_ns = -1",
        "DROP INDEX files_unfinished",
        FILES_UNFINISHED,
    ),
    4: (FILES_BY_SIZE, FILES_BY_TIME),
}
#: The pages that a migration changes come on top of the copy.
_ROOM_FACTOR = 2.2
#: The setting of the ledger that names its copy until a clean end.
COPY_KEY = "copy_of_older_format"


def refuse_newer(path: Path) -> None:
    """See that no newer program wrote a ledger, without a lock and without changing a byte.

    Raises:
        StateDirectoryError: a newer one did.
    """
    try:
        with path.open("rb") as file:
            page = file.read(wal.USER_VERSION.stop)
        in_log = wal.user_version(path.with_name(path.name + "-wal"))
    except OSError:
        return  # said by whoever opens it
    version = max(in_log, int.from_bytes(page[wal.USER_VERSION.start:], "big"))
    if page.startswith(b"SQLite format 3\0") and version > SCHEMA_VERSION:
        raise _unreadable(path, str(version))


def version_of(path: Path, text: str) -> int:
    """Return the format of a ledger from its own setting.

    Raises:
        StateDirectoryError: this program cannot read it.
    """
    if text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= SCHEMA_VERSION:
        return int(text)
    raise _unreadable(path, text)


def _unreadable(path: Path, version: str) -> StateDirectoryError:
    return StateDirectoryError(
        f"the ledger has format {version or 'unknown'}, this program reads formats 1 to "
        f"{SCHEMA_VERSION}", where=str(path),
        remedy="Use the version of the program that wrote it, or another state directory")


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring a ledger to the present format.

    Args:
        connection: to it, outside of any transaction, and alone.
        version: its format, older than the present one.

    Raises:
        sqlite3.Error: the disk refuses; the ledger has the format of the last migration that was
            completed.
    """
    for number in range(version + 1, SCHEMA_VERSION + 1):
        connection.execute("BEGIN EXCLUSIVE")
        try:
            for statement in MIGRATIONS[number]:
                connection.execute(statement)
            connection.execute("UPDATE meta SET value = ? WHERE key = 'schema_version'",
                               (str(number),))
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise


def keep_copy(connection: sqlite3.Connection, path: Path, version: int) -> Path:
    """Copy a ledger beside itself before it is migrated; return the path of the copy.

    A copy that an interrupted start left is replaced: the ledger may have gone on since.

    Raises:
        StateDirectoryError: there is no room for it, or it cannot be written.
    """
    target = path.with_name(f"{path.name}.format-{version}")
    growing = growing_name(path)
    n_pages, page_bytes = (connection.execute(f"PRAGMA {name}").fetchone()[0]
                           for name in ("page_count", "page_size"))
    n_bytes = n_pages * page_bytes
    try:
        room = shutil.disk_usage(path.parent).free
        if room < n_bytes * _ROOM_FACTOR:
            raise _no_copy(path, f"{n_bytes * _ROOM_FACTOR / 1e6:,.0f} MB are needed beside it, "
                           f"and {room / 1e6:,.0f} MB are free")
        database_copy.copy_to(connection, growing)
        with growing.open("rb+") as file:
            os.fsync(file.fileno())
        growing.replace(target)
    except (OSError, sqlite3.Error) as error:
        with contextlib.suppress(OSError):
            growing.unlink(missing_ok=True)
        raise _no_copy(path, str(error)) from error
    return target


def _no_copy(path: Path, why: str) -> StateDirectoryError:
    return StateDirectoryError(
        f"the ledger has an older format and cannot be copied before it is converted: {why}",
        where=str(path), remedy="Make room on the disk that holds it")


def drop_copy(path: Path, name: str) -> None:
    """Remove the copy of an older format after a clean end; one that stays is harmless."""
    if not name:
        return
    try:
        path.with_name(Path(name).name).unlink(missing_ok=True)
    except OSError as error:
        logger.warning("%s cannot be removed: %s", name, error.strerror)
