"""The ledger of one upload directory and one topic: the only truth about what was sent."""

from __future__ import annotations

import logging
import math
import os
from pathlib import Path

from tui.config.state_files import StateFiles, kept_name
from tui.engine.model.files import FileState
from tui.engine.model.versions import VersionState
from tui.engine.recording.census import Census
from tui.engine.recording.database import Database
from tui.engine.recording.file_rows import COVERS_KEY, FileRows
from tui.engine.recording.schema import COMPLETE_VERSIONS, UNFINISHED
from tui.engine.recording.tables.in_progress import InProgressTable
from tui.engine.recording.tables.rows import is_ours
from tui.engine.recording.version_rows import VersionRows
from tui.errors import LedgerDamagedError, LedgerError, StateDirectoryError

logger = logging.getLogger(__name__)

_REBUILDING = "rebuilding"
_CHUNK_SIZE = "chunk_size"
#: Set where a run ended cleanly and yet may not have seen all that came before its end.
_UNCOVERED = "uncovered"
#: The clocks of two machines may differ by so much.
_CLOCKS_NS = 120 * 10**9


class Ledger:
    """Opens the ledger, or begins a new one where the old one is damaged.

    Args:
        state_dir: the state directory; it is created where it is missing.
        topic_name: each topic has a ledger of its own.
        upload_dir: the directory that it serves.
        acks: what versions are sent with.

    Raises:
        AlreadyRunningError: another instance holds it.
        StateDirectoryError: it cannot be used, or serves another directory.
    """

    def __init__(self, state_dir: Path, topic_name: str, upload_dir: Path, acks: str) -> None:
        path = StateFiles(state_dir, topic_name).ledger
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateDirectoryError(
                f"the state directory cannot be made: {error.strerror}", where=str(state_dir),
                remedy="Choose another with --logger_file_path") from error
        self.damage = ""  #: what was wrong with the old ledger; empty where nothing was
        self.set_aside_as: Path | None = None  #: where what is left of that one is kept
        try:
            refuse_remains(path, topic_name)
            self.database = Database(path)
        except LedgerDamagedError as error:
            self.damage = error.what
            self.set_aside_as = _set_aside(path)
            self.database = Database(path)
        self._begin(state_dir, upload_dir, acks)

    def _begin(self, state_dir: Path, upload_dir: Path, acks: str) -> None:
        try:
            self._check_upload_dir(state_dir, upload_dir)
            self._note_damage()
            self.files = FileRows(self.database, acks)
            self.census = Census(self.database)
            self._doubt_unfinished()
            self.versions = VersionRows(self.database)
        except LedgerError as error:
            self.abandon()
            raise StateDirectoryError(error.what, where=str(state_dir),
                                      remedy="Free the disk that holds it") from error
        except BaseException:
            self.abandon()  # how the last run ended must still be known at the next start
            raise

    def _note_damage(self) -> None:
        """Remember that this ledger is to be rebuilt until that has come to its end."""
        if self.damage:
            self.database.set_meta(_REBUILDING, "1")
            self.database.commit()
        elif self.database.meta(_REBUILDING):
            self.damage = "the rebuilding of a damaged ledger was interrupted"

    def note_rebuilt(self) -> None:
        """Note that everything in the tables of an older ledger is in this one."""
        self.database.set_meta(_REBUILDING, "")
        self.database.commit()

    def _check_upload_dir(self, state_dir: Path, upload_dir: Path) -> None:
        served = self.database.meta("upload_dir")
        # Its name need not be UTF-8, which the ledger's texts are.
        name = os.fsencode(upload_dir).decode("utf-8", "backslashreplace")
        if not served or state_dir.is_relative_to(upload_dir):
            self.database.set_meta("upload_dir", name)
            return
        if served != name:
            raise StateDirectoryError(
                f"this state directory belongs to the uploads of {served}, not to those of "
                f"{name}", where=str(state_dir),
                remedy="Choose another state directory with --logger_file_path")

    def is_ledger(self, status: os.stat_result) -> bool:
        """Return whether a file is this ledger itself, which must not be opened."""
        return self.database.is_held_file(status)

    def recorded_id(self, name: str) -> str:
        """Return the id of the ``cluster`` or the ``topic``; empty where none is recorded."""
        return self.database.meta(f"{name}_id")

    def record_id(self, name: str, found: str) -> None:
        """Record the id of the ``cluster`` or the ``topic``."""
        self.database.set_meta(f"{name}_id", found)

    def new_since_ns(self, *, has_one_clock: bool) -> int | None:
        """Return since when files that the ledger does not know are new.

        After a clean end that is the present start, and None is returned. After any other one
        files may have come that could not be recorded any more.

        Args:
            has_one_clock: whether the upload directory's clock is that of the ledger.

        Returns:
            Nanoseconds since the epoch, by the file system's clock.
        """
        if self.database.was_stopped_cleanly and not self.database.meta(_UNCOVERED):
            return None
        covers = self.database.meta(COVERS_KEY)
        if covers.isdecimal():
            return int(covers) - (0 if has_one_clock else _CLOCKS_NS)
        # A ledger of version 1.0.0 knows only when its program began, by another clock perhaps.
        last_start = _seconds(self.database.last_start)
        return int(last_start * 1e9) - _CLOCKS_NS if last_start else None

    def _doubt_unfinished(self) -> None:
        """Have files sent that may have been sent unrecorded, even if they changed back since.

        The only chunk of a version is recorded once it is acknowledged and not before, so that
        what was queued when the program ended may be what consumers saw last.
        """
        states = f"{FileState.WAITING:d}" if self.database.was_stopped_cleanly \
            else f"{FileState.SETTLING:d}, {FileState.WAITING:d}"
        self.database.write(
            f"UPDATE files SET must_send = 1 WHERE state IN ({states}) AND {UNFINISHED} "
            f"AND rest_state = {FileState.UPLOADED:d}", [()])
        chunk_size = self.database.meta(_CHUNK_SIZE)
        if not self.database.was_stopped_cleanly and chunk_size.isdecimal():
            # What may have been sent is cut in the same way again.
            self.database.write(
                f"UPDATE files SET cut_size = ? WHERE state IN "
                f"({FileState.SETTLING:d}, {FileState.WAITING:d}) AND {UNFINISHED} "
                "AND cut_size IS NULL", [(int(chunk_size),)])

    def note_chunk_size(self, n_bytes: int) -> None:
        """Remember the chunk size of this run, for the start after a kill."""
        self.database.set_meta(_CHUNK_SIZE, str(n_bytes))

    def close_vanished(self, upload_dir: Path) -> None:
        """Close begun versions whose file is no longer there; each is said once."""
        for past in self.versions.all_begun():
            rel_path = past.version.rel_path
            if os.path.lexists(upload_dir / rel_path):
                continue
            logger.warning("%s is no longer there: %d of its %d chunks were sent, and the rest "
                           "cannot be", rel_path, past.n_delivered, past.version.n_chunks)
            self.versions.close(past.version.version_id, VersionState.ABANDONED)
            self.files.forget([rel_path], even_queued=True)

    def start_over(self, old_id: str, *, upload_existing: bool) -> Path:
        """Set everything that was sent to another cluster aside; return where it is kept.

        Unfinished files stay queued, as not begun. Uploaded ones count as not taken, or go in
        line with ``upload_existing``. The ids of cluster and topic are forgotten with the rest.

        Args:
            old_id: of the old cluster or topic, kept with the copy.
            upload_existing: whether what is there is sent to the new cluster.

        Raises:
            LedgerError: the disk refuses; the ledger is as it was.
        """
        database = self.database
        kept = kept_name(database.path, f"cluster-{old_id}")
        with database.together():
            database.commit()
            database.copy_to(kept)
            uploaded = f"state IN ({FileState.UPLOADED:d}, {FileState.NOT_TAKEN:d})"
            database.write("DELETE FROM versions", [()])
            database.write("UPDATE counts SET n_files = 0, n_bytes = 0 "
                           f"WHERE state = {COMPLETE_VERSIONS}", [()])
            database.write(
                "UPDATE files SET partition = NULL, rest_state = CASE WHEN rest_state IS NULL "
                f"THEN NULL ELSE {FileState.NOT_TAKEN:d} END", [()])
            state = FileState.HELD if upload_existing else FileState.NOT_TAKEN
            database.write(f"UPDATE files SET state = {state:d}, next_attempt = 0 "
                           f"WHERE {uploaded}", [()])
            for key in ("cluster_id", "topic_id"):
                database.set_meta(key, "")
            database.commit()
        return kept

    def abandon(self) -> None:
        """Give the ledger back as it was last committed."""
        self.database.abandon()

    def close(self, *, is_covered: bool = True) -> None:
        """Commit and give the ledger back.

        Args:
            is_covered: whether all that was there was looked at; else the next start takes what
                came since the last time for new.

        Raises:
            LedgerError: the last writes could not be made durable.
        """
        self.database.set_meta(_UNCOVERED, "" if is_covered else "1")
        self.database.close()


