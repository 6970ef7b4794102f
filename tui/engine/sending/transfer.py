"""One version on its way: which chunks are acknowledged, in flight, or to be sent again."""

from __future__ import annotations

import bisect
import enum
import threading
import time
from collections.abc import Sequence
from typing import Any

from tui.engine.model.files import FileState, FileStatus, WaitingFile
from tui.engine.model.versions import ChunkMap, Delivery, FileVersion, OffsetRange
from tui.engine.sending.messages import MessageMaker
from tui.engine.sending.source import Source


class TransferState(enum.Enum):
    """Where a transfer stands.

    * PRODUCING -> QUEUED, AWAITING: its worker's turn is over.
    * QUEUED -> PRODUCING, AWAITING: a worker takes it, unless nothing more is to be produced.
    * AWAITING -> QUEUED: the polling thread learns that a chunk has to be sent again.
    * AWAITING -> ENDED: nothing more will happen to it.
    * PRODUCING, QUEUED -> LEAVING -> ENDED: the same, while a worker may be reading its bytes.
    """

    PRODUCING = enum.auto()  #: a worker has it
    QUEUED = enum.auto()  #: queued for a worker
    AWAITING = enum.auto()  #: its chunks are produced, and the reports come
    LEAVING = enum.auto()  #: ended, and not given back yet
    ENDED = enum.auto()  #: its bytes are given up


_ENDED = (TransferState.LEAVING, TransferState.ENDED)


