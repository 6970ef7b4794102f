"""Makes what many tests begin with: settings, ledgers, observations, versions, rows."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from tui.config.redaction import Redaction
from tui.config.settings import PeriodicMessages, Settings
from tui.config.state_files import StateFiles
from tui.engine.model.files import Observation
from tui.engine.model.versions import FileVersion
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.tables.rows import UploadedRow, iso_time
from tui.engine.sending.messages import MessageMaker, count_chunks

#: Short enough for tests, long enough for a test to act within it.
LAG_SECONDS = 0.2
#: What every settings made here keep secret.
SECRET = "hunter2"


def settings_for(upload_dir: Path, **changes: Any) -> Settings:
    """Return settings with a short lag and without periodic scans; nothing is read or made."""
    off = PeriodicMessages(None, "", 60.0)
    state_dir = changes.get("state_dir", upload_dir / "LOGS")
    redact = Redaction()
    redact.add(SECRET)
    settings = Settings(
        upload_dir=upload_dir, state_dir=state_dir, topic_name="t", producer_config={},
        heartbeat=off, log_messages=off, log_file=state_dir / "upload_to_t.log", redact=redact,
        lag_seconds=LAG_SECONDS, rescan_seconds=0.0)
    if "upload_regex" in changes:
        changes = {**changes, "upload_regex": re.compile(changes["upload_regex"]),
                   "upload_regex_is_default": False}
    return dataclasses.replace(settings, **changes)


def open_ledger(tmp_path: Path, topic: str = "t") -> Ledger:
    """Open the ledger of ``tmp_path/upload``, kept in ``tmp_path/state``."""
    return Ledger(tmp_path / "state", topic, tmp_path / "upload", "all")


def is_ledger_refused(state_dir: Path) -> bool:
    """Return whether another process is refused a ledger that this one holds."""
    code = ("from pathlib import Path\nfrom tui.engine.recording.ledger import Ledger\n"
            f"Ledger(Path({str(state_dir)!r}), 't', Path('/x'), 'all')")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                            check=False)
    ledger = StateFiles(state_dir, "t").ledger
    return f"AlreadyRunningError: {ledger}: another instance uploads this directory to this " \
        f"topic: process {os.getpid()} on {socket.gethostname()}, started " \
        in result.stderr


def seen(rel_path: str, n_bytes: int = 64, mtime_ns: int = 5) -> Observation:
    """Return an observation whose file number needs all 64 bits."""
    return Observation(rel_path, n_bytes, mtime_ns, (1 << 64) - 1)


def version_in(ledger: Ledger, rel_path: str, n_chunks: int = 4) -> FileVersion:
    """Return a version of a file that a ledger knows, of chunks of 16 bytes."""
    file_id = ledger.files.file_id(rel_path)
    assert file_id is not None
    return FileVersion(ledger.versions.next_id(), file_id, rel_path, n_chunks * 16, 5, 5e-9,
                       b"h" * 64, 16, n_chunks, 0, "all")


def version_of(content: bytes, rel_path: str, chunk_size: int, mtime: float) -> FileVersion:
    """Return a version of a content, which no ledger knows."""
    return FileVersion(
        version_id=1, file_id=1, rel_path=rel_path, n_bytes=len(content), mtime_ns=0,
        mtime_seconds=mtime, sha512=hashlib.sha512(content).digest(), chunk_size=chunk_size,
        n_chunks=count_chunks(len(content), chunk_size), partition=0, acks="all")


def messages_of(content: bytes, rel_path: str, chunk_size: int, mtime: float,
                n_fields: int = 10) -> list[tuple[bytes, bytes]]:
    """Return key and value of every message of a content."""
    version = version_of(content, rel_path, chunk_size, mtime)
    maker = MessageMaker(version, n_fields)
    return [(maker.key(i), maker.value(i, content[i * chunk_size:(i + 1) * chunk_size]))
            for i in range(version.n_chunks)]


def row_of(rel_path: str, number: int = 0, topic: str = "t") -> UploadedRow:
    """Return a row of the uploaded table, begun and completed ``number`` seconds later."""
    return UploadedRow(topic, rel_path.rpartition("/")[2], rel_path, 3, iso_time(1.5 + number),
                       iso_time(2.5 + number), 40_000, 123456789, 16384, 0, "ab" * 64)
