"""Answers what front ends ask: the snapshot, pages of long lists, and explanations of paths."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tui.engine.announcer import Announcer
from tui.engine.finding.finder import Finder
from tui.engine.finding.selection import NOT_UTF8
from tui.engine.model.files import FileState, FileStatus, WaitingFile
from tui.engine.model.snapshot import (
    BrokerState,
    Cause,
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
from tui.engine.recording.census import Count
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.pages import (
    Chosen,
    causes,
    file_page,
    n_bytes_of_first,
    uploaded_page,
)
from tui.engine.sending.connection import Obstacle
from tui.engine.sending.producer import ChunkProducer
from tui.engine.sending.source import SLICE_BYTES, Source
from tui.engine.sending.throughput import TransferRates
from tui.engine.sending.transfer import Transfer
from tui.engine.system.paths import as_like, is_utf8, matches

#: Versions on their way that a snapshot lists; more are only counted.
_MOST_LISTED = 1000
#: A version that is not acknowledged for so long has stalled: at least so many seconds, and so many
#: times what the line explains.
_LEAST_STALL_SECONDS, _STALL_FACTOR = 5.0, 4.0

_MOST_EXAMPLES = 3

_Claimed = tuple[WaitingFile, Transfer | None]
_Part = tuple[int, tuple[FileStatus, ...]]


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
        self._shown = Count()  #: of the last snapshot: lists say the same

    # Of the whole.

    def snapshot(self, base: Snapshot, unacknowledged: str) -> Snapshot:
        """Return a snapshot that says everything; cheap enough for several times a second.

        Args:
            base: knows the program's life, heartbeats and log messages.
            unacknowledged: why nothing is acknowledged, where no state of the broker says it.
        """
        claimed = self._queue.claimed()
        count = self._ledger.census.take([file.file_id for file, _ in claimed])
        on_their_way = [(file, transfer) for file, transfer in claimed
                        if file.file_id in count.on_their_way]
        listed = on_their_way[:_MOST_LISTED]
        self._rates.note(transfer for _, transfer in listed if transfer is not None)
        patience = self._patience_seconds()
        shown = [self._status_of(*one, patience) for one in listed]
        n_reading = sum(status.state is FileState.READING for status in shown) + sum(
            file.rel_path in self._hashing for file, _ in on_their_way[_MOST_LISTED:])
        self._shown = count
        return replace(
            base, is_paused=self._connection.is_blocked_by(Obstacle.PAUSED),
            counts=self._counts(count.counts, n_reading, shown),
            traffic=self._traffic(count, on_their_way),
            broker=self._producer.health.status(), freshness=self._freshness(count),
            uploading=tuple(shown),
            n_unrecorded=self._ledger.files.last_n_unrecorded, n_heard=self._finder.n_heard,
            problems=tuple(self._problems(base, unacknowledged)))

    def _status_of(self, file: WaitingFile, transfer: Transfer | None,
                   patience_seconds: float) -> FileStatus:
        """Return where a claimed file stands."""
        if transfer is not None:
            return self._status(transfer, patience_seconds)
        source = self._hashing.get(file.rel_path)
        return FileStatus(file.rel_path, FileState.UPLOADING, file.n_bytes) if source is None \
            else source.status()

    def _status(self, transfer: Transfer, patience_seconds: float) -> FileStatus:
        rate, still = self._rates.of(transfer)
        return transfer.status(rate, still if still > patience_seconds else None)

    def _patience_seconds(self) -> float:
        """Return how long the line may take for an acknowledgement before it counts as stalled."""
        in_flight = self._producer.in_flight
        line = in_flight.line
        on_the_line = in_flight.n_bytes / line.bytes_per_second if line.bytes_per_second else 0.0
        return max(_LEAST_STALL_SECONDS, _STALL_FACTOR * (line.round_trip_seconds + on_the_line))

    def _counts(self, counts: Counts, n_reading: int, listed: Sequence[FileStatus]) -> Counts:
        n_stalled = sum(status.state is FileState.STALLED for status in listed)
        growing = min(self._finder.n_growing(), counts.settling)
        return replace(
            counts, reading=n_reading, stalled=n_stalled,
            uploading=counts.uploading - n_reading - n_stalled,
            settling=counts.settling - growing, growing=growing,
            failed=counts.failed + len(self._finder.stuck.unsendable()),
            uploaded_this_run=self._announcer.n_files,
            n_versions_this_run=self._announcer.n_versions)

    def _traffic(self, count: Count, on_their_way: Sequence[_Claimed]) -> Traffic:
        meter, in_flight = self._producer.traffic, self._producer.in_flight
        rate, files_per_second, history = meter.rates()
        n_done = sum(min(t.n_delivered * t.version.chunk_size, t.version.n_bytes)
                     for _, t in on_their_way if t is not None)
        n_left = max(0, count.n_bytes_waiting - n_done)
        return Traffic(
            n_bytes_sent=meter.n_bytes, n_chunks_sent=meter.n_chunks, n_bytes_waiting=n_left,
            n_bytes_in_flight=in_flight.n_bytes, n_chunks_in_flight=in_flight.n_messages,
            in_flight_limit_bytes=in_flight.limit_bytes, queue_max_bytes=in_flight.max_bytes,
            line_bytes_per_second=in_flight.line.bytes_per_second,
            round_trip_seconds=in_flight.line.round_trip_seconds, bytes_per_second=rate,
            peak_bytes_per_second=meter.peak_bytes_per_second,
            files_per_second=files_per_second, history=history,
            seconds_left=_seconds_left(n_left, self._steady_rate()))

    def _steady_rate(self) -> float | None:
        """Return the rate that times left are computed from, bytes a second; None for none."""
        meter = self._producer.traffic
        age = meter.age()
        if age is None or age > self._patience_seconds() or not self._connection.may_send:
            return None
        return meter.steady_rate()

    def _freshness(self, count: Count) -> Freshness:
        since = count.oldest_unsent
        return replace(
            self._finder.freshness(), last_acknowledgement_age=self._producer.traffic.age(),
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
             order: PageOrder = PageOrder.LINE, reason: str = "") -> Page:
        """Return some rows of a long list.

        Args:
            kind: which list.
            offset, n_rows: which rows.
            pattern: part of the path, or a glob; empty for all.
            order: how to sort; files that settle always come in the order in which they are due.
            reason: of the stuck files, those that are stuck for this, one by one; without it, and
                without a pattern, those with one cause are one row.
        """
        chosen = Chosen((), as_like(pattern), reason, order=order)
        database = self._ledger.database
        if kind is PageKind.UPLOADED:
            return Page(kind, offset, *uploaded_page(
                database, replace(chosen, states=(FileState.UPLOADED,)), offset, n_rows))
        if kind is PageKind.NOT_TAKEN:
            return Page(kind, offset, *file_page(
                database, replace(chosen, states=(FileState.NOT_TAKEN,)), offset, n_rows))
        if kind is PageKind.HELD and (pattern or reason):
            return Page(kind, offset, *self._stuck_part(offset, n_rows, pattern, chosen))
        if kind is PageKind.HELD:
            found = self.causes()
            return Page(kind, offset, len(found), tuple(
                self._cause_or_file(cause) for cause in found[offset:offset + n_rows]))
        n_total, rows = (0, ()) if kind is PageKind.WAITING \
            else self._finder.settling_page(offset, n_rows, pattern)
        n_waiting, waiting = self._waiting_part(max(0, offset - n_total), n_rows - len(rows),
                                                chosen)
        return Page(kind, offset, n_total + n_waiting, (*rows, *waiting))

    def causes(self) -> tuple[Cause, ...]:
        """Return why files are stuck, those that need a person first."""
        unsendable: dict[str, list[FileStatus]] = {}
        for status in self._finder.stuck.unsendable():
            unsendable.setdefault(status.reason, []).append(status)
        names = (Cause(FileState.FAILED, reason, len(found), sum(s.n_bytes for s in found),
                       min(s.since or 0.0 for s in found), max(s.since or 0.0 for s in found),
                       None, tuple(s.rel_path for s in found[:_MOST_EXAMPLES]))
                 for reason, found in unsendable.items())
        return (*names, *causes(self._ledger.database))

    def _cause_or_file(self, cause: Cause) -> Cause | FileStatus:
        """Return the one file of a cause, or the cause where there are several."""
        if cause.n_files > 1:
            return cause
        _, rows = self._stuck_part(0, 1, "", Chosen((), reason=cause.reason))
        return rows[0] if rows else cause

    def _stuck_part(self, offset: int, n_rows: int, pattern: str, chosen: Chosen) -> _Part:
        n_total, rows = file_page(
            self._ledger.database, replace(chosen, states=(FileState.HELD, FileState.FAILED)),
            offset, n_rows)
        unsendable = [r for r in self._finder.stuck.unsendable()
                      if (not pattern or matches(pattern, r.rel_path))
                      and chosen.reason in ("", r.reason)]
        start = max(0, offset - n_total)
        more = unsendable[start:start + n_rows - len(rows)]
        return n_total + len(unsendable), (*rows, *more)

    def _waiting_part(self, offset: int, n_rows: int, chosen: Chosen) -> _Part:
        """Return what is queued and not claimed, and what goes before each."""
        database, claimed = self._ledger.database, self._shown.on_their_way
        n_total, rows = file_page(
            database, replace(chosen, states=(FileState.WAITING,), without=claimed), offset,
            n_rows)
        if chosen.like or chosen.order is not PageOrder.LINE or not rows:
            return n_total, rows
        ahead = n_bytes_of_first(database, offset, SLICE_BYTES, claimed)
        if ahead is None:
            return n_total, rows
        small, large = ahead
        for transfer in self._queue.transfers():
            n_left = max(0, transfer.version.n_bytes
                         - transfer.n_delivered * transfer.version.chunk_size)
            small, large = small + n_left * (not transfer.is_large), \
                large + n_left * transfer.is_large
        shown, rate = [], self._steady_rate()
        for row in rows:
            is_small = row.n_bytes <= SLICE_BYTES
            before = small if is_small else small + large  # small files go before large ones
            shown.append(replace(row, n_bytes_ahead=before,
                                 seconds_left=_seconds_left(before, rate)))
            small, large = small + row.n_bytes * is_small, large + row.n_bytes * (not is_small)
        return n_total, tuple(shown)

    # Of single paths.

    def explain(self, rel_path: str) -> Explanation:
        """Return what is happening to a path, and why."""
        excluded = self._finder.why_excluded(rel_path)
        if not is_utf8(rel_path):  # the ledger cannot know it
            if not excluded and self._finder.observe(rel_path) is None:
                return Explanation(rel_path, PathState.UNKNOWN,
                                   reason=self._finder.why_unknown(rel_path))
            return Explanation(rel_path, PathState.EXCLUDED,
                               reason=excluded or f"{NOT_UTF8}. Rename it")
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
            return Explanation(rel_path, PathState.of(status.state), status, version,
                               obstacle=self._obstacle())
        status = self._finder.settling_status(rel_path) or self._ledger.files.status(rel_path)
        if status is None:
            return Explanation(rel_path, PathState.UNKNOWN,
                               reason=self._finder.why_unknown(rel_path))
        if status.state is FileState.UPLOADED and version is not None \
                and version.state is not VersionState.COMPLETE:
            version = next((r for r in records if r.state is VersionState.COMPLETE), version)
        obstacle = ""
        if status.state is FileState.WAITING:
            ahead = self._ledger.files.n_bytes_ahead(rel_path, SLICE_BYTES)
            status = replace(status, n_bytes_ahead=ahead,
                             seconds_left=_seconds_left(ahead, self._steady_rate()))
            obstacle = self._obstacle()
        return Explanation(rel_path, PathState.of(status.state), status, version,
                           status.reason or self._doubt(rel_path, status), obstacle)

    def _obstacle(self) -> str:
        """Return what keeps everything from being uploaded just now; empty where nothing does."""
        broker = self._producer.health.status()
        if self._connection.is_blocked_by(Obstacle.PAUSED):
            return "Uploading is paused: resume goes on"
        if self._ledger.database.problem:
            return f"Nothing is sent just now: {self._ledger.database.problem}"
        if broker.state is BrokerState.CONNECTED:
            return ""
        why = f": {broker.reason}" if broker.reason else ""
        what = {BrokerState.CONNECTING: "is not connected yet",
                BrokerState.REFUSED: "refuses"}.get(broker.state, "is unreachable")
        return f"The broker {what}{why}. Your files are safe on this disk; retried automatically"

    def _status_on_its_way(self, rel_path: str) -> FileStatus | None:
        source = self._hashing.get(rel_path)
        if source is not None:
            return source.status()
        transfer = self._queue.transfer_of(rel_path)
        return None if transfer is None else self._status(transfer, self._patience_seconds())

    def _doubt(self, rel_path: str, status: FileStatus) -> str:
        known = self._ledger.files.known(rel_path) if status.state is FileState.UPLOADED else None
        if known is None or not known.is_in_doubt:
            return ""
        return "it may have changed since, and is read again to see whether it did"

    def chunk_map(self, rel_path: str) -> ChunkMap | None:
        """Return the chunks of a path that is being sent."""
        transfer = self._queue.transfer_of(rel_path)
        return None if transfer is None else transfer.chunk_map()


def _seconds_left(n_bytes: int, rate: float | None) -> float | None:
    """Return how long a backlog takes; None for none, or without a rate."""
    return n_bytes / rate if n_bytes and rate else None
