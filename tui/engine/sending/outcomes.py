"""What became of versions on their way, from their end until it is recorded."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping

from tui.engine.model.versions import Outcome, OutcomeKind
from tui.engine.sending.queue import UploadQueue
from tui.engine.sending.throughput import ThroughputMeter
from tui.engine.sending.topic_proof import TopicProof
from tui.engine.sending.transfer import Transfer

logger = logging.getLogger(__name__)


class Outcomes:
    """Gathers what is to be recorded.

    Args:
        queue: the versions on their way.
        proof: tells when what is complete counts.
        traffic: counts files.
    """

    def __init__(self, queue: UploadQueue, proof: TopicProof,
                 traffic: ThroughputMeter) -> None:
        self._queue = queue
        self._proof = proof
        self._traffic = traffic
        self.news = threading.Event()  #: set when something should be recorded at once
        self._ended: deque[Transfer] = deque()
        #: Complete versions and when that was seen: they count once the topic was looked at later.
        self._unproved: deque[tuple[float, Transfer]] = deque()
        self.n_trimmed = 0  #: versions of which the topic deleted chunks before all were sent

    def end(self, transfer: Transfer) -> None:
        """Take a version to which nothing more will happen; any thread, any number of times."""
        if not transfer.end():
            return
        if transfer.is_complete:
            transfer.completed = time.time()
            self._traffic.count_file()
        self._queue.end(transfer.version.rel_path)
        if transfer.is_complete and self._proof.is_possible:
            self._unproved.append((time.monotonic(), transfer))
            self._proof.ask()
            return
        self._ended.append(transfer)
        if not self._queue.n_uploading:
            self.news.set()

    def take(self) -> list[Outcome]:
        """Return everything that happened since the last time and counts."""
        ended = []
        while self._ended:
            ended.append(self._ended.popleft())
        while self._unproved and self._proof.covers(self._unproved[0][0]):
            ended.append(self._unproved.popleft()[1])
        if self._unproved:
            self._proof.ask()
        outcomes = [_progress(transfer) for transfer in self._queue.transfers()
                    if transfer.version.n_chunks > 1 and (
                        transfer.has_news and not transfer.is_ended or _has_duplicates(transfer))]
        return outcomes + [_outcome(transfer) for transfer in ended]

    def lose(self, partition: int, offset: int) -> None:
        """Let nothing count, on its way or complete, that the topic has lost since.

        Args:
            partition: that has lost its end.
            offset: the first one that is gone.
        """
        for transfer in [*self._queue.transfers(), *(t for _, t in self._unproved.copy())]:
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
            self.n_trimmed += 1
            logger.error(
                "%s: the topic has deleted its first chunks before all were sent, so that nobody "
                "who comes later can rebuild it: raise retention.ms or retention.bytes of the "
                "topic, then send it again with reupload", transfer.version.rel_path)


def _has_duplicates(transfer: Transfer) -> bool:
    return transfer.sent_twice and not transfer.are_duplicates_recorded


def _progress(transfer: Transfer) -> Outcome:
    has_duplicates = _has_duplicates(transfer)
    transfer.are_duplicates_recorded |= has_duplicates
    return Outcome(OutcomeKind.PROGRESS, transfer.file, transfer.delivery(), has_duplicates)


def _outcome(transfer: Transfer) -> Outcome:
    if transfer.is_complete:
        kind = OutcomeKind.COMPLETE
    else:
        kind = OutcomeKind.ABANDONED if transfer.is_abandoned else OutcomeKind.HELD
    has_duplicates = _has_duplicates(transfer)
    transfer.are_duplicates_recorded |= has_duplicates
    return Outcome(kind, transfer.file, transfer.delivery(), has_duplicates,
                   transfer.may_be_on_topic, transfer.hold_reason, transfer.retry_after_seconds)
