"""Reads a ledger that nobody holds, as a copy in memory: nothing on the disk is made or changed.

SQLite itself would make files beside a database that was left with a write-ahead log, even to read
it; so the log is applied to the copy.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tui.config.state_files import StateFiles
from tui.engine.recording import migrations, wal
from tui.engine.recording.database import Database
from tui.engine.recording.ledger import Ledger, refuse_remains
from tui.engine.recording.owner import already_running
from tui.engine.system.locks import share_file_lock
from tui.errors import LedgerDamagedError, StateDirectoryError

#: Where SQLite locks a database file: the bytes of which a writer holds all.
_LOCK_START, _LOCK_BYTES = 0x40000002, 510


class LedgerCopy(Ledger):
    """What a ledger holds, or what a new one would, to be changed in memory only.

    Args:
        state_dir, topic_name, upload_dir, acks: see :class:`Ledger`.

    Raises:
        AlreadyRunningError: an instance holds it.
        StateDirectoryError: it cannot be read, or serves another directory.
    """

    def __init__(self, state_dir: Path, topic_name: str, upload_dir: Path, acks: str) -> None:
        path = StateFiles(state_dir, topic_name).ledger
        self.damage, self.set_aside_as = "", None
        migrations.refuse_newer(path)
        image = read_image(path)
        try:
            refuse_remains(path, topic_name)
            self.database = _DatabaseCopy(path, image)
        except LedgerDamagedError as error:
            self.damage = error.what
            self.database = _DatabaseCopy(path, b"")
        self._begin(state_dir, upload_dir, acks)


class _DatabaseCopy(Database):
    """A ledger's database in memory."""

    def __init__(self, path: Path, image: bytes) -> None:
        self._start_empty(path)
        self.is_new = not image
        self._identity = self._identify()
        self._connection = sqlite3.connect(":memory:", isolation_level=None,
                                           check_same_thread=False)
        try:
            if image:
                self._connection.deserialize(image)
            self._check(wal.is_sound(_log_path(path)))
            migrations.migrate(self._connection, migrations.version_of(
                path, self.meta("schema_version")))
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise self._damaged(str(error)) from error
        except BaseException:
            self._connection.close()
            raise


def _log_path(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def read_image(path: Path) -> bytes:
    """Return a database with its log applied, as one that needs none; empty where there is none.

    Raises:
        AlreadyRunningError: an instance holds it.
        StateDirectoryError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            share_file_lock(file.fileno(), _LOCK_START, _LOCK_BYTES)
            pages = bytearray(file.read())
            wal.apply(_log_path(path), pages)
    except FileNotFoundError:
        return b""
    except BlockingIOError as error:
        raise already_running(path) from error
    except OSError as error:
        raise StateDirectoryError(f"the ledger cannot be read: {error.strerror}",
                                  where=str(path), remedy="Make it readable") from error
    if len(pages) > 19:
        pages[18] = pages[19] = 1  # the two bytes that would ask for a log
    return bytes(pages)
