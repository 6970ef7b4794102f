"""The tables inside the ledger, and the conversions between their rows and the engine's words."""

from __future__ import annotations

import functools
import json
import re

from tui.engine.model.files import STORED_STATES, FileState
from tui.engine.model.versions import OffsetRange, VersionState

#: What the index of unfinished files holds. SQLite uses it only for a query that says just this,
#: word for word; any other one reads every file that was ever uploaded.
UNFINISHED = "state NOT IN ({}, {}, {})".format(
    *map(int, (FileState.NOT_TAKEN, FileState.UPLOADED, FileState.GONE)))
#: Raised with every migration in :mod:`tui.engine.recording.migrations`.
SCHEMA_VERSION = 4

#: Row of ``counts`` that counts complete versions.
COMPLETE_VERSIONS = 100

_COMPLETE = int(VersionState.COMPLETE)
_COUNTED = (
    "UPDATE counts SET n_files = n_files {sign} 1, n_bytes = n_bytes {sign} {row}.n_bytes "
    "WHERE state = {row}.state;"
)
FILES_UNFINISHED = f"CREATE INDEX files_unfinished ON files (state, position) WHERE {UNFINISHED}"
#: So that a list of any length is sorted without being read.
FILES_BY_SIZE = "CREATE INDEX files_by_size ON files (state, n_bytes)"
FILES_BY_TIME = "CREATE INDEX files_by_time ON files (state, since)"
FILES_IN_DOUBT = "CREATE INDEX files_in_doubt ON files (file_id) WHERE in_doubt = 1"
_MINUS_OLD = _COUNTED.format(sign="-", row="old")
_PLUS_NEW = _COUNTED.format(sign="+", row="new")

# SQLite keeps the very text of a trigger: a ledger that was migrated is like a new one.
_COUNT_AND_EXPORT = (
    "BEGIN UPDATE counts SET n_files = n_files + 1, n_bytes = n_bytes + new.n_bytes\n"
    f"        WHERE state = {COMPLETE_VERSIONS}; "
    "INSERT OR IGNORE INTO untabulated VALUES (new.version_id); END"
)

