"""Ledgers of any size, made by the ledger's own means."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

from tui.engine.model.files import Observation, WaitingFile
from tui.engine.model.versions import Delivery, FileVersion
from tui.engine.recording.ledger import Ledger

_BATCH_FILES = 5000
_FILES_IN_DIRECTORY = 1000


def make_files(folder: Path, n_files: int) -> None:
    """Make empty files, a thousand in a directory."""
    for number in range(n_files):
        path = folder / rel_path_of(number)
        if number % _FILES_IN_DIRECTORY == 0:
            path.parent.mkdir(parents=True)
        path.touch()


def rel_path_of(number: int) -> str:
    """Return the name of a file by its number."""
    return f"d{number // _FILES_IN_DIRECTORY:04}/scan_{number:07}.dat"


def fill_waiting(state_dir: Path, topic: str, folder: Path, n_files: int) -> None:
    """Make a ledger with so many queued files."""
    ledger = Ledger(state_dir, topic, folder, "all")
    for observations in _batches(folder, n_files):
        ledger.files.record_waiting(observations)
        ledger.database.commit()
    ledger.close()


def fill_uploaded(state_dir: Path, topic: str, folder: Path, n_files: int) -> None:
    """Make a ledger that holds so many files as uploaded, each as one chunk."""
    ledger = Ledger(state_dir, topic, folder, "all")
    position = 0
    for observations in _batches(folder, n_files):
        ledger.files.record_waiting(observations)
        waiting = ledger.files.next_in_line(position, len(observations))
        position = waiting[-1].position
        now = time.time()
        ledger.versions.record([
            Delivery(_version(file, ledger.versions.next_id()), now, now, 1, b"", ())
            for file in waiting])
        ledger.files.record_uploaded([(file, file.n_bytes, file.mtime_ns) for file in waiting])
        ledger.database.commit()
    ledger.close()


def _batches(folder: Path, n_files: int) -> Iterator[list[Observation]]:
    numbers = iter(range(n_files))
    while batch := list(itertools.islice(numbers, _BATCH_FILES)):
        yield [_observation(folder, rel_path_of(number)) for number in batch]


def _observation(folder: Path, rel_path: str) -> Observation:
    path = folder / rel_path
    if not path.exists():
        return Observation(rel_path, 268_435_456, 1_700_000_000_000_000_000, 1)
    status = path.stat()
    return Observation(rel_path, status.st_size, status.st_mtime_ns, status.st_ino)


def _version(file: WaitingFile, version_id: int) -> FileVersion:
    return FileVersion(
        version_id=version_id, file_id=file.file_id, rel_path=file.rel_path, n_bytes=file.n_bytes,
        mtime_ns=file.mtime_ns, mtime_seconds=file.mtime_ns / 1e9, sha512=bytes(64),
        chunk_size=16384, n_chunks=1, partition=0, acks="all")
