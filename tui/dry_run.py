"""`--dry_run`: says what would be uploaded and why the rest would not, and touches nothing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator

from tui import wording
from tui.engine.finding.selection import Selection
from tui.engine.model import FileState
from tui.engine.recording.ledger import peek
from tui.errors import StateDirectoryError
from tui.settings import Settings

_UNFINISHED = (FileState.SETTLING, FileState.WAITING, FileState.UPLOADING, FileState.HELD,
               FileState.FAILED)


def run(settings: Settings) -> int:
    """Print one line for each file; return the exit status.

    Raises:
        StateDirectoryError: an instance is at work here.
    """
    ledger = None if settings.is_embedded_broker else peek(settings.state_dir,
                                                           settings.topic_name)
    selection = Selection(settings)
    n_wanted = n_bytes = n_other = 0
    for rel_path in _walk(settings, selection):
        reason, size = _why_not(settings, selection, ledger, rel_path)
        name = wording.visible(rel_path)
        if reason:
            n_other += 1
            print(f"no   {name}: {reason}")
        else:
            n_wanted += 1
            n_bytes += size
            print(f"yes  {name}, {wording.size(size)}")
    print(f"{wording.files(n_wanted)}, {wording.size(n_bytes)}, would be uploaded to "
          f"{settings.topic_name}; {wording.files(n_other)} would not")
    return 0


def _walk(settings: Settings, selection: Selection) -> Iterator[str]:
    """Yield every file, and each directory that is left out as a whole, by relative path."""
    for folder, directories, names in os.walk(
            settings.upload_dir, followlinks=settings.follow_symlinks):
        relative = os.path.relpath(folder, settings.upload_dir).replace(os.sep, "/")
        prefix = "" if relative == "." else relative + "/"
        for name in sorted(directories):
            if selection.why_not_directory(prefix + name):
                directories.remove(name)
                yield prefix + name
        directories.sort()
        for name in sorted(names):
            yield prefix + name


def _why_not(settings: Settings, selection: Selection, ledger: sqlite3.Connection | None,
             rel_path: str) -> tuple[str, int]:
    """Return why a file would not be sent (empty where it would) and its size."""
    reason = selection.why_not_directory(rel_path) or selection.why_not_name(rel_path)
    if reason:
        return reason, 0
    try:
        rel_path.encode()
        found, reason = selection.observe(rel_path)
    except UnicodeEncodeError:
        return "its name is not valid UTF-8, which messages need", 0
    except OSError as error:
        return f"it cannot be looked at: {error.strerror}", 0
    if found is None:
        return reason or "it has gone", 0
    row = None if ledger is None else _row(settings, ledger, rel_path)
    if row is None:
        left_alone = "it is here already; --upload_existing sends it"
        return ("" if settings.upload_existing else left_alone), found.n_bytes
    state, n_bytes, mtime_ns = row
    if state in _UNFINISHED or (n_bytes, mtime_ns) != (found.n_bytes, found.mtime_ns):
        return "", found.n_bytes
    if state == FileState.LEFT_ALONE:
        return ("" if settings.upload_existing
                else "it was left alone before; --upload_existing sends it"), found.n_bytes
    return "it was uploaded and has not changed", found.n_bytes


def _row(settings: Settings, ledger: sqlite3.Connection,
         rel_path: str) -> tuple[int, int, int] | None:
    directory, _, name = rel_path.rpartition("/")
    try:
        found = ledger.execute("SELECT state, n_bytes, mtime_ns FROM files WHERE directory = ? "
                               "AND name = ?", (directory, name)).fetchone()
    except sqlite3.Error as error:
        raise StateDirectoryError(f"the ledger cannot be read: {error}",
                                  where=str(settings.state_dir),
                                  remedy="A normal start repairs it") from error
    return None if found is None else (int(found[0]), int(found[1]), int(found[2]))