SCHEMA = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    f"""INSERT INTO meta VALUES ('schema_version', '{SCHEMA_VERSION}'), ('stopped_cleanly', '0'),
        ('last_start', '0')""",
    # The same number where it can be read before SQLite touches anything.
    f"PRAGMA user_version = {SCHEMA_VERSION}",
    # One row a path. n_bytes, mtime_ns and ctime_ns are what was last seen; rest_* is what counts
    # as unchanged: the uploaded version, or the file that was not taken. A ctime_ns of 0, and
    # a rest_ctime_ns of NULL, are not known. in_doubt: only its content can tell whether it
    # changed. cut_size: the chunk size with which the file, as it is queued, may have been sent
    # unrecorded. may_change: it is sent although it has not settled. rest_* is called settled_* in
    # the program.
    # Numbers are never given again: a version on its way may still speak of a path that is gone.
    """CREATE TABLE files (
        file_id INTEGER PRIMARY KEY AUTOINCREMENT,
        directory TEXT NOT NULL,
        name TEXT NOT NULL,
        state INTEGER NOT NULL,
        n_bytes INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        inode INTEGER NOT NULL DEFAULT 0,
        position INTEGER NOT NULL DEFAULT 0,
        partition INTEGER,
        acks TEXT NOT NULL DEFAULT '',
        must_send INTEGER NOT NULL DEFAULT 0,
        since REAL NOT NULL,
        rest_state INTEGER,
        rest_n_bytes INTEGER,
        rest_mtime_ns INTEGER,
        reason TEXT NOT NULL DEFAULT '',
        n_attempts INTEGER NOT NULL DEFAULT 0,
        next_attempt REAL,
        ctime_ns INTEGER NOT NULL DEFAULT 0,
        rest_ctime_ns INTEGER,
        in_doubt INTEGER NOT NULL DEFAULT 0,
        cut_size INTEGER,
        may_change INTEGER NOT NULL DEFAULT 0,
        UNIQUE (directory, name))""",
    FILES_UNFINISHED,
    FILES_IN_DOUBT,
    FILES_BY_SIZE,
    FILES_BY_TIME,
    """CREATE TABLE versions (
        version_id INTEGER PRIMARY KEY,
        file_id INTEGER NOT NULL REFERENCES files,
        state INTEGER NOT NULL,
        n_bytes INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        mtime_seconds REAL NOT NULL,
        inode INTEGER NOT NULL,
        sha512 BLOB NOT NULL,
        chunk_size INTEGER NOT NULL,
        n_chunks INTEGER NOT NULL,
        partition INTEGER NOT NULL,
        acks TEXT NOT NULL,
        is_recovery INTEGER NOT NULL,
        may_not_rebuild INTEGER NOT NULL,
        sent_twice INTEGER NOT NULL,
        started REAL NOT NULL,
        completed REAL,
        n_delivered INTEGER NOT NULL,
        delivered BLOB,
        offsets TEXT NOT NULL)""",
    # Complete versions that are in no uploaded table yet.
    "CREATE TABLE untabulated (version_id INTEGER PRIMARY KEY)",
    "CREATE INDEX versions_of_file ON versions (file_id)",
    f"CREATE INDEX versions_begun ON versions (state) WHERE state = {VersionState.BEGUN:d}",
    "CREATE INDEX versions_completed ON versions (completed) "
    f"WHERE state = {_COMPLETE}",
    # Kept by triggers, so that a count costs the same for ten files and for ten million.
    "CREATE TABLE counts (state INTEGER PRIMARY KEY, n_files INTEGER, n_bytes INTEGER)",
    "INSERT INTO counts VALUES " + ", ".join(f"({int(state)}, 0, 0)" for state in STORED_STATES),
    f"INSERT INTO counts VALUES ({COMPLETE_VERSIONS}, 0, 0)",
    f"CREATE TRIGGER files_in AFTER INSERT ON files BEGIN {_PLUS_NEW} END",
    f"CREATE TRIGGER files_out AFTER DELETE ON files BEGIN {_MINUS_OLD} END",
    f"""CREATE TRIGGER files_moved AFTER UPDATE OF state, n_bytes ON files
        WHEN old.state <> new.state OR old.n_bytes <> new.n_bytes
        BEGIN {_MINUS_OLD} {_PLUS_NEW} END""",
    f"""CREATE TRIGGER versions_in AFTER INSERT ON versions WHEN new.state = {_COMPLETE}
        {_COUNT_AND_EXPORT}""",
    f"""CREATE TRIGGER versions_done AFTER UPDATE OF state ON versions
        WHEN new.state = {_COMPLETE} AND old.state <> {_COMPLETE}
        {_COUNT_AND_EXPORT}""",
)


#: Behind a pattern that :func:`tui.engine.system.paths.as_like` made.
LIKE_ESCAPE = "ESCAPE '\\'"


def split(rel_path: str) -> tuple[str, str]:
    """Split a POSIX path into directory (empty at the top) and file name."""
    directory, _, name = rel_path.rpartition("/")
    return directory, name


def join(directory: str, name: str) -> str:
    """Put together what :func:`split` took apart."""
    return f"{directory}/{name}" if directory else name


def offsets_to_text(offsets: tuple[OffsetRange, ...]) -> str:
    """Write offsets as JSON: ``[[partition, first, last], ...]``."""
    return "[" + ",".join([f"[{part},{first},{last}]" for part, first, last in offsets]) + "]"


def offsets_from_text(text: str) -> tuple[OffsetRange, ...]:
    """Read what :func:`offsets_to_text` wrote."""
    try:
        return tuple(OffsetRange(*map(int, item)) for item in json.loads(text or "[]"))
    except (TypeError, ValueError):
        return ()  # they are only shown


@functools.cache
def grouped(sql: str, n_rows: int) -> str:
    """Return a statement that takes many rows at once; empty where it cannot.

    Between two statements other threads get their turn, and this one may have to wait for it to
    come round again: a hundred times less often so.
    """
    parts = re.fullmatch(r"([^?]*\bVALUES )(\([?\d, ]+\))([^?]*)", sql)
    if parts is None or re.search(r"\?\d", parts[2]):
        return ""
    return parts[1] + ", ".join([parts[2]] * n_rows) + parts[3]
