"""Answers what front ends ask: the snapshot, pages of long lists, and explanations of paths."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tui.engine.announcer import Announcer
from tui.engine.finding.finder import Finder
from tui.engine.finding.selection import NOT_UTF8
from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.snapshot import (
    BrokerState,
    Counts,
    Explanation,
    Freshness,
    Page,
    PageKind,
    PageOrder,
    PathState,
    Snapshot,
    Traffic,
)
from tui.engine.model.versions import ChunkMap, VersionState
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.pages import file_page, n_bytes_of_first, sorted_as
from tui.engine.sending.connection import Obstacle
from tui.engine.sending.producer import ChunkProducer
from tui.engine.sending.source import Source
from tui.engine.sending.throughput import TransferRates
from tui.engine.sending.transfer import Transfer
from tui.engine.system.paths import as_like, is_utf8, matches

#: Versions on their way that a snapshot lists; more are only counted.
_MOST_LISTED = 1000
#: Files on their way are few where they are large, and shown elsewhere.
_MOST_LEFT_OUT = 500

_Part = tuple[int, Sequence[FileStatus], PageOrder]


class Queries:
    """Answers what people ask: of the whole, of long lists, and of single paths.

    Args:
        ledger, finder, producer, announcer: they know.
        hashing: the files that are read for the first time, by path.
    """

    def __init__(self, ledger: Ledger, finder: Finder, producer: ChunkProducer,
                 announcer: Announcer, hashing: Mapping[str, Source]) -> None:
        self._ledger = ledger
        self._finder = finder
        self._producer = producer
        self._connection, self._queue = producer.connection, producer.queue
        self._announcer = announcer
        self._hashing = hashing
        self._rates = TransferRates()

    # Of the whole.

    def snapshot(self, base: Snapshot, unacknowledged: str) -> Snapshot:
        """Return a snapshot that says everything; cheap enough for several times a second.

        Args:
            base: knows the program's life, heartbeats and log messages.
            unacknowledged: why nothing is acknowledged, where no state of the broker says it.
        """
        transfers = self._queue.transfers(_MOST_LISTED)
        self._rates.note(transfers)
        counts, n_bytes_waiting = self._ledger.files.counts()
        return replace(
            base, is_paused=self._connection.is_blocked_by(Obstacle.PAUSED),
            counts=self._counts(counts), traffic=self._traffic(transfers, n_bytes_waiting),
            broker=self._producer.health.status(), freshness=self._freshness(),
            uploading=(*(s.status() for s in list(self._hashing.values())),
                       *(self._status(t) for t in transfers if not t.is_ended)),
            n_unrecorded=self._ledger.files.last_n_unrecorded,
            problems=tuple(self._problems(base, unacknowledged)))

    def _status(self, transfer: Transfer) -> FileStatus:
        return transfer.status(self._rates.of(transfer))

    def _counts(self, counts: Counts) -> Counts:
        return replace(
            counts, uploading=self._queue.n_claimed,  # until it is recorded
            waiting=max(0, counts.waiting - self._queue.n_claimed),
            settling=max(counts.settling, self._finder.n_settling),
            failed=counts.failed + len(self._finder.stuck.unsendable()),
            uploaded_this_run=self._announcer.n_uploaded)

    def _traffic(self, transfers: Sequence[Transfer], n_bytes_waiting: int) -> Traffic:
        meter, in_flight = self._producer.traffic, self._producer.in_flight
        rate, files_per_second, history = meter.rates()
        n_done = sum(min(t.n_delivered * t.version.chunk_size, t.version.n_bytes)
                     for t in transfers)
        n_left = max(0, n_bytes_waiting - n_done)
        return Traffic(
            n_bytes_sent=meter.n_bytes, n_chunks_sent=meter.n_chunks, n_bytes_waiting=n_left,
            n_bytes_in_flight=in_flight.n_bytes, n_chunks_in_flight=in_flight.n_messages,
            in_flight_limit_bytes=in_flight.limit_bytes, queue_max_bytes=in_flight.max_bytes,
            line_bytes_per_second=in_flight.line.bytes_per_second,
            round_trip_seconds=in_flight.line.round_trip_seconds, bytes_per_second=rate,
            peak_bytes_per_second=meter.peak_bytes_per_second,
            files_per_second=files_per_second, history=history,
            seconds_left=n_left / rate if rate > 0 and n_left else None)

    def _freshness(self) -> Freshness:
        acknowledged = self._producer.traffic.last_acknowledgement
        since = self._ledger.files.oldest_unsent
        return replace(
            self._finder.freshness(),
            last_acknowledgement_age=None if acknowledged is None
            else time.monotonic() - acknowledged,
            oldest_unsent_age=None if since is None else max(0.0, time.time() - since))

    def _problems(self, base: Snapshot, unacknowledged: str) -> Iterator[str]:
        broker = self._producer.health.status()
        if broker.state is BrokerState.UNREACHABLE:
            yield f"the broker is unreachable: {broker.reason}"
        if broker.state is BrokerState.REFUSED:
            yield f"the broker refuses: {broker.reason}"
        if self._ledger.database.problem:
            yield self._ledger.database.problem
        if unacknowledged:
            yield unacknowledged
        yield from self._finder.problems()
        for name in base.dead_threads:
            yield f"the thread {name} ended by an error; see the log"
        for what, status in (("heartbeats", base.heartbeat), ("log messages", base.log_messages)):
            if status.n_failed and status.last_outcome not in ("delivered", "on its way"):
                yield f"{what}: {status.last_outcome}"

    # Of long lists.

    def page(self, kind: PageKind, offset: int, n_rows: int, pattern: str = "",
             order: PageOrder = PageOrder.LINE) -> Page:
        """Return some rows of a long list.

        Args:
            kind: which list.
            offset, n_rows: which rows.
            pattern: part of the path, or a glob; empty for all.
            order: how to sort; files that settle or are refused always come in the queue's order.
        """
        if kind is PageKind.UPLOADED:
            order = sorted_as(order, self._ledger.files.counts()[0].uploaded)
            n_total, records = self._ledger.versions.page(offset, n_rows, as_like(pattern), order)
            return Page(kind, offset, n_total, records, order)
        parts = {
            PageKind.QUEUE: (self._settling_part, self._stuck_part, self._waiting_part),
            PageKind.WAITING: (self._waiting_part,),
            PageKind.HELD: (self._stuck_part,)}[kind]
        rows: list[FileStatus] = []
        n_total, shown_as = 0, order
        for part in parts:
            n, found, shown_as = part(max(0, offset - n_total), n_rows - len(rows), pattern, order)
            n_total += n
            rows += found
        return Page(kind, offset, n_total, tuple(rows), shown_as)

    def _settling_part(self, offset: int, n_rows: int, pattern: str, order: PageOrder) -> _Part:
        n_total, rows = self._finder.settling_page(offset, n_rows, pattern)
        return n_total, rows, order

    def _stuck_part(self, offset: int, n_rows: int, pattern: str, order: PageOrder) -> _Part:
        n_total, rows, order = file_page(
            self._ledger.database, (FileState.HELD, FileState.FAILED), offset, n_rows,
            like=as_like(pattern), order=order)
        unsendable = [r for r in self._finder.stuck.unsendable()
                      if not pattern or matches(pattern, r.rel_path)]
        start = max(0, offset - n_total)
        more = unsendable[start:start + n_rows - len(rows)]
        return n_total + len(unsendable), [*rows, *more], order

    def _waiting_part(self, offset: int, n_rows: int, pattern: str, order: PageOrder) -> _Part:
        """Return what is queued and not claimed, and the payload that goes before each."""
        database, transfers = self._ledger.database, self._queue.transfers(_MOST_LEFT_OUT)
        claimed = [transfer.file.file_id for transfer in transfers]
        n_total, rows, order = file_page(
            database, (FileState.WAITING,), offset, n_rows, like=as_like(pattern), order=order,
            without=claimed)
        if pattern or order is not PageOrder.LINE or not rows:
            return n_total, rows, order
        ahead = n_bytes_of_first(database, offset, claimed)
        if ahead is None:
            return n_total, rows, order
        ahead += sum(max(0, t.version.n_bytes - t.n_delivered * t.version.chunk_size)
                     for t in transfers)
        shown = []
        for row in rows:
            shown.append(replace(row, n_bytes_ahead=ahead))
            ahead += row.n_bytes
        return n_total, shown, order

    # Of single paths.

    def explain(self, rel_path: str) -> Explanation:
        """Return what is happening to a path, and why."""
        excluded = self._finder.why_excluded(rel_path)
        if not is_utf8(rel_path):  # the ledger cannot know it
            if not excluded and self._finder.observe(rel_path) is None:
                return Explanation(rel_path, PathState.UNKNOWN,
                                   reason=self._finder.why_unknown(rel_path))
            return Explanation(rel_path, PathState.EXCLUDED, reason=excluded or NOT_UTF8)
        records = self._ledger.versions.records_of(rel_path)
        version = records[0] if records else None
        if excluded:
            return Explanation(rel_path, PathState.EXCLUDED, version=version, reason=excluded)
        for unsendable in self._finder.stuck.unsendable():
            if unsendable.rel_path == rel_path:
                return Explanation(rel_path, PathState.FAILED, unsendable, version,
                                   reason=unsendable.reason)
        status = self._status_on_its_way(rel_path)
        if status is not None:
            return Explanation(rel_path, PathState.UPLOADING, status, version)
        status = self._finder.settling_status(rel_path) or self._ledger.files.status(rel_path)
        if status is None:
            return Explanation(rel_path, PathState.UNKNOWN,
                               reason=self._finder.why_unknown(rel_path))
        if status.state is FileState.UPLOADED and version is not None \
                and version.state is not VersionState.COMPLETE:
            version = next((r for r in records if r.state is VersionState.COMPLETE), version)
        ahead = 0
        if status.state is FileState.WAITING:
            ahead = self._ledger.files.n_bytes_ahead(rel_path)
        return Explanation(rel_path, PathState.of(status.state), status, version, ahead,
                           status.reason or self._doubt(rel_path, status))

    def _status_on_its_way(self, rel_path: str) -> FileStatus | None:
        source = self._hashing.get(rel_path)
        if source is not None:
            return source.status()
        transfer = self._queue.transfer_of(rel_path)
        return None if transfer is None else self._status(transfer)

    def _doubt(self, rel_path: str, status: FileStatus) -> str:
        known = self._ledger.files.known(rel_path) if status.state is FileState.UPLOADED else None
        if known is None or not known.is_in_doubt:
            return ""
        return "it may have changed since, and is read again to see whether it did"

    def chunk_map(self, rel_path: str) -> ChunkMap | None:
        """Return the chunks of a path that is being sent."""
        transfer = self._queue.transfer_of(rel_path)
        return None if transfer is None else transfer.chunk_map()