class Transfer:
    """A version on its way, from its first message to its last delivery report.

    One worker at a time produces from it; the polling thread reports deliveries; others only read.
    A report costs the same whatever the number of chunks.

    Args:
        version: what is sent.
        file: its row in the line.
        maker: makes its messages.
        source: where its bytes come from, unless ``data`` holds them all.
        data: the whole content of a version that fits one slice.
        delivered: bitmap of the chunks that earlier runs delivered.
        started: epoch seconds of when an earlier run or attempt began it; None for a new one.
    """

    def __init__(self, version: FileVersion, file: WaitingFile, maker: MessageMaker, *,
                 source: Source | None = None, data: bytes | None = None,
                 delivered: bytes = b"", started: float | None = None,
                 offsets: tuple[OffsetRange, ...] = ()) -> None:
        self.version = version
        self.file = file
        self.maker = maker
        self.source = source
        self.data = data
        self.is_large = data is None  #: read slice by slice, and not held in memory
        self.started = time.time() if started is None else started
        self.completed: float | None = None
        n_bytes_of_map = (version.n_chunks + 7) // 8
        self.delivered = bytearray(delivered or bytes(n_bytes_of_map))
        self.n_delivered = int.from_bytes(self.delivered).bit_count()
        self.next_index = 0  #: chunks below were produced, or delivered before
        self.again: list[int] = []  #: chunks to be produced again
        self.n_in_flight = 0
        self.has_news = False  #: something was acknowledged that is not recorded
        self.is_abandoned = False  #: its bytes cannot be had any more, or do not count
        self.is_new = True  #: not begun by an earlier run or attempt
        self.is_trimmed = False  #: the topic has deleted chunks of it already
        self.n_failures = 0
        self.client_number: int | None = None  #: of the producer, where several share the work
        self.are_duplicates_recorded = False
        self.hold_reason = ""  #: why it cannot be sent just now; empty while it can
        self.retry_after_seconds: float | None = None
        #: Whether chunks of it may be on the topic, acknowledged or not.
        self.may_be_on_topic = started is not None
        self.sent_twice = version.sent_twice
        #: What its messages are produced with: one for all, or it would burden the collector.
        self.arguments: dict[str, Any] = {}
        self._first_copies = 2 if version.is_recovery else 1
        self._offsets = {r.partition: [r.first, r.last] for r in offsets}
        self._lock = threading.Lock()
        self._state = TransferState.PRODUCING

    @property
    def is_ended(self) -> bool:
        """Whether its end was reported."""
        return self._state in _ENDED

    @property
    def is_complete(self) -> bool:
        """Whether every chunk is acknowledged."""
        return self.n_delivered >= self.version.n_chunks

    @property
    def is_produced(self) -> bool:
        """Whether nothing is left to produce just now."""
        return self.next_index >= self.version.n_chunks and not self.again

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it: complete, or given up and nothing in flight."""
        return self.n_in_flight == 0 and (
            self.is_complete or self.is_abandoned or bool(self.hold_reason))

    @property
    def _may_go_on(self) -> bool:
        return not (self.is_ended or self.is_abandoned or self.hold_reason)

    # Whose it is.

    def release(self) -> bool:
        """End a worker's turn; return whether it is queued for the next one."""
        with self._lock:
            if self._state is TransferState.LEAVING:
                self._end()
            elif self._may_go_on and not self.is_produced:
                self._state = TransferState.QUEUED
                return True
            else:
                self._state = TransferState.AWAITING
            return False

    def queue(self) -> bool:
        """Queue it for a worker where nobody has it; return whether it is there now."""
        with self._lock:
            if self._state is not TransferState.AWAITING or not self._may_go_on:
                return False
            self._state = TransferState.QUEUED
            return True

    def take(self) -> bool:
        """Take it out of the line; False where there is nothing more to produce."""
        with self._lock:
            if self._state is TransferState.LEAVING:
                self._end()
                return False
            goes_on = self._may_go_on
            self._state = TransferState.PRODUCING if goes_on else TransferState.AWAITING
            return goes_on

    def end(self) -> bool:
        """Note that nothing more will happen to it; False where that was noted before."""
        with self._lock:
            if self.is_ended:
                return False
            if self._state is TransferState.AWAITING:
                self._end()
            else:
                self._state = TransferState.LEAVING
            return True

    def discard(self) -> None:
        """Give it up before anybody else has seen it."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        self._state = TransferState.ENDED
        self.arguments = {}  # or it would hold itself
        self.data = None
        if self.source is not None:
            self.source.close()

    # What is produced.

    def is_delivered(self, index: int) -> bool:
        """Return whether a chunk, counted from 0, is acknowledged."""
        return bool(self.delivered[index >> 3] & (1 << (index & 7)))

    def n_copies(self, index: int) -> int:
        """Return how often a chunk is produced: the first one of a recovery goes twice."""
        return self._first_copies if index == 0 else 1

    def digest_of(self, index: int) -> bytes:
        """Return the SHA-512 of a chunk, counted from 0, where it is known; else nothing."""
        if self.version.n_chunks == 1:
            return self.version.sha512
        digests = None if self.source is None else self.source.digests
        return b"" if digests is None else digests.of(index, self.version.chunk_size)

    def next_unit(self, unit_chunks: int) -> list[int]:
        """Return the chunks to produce next, all within one unit; empty where none is left.

        Chunks whose delivery failed come first, and are taken; see :meth:`put_back`.

        Args:
            unit_chunks: chunks that are read together.
        """
        with self._lock:
            if self.again:
                self.again.sort()
                end = self.again[0] - self.again[0] % unit_chunks + unit_chunks
                n_taken = bisect.bisect_left(self.again, end)
                taken = sorted(set(self.again[:n_taken]))
                del self.again[:n_taken]
                return [index for index in taken if not self.is_delivered(index)]
        while self.next_index < self.version.n_chunks:
            first = self.next_index
            end = min(self.version.n_chunks, first - first % unit_chunks + unit_chunks)
            unit = [index for index in range(first, end) if not self.is_delivered(index)]
            if unit:
                return unit
            self.next_index = end
        return []

    def produced(self, index: int) -> None:
        """Note that a chunk of the unit in work was produced."""
        self.next_index = max(self.next_index, index + 1)

    def put_back(self, indexes: Sequence[int]) -> None:
        """Return chunks of the unit in work that were not produced after all."""
        with self._lock:
            self.again.extend(index for index in indexes if index < self.next_index)

    def launch(self, n_messages: int = 1) -> None:
        """Count messages as produced; call it before producing."""
        with self._lock:
            self.n_in_flight += n_messages

    def take_back(self, n_messages: int = 1) -> None:
        """Count messages as not produced after all."""
        with self._lock:
            self.n_in_flight -= n_messages

    def acknowledge(self, index: int, partition: int, offset: int) -> None:
        """Record one positive delivery report, on the polling thread."""
        if index == 0 and self._first_copies > 1:
            self._first_copies -= 1
        elif not self.is_delivered(index):
            self.delivered[index >> 3] |= 1 << (index & 7)
            self.n_delivered += 1
        self.may_be_on_topic = True
        self.n_failures = 0
        known = self._offsets.get(partition)
        if offset < 0:
            pass  # the broker had it already, and does not say where
        elif known is None:
            self._offsets[partition] = [offset, offset]
        elif offset > known[1]:
            known[1] = offset
        elif offset < known[0]:
            known[0] = offset
        with self._lock:
            self.n_in_flight -= 1
        self.has_news = True

    def send_again(self, index: int, *, may_have_arrived: bool) -> None:
        """Note a chunk whose delivery failed for now, on the polling thread."""
        if may_have_arrived:
            self.may_be_on_topic = self.sent_twice = True
        with self._lock:
            self.again.append(index)
            self.n_in_flight -= 1

    def reject(self, reason: str, retry_after_seconds: float | None) -> None:
        """Note that the broker rejects a chunk, on the polling thread."""
        self.hold(reason, retry_after_seconds)
        with self._lock:
            self.n_in_flight -= 1

    def has_offsets_from(self, partition: int, offset: int) -> bool:
        """Return whether an acknowledgement gave such an offset, or a later one."""
        return any(r.partition == partition and r.last >= offset for r in self.offsets())

    def abandon(self) -> None:
        """Note that its bytes cannot be had any more."""
        self.is_abandoned = True

    def lose(self) -> None:
        """Note that the topic has lost some of it, acknowledged or not: it starts over."""
        self.n_delivered, self.completed = 0, None
        self.delivered = bytearray(len(self.delivered))
        self.abandon()

    def hold(self, reason: str, retry_after_seconds: float | None) -> None:
        """Produce nothing more for now; the first reason counts."""
        self.hold_reason = self.hold_reason or reason
        self.retry_after_seconds = retry_after_seconds

    def offsets(self) -> tuple[OffsetRange, ...]:
        """Return first and last offset for each partition."""
        return tuple([OffsetRange(partition, first, last)
                      for partition, (first, last) in sorted(self._offsets.items())])

    def delivery(self) -> Delivery:
        """Return what the ledger records of it now."""
        self.has_news = False  # before reading, so that what comes meanwhile is not missed
        return Delivery(self.version, self.started, self.completed, self.n_delivered,
                        bytes(self.delivered), self.offsets())

    def chunk_map(self) -> ChunkMap:
        """Return which chunks are acknowledged and how far producing has come."""
        return ChunkMap(self.version.n_chunks, self.next_index, bytes(self.delivered))

    def status(self, bytes_per_second: float = 0.0,
               stalled_seconds: float | None = None) -> FileStatus:
        """Return it as front ends show it.

        Args:
            bytes_per_second: at which it is acknowledged; see :class:`TransferRates`.
            stalled_seconds: since its last acknowledgement, where that is too long ago.
        """
        left = (self.version.n_chunks - self.n_delivered) * self.version.chunk_size
        if stalled_seconds is not None:
            bytes_per_second = 0.0
        return FileStatus(
            rel_path=self.version.rel_path,
            state=FileState.UPLOADING if stalled_seconds is None else FileState.STALLED,
            stalled_seconds=stalled_seconds,
            n_bytes=self.version.n_bytes, n_chunks=self.version.n_chunks,
            n_chunks_delivered=self.n_delivered, n_chunks_in_flight=self.n_in_flight,
            bytes_per_second=bytes_per_second,
            seconds_left=left / bytes_per_second if bytes_per_second > 0 else None,
            since=self.started)
