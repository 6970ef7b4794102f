"""Takes into the ledger, at start, what the CSV tables tell and it lacks."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from tui.config.settings import Settings
from tui.config.state_files import kept_name
from tui.engine.model.files import FileState, Observation
from tui.engine.model.versions import VersionRecord
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.tables.in_progress import InProgressTable
from tui.engine.recording.tables.legacy import (
    LegacyUploaded,
    find_legacy_tables,
    is_held_by,
    read_legacy,
    set_aside,
)
from tui.engine.recording.tables.rows import (
    BadRow,
    InProgressRow,
    UploadedRow,
    delivered_of,
    epoch_time,
    is_ours,
    iso_time,
    read_in_progress,
    read_uploaded,
)
from tui.engine.recording.tables.uploaded import UploadedTables, say_bad, stamp_of
from tui.engine.system.file_clock import FileClock
from tui.engine.system.file_status import change_time_ns, mtime_in_64_bits

logger = logging.getLogger(__name__)

#: A file may have settled for so long before a table spoke of it: the longest lag, and the time
#: between two writings of the tables.
_UNTOLD_NS = 310 * 10**9
_STAMP = "uploaded_table"
_PART = "part "
_ALL = 1 << 62
_ROWS_AT_ONCE = 5000
#: More chunks are believed only of a file that is as large as they say: they cost memory.
_MANY_CHUNKS = 1 << 24


def take_over_tables(ledger: Ledger, settings: Settings) -> None:
    """Join the parts, and take into the ledger what tables tell and it lacks.

    Bad rows are said with file and line, stay where they are, and stop nothing.

    Raises:
        LedgerError: the ledger cannot be written.
    """
    tables = UploadedTables(settings.state_dir, settings.topic_name)
    try:
        _take_over_legacy(ledger, settings)
        tables.own = {settings.state_dir / name: stamp
                      for name, stamp in ledger.database.metas(_PART).items()}
        _mark_what_is_in_parts(ledger, settings.topic_name, tables)
        add_unexported(ledger, settings.topic_name, tables)
        ledger.database.commit()
        _take_over_uploaded(ledger, settings.topic_name, tables)
        if ledger.damage:
            # Last: what was begun came after what was finished of the same path.
            for path in _take_unfinished_rows(ledger, settings):
                path.rename(kept_name(path, "not-read"))  # it is soon written again
            ledger.note_rebuilt()
    except OSError as error:
        logger.warning("the tables cannot be read or joined: %s; the ledger alone is used", error)


def take_in(ledger: Ledger, settings: Settings) -> None:
    """Take what :func:`take_over_tables` would into a ledger in memory, and leave the tables.

    Raises:
        OSError: a table cannot be read.
    """
    if not settings.state_dir.is_dir():
        return
    _take_legacy_rows(ledger, settings)
    tables = UploadedTables(settings.state_dir, settings.topic_name)
    for path in (tables.path, *tables.parts()):
        if is_ours(path):
            _take_rows(ledger, settings.topic_name, path, is_part=False)
    if ledger.files.is_new:
        _take_unfinished_rows(ledger, settings)


def new_since_ns(settings: Settings) -> int:
    """Return since when files missing from a lost ledger's tables are new, nanoseconds.

    Whatever settled, or came to the end of a long line, since the tables were last written is
    mentioned nowhere. Without any table, everything is new.
    """
    table = InProgressTable(settings.state_dir, settings.topic_name)
    written = []
    for path in (table.path, table.waiting_path):
        if is_ours(path):
            written.append(path.stat().st_mtime_ns)
    return min(written, default=_UNTOLD_NS) - _UNTOLD_NS


def files_new_since_ns(ledger: Ledger, settings: Settings) -> int | None:
    """Return since when files that a ledger does not know are new, nanoseconds.

    None where those that were there before the present start are not taken.
    """
    if ledger.damage:
        return new_since_ns(settings)
    clock = FileClock(settings.state_dir, settings.upload_dir)
    return ledger.new_since_ns(has_one_clock=clock.can_be_read())


def add_unexported(ledger: Ledger, topic: str, tables: UploadedTables) -> None:
    """Write what is complete and in no table yet.

    Raises:
        OSError: the disk refuses; what is not written is written the next time.
    """
    # While the ledger cannot be written, it cannot note what is in a table either.
    while not ledger.database.problem \
            and (records := ledger.versions.unexported(_ROWS_AT_ONCE)):
        known = dict(tables.own)
        n_written = tables.add([_uploaded_row(topic, record) for record in records])
        for path, stamp in tables.own.items() - known.items():
            ledger.database.set_meta(_PART + path.name, stamp)
        ledger.versions.mark_exported([r.version_id for r in records[:n_written]])
        if n_written < len(records):
            return


def _uploaded_row(topic: str, version: VersionRecord) -> UploadedRow:
    return UploadedRow(
        topic, version.rel_path.rpartition("/")[2], version.rel_path, version.n_chunks,
        iso_time(version.started), iso_time(version.completed), version.n_bytes,
        version.mtime_ns, version.chunk_size, version.partition, version.sha512.hex())


def note_own_table(ledger: Ledger, tables: UploadedTables) -> None:
    """Note that the ledger holds all that the one table says, so that no start reads it."""
    ledger.database.forget_metas(_PART)
    ledger.database.set_meta(_STAMP, stamp_of(tables.path) if tables.path.exists() else "")


def _mark_what_is_in_parts(ledger: Ledger, topic: str, tables: UploadedTables) -> None:
    """Find out which rows a crash left in the parts without a note of it in the ledger."""
    parts = [part for part in tables.parts() if not tables.is_own(part)]
    missing = {_identity(r.rel_path, r.sha512.hex(), iso_time(r.completed)): r.version_id
               for r in (ledger.versions.unexported(_ALL) if parts else ())}
    for part in parts:
        for row in read_uploaded(part, topic):
            if isinstance(row, UploadedRow):
                found = missing.pop(_identity(row.rel_filepath, row.sha512, row.completed), None)
                if found is not None:
                    ledger.versions.mark_exported([found])
    ledger.database.commit()


def _identity(rel_path: str, sha512: str, completed: str) -> tuple[str, str, int]:
    """Return what tells a row from all others, wherever the clock's zone has moved since."""
    return rel_path, sha512, round(epoch_time(completed) * 1e6)


