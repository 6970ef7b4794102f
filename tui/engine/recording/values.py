"""Sees that the values in a ledger's rows can be: sound pages may hold what no program wrote.

One pass over each table, by SQLite itself, at start: some seconds for a million files. Of a large
ledger, after a clean end, only what is unfinished is looked at, which every start reads.
"""

from __future__ import annotations

import sqlite3

from tui.engine.model.files import STORED_STATES, FileState
from tui.engine.model.versions import VersionState
from tui.engine.recording.schema import COMPLETE_VERSIONS, UNFINISHED

#: Years 1 to 9999, as seconds since the epoch: what a calendar can show.
_TIMES = "BETWEEN -62135510400 AND 253402214400"
#: The largest chunk that a message can carry is smaller.
_MOST_CHUNK_BYTES = 1 << 30
_MOST_FILES_EACH_TIME = 100_000


# Comparisons, and few functions: these run for every row. SQLite sorts NULL before numbers, those
# before texts, and those before blobs (https://www.sqlite.org/datatype3.html#sort_order).
def _is_number(name: str, least: int = -(1 << 63), most: int = (1 << 63) - 1) -> str:
    return f"{name} BETWEEN {least} AND {most}"


def _is_text(name: str) -> str:
    return f"{name} >= '' AND {name} < x''"


def _is_null_or(condition: str, name: str) -> str:
    return f"({name} IS NULL OR {condition})"


#: What holds for every row, as SQL.
FILE_CONDITIONS = (
    _is_number("state", min(STORED_STATES), max(STORED_STATES)), _is_number("n_bytes", 0),
    _is_number("mtime_ns"), _is_number("inode"), _is_number("position", 0),
    _is_number("must_send", 0, 1), _is_number("n_attempts", 0), _is_number("ctime_ns"),
    _is_number("in_doubt", 0, 1), _is_number("may_change", 0, 1), f"since {_TIMES}",
    _is_text("directory"), _is_text("name"), _is_text("acks"), _is_text("reason"),
    *(_is_null_or(_is_number(name, -1), name) for name in ("partition", "cut_size")),
    *(_is_null_or(_is_number(name), name) for name in (
        "rest_n_bytes", "rest_mtime_ns", "rest_ctime_ns")),
    _is_null_or(f"next_attempt {_TIMES}", "next_attempt"),
    _is_null_or(f"rest_state IN ({FileState.NOT_TAKEN:d}, {FileState.UPLOADED:d}) "
                "AND rest_n_bytes IS NOT NULL AND rest_mtime_ns IS NOT NULL", "rest_state"),
)
VERSION_CONDITIONS = (
    _is_number("state", min(VersionState), max(VersionState)), _is_number("file_id"),
    _is_number("n_bytes", 0), _is_number("mtime_ns"), _is_number("inode"),
    _is_number("chunk_size", 1, _MOST_CHUNK_BYTES),
    "n_chunks = n_bytes / chunk_size + (n_bytes % chunk_size > 0 OR n_bytes = 0)",
    _is_number("partition", -1), _is_number("is_recovery", 0, 1),
    _is_number("may_not_rebuild", 0, 1), _is_number("sent_twice", 0, 1),
    "n_delivered BETWEEN 0 AND n_chunks", "mtime_seconds BETWEEN -1e11 AND 1e11",
    f"started {_TIMES}", _is_null_or(f"completed {_TIMES}", "completed"),
    f"(state <> {VersionState.COMPLETE:d} OR completed IS NOT NULL)",
    "sha512 >= x'' AND length(sha512) = 64", _is_text("acks"), _is_text("offsets"),
    _is_null_or("delivered >= x'' AND length(delivered) = (n_chunks + 7) / 8", "delivered"),
)
_COUNTS = tuple(int(state) for state in STORED_STATES) + (COMPLETE_VERSIONS,)


def why_incredible(connection: sqlite3.Connection, *, is_clean: bool) -> str:
    """Return which value no program of ours can have written; empty where there is none.

    Args:
        connection: to a ledger of the present format.
        is_clean: whether the last run ended cleanly.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    (n_files,) = connection.execute("SELECT max(file_id) FROM files").fetchone()
    is_partial = is_clean and isinstance(n_files, int) and n_files > _MOST_FILES_EACH_TIME
    for table, key, unfinished, conditions in (
            ("files", "file_id", UNFINISHED, FILE_CONDITIONS),
            ("versions", "version_id", f"state = {VersionState.BEGUN:d}", VERSION_CONDITIONS)):
        # A comparison with NULL is neither true nor false.
        row = connection.execute(
            f"SELECT {key} FROM {table} WHERE {f'{unfinished} AND ' if is_partial else ''}"
            f"NOT coalesce({' AND '.join(conditions)}, 0) LIMIT 1").fetchone()
        if row is not None:
            broken = next((text for text in conditions if connection.execute(
                f"SELECT 1 FROM {table} WHERE {key} = ? AND NOT coalesce({text}, 0)",
                row).fetchone()), "")
            return f"a row of the table {table} cannot be ({broken})"
    found = connection.execute(
        "SELECT state FROM counts WHERE typeof(n_files) = 'integer' AND typeof(n_bytes) = 'integer'"
    ).fetchall()
    if {state for state, in found} != set(_COUNTS):
        return "the table counts is not complete"
    return ""
