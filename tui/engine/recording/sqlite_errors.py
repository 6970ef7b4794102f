"""What SQLite's error codes mean; https://www.sqlite.org/rescode.html."""

from __future__ import annotations

import sqlite3


def code_of(error: sqlite3.Error) -> int:
    """Return the primary code of an error."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


def is_held(error: sqlite3.Error) -> bool:
    """Return whether another process holds the file."""
    return code_of(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class NotInPlaceError(sqlite3.OperationalError):
    """The ledger's file has not the name any more under which it was opened."""