def _take_over_uploaded(ledger: Ledger, topic: str, tables: UploadedTables) -> None:
    """Take rows in, and join the parts; what is as the ledger knows it is not read."""
    is_known = tables.path.exists() and ledger.database.meta(_STAMP) == stamp_of(tables.path)
    for path in [*([] if is_known else [tables.path]), *tables.parts()]:
        if is_ours(path) and not tables.is_own(path):
            _take_rows(ledger, topic, path, is_part=path != tables.path)
    tables.consolidate()
    note_own_table(ledger, tables)
    ledger.database.commit()


def _take_rows(ledger: Ledger, topic: str, path: Path, *, is_part: bool) -> None:
    n_rows = 0
    bad = []
    for row in read_uploaded(path, topic):
        if isinstance(row, BadRow):
            bad.append(row)
        elif ledger.versions.add_uploaded(
                row.rel_filepath, row.n_bytes, row.mtime_ns, bytes.fromhex(row.sha512),
                row.chunk_size, row.n_chunks, row.partition, epoch_time(row.started),
                epoch_time(row.completed)):
            n_rows += 1
            if n_rows % _ROWS_AT_ONCE == 0:
                ledger.database.commit()  # so that memory stays bounded
    if not is_part:
        say_bad(bad)  # those of parts are said as the parts are joined
    if n_rows:
        logger.info("%s uploaded files were taken from %s into the ledger", f"{n_rows:,}",
                    path.name)


def _take_unfinished_rows(ledger: Ledger, settings: Settings) -> list[Path]:
    """Take unfinished files from the tables of a ledger that was lost; return those with bad rows.

    Begun versions may have reached the topic further than the table tells, so that they count as
    sent twice; what only waited is looked at again.
    """
    table = InProgressTable(settings.state_dir, settings.topic_name)
    partly_read = []
    for path in (table.path, table.waiting_path):
        if not is_ours(path):
            continue
        bad = []
        for row in read_in_progress(path, settings.topic_name):
            if isinstance(row, BadRow):
                bad.append(row)
                continue
            found = _observe(settings.upload_dir, row.rel_filepath)
            if found is not None:
                ledger.files.record_settling([found])
            if row.sha512 and not _take_begun(ledger, row, found):
                partly_read.append(path)
        if bad:
            say_bad(bad)
            partly_read.append(path)
    ledger.database.commit()
    return list(dict.fromkeys(partly_read))


