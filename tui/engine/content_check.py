"""Reads files in doubt again, in spare time, to see whether they are still what was uploaded."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

from tui.config.settings import Settings
from tui.engine.finding.finder import Finder
from tui.engine.recording.doubts import Doubt, Doubts
from tui.engine.recording.ledger import Ledger
from tui.engine.sending.source import open_source
from tui.engine.sending.version_plan import is_content_of_last
from tui.engine.system.files import Below
from tui.engine.system.guarded_calls import GuardedCalls, Touching
from tui.engine.system.workers import Worker
from tui.errors import (
    FileSystemHangError,
    LedgerError,
    SourceChangedError,
    SourceError,
    SourceGoneError,
    SourceRefusedError,
)

logger = logging.getLogger(__name__)

_BATCH_FILES = 100
_LOOK_SECONDS = 1.0
#: Rest for each second of reading: half of the time while nothing waits to be sent, else 5 %.
_REST_WHEN_IDLE, _REST_WHEN_BUSY = 1.0, 19.0
#: A file that is doubted again and again is read again after so many times as long as it took.
_REST_OF_A_FILE = 20.0
_AGAIN_SECONDS = 60.0
_MOST_REMEMBERED = 20_000


class ContentCheck(Worker):
    """Reads files in doubt again, one at a time; a quit does not wait for it.

    Args:
        settings: where they are, and whether links are followed.
        ledger: which they are, and what was uploaded.
        finder: receives each path whose content is different.
        is_idle: whether nothing waits to be sent.
    """

    def __init__(self, settings: Settings, ledger: Ledger, finder: Finder,
                 is_idle: Callable[[], bool]) -> None:
        super().__init__("content-check")
        self._settings = settings
        self._ledger = ledger
        self._doubts = Doubts(ledger.database)
        self._is_idle = is_idle
        self._finder = finder
        self._calls = GuardedCalls("content-check", lambda path: None, self.stopping)
        self._not_before: dict[int, float] = {}
        self._worked_since = 0.0

    def work(self) -> None:
        try:
            while not self.stopping.wait(_LOOK_SECONDS):
                for doubt in self._all():
                    self._look(doubt)
        finally:
            self._calls.stop()

    def _all(self) -> Iterator[Doubt]:
        """Yield the files in doubt whose time has come."""
        last = 0
        while True:
            try:
                found = self._doubts.after(last, _BATCH_FILES)
            except LedgerError:
                return  # said by the ledger itself
            for doubt in found:
                if self.stopping.is_set():
                    return
                if self._not_before.get(doubt.file_id, 0.0) <= time.monotonic():
                    yield doubt
            if len(found) < _BATCH_FILES:
                return
            last = found[-1].file_id

    def _look(self, doubt: Doubt) -> None:
        began = self._worked_since = time.monotonic()
        again_seconds = _AGAIN_SECONDS
        try:
            self._doubts.begin(doubt)
            if not self._calls.run(lambda touching: self._compare(doubt, touching)):
                return
            again_seconds = 0.0
        except (SourceGoneError, SourceRefusedError):
            self._doubts.drop(doubt)
        except (FileSystemHangError, SourceError) as error:
            if not isinstance(error, SourceChangedError):  # an event reports that one
                logger.debug("%s cannot be read again now: %s", doubt.rel_path, error.what)
        self._remember(doubt, began, again_seconds)
        self._rest()

    def _remember(self, doubt: Doubt, began: float, again_seconds: float) -> None:
        now = time.monotonic()
        while len(self._not_before) >= _MOST_REMEMBERED:
            del self._not_before[next(iter(self._not_before))]
        self._not_before[doubt.file_id] = now + max(
            again_seconds, _REST_OF_A_FILE * (now - began))

    def _compare(self, doubt: Doubt, touching: Touching) -> bool:
        """Read a file and compare it; False where the program stops before its end."""
        def may_go_on() -> bool:
            self._rest()
            touching(doubt.rel_path)
            return not self.stopping.is_set()

        touching(doubt.rel_path)
        settings = self._settings
        with Below(settings.upload_dir, self._ledger.is_ledger) as below:
            source = open_source(below, doubt.rel_path, follow_symlinks=settings.follow_symlinks)
        try:
            sha512 = source.hash_content(may_go_on)
        finally:
            source.close()
        if sha512 is None:
            return False
        history = self._ledger.versions.of_file(doubt.file_id, doubt.rel_path)
        if is_content_of_last(history, sha512):
            self._doubts.end(doubt, source.n_bytes, source.mtime_ns, source.ctime_ns)
            logger.debug("%s holds what was uploaded", doubt.rel_path)
        else:
            logger.info("%s holds something else than what was uploaded: it is sent again",
                        doubt.rel_path)
            self._finder.content_changed(doubt.rel_path)
        return True

    def _rest(self) -> None:
        """Leave the disk and the processor to others, in proportion to the work since the last."""
        worked = time.monotonic() - self._worked_since
        self.stopping.wait(worked * (_REST_WHEN_IDLE if self._is_idle() else _REST_WHEN_BUSY))
        self._worked_since = time.monotonic()
