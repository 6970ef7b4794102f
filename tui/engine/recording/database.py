"""The ledger's SQLite connection: held exclusively, written in groups, never losing a write."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tui.config.state_files import owner_of
from tui.engine.recording import database_copy, migrations, wal
from tui.engine.recording.owner import already_running, write_owner
from tui.engine.recording.schema import SCHEMA, SCHEMA_VERSION, grouped
from tui.engine.recording.sqlite_errors import NotInPlaceError, code_of, is_held
from tui.engine.recording.values import why_incredible
from tui.engine.system.files import rename_to_free_name
from tui.engine.system.locks import why_not_lockable
from tui.errors import LedgerDamagedError, LedgerError, StateDirectoryError

logger = logging.getLogger(__name__)

Row = tuple[Any, ...]
_OTHER_TROUBLE_REMEDY = (
    "Free or repair the disk that holds it; uploading resumes automatically once it can be written"
)
_ELSEWHERE_REMEDY = (
    "Choose a state directory on a local, writable disk with --logger_file_path"
)
_PRAGMAS = ("PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL", "PRAGMA cache_size = -16384")
#: How the last run ended: all was recorded; or not all, but what was is in the main file.
_CLEAN, _WHOLE = "1", "2"
#: Rows that are kept for a disk that refuses, before :meth:`Database.wait_for_room` waits.
_MOST_KEPT_ROWS = 20_000
#: The first one that updates a table from a list of values (2020).
_LEAST_SQLITE = (3, 33)
#: Rows of one statement where SQLite takes so many values, and values of a row at most.
_GROUP_ROWS, _ROW_VALUES = 100, 20
#: A ledger that is moved away by mistake is waited for so long.
_COMES_BACK_SECONDS = 5.0


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
        if sqlite3.sqlite_version_info < _LEAST_SQLITE:
            least = ".".join(map(str, _LEAST_SQLITE))
            raise StateDirectoryError(
                f"this Python has SQLite {sqlite3.sqlite_version}, and the ledger needs {least} "
                "or newer", where=str(path), remedy="Run the program with another Python")
        self._start_empty(path)
        migrations.refuse_newer(path)
        self.is_new = not path.exists() or path.stat().st_size == 0
        self._connection = self._open()
        try:
            self._lock_and_check()
        except BaseException:
            self._connection.close()
            raise
        self._identity = self._identify()
        write_owner(self.path)

    def _start_empty(self, path: Path) -> None:
        self.path = path
        self.owner_of = owner_of(path)
        self.problem = ""
        self._lock = threading.RLock()
        self._room = threading.Condition(self._lock)
        self._uncommitted: list[tuple[str, Sequence[Row]]] = []
        self._n_kept_rows = 0
        self.n_mended = 0  #: how often the disk has taken again what it had refused
        self._missing_since: float | None = None
        self._is_closing = self._has_ended = False
        self.n_remade = 0  #: how often its file was removed and recreated
        self.holds_back = False  #: see :meth:`wait_for_room`

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

    def _lock_and_check(self) -> None:
        log = self.path.with_name(self.path.name + "-wal")
        # Looked at before SQLite reads it, and drops what it cannot read.
        had_log, committed = wal.is_sound(log), wal.committed_frames(log)
        execute = self._connection.execute
        try:
            for pragma in _PRAGMAS:
                execute(pragma)
            n_frames_read = execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]
            if sum(number > n_frames_read for number in committed) > 1:
                raise self._damaged("a part of its write-ahead log is spoilt")
            execute("BEGIN EXCLUSIVE")
            self._check(had_log)
            execute("COMMIT")
            self._migrate_or_give_back()
            if not self.is_new and (why := why_incredible(
                    self._connection, is_clean=self.was_stopped_cleanly)):
                raise self._damaged(why)
            execute("BEGIN EXCLUSIVE")
            execute("UPDATE meta SET value = '0' WHERE key = 'stopped_cleanly'")
            execute("UPDATE meta SET value = ? WHERE key = 'last_start'", (str(time.time()),))
            execute("COMMIT")
            # Into the main file, but not out of the log: a log that is missing or empty after an
            # unclean stop can then be distinguished from one that never was.
            execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.OperationalError as error:
            raise self._why_not_opened(error) from error
        except sqlite3.DatabaseError as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, how: str) -> LedgerDamagedError:
        return LedgerDamagedError(f"the ledger is damaged: {how}", where=str(self.path))

    def _check(self, had_log: bool) -> None:
        if self.is_new:
            for statement in SCHEMA:
                self._connection.execute(statement)
            self.was_stopped_cleanly, self.last_start = True, ""
            return
        found = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if found is None or found[0] != "ok":
            raise self._damaged("its pages do not fit together")
        state = self.meta("stopped_cleanly")
        self.was_stopped_cleanly = state == _CLEAN
        self.last_start = self.meta("last_start")
        n_page_bytes = self._connection.execute("PRAGMA page_size").fetchone()[0]
        if not had_log and self.path.stat().st_size % n_page_bytes:
            raise self._damaged("its end is missing")  # SQLite would fill the page with zeros
        if not had_log and state not in (_CLEAN, _WHOLE):
            raise self._damaged(
                "its write-ahead log is missing, although the last run did not end cleanly")

    def _migrate_or_give_back(self) -> None:
        try:
            self._migrate()
        except BaseException:
            # Closing takes the log away: what the next start has to know of it is noted.
            self._give_back(_CLEAN if self.was_stopped_cleanly else _WHOLE)
            raise

    def _migrate(self) -> None:
        """Convert a ledger of an older format, with a copy of it kept until a clean end."""
        version = migrations.version_of(self.path, self.meta("schema_version"))
        if version == SCHEMA_VERSION:
            return
        copy = migrations.keep_copy(self._connection, self.path, version)
        migrations.migrate(self._connection, version)
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)",
                                 (migrations.COPY_KEY, copy.name))
        logger.info("the ledger was converted from format %d to %d; until the first clean end it "
                    "is also kept as %s", version, SCHEMA_VERSION, copy.name)

    def _why_not_opened(self, error: sqlite3.OperationalError) -> Exception:
        code = code_of(error)
        if is_held(error):
            # SQLite says so, too, where the file system knows no locks.
            why = why_not_lockable(self.path.parent)
            return self._unusable(f"files cannot be locked here: {why}") if why else \
                already_running(self.path)
        if code == sqlite3.SQLITE_ERROR:
            return self._damaged(str(error))  # a table or a text that is not as it was written
        if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOLFS):
            return self._unusable(f"the ledger's file cannot be locked or read here: {error}")
        if code == sqlite3.SQLITE_FULL:
            return self._unusable("the disk that holds the state directory is full")
        return self._unusable(f"the ledger cannot be opened: {error}")

    def _unusable(self, what: str) -> StateDirectoryError:
        return StateDirectoryError(what, where=str(self.path), remedy=_ELSEWHERE_REMEDY)

    def _identify(self) -> tuple[int, int] | None:
        """Return what tells the file from another one of its name; None where it is gone."""
        try:
            status = self.path.stat()  # no descriptor: closing one would drop the lock
        except OSError:
            return None
        return status.st_dev, status.st_ino

    @property
    def has_open_transaction(self) -> bool:
        """Whether something is written that is not committed."""
        return self._connection.in_transaction

    def is_held_file(self, status: os.stat_result) -> bool:
        """Return whether a file is the one that is held: closing it frees its lock."""
        return (status.st_dev, status.st_ino) == self._identity

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

    def metas(self, prefix: str) -> dict[str, str]:
        """Return the settings whose keys begin so, without that beginning."""
        rows = self.query("SELECT substr(key, length(?1) + 1), value FROM meta "
                          "WHERE substr(key, 1, length(?1)) = ?1", (prefix,))
        return dict(rows)

    def forget_metas(self, prefix: str) -> None:
        """Drop the settings whose keys begin so; durable with the next commit."""
        self.write("DELETE FROM meta WHERE substr(key, 1, length(?1)) = ?1", [(prefix,)])

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

    def try_query(self, sql: str, patience_seconds: float) -> list[Row] | None:
        """Return all rows of a SELECT, or None where the connection stays busy, or is closed."""
        if not self._lock.acquire(timeout=patience_seconds):
            return None
        try:
            return None if self._has_ended else self.query(sql)
        finally:
            self._lock.release()

    def write(self, sql: str, rows: Sequence[Row]) -> None:
        """Run one statement for each row, or for groups of them, in the open transaction.

        Never fails for want of disk: what cannot be written is kept for the next commit.
        """
        if not rows:
            return
        with self._lock:
            self._uncommitted.append((sql, rows))
            self._n_kept_rows += len(rows)
            if self.problem:
                return
            try:
                self._run(sql, rows)
            except sqlite3.Error as error:
                self._stumble(error)

    def refused(self, n_known: int) -> tuple[int, list[tuple[str, Sequence[Row]]]]:
        """Return which outage of the disk this is, and the writes that it keeps waiting.

        Args:
            n_known: so many of them, the first ones, are left out.
        """
        with self._lock:
            return self.n_mended, self._uncommitted[n_known:] if self.problem else []

    def wait_for_room(self) -> None:
        """Wait while the disk refuses and very many writes are kept for it.

        For those who look at the disk again when they go on. Only while :attr:`holds_back` is
        set, so that nobody waits for ever for the end of the program.
        """
        with self._room:
            while self.holds_back and self.problem and self._n_kept_rows > _MOST_KEPT_ROWS:
                self._room.wait(0.5)

    def commit(self) -> None:
        """Make everything written so far durable.

        Raises:
            LedgerError: the disk refuses; the writes are kept for the next try.
        """
        with self._room:
            try:
                self._see_that_it_is_there()
                if self.problem:
                    for sql, rows in self._uncommitted:
                        self._run(sql, rows)
                if self._connection.in_transaction:
                    self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._stumble(error)
                # Some say by themselves what to do, and freeing the disk would not help.
                remedy = "" if isinstance(error, NotInPlaceError) else _OTHER_TROUBLE_REMEDY
                raise LedgerError(self.problem, where=str(self.path), remedy=remedy) from error
            self._uncommitted.clear()
            self._n_kept_rows = 0
            self._room.notify_all()
            if self.problem:
                logger.warning("the ledger can be written again")
                self.problem = ""
                self.n_mended += 1

    def _see_that_it_is_there(self) -> None:
        """Create the ledger's file again where it was removed; the open one still holds everything.

        Raises:
            sqlite3.OperationalError: it is not there, and is or can not be made yet.
        """
        found = self._identify()
        if found == self._identity:
            self._missing_since = None
            return
        if found is not None:
            raise NotInPlaceError(
                "another file is in its place: quit, move that one away, and start again")
        now = time.monotonic()
        self._missing_since = self._missing_since or now
        if now - self._missing_since < _COMES_BACK_SECONDS and not self._is_closing:
            raise NotInPlaceError(
                "its file was removed: it is recreated unless it comes back at once")
        if self._connection.in_transaction:  # what was written is kept, and written again
            self._connection.execute("ROLLBACK")
        self.problem = self.problem or "the ledger's file was removed"
        try:
            self._remake()
        except OSError as error:
            raise sqlite3.OperationalError(
                f"its file was removed and cannot be recreated: {error}") from error

    def _remake(self) -> None:
        """Write what the open file holds into a new one, under the name of the ledger."""
        device = None if self._identity is None else self._identity[0]
        growing, copy = database_copy.copy_beside(self._connection, self.path, device)
        # Closing takes the log of the name away, which must not be that of the new file.
        old, self._connection = self._connection, copy
        old.close()
        try:
            rename_to_free_name(growing, self.path)
        finally:
            growing.unlink(missing_ok=True)
        try:
            self._connection = database_copy.take(self._open(), _PRAGMAS)
        except sqlite3.Error as error:
            if not is_held(error):
                self.path.unlink(missing_ok=True)  # or the next try would take it for another's
            raise
        copy.close()
        self._identity, self._missing_since = self._identify(), None
        self.n_remade += 1
        write_owner(self.path)
        logger.error("the ledger's file was removed: it is recreated as %s, with everything that "
                     "was in "
                     "it", self.path)

    def _run(self, sql: str, rows: Sequence[Row]) -> None:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN")
        n_values = self._connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
        n_group = max(1, min(_GROUP_ROWS, n_values // _ROW_VALUES))
        statement = grouped(sql, n_group)
        n_rest = len(rows) % n_group if statement else len(rows)
        for start in range(0, len(rows) - n_rest, n_group):
            group = rows[start:start + n_group]
            self._connection.execute(statement, list(itertools.chain.from_iterable(group)))
        if n_rest:
            self._connection.executemany(sql, rows[-n_rest:])

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
                database_copy.copy_to(self._connection, path)
            except sqlite3.Error as error:
                raise LedgerError(f"the ledger cannot be copied: {error}",
                                  where=str(path)) from error

    def hurry(self) -> None:
        """Wait no longer for a file that was moved away: this is the end of the program."""
        self._is_closing = True

    def abandon(self) -> None:
        """Give the file back without the writes since the last commit."""
        with self._lock:
            self._give_back(_WHOLE)

    def _give_back(self, state: str) -> None:
        """Close the connection, which takes the log away, and note before that nothing needs it.

        Where the disk is so full that not even this can be written, the log stays.
        """
        note = f"UPDATE meta SET value = '{state}' WHERE key = 'stopped_cleanly'"
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._connection.execute(note)
        except sqlite3.Error:
            with contextlib.suppress(sqlite3.Error):
                # What is in the main file makes room in the log.
                self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
                self._connection.execute(note)
        with contextlib.suppress(OSError):
            self.owner_of.unlink()  # while it is ours
        self._connection.close()
        self._has_ended = True

    def close(self) -> None:
        """Commit, say that the stop was clean, and give the file back.

        Raises:
            LedgerError: the last writes could not be made durable.
        """
        with self._lock:
            state = _WHOLE
            self.hurry()
            try:
                copy = self.meta(migrations.COPY_KEY)
                if copy:
                    self.set_meta(migrations.COPY_KEY, "")
                self.commit()
                migrations.drop_copy(self.path, copy)
                state = _CLEAN
            finally:
                self._give_back(state)