def _take_begun(ledger: Ledger, row: InProgressRow, found: Observation | None) -> bool:
    """Import the version of a row; return whether the row can be believed."""
    why = ""
    if row.n_chunks > _MANY_CHUNKS and (found is None or found.n_bytes != row.n_bytes):
        why = f"no file of {row.n_bytes:,} bytes is there, and it is not worth its bookkeeping"
    try:
        delivered = b"" if why else delivered_of(row)
    except ValueError as error:
        why = str(error)
    if why:
        logger.warning("%s: what a table tells of its %s chunks is not believed: %s; it is sent "
                       "as it is now", row.rel_filepath, f"{row.n_chunks:,}", why)
        return False
    ledger.versions.add_begun(
        row.rel_filepath, row.n_bytes, row.mtime_ns, bytes.fromhex(row.sha512), row.chunk_size,
        row.n_chunks, row.partition, epoch_time(row.started), delivered)
    return True


def _take_over_legacy(ledger: Ledger, settings: Settings) -> None:
    for path in _take_legacy_rows(ledger, settings):
        logger.info("%s was imported and is kept as %s", path.name, set_aside(path).name)


def _take_legacy_rows(ledger: Ledger, settings: Settings) -> list[Path]:
    """Take the rows of OpenMSIStream's tables; return the tables."""
    uploaded: dict[str, list[LegacyUploaded]] = {}
    unfinished: set[str] = set()
    paths = find_legacy_tables(settings.state_dir, settings.topic_name)
    n_bad = 0
    for path in paths:
        bad = []
        for row in read_legacy(path):
            if isinstance(row, BadRow):
                bad.append(row)
            elif isinstance(row, LegacyUploaded):
                uploaded.setdefault(row.rel_path, []).append(row)
            else:
                unfinished.add(row.rel_path)
        say_bad(bad)
        n_bad += len(bad)
    n_held = sum(_hold(ledger, settings.upload_dir, rel_path, rows)
                 for rel_path, rows in uploaded.items() if rel_path not in unfinished)
    for rel_path in unfinished:
        _send_again(ledger, settings.upload_dir, rel_path)
    ledger.database.commit()
    if paths:
        logger.info("of the files in the tables of OpenMSIStream, %d count as uploaded and %d are "
                    "sent; %d rows could not be read", n_held,
                    len(uploaded.keys() | unfinished) - n_held, n_bad)
    return paths


def _stat(upload_dir: Path, rel_path: str) -> os.stat_result | None:
    try:
        return (upload_dir / rel_path).stat()
    except (OSError, ValueError):
        return None


def _observe(upload_dir: Path, rel_path: str) -> Observation | None:
    status = _stat(upload_dir, rel_path)
    return None if status is None else _observation(rel_path, status)


def _observation(rel_path: str, status: os.stat_result) -> Observation:
    return Observation(rel_path, status.st_size, mtime_in_64_bits(status), status.st_ino,
                       change_time_ns(status))


def _hold(ledger: Ledger, upload_dir: Path, rel_path: str, rows: list[LegacyUploaded]) -> bool:
    """Record a file as uploaded where a row can be about what is on the disk."""
    status = _stat(upload_dir, rel_path)
    # By the time as it is: in 64 bits a year after 2262 becomes one long ago.
    if status is not None and any(
            is_held_by(row, status.st_size, status.st_mtime) for row in rows):
        known = ledger.files.known(rel_path)
        if known is None or known.state is FileState.NOT_TAKEN:
            ledger.files.record_uploaded_before(_observation(rel_path, status))
        return True
    _send_again(ledger, upload_dir, rel_path)
    return False


def _send_again(ledger: Ledger, upload_dir: Path, rel_path: str) -> None:
    found = _observe(upload_dir, rel_path)
    known = ledger.files.known(rel_path)
    if found is not None and (known is None or known.state is FileState.NOT_TAKEN):
        ledger.files.record_settling([found])
