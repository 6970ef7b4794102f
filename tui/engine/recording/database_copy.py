"""Copies a ledger while a connection holds it: beside itself, or in the place of a lost file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from tui.config.state_files import growing_name


def copy_to(connection: sqlite3.Connection, path: Path) -> None:
    """Copy everything that is committed into another file, and leave no log beside that.

    Raises:
        sqlite3.Error: it cannot be written.
    """
    target = sqlite3.connect(path)
    try:
        connection.backup(target)
    finally:
        target.close()


def copy_beside(connection: sqlite3.Connection, path: Path,
                device: int | None) -> tuple[Path, sqlite3.Connection]:
    """Copy what a connection holds into a hidden file beside the ledger's place.

    Args:
        connection: to the removed file, outside of any transaction.
        path: of the ledger; its directory is made where it is missing, and nothing above it.
        device: number of the file system that held the ledger; None where it is not known.

    Returns:
        The path of the copy, and a connection to it.

    Raises:
        OSError: the directory above is missing, or another file system is there.
        sqlite3.Error: the disk refuses.
    """
    path.parent.mkdir(exist_ok=True)
    if device not in (None, path.parent.stat().st_dev):
        raise OSError("its file system is not mounted")
    growing = growing_name(path)
    try:
        copy_to(connection, growing)
        copy = sqlite3.connect(growing, isolation_level=None, check_same_thread=False)
        copy.execute("PRAGMA journal_mode = DELETE")  # so that no log belongs to that name
    except BaseException:
        growing.unlink(missing_ok=True)
        raise
    return growing, copy


def take(connection: sqlite3.Connection, pragmas: Sequence[str]) -> sqlite3.Connection:
    """Hold a ledger exclusively, as one whose run has not ended; return the connection.

    Raises:
        sqlite3.Error: another process was quicker, or the disk refuses.
    """
    try:
        for pragma in pragmas:
            connection.execute(pragma)
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("UPDATE meta SET value = '0' WHERE key = 'stopped_cleanly'")
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection
