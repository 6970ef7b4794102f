"""Tells people what became of files: log lines and notices, few of them however many files."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tui.engine.model.files import FileState
from tui.engine.model.snapshot import NoticeKind
from tui.engine.model.versions import Outcome, OutcomeKind

logger = logging.getLogger(__name__)

#: For so long files that get stuck for a known reason are only counted.
_GATHER_SECONDS = 5.0
#: Files of one commit that are still logged one by one.
_MOST_SINGLE_LINES = 5

Notify = Callable[[NoticeKind, str, str], None]


class _Numbers:
    """A set of numbers without gaps worth speaking of: a bit each."""

    def __init__(self) -> None:
        self._bits = bytearray()
        self.n = 0

    def add(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            place, bit = number >> 3, 1 << (number & 7)
            if place >= len(self._bits):
                self._bits.extend(bytes(place + 1 - len(self._bits)))
            self.n += not self._bits[place] & bit
            self._bits[place] |= bit


@dataclass(slots=True)
class _Cause:
    """When a cause was last said, of which files by then, and which came since."""

    said: float
    known: set[str]
    new: set[str] = field(default_factory=set)


class _Causes:
    """Counts what gets stuck for the same reason, so that 300 files are two lines of the log."""

    def __init__(self) -> None:
        self._causes: dict[tuple[FileState, str], _Cause] = {}
        self._lock = threading.Lock()

    def is_first(self, rel_path: str, state: FileState, reason: str, now: float) -> bool:
        """Note a file; return whether its cause was not said of late."""
        with self._lock:
            cause = self._causes.get((state, reason))
            if cause is None:
                self._causes[state, reason] = _Cause(now, {rel_path})
                return True
            if rel_path not in cause.known:
                cause.new.add(rel_path)
            return False

    def take(self, now: float) -> list[tuple[FileState, str, int]]:
        """Return state, reason and number of what has to be said; forget what is long ago."""
        found = []
        with self._lock:
            for (state, reason), cause in list(self._causes.items()):
                if now - cause.said < _GATHER_SECONDS:
                    continue
                if cause.new:
                    found.append((state, reason, len(cause.new)))
                    cause.said, cause.known, cause.new = now, cause.known | cause.new, set()
                else:
                    del self._causes[state, reason]
        return found


class Announcer:
    """Says what was uploaded, and what is stuck.

    Args:
        notify: tells front ends of rare events.
    """

    def __init__(self, notify: Notify) -> None:
        self._notify = notify
        self.n_versions = 0  #: uploaded in this run
        self._causes = _Causes()
        self._uploaded = _Numbers()  #: of the rows of their files
        self.n_rebuild_uncertain = 0  #: uploaded, and consumers may be unable to rebuild them

    @property
    def n_files(self) -> int:
        """Number of different files uploaded in this run."""
        return self._uploaded.n

    def stuck(self, rel_path: str, state: FileState, reason: str) -> None:
        """Say that a file is held or has failed: the one way in which it is said of any file.

        The first one of a cause is said at once, and how many more there are a little later.
        """
        is_held = state is FileState.HELD
        if self._causes.is_first(rel_path, state, reason, time.monotonic()):
            logger.warning("%s %s: %s", rel_path, "is held" if is_held else "cannot be uploaded",
                           reason)
        self._notify(NoticeKind.FILE_HELD if is_held else NoticeKind.FILE_FAILED, reason, rel_path)

    def tick(self) -> None:
        """Say how many files got stuck of which only the first was named; called often."""
        for state, reason, n_files in self._causes.take(time.monotonic()):
            what = "1 more file" if n_files == 1 else f"{n_files:,} more files"
            if state is FileState.HELD:
                logger.warning("%s %s held for the same reason: %s", what,
                               "is" if n_files == 1 else "are", reason)
            else:
                logger.warning("%s cannot be uploaded for the same reason: %s", what, reason)

    def recorded(self, outcomes: Sequence[Outcome]) -> None:
        """Say what became of versions, once it is recorded."""
        complete = [o for o in outcomes if o.kind is OutcomeKind.COMPLETE]
        for outcome in outcomes:
            if outcome.kind is OutcomeKind.HELD:
                self.stuck(outcome.version.rel_path, FileState.HELD, outcome.reason)
        self.n_versions += len(complete)
        self._uploaded.add(outcome.file.file_id for outcome in complete)
        if complete:
            self._say_uploaded(complete)
        for outcome in complete:
            self._announce(outcome)

    def _say_uploaded(self, complete: Sequence[Outcome]) -> None:
        """Log a few versions one by one, and many as one line."""
        if len(complete) > _MOST_SINGLE_LINES:
            n_bytes = sum(o.version.n_bytes for o in complete)
            logger.info("%s files uploaded, %s bytes", f"{len(complete):,}", f"{n_bytes:,}")
            return
        for outcome in complete:
            version, delivery = outcome.version, outcome.delivery
            logger.info("%s uploaded: %s bytes, %s chunk%s in %.1f s", version.rel_path,
                        f"{version.n_bytes:,}", f"{version.n_chunks:,}",
                        "" if version.n_chunks == 1 else "s",
                        max(0.0, (delivery.completed or 0) - delivery.started))

    def _announce(self, outcome: Outcome) -> None:
        version = outcome.version
        if version.rebuild_uncertain:
            self.n_rebuild_uncertain += 1
            logger.warning(
                "%s is uploaded, but a consumer that received part of an older version may not "
                "rebuild it: delete its partial copy there, or restart it", version.rel_path)
        self._notify(NoticeKind.FILE_UPLOADED, "uploaded", version.rel_path)
