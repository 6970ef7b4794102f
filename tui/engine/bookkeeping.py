"""Turns what happened to versions in hand into rows of the ledger and of the tables."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from tui.engine.model import FileState, NoticeKind, VersionState, WaitingFile
from tui.engine.recording.ledger import Ledger
from tui.engine.sending.delivery import Sending
from tui.engine.sending.producing import ProducingThread
from tui.engine.sending.queue import UploadQueue

logger = logging.getLogger(__name__)

#: Versions that end in one commit and are still logged one by one.
_MOST_SINGLE_LINES = 5

Notify = Callable[[NoticeKind, str, str], None]


class Bookkeeper:
    """Gathers deliveries for the recording thread.

    Args:
        ledger: where they go.
        queue: whose paths are released once they are recorded.
        producing: counts files, and knows until when the topic was seen to be the ledger's.
        touch_again: a version was abandoned, its path has to rest again.
        record_soon: asks for a commit at once.
        notify: tells front ends of rare events.
    """

    def __init__(self, ledger: Ledger, queue: UploadQueue, producing: ProducingThread,
                 touch_again: Callable[[WaitingFile], None], record_soon: Callable[[], None],
                 notify: Notify) -> None:
        self._ledger = ledger
        self._queue = queue
        self._producing = producing
        self._touch_again = touch_again
        self._record_soon = record_soon
        self._notify = notify
        self._ended: deque[Sending] = deque()
        #: Complete versions and when that was seen: they count once the topic was looked at later.
        self._unproved: deque[tuple[float, Sending]] = deque()
        self._unreleased: list[Sending] = []
        self._lock = threading.Lock()
        self._next_look = 0.0
        self._n_mended = 0
        self.n_uploaded = 0
        self.n_may_not_rebuild = 0

    def over(self, sending: Sending) -> None:
        """Take a version to which nothing more will happen; any thread, any number of times."""
        with self._lock:
            if sending.is_ended:
                return
            sending.is_ended = True
        if sending.is_complete:
            sending.completed = time.time()
            self._producing.traffic.n_files += 1
        sending.close()
        self._queue.ended(sending.version.rel_path)
        if sending.is_complete and self._producing.can_prove:
            self._unproved.append((time.monotonic(), sending))
            self._producing.ask_for_proof()
            return
        self._ended.append(sending)
        if not self._queue.n_uploading:
            self._record_soon()

    def gather(self) -> None:
        """Write everything that happened since the last time into the open transaction."""
        ended = self._take_ended()
        complete = [s for s in ended if s.is_complete]
        in_hand = [s for s in self._queue.sendings() if s.version.n_chunks > 1]
        dirty = [s for s in in_hand if s.is_dirty and not s.is_ended]
        with self._ledger.database.together():
            for sending in [*in_hand, *ended]:
                self._record_doubt(sending)
            self._ledger.versions.record([s.delivery() for s in [*complete, *dirty]])
            self._ledger.files.set_at_rest(
                [(s.file, s.version.n_bytes, s.version.mtime_ns) for s in complete])
            for sending in ended:
                if not sending.is_complete:
                    self._record_unfinished(sending)
        self._say_held([s for s in ended if not s.is_complete and not s.is_abandoned])
        self._unreleased.extend(ended)
        self._look_at_held()
        self._ledger.files.refresh_counts()

    def lost(self, partition: int, offset: int) -> None:
        """Let nothing count that is complete and not recorded, where the topic has lost it since.

        Args:
            partition: that has lost its end.
            offset: the first one that is gone.
        """
        for _, sending in self._unproved.copy():
            if sending.has_offsets_from(partition, offset):
                sending.lose()

    def note_beginnings(self, first: Mapping[int, int]) -> None:
        """Say of versions on their way that the topic does not keep them until they are whole.

        Args:
            first: the lowest offset that each partition still holds.
        """
        for sending in self._queue.sendings():
            if sending.is_trimmed or not any(
                    r.first < first.get(r.partition, 0) for r in sending.offsets()):
                continue
            sending.is_trimmed = True
            self.n_may_not_rebuild += 1
            logger.error(
                "%s: the topic has deleted its first chunks before all were sent, so that nobody "
                "who comes later can rebuild it: raise retention.ms or retention.bytes of the "
                "topic, then send it again with reupload", sending.version.rel_path)

    def _take_ended(self) -> list[Sending]:
        """Return the versions whose end counts; those that wait for a look ask for it again."""
        ended = []
        while self._ended:
            ended.append(self._ended.popleft())
        while self._unproved and self._producing.is_proved(self._unproved[0][0]):
            ended.append(self._unproved.popleft()[1])
        if self._unproved:
            self._producing.ask_for_proof()
        return ended

    def _record_doubt(self, sending: Sending) -> None:
        if sending.sent_twice and not sending.doubt_is_recorded:
            sending.doubt_is_recorded = True
            if sending.version.n_chunks > 1:
                self._ledger.versions.mark_sent_twice(sending.version.version_id)

    def _record_unfinished(self, sending: Sending) -> None:
        version = sending.version
        if version.n_chunks > 1:
            self._ledger.versions.record([sending.delivery()])
        if sending.is_abandoned:
            self._ledger.versions.close(version.version_id, VersionState.ABANDONED)
            return
        if version.n_chunks > 1 and not sending.may_be_on_topic:
            self._ledger.versions.close(version.version_id, VersionState.REFUSED)
        self._ledger.files.set_unsent(sending.file, FileState.HELD, sending.refusal,
                                      sending.retry_after_seconds)

    def _say_held(self, held: list[Sending]) -> None:
        """Log a few versions one by one; what struck many at once is said once."""
        for sending in held[:_MOST_SINGLE_LINES]:
            logger.error("%s is held: %s", sending.version.rel_path, sending.refusal)
            self._notify(NoticeKind.FILE_HELD, sending.refusal, sending.version.rel_path)
        if len(held) > _MOST_SINGLE_LINES:
            logger.error("and %s more files are held: %s",
                         f"{len(held) - _MOST_SINGLE_LINES:,}", held[-1].refusal)

    def _look_at_held(self) -> None:
        now = time.monotonic()
        # While the ledger cannot be written they would be found due again and again.
        if now >= self._next_look and not self._ledger.database.problem:
            self._next_look = now + 1.0
            if self._ledger.files.put_back_due():
                self._queue.wake()

    def committed(self, is_written: bool) -> None:
        """Release the paths whose versions are recorded; block the queue while nothing can be."""
        self._queue.is_blocked = not is_written
        n_mended = self._ledger.database.n_mended
        if n_mended != self._n_mended:
            self._n_mended = n_mended
            self._queue.wake()  # what was put in line meanwhile could not be seen until now
        if not is_written:
            return
        released, self._unreleased = self._unreleased, []
        complete = [s for s in released if s.is_complete]
        self._queue.release([s.version.rel_path for s in released])
        for sending in released:
            if sending.is_abandoned:
                self._touch_again(sending.file)
        self.n_uploaded += len(complete)
        if not complete:
            return
        self._say_uploaded(complete)
        for sending in complete:
            self._announce(sending)

    def _say_uploaded(self, complete: list[Sending]) -> None:
        """Log a few versions one by one, and many as one line."""
        if len(complete) > _MOST_SINGLE_LINES:
            n_bytes = sum(s.version.n_bytes for s in complete)
            logger.info("%s files uploaded, %s bytes", f"{len(complete):,}", f"{n_bytes:,}")
            return
        for sending in complete:
            version = sending.version
            logger.info("%s uploaded: %s bytes, %s chunk%s in %.1f s", version.rel_path,
                        f"{version.n_bytes:,}", f"{version.n_chunks:,}",
                        "" if version.n_chunks == 1 else "s",
                        max(0.0, (sending.completed or 0) - sending.started))

    def _announce(self, sending: Sending) -> None:
        version = sending.version
        if version.may_not_rebuild:
            self.n_may_not_rebuild += 1
            logger.warning(
                "%s is uploaded, but a consumer that received part of an older version may not "
                "rebuild it: delete its partial copy there, or restart it", version.rel_path)
        self._notify(NoticeKind.FILE_UPLOADED, "uploaded", version.rel_path)
