"""Whether a file has changed: what is on the disk, compared with what the ledger knows."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

from tui.config.settings import Settings
from tui.engine.finding.selection import FileRecords, Selection
from tui.engine.finding.walk import Batch
from tui.engine.model.files import EventKind, FileState, KnownFile, Observation
from tui.engine.system.file_status import last_change_ns
from tui.engine.system.paths import is_utf8

#: A file that was unchanged for so much longer than the lag at the first look is queued at once:
#: time stamps are as coarse as two seconds, and clocks of two machines differ by more than that.
SETTLED_BY_ONE_CLOCK_SECONDS, SETTLED_BY_TWO_CLOCKS_SECONDS = 10.0, 120.0


# One file.


def is_replaced(known: KnownFile, observation: Observation) -> bool:
    """Return whether another file of the same size and time may have taken a path.

    A file not taken is known by size and time alone; of an uploaded one, the content decides.
    """
    return known.settled_state is not FileState.NOT_TAKEN \
        and 0 not in (known.inode, observation.inode) and known.inode != observation.inode


def is_as_seen(known: KnownFile, observation: Observation) -> bool:
    """Return whether a file is as it was last seen."""
    return known.state is not FileState.GONE \
        and (known.n_bytes, known.mtime_ns) == (observation.n_bytes, observation.mtime_ns) \
        and not is_replaced(known, observation)


def is_as_settled(known: KnownFile, observation: Observation) -> bool:
    """Return whether a file that seemed to change is what was uploaded, or was not taken."""
    return known.settled_state is not None and not is_replaced(known, observation) \
        and (known.settled_n_bytes, known.settled_mtime_ns) == (
            observation.n_bytes, observation.mtime_ns)


def has_other_ctime(known: KnownFile, observation: Observation) -> bool:
    """Return whether a file changed since it was uploaded, be it only in its attributes."""
    return known.settled_state is FileState.UPLOADED and known.settled_ctime_ns is not None \
        and observation.ctime_ns not in (0, known.settled_ctime_ns)


def _is_just_as_known(was: KnownFile, status: os.stat_result) -> bool:
    """Return whether nothing at all has changed: true of nearly all files, and quick to tell."""
    return was.mtime_ns == status.st_mtime_ns and was.n_bytes == status.st_size \
        and was.inode == status.st_ino and (
            was.settled_ctime_ns == status.st_ctime_ns
            or was.state not in (FileState.UPLOADED, FileState.GONE))


# A directory.


@dataclass(slots=True)
class Changes:
    """What a look at files of one directory found.

    Attributes:
        touched: paths that are new or have changed, and how they are to settle.
        not_taken: files that were there before the program and are not asked for.
        settled: files that need not wait for the lag.
        ctimes: uploaded files of which 1.0.0 recorded no time of the last change.
        in_doubt: paths of uploaded files that changed, be it only in their attributes.
        n_not_taken: files that are not taken, known as such before or not.
        n_news: files that no event had reported.
    """

    touched: list[tuple[str, EventKind]] = field(default_factory=list)
    not_taken: list[Observation] = field(default_factory=list)
    settled: list[Observation] = field(default_factory=list)
    ctimes: list[Observation] = field(default_factory=list)
    in_doubt: list[str] = field(default_factory=list)
    n_not_taken: int = 0
    n_news: int = 0

    def record(self, ledger: FileRecords) -> None:
        """Write into the ledger what need not settle first."""
        ledger.record_not_taken(self.not_taken)
        ledger.record_waiting(self.settled)
        ledger.record_ctimes(self.ctimes)
        ledger.record_in_doubt(self.in_doubt)


class Comparison:
    """Compares directories with the ledger.

    Args:
        settings: what to do with files that are there at start.
        selection: makes observations.
        ledger: what is known.
        start_ns: the program's start by the file system's own clock, nanoseconds.
        settled_seconds: how much longer than the lag a file must have rested, by that clock, to be
            queued without waiting.
    """

    def __init__(self, settings: Settings, selection: Selection, ledger: FileRecords,
                 start_ns: int, settled_seconds: float = SETTLED_BY_TWO_CLOCKS_SECONDS) -> None:
        self._upload_existing = settings.upload_existing
        self.selection = selection
        self._ledger = ledger
        self._start_ns = start_ns
        self._settled_ns = (settings.lag_seconds + settled_seconds) * 1e9

    def compare(self, batch: Batch, *, is_first: bool) -> Changes:
        """Compare some files of a directory with the ledger.

        Args:
            batch: of the walk.
            is_first: whether the directory is looked at for the first time since the start.
        """
        changes = Changes()
        if not batch.files or not is_utf8(batch.directory):
            return changes
        known = self._ledger.known_among(batch.directory, [name for name, _ in batch.files])
        prefix = f"{batch.directory}/" if batch.directory else ""
        for name, status in batch.files:
            was = known.get(name)
            if was is not None and not is_first and _is_just_as_known(was, status):
                continue
            observation = self.selection.observation(prefix + name, status)
            if was is not None and self._is_as_known(was, observation, is_first):
                changes.n_not_taken += was.state is FileState.NOT_TAKEN
                _compare_ctimes(was, observation, changes)
            elif was is None and is_first and self._was_there(status):
                changes.not_taken.append(observation)
            elif is_first and self._is_surely_settled(status):
                changes.settled.append(observation)
            else:
                changes.n_news += was is None or was.state is not FileState.SETTLING
                changes.touched.append((
                    observation.rel_path,
                    EventKind.CREATED if was is None or is_first else EventKind.FOUND))
        changes.n_not_taken += len(changes.not_taken)
        return changes

    def _is_as_known(self, was: KnownFile, observation: Observation, is_first: bool) -> bool:
        if is_first and self._upload_existing and was.state is FileState.NOT_TAKEN:
            return False  # it was not wanted before, and is now
        if was.state is FileState.SETTLING:
            return (was.n_bytes, was.mtime_ns) == (observation.n_bytes, observation.mtime_ns)
        return is_as_seen(was, observation)

    def _was_there(self, status: os.stat_result) -> bool:
        """Return whether a file was there before the program, and is not asked for."""
        return not self._upload_existing \
            and last_change_ns(status, time.time_ns()) < self._start_ns

    def _is_surely_settled(self, status: os.stat_result) -> bool:
        last = max(status.st_mtime_ns, last_change_ns(status, time.time_ns()))
        return self._start_ns - last > self._settled_ns


def _compare_ctimes(was: KnownFile, observation: Observation, changes: Changes) -> None:
    """Sort an uploaded file in that looks unchanged, unless it is in doubt already."""
    if was.state is not FileState.UPLOADED or was.is_in_doubt:
        return
    if was.settled_ctime_ns is None and observation.ctime_ns:
        changes.ctimes.append(observation)
    elif has_other_ctime(was, observation):
        changes.in_doubt.append(observation.rel_path)
