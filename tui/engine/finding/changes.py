"""Compares what is on the disk with the ledger: what is new, changed, or left alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from tui.config.settings import Settings
from tui.engine.finding.selection import (
    FileRecords,
    Selection,
    has_other_ctime,
    is_replaced,
)
from tui.engine.finding.walk import Batch
from tui.engine.model.files import EventKind, FileState, KnownFile, Observation
from tui.engine.system.file_status import last_change_ns
from tui.engine.system.paths import is_utf8

#: A file that rested so much longer than the lag at the first look is queued without waiting: time
#: stamps are as coarse as two seconds, and clocks of two machines differ by more than that.
AT_REST_BY_ONE_CLOCK_SECONDS, AT_REST_BY_TWO_CLOCKS_SECONDS = 10.0, 120.0


class Comparison:
    """Judges files that a scan found.

    Args:
        settings: what to do with files that are there at start.
        selection: makes observations.
        ledger: what is known.
        touch: told of each file that is new or has changed.
        on_queued: told how many files were put in line without settling.
        start_ns: the program's start by the file system's own clock, nanoseconds.
        at_rest_seconds: how much longer than the lag a file must have rested, by that clock, to be
            queued without waiting.
    """

    def __init__(self, settings: Settings, selection: Selection, ledger: FileRecords,
                 touch: Callable[[str, EventKind], None], on_queued: Callable[[int], None],
                 start_ns: int, at_rest_seconds: float = AT_REST_BY_TWO_CLOCKS_SECONDS) -> None:
        self._upload_existing = settings.upload_existing
        self._selection = selection
        self._ledger = ledger
        self._touch = touch
        self._on_queued = on_queued
        self._start_ns = start_ns
        self._at_rest_ns = (settings.lag_seconds + at_rest_seconds) * 1e9
        self.n_left_alone = self.n_left_alone_new = self.n_in_doubt = 0

    def compare(self, batch: Batch, *, is_first: bool) -> int:
        """Compare some files of a directory with the ledger; return how many were news.

        Args:
            batch: of the walk.
            is_first: whether the directory is looked at for the first time since the start.
        """
        if not batch.files or not is_utf8(batch.directory):
            return 0
        known = self._ledger.known_among(batch.directory, [name for name, _ in batch.files])
        prefix = f"{batch.directory}/" if batch.directory else ""
        left_alone: list[Observation] = []
        at_rest: list[Observation] = []
        ctimes = _Ctimes()
        n_found = 0
        for name, status in batch.files:
            was = known.get(name)
            if was is not None and not is_first and _is_just_as_known(was, status):
                continue
            observation = self._selection.observation(prefix + name, status)
            if was is not None and self._is_as_known(was, observation, is_first):
                self.n_left_alone += was.state is FileState.LEFT_ALONE
                ctimes.compare(was, observation)
            elif was is None and is_first and self._was_there(status):
                left_alone.append(observation)
            elif is_first and self._is_surely_at_rest(status):
                at_rest.append(observation)
            else:
                n_found += was is None or was.state is not FileState.SETTLING
                self._touch(observation.rel_path, EventKind.CREATED if was is None or is_first
                            else EventKind.FOUND)
        self._record(left_alone, at_rest)
        self._ledger.record_ctimes(ctimes.unknown)
        self._ledger.record_in_doubt(ctimes.others)
        self.n_in_doubt += len(ctimes.others)
        return n_found

    def make_durable(self) -> bool:
        """Make durable which files were there already; return whether the disk has taken it."""
        return self._ledger.make_durable()

    def _is_as_known(self, was: KnownFile, observation: Observation, is_first: bool) -> bool:
        if (was.n_bytes, was.mtime_ns) != (observation.n_bytes, observation.mtime_ns):
            return False
        if is_first and self._upload_existing and was.state is FileState.LEFT_ALONE:
            return False  # it was not wanted before, and is now
        return was.state is FileState.SETTLING or not is_replaced(was, observation)

    def _was_there(self, status: os.stat_result) -> bool:
        """Return whether a file was there before the program, and is not asked for."""
        return not self._upload_existing \
            and last_change_ns(status, time.time_ns()) < self._start_ns

    def _is_surely_at_rest(self, status: os.stat_result) -> bool:
        last = max(status.st_mtime_ns, last_change_ns(status, time.time_ns()))
        return self._start_ns - last > self._at_rest_ns

    def _record(self, left_alone: list[Observation], at_rest: list[Observation]) -> None:
        self.n_left_alone += len(left_alone)
        self.n_left_alone_new += len(left_alone)
        self._ledger.record_left_alone(left_alone)
        self._ledger.record_waiting(at_rest)
        if at_rest:
            self._on_queued(len(at_rest))


def _is_just_as_known(was: KnownFile, status: os.stat_result) -> bool:
    """Return whether nothing at all has changed: true of nearly all files, and quick to tell."""
    return was.mtime_ns == status.st_mtime_ns and was.n_bytes == status.st_size \
        and was.inode == status.st_ino and (
            was.rest_ctime_ns == status.st_ctime_ns or was.state is not FileState.UPLOADED)


class _Ctimes:
    """Uploaded files that look unchanged, by the time of their last change.

    Attributes:
        unknown: those of which 1.0.0 recorded none.
        others: paths of those that changed, be it only in their attributes.
    """

    def __init__(self) -> None:
        self.unknown: list[Observation] = []
        self.others: list[str] = []

    def compare(self, was: KnownFile, observation: Observation) -> None:
        """Sort a file in, unless it is as it was, or in doubt already."""
        if was.state is not FileState.UPLOADED or was.is_in_doubt:
            return
        if was.rest_ctime_ns is None and observation.ctime_ns:
            self.unknown.append(observation)
        elif has_other_ctime(was, observation):
            self.others.append(observation.rel_path)
