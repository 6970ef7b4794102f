"""The ledger's SQLite connection: held exclusively, written in groups, never losing a write."""

from __future__ import annotations

import contextlib
import datetime
import errno
import json
import logging
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tui.engine.recording.schema import SCHEMA, SCHEMA_VERSION
from tui.errors import AlreadyRunningError, LedgerDamagedError, LedgerError, StateDirectoryError

logger = logging.getLogger(__name__)

Row = tuple[Any, ...]
_OTHER_TROUBLE_REMEDY = (
    "Free or repair the disk that holds it; sending goes on by itself as soon as it can be written"
)


class Database:
    """One exclusive connection to the ledger's file.

    Every write joins the open transaction, and :meth:`commit` ends it. Where the disk refuses, the
    writes since the last commit are kept and tried again with the next :meth:`commit`, so that a
    full disk costs time and nothing else. All methods may be called from any thread.

    Args:
        path: of the SQLite file; its directory must exist.

    Raises:
        AlreadyRunningError: another process holds it.
        LedgerDamagedError: it cannot be read, or its write-ahead log is missing.
        StateDirectoryError: the file system cannot lock, or the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.owner_path = path.with_name(path.name.removesuffix(".sqlite3") + ".owner.json")
        self.problem = ""
        self._lock = threading.RLock()
        self._uncommitted: list[tuple[str, Sequence[Row]]] = []
        self.is_new = not path.exists() or path.stat().st_size == 0
        had_wal = path.with_name(path.name + "-wal").exists()
        self._connection = self._open()
        try:
            self._lock_and_check(had_wal)
        except BaseException:
            self._connection.close()
            raise
        self._write_owner()

    def _open(self) -> sqlite3.Connection:
        try:
            # The lock is ours or another's at once: waiting for it would only delay the message.
            return sqlite3.connect(
                self.path, timeout=0, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise StateDirectoryError(
                f"the ledger cannot be opened: {error}",
                where=str(self.path),
                remedy="Make the state directory writable, or choose another with "
                "--logger_file_path",
            ) from error

    def _lock_and_check(self, had_wal: bool) -> None:
        try:
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA cache_size = -16384")
            self._connection.execute("BEGIN EXCLUSIVE")
            self._check(had_wal)
            self._connection.execute("UPDATE meta SET value = '0' WHERE key = 'stopped_cleanly'")
            self._connection.execute("COMMIT")
            # Into the main file, so that a missing write-ahead log can be told from a clean stop.
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._connection.execute("UPDATE meta SET value = ? WHERE key = 'last_start'",
                                     (str(time.time()),))
        except sqlite3.OperationalError as error:
            raise self._why_not_opened(error) from error
        except sqlite3.DatabaseError as error:
            raise LedgerDamagedError(f"the ledger is damaged ({error})", where=str(self.path)) \
                from error

    def _check(self, had_wal: bool) -> None:
        if self.is_new:
            for statement in SCHEMA:
                self._connection.execute(statement)
            return
        if not had_wal and self.meta("stopped_cleanly") == "0":
            raise LedgerDamagedError(
                "the ledger's write-ahead log is missing, although the last run did not end "
                "cleanly", where=str(self.path))
        version = self.meta("schema_version")
        if version != str(SCHEMA_VERSION):
            raise StateDirectoryError(
                f"the ledger has format {version or 'unknown'}, this program reads format "
                f"{SCHEMA_VERSION}",
                where=str(self.path),
                remedy="Use the version of the program that wrote it, or another state directory",
            )
        found = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if found is None or found[0] != "ok":
            raise LedgerDamagedError("the ledger is damaged (its pages do not fit together)",
                                     where=str(self.path))

    def _why_not_opened(self, error: sqlite3.OperationalError) -> Exception:
        code = error.sqlite_errorcode & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return AlreadyRunningError(
                f"another instance uploads this directory to this topic{self._owner_words()}",
                where=str(self.path),
                remedy="Stop it first (quit, or SIGTERM to its process), or leave it at work",
            )
        if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOLFS):
            what = f"the ledger's file cannot be locked or read here: {error}"
        elif code == sqlite3.SQLITE_FULL:
            what = "the disk that holds the state directory is full"
        elif "no such table" in str(error):
            return LedgerDamagedError(f"the ledger is damaged ({error})", where=str(self.path))
        else:
            what = f"the ledger cannot be opened: {error}"
        return StateDirectoryError(
            what, where=str(self.path),
            remedy="Choose a state directory on a local, writable disk with --logger_file_path",
        )

    def _owner_words(self) -> str:
        try:
            owner = json.loads(self.owner_path.read_text("utf-8"))
            return f": process {owner['pid']} on {owner['host']}, started {owner['start']}"
        except (OSError, ValueError, KeyError, TypeError):
            return ""  # the file only helps the message; the lock alone decides

    def _write_owner(self) -> None:
        start = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "start": start}
        try:
            self.owner_path.write_text(json.dumps(owner) + "\n", "utf-8")
        except OSError as error:
            logger.warning("%s cannot be written: %s", self.owner_path.name, error.strerror)

    def meta(self, key: str) -> str:
        """Return a setting of the ledger; empty where it has none."""
        with self._lock:
            row = self._connection.execute(
                "SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return "" if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        """Set a setting of the ledger; durable with the next commit."""
        self.write("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET "
                   "value = excluded.value", [(key, value)])

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Keep other threads out while several statements belong together."""
        with self._lock:
            yield

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a SELECT; sees what is not committed yet."""
        with self._lock:
            try:
                return self._connection.execute(sql, parameters).fetchall()
            except sqlite3.Error as error:
                raise LedgerError(f"the ledger cannot be read: {error}",
                                  where=str(self.path)) from error

    def try_query(self, sql: str) -> list[Row] | None:
        """Return all rows of a SELECT, or None at once where the connection is busy."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self.query(sql)
        finally:
            self._lock.release()

    def write(self, sql: str, rows: Sequence[Row]) -> None:
        """Run one statement for each row, in the open transaction.

        Never fails for want of disk: what cannot be written is kept for the next commit.
        """
        if not rows:
            return
        with self._lock:
            self._uncommitted.append((sql, rows))
            if self.problem:
                return
            try:
                self._run(sql, rows)
            except sqlite3.Error as error:
                self._stumble(error)

    def commit(self) -> None:
        """Make everything written so far durable.

        Raises:
            LedgerError: the disk refuses; the writes are kept for the next try.
        """
        with self._lock:
            try:
                if self.problem:
                    for sql, rows in self._uncommitted:
                        self._run(sql, rows)
                if self._connection.in_transaction:
                    self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._stumble(error)
                raise LedgerError(self.problem, where=str(self.path),
                                  remedy=_OTHER_TROUBLE_REMEDY) from error
            self._uncommitted.clear()
            if self.problem:
                logger.warning("the ledger can be written again")
                self.problem = ""

    def _run(self, sql: str, rows: Sequence[Row]) -> None:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN")
        self._connection.executemany(sql, rows)

    def _stumble(self, error: sqlite3.Error) -> None:
        """Take the whole transaction back: it is run again, whole, by the next commit."""
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
        if not self.problem:
            logger.error("the ledger cannot be written (%s): nothing more is sent until it can",
                         error)
        self.problem = f"the ledger cannot be written: {error}"

    def copy_to(self, path: Path) -> None:
        """Copy everything that is committed into another file.

        Raises:
            LedgerError: it cannot be written.
        """
        with self._lock:
            try:
                target = sqlite3.connect(path)
                try:
                    self._connection.backup(target)
                finally:
                    target.close()
            except sqlite3.Error as error:
                raise LedgerError(f"the ledger cannot be copied: {error}",
                                  where=str(path)) from error

    def close(self) -> None:
        """Commit, say that the stop was clean, and give the file back.

        Raises:
            LedgerError: the last writes could not be made durable.
        """
        with self._lock:
            try:
                self.set_meta("stopped_cleanly", "1")
                self.commit()
            finally:
                self._connection.close()
        with contextlib.suppress(FileNotFoundError):
            self.owner_path.unlink()


def set_aside(path: Path, why: str) -> Path:
    """Rename a ledger and its companions under a dated name; return the new path of the ledger.

    Args:
        path: of the ledger, closed.
        why: one word for the name, such as ``damaged``.

    Raises:
        StateDirectoryError: it cannot be renamed.
    """
    stamp = datetime.datetime.now().strftime("%Y%m%dT%H%M%S")
    target = path.with_name(f"{path.name}.{why}-{stamp}")
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.{why}-{stamp}-{number}")
    try:
        for suffix in ("-wal", "-shm", ""):
            companion = path.with_name(path.name + suffix)
            if companion.exists():
                companion.rename(target.with_name(target.name + suffix))
    except OSError as error:
        code = errno.errorcode.get(error.errno or 0, "")
        raise StateDirectoryError(
            f"the old ledger cannot be set aside: {error.strerror} {code}".rstrip(),
            where=str(path), remedy="Rename it by hand, then start again",
        ) from error
    return target
