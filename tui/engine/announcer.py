"""Tells people what became of files: log lines and notices, few of them however many files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from tui.engine.model.files import FileState
from tui.engine.model.snapshot import NoticeKind
from tui.engine.model.versions import Outcome, OutcomeKind

logger = logging.getLogger(__name__)

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


class Announcer:
    """Says what was uploaded, and what is stuck.

    Args:
        notify: tells front ends of rare events.
    """

    def __init__(self, notify: Notify) -> None:
        self._notify = notify
        self.n_versions = 0  #: uploaded in this run
        self._uploaded = _Numbers()  #: of the rows of their files
        self.n_rebuild_uncertain = 0  #: uploaded, and consumers may be unable to rebuild them

    @property
    def n_files(self) -> int:
        """Number of different files uploaded in this run."""
        return self._uploaded.n

    def stuck(self, rel_path: str, state: FileState, reason: str) -> None:
        """Say that a file is held or has failed: the one way in which it is said of any file."""
        is_held = state is FileState.HELD
        logger.warning("%s %s: %s", rel_path, "is held" if is_held else "cannot be uploaded",
                       reason)
        self._notify(NoticeKind.FILE_HELD if is_held else NoticeKind.FILE_FAILED, reason, rel_path)

    def recorded(self, outcomes: Sequence[Outcome]) -> None:
        """Say what became of versions, once it is recorded."""
        held = [o for o in outcomes if o.kind is OutcomeKind.HELD]
        complete = [o for o in outcomes if o.kind is OutcomeKind.COMPLETE]
        for outcome in held[:_MOST_SINGLE_LINES]:
            self.stuck(outcome.version.rel_path, FileState.HELD, outcome.reason)
        if len(held) > _MOST_SINGLE_LINES:
            logger.warning("and %s more files are held: %s",
                           f"{len(held) - _MOST_SINGLE_LINES:,}", held[-1].reason)
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