def _seconds(text: str) -> float:
    """Return a time of the ledger's settings, epoch seconds; 0 where there is none."""
    try:
        found = float(text)
    except ValueError:
        return 0.0
    return found if math.isfinite(found) and found > 0 else 0.0


def refuse_remains(path: Path, topic_name: str) -> None:
    """See that a ledger that seems new is no old one of which only the rest is there.

    Raises:
        LedgerDamagedError: it was removed, or emptied.
    """
    if path.exists() and path.stat().st_size:
        return
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        raise LedgerDamagedError("the ledger is missing, although its write-ahead log is there",
                                 where=str(path))
    if is_ours(InProgressTable(path.parent, topic_name).path):
        raise LedgerDamagedError("the ledger is missing or empty, although its tables are there",
                                 where=str(path))


def _set_aside(path: Path) -> Path | None:
    """Rename what is left of a damaged ledger; return its new path, None where there is nothing.

    Raises:
        StateDirectoryError: it cannot be renamed.
    """
    target = kept_name(path, "damaged")
    kept = None
    try:
        for suffix in ("-wal", "-shm", ""):
            companion = path.with_name(path.name + suffix)
            if companion.exists():
                kept = companion.rename(target.with_name(target.name + suffix))
    except OSError as error:
        raise StateDirectoryError(
            f"the damaged ledger cannot be set aside: {error.strerror}", where=str(path),
            remedy="Rename it by hand, then start again") from error
    return kept
