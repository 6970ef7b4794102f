"""Turns what happened to versions in hand into rows of the ledger and of the tables."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from tui.engine.model.files import FileState, WaitingFile
from tui.engine.model.snapshot import NoticeKind
from tui.engine.model.versions import VersionState
from tui.engine.recording.ledger import Ledger
from tui.engine.sending.producer import ChunkProducer
from tui.engine.sending.queue import UploadQueue
from tui.engine.sending.transfer import Transfer

logger = logging.getLogger(__name__)

#: Versions that end in one commit and are still logged one by one.
_MOST_SINGLE_LINES = 5

Notify = Callable[[NoticeKind, str, str], None]


class Bookkeeper:
    """Gathers deliveries for the recording thread.

    Args:
        ledger: where they go.
        queue: whose paths are released once they are recorded.
        producer: counts files, and knows until when the topic was seen to be the ledger's.
        touch_again: a version was abandoned, its path has to rest again.
        record_soon: asks for a commit at once.
        notify: tells front ends of rare events.
    """

    def __init__(self, ledger: Ledger, queue: UploadQueue, producer: ChunkProducer,
                 touch_again: Callable[[WaitingFile], None], record_soon: Callable[[], None],
                 notify: Notify) -> None:
        self._ledger = ledger
        self._queue = queue
        self._producer = producer
        self._touch_again = touch_again
        self._record_soon = record_soon
        self._notify = notify
        self._ended: deque[Transfer] = deque()
        #: Complete versions and when that was seen: they count once the topic was looked at later.
        self._unproved: deque[tuple[float, Transfer]] = deque()
        self._unreleased: list[Transfer] = []
        self._lock = threading.Lock()
        self._next_look = 0.0
        self._n_mended = 0
        self.n_uploaded = 0
        self.n_may_not_rebuild = 0

    def over(self, transfer: Transfer) -> None:
        """Take a version to which nothing more will happen; any thread, any number of times."""
        with self._lock:
            if transfer.is_ended:
                return
            transfer.is_ended = True
        if transfer.is_complete:
            transfer.completed = time.time()
            self._producer.traffic.n_files += 1
        transfer.close()
        self._queue.ended(transfer.version.rel_path)
        if transfer.is_complete and self._producer.can_prove:
            self._unproved.append((time.monotonic(), transfer))
            self._producer.ask_for_proof()
            return
        self._ended.append(transfer)
        if not self._queue.n_uploading:
            self._record_soon()

    def gather(self) -> None:
        """Write everything that happened since the last time into the open transaction."""
        ended = self._take_ended()
        complete = [s for s in ended if s.is_complete]
        in_hand = [s for s in self._queue.transfers() if s.version.n_chunks > 1]
        dirty = [s for s in in_hand if s.is_dirty and not s.is_ended]
        with self._ledger.database.together():
            for transfer in [*in_hand, *ended]:
                self._record_doubt(transfer)
            self._ledger.versions.record([s.delivery() for s in [*complete, *dirty]])
            self._ledger.files.set_at_rest(
                [(s.file, s.version.n_bytes, s.version.mtime_ns) for s in complete])
            for transfer in ended:
                if not transfer.is_complete:
                    self._record_unfinished(transfer)
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
        for _, transfer in self._unproved.copy():
            if transfer.has_offsets_from(partition, offset):
                transfer.lose()

    def note_beginnings(self, first: Mapping[int, int]) -> None:
        """Say of versions on their way that the topic does not keep them until they are whole.

        Args:
            first: the lowest offset that each partition still holds.
        """
        for transfer in self._queue.transfers():
            if transfer.is_trimmed or not any(
                    r.first < first.get(r.partition, 0) for r in transfer.offsets()):
                continue
            transfer.is_trimmed = True
            self.n_may_not_rebuild += 1
            logger.error(
                "%s: the topic has deleted its first chunks before all were sent, so that nobody "
                "who comes later can rebuild it: raise retention.ms or retention.bytes of the "
                "topic, then send it again with reupload", transfer.version.rel_path)

    def _take_ended(self) -> list[Transfer]:
        """Return the versions whose end counts; those that wait for a look ask for it again."""
        ended = []
        while self._ended:
            ended.append(self._ended.popleft())
        while self._unproved and self._producer.is_proved(self._unproved[0][0]):
            ended.append(self._unproved.popleft()[1])
        if self._unproved:
            self._producer.ask_for_proof()
        return ended

    def _record_doubt(self, transfer: Transfer) -> None:
        if transfer.sent_twice and not transfer.doubt_is_recorded:
            transfer.doubt_is_recorded = True
            if transfer.version.n_chunks > 1:
                self._ledger.versions.mark_sent_twice(transfer.version.version_id)

    def _record_unfinished(self, transfer: Transfer) -> None:
        version = transfer.version
        if version.n_chunks > 1:
            self._ledger.versions.record([transfer.delivery()])
        if transfer.is_abandoned:
            self._ledger.versions.close(version.version_id, VersionState.ABANDONED)
            return
        if version.n_chunks > 1 and not transfer.may_be_on_topic:
            self._ledger.versions.close(version.version_id, VersionState.REFUSED)
        self._ledger.files.set_unsent(transfer.file, FileState.HELD, transfer.refusal,
                                      transfer.retry_after_seconds)

    def _say_held(self, held: list[Transfer]) -> None:
        """Log a few versions one by one; what struck many at once is said once."""
        for transfer in held[:_MOST_SINGLE_LINES]:
            logger.error("%s is held: %s", transfer.version.rel_path, transfer.refusal)
            self._notify(NoticeKind.FILE_HELD, transfer.refusal, transfer.version.rel_path)
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
        for transfer in released:
            if transfer.is_abandoned:
                self._touch_again(transfer.file)
        self.n_uploaded += len(complete)
        if not complete:
            return
        self._say_uploaded(complete)
        for transfer in complete:
            self._announce(transfer)

    def _say_uploaded(self, complete: list[Transfer]) -> None:
        """Log a few versions one by one, and many as one line."""
        if len(complete) > _MOST_SINGLE_LINES:
            n_bytes = sum(s.version.n_bytes for s in complete)
            logger.info("%s files uploaded, %s bytes", f"{len(complete):,}", f"{n_bytes:,}")
            return
        for transfer in complete:
            version = transfer.version
            logger.info("%s uploaded: %s bytes, %s chunk%s in %.1f s", version.rel_path,
                        f"{version.n_bytes:,}", f"{version.n_chunks:,}",
                        "" if version.n_chunks == 1 else "s",
                        max(0.0, (transfer.completed or 0) - transfer.started))

    def _announce(self, transfer: Transfer) -> None:
        version = transfer.version
        if version.may_not_rebuild:
            self.n_may_not_rebuild += 1
            logger.warning(
                "%s is uploaded, but a consumer that received part of an older version may not "
                "rebuild it: delete its partial copy there, or restart it", version.rel_path)
        self._notify(NoticeKind.FILE_UPLOADED, "uploaded", version.rel_path)
