"""Puts the snapshot together: one frozen picture of everything that front ends show."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tui.engine.model.snapshot import (
    BrokerState,
    Counts,
    Freshness,
    PeriodicStatus,
    Snapshot,
    Traffic,
)
from tui.engine.pipeline import Pipeline
from tui.engine.sending.transfer import Transfer

#: Versions in hand that a snapshot lists; more are only counted.
_MOST_LISTED = 1000


@dataclass(frozen=True, slots=True)
class Reporting:
    """Asks every part how it stands; cheap enough for some times a second.

    Attributes:
        parts: the engine's.
        dead_threads: names of the threads that ended by an error.
    """

    parts: Pipeline
    dead_threads: Sequence[str]

    def complete(self, base: Snapshot) -> Snapshot:
        """Return a snapshot that says everything, made from one that knows the program's life."""
        transfers = self.parts.queue.transfers(_MOST_LISTED)
        counts, n_bytes_waiting = self.parts.ledger.files.counts()
        heartbeat, log_messages = self.parts.periodic()
        return replace(
            base, is_paused=self.parts.queue.is_paused, counts=self._counts(counts),
            traffic=self._traffic(transfers, n_bytes_waiting),
            broker=self.parts.producer.health.status(), freshness=self._freshness(),
            heartbeat=heartbeat, log_messages=log_messages,
            uploading=(*(s.status() for s in list(self.parts.hashing.values())),
                       *(s.status() for s in transfers if not s.is_ended)),
            n_unrecorded=self.parts.ledger.files.last_n_unrecorded,
            problems=self._problems(heartbeat, log_messages),
            dead_threads=tuple(self.dead_threads))

    def _counts(self, counts: Counts) -> Counts:
        return replace(
            counts, uploading=self.parts.queue.n_in_hand,  # until it is recorded
            waiting=max(0, counts.waiting - self.parts.queue.n_in_hand),
            settling=max(counts.settling, self.parts.finder.n_settling),
            failed=counts.failed + len(self.parts.finder.refused()),
            uploaded_this_run=self.parts.books.n_uploaded)

    def _traffic(self, transfers: Sequence[Transfer], n_bytes_waiting: int) -> Traffic:
        meter, in_flight = self.parts.producer.traffic, self.parts.producer.in_flight
        rate, files_per_second, history = meter.rates()
        n_done = sum(min(s.n_delivered * s.version.chunk_size, s.version.n_bytes)
                     for s in transfers)
        n_left = max(0, n_bytes_waiting - n_done)
        return Traffic(
            n_bytes_sent=meter.n_bytes, n_chunks_sent=meter.n_chunks, n_bytes_waiting=n_left,
            n_bytes_in_flight=in_flight.n_bytes, n_chunks_in_flight=in_flight.n_messages,
            queue_max_bytes=in_flight.max_bytes, bytes_per_second=rate,
            peak_bytes_per_second=meter.peak_bytes_per_second,
            files_per_second=files_per_second, history=history,
            seconds_left=n_left / rate if rate > 0 and n_left else None)

    def _freshness(self) -> Freshness:
        freshness = self.parts.finder.freshness()
        acknowledged = self.parts.producer.traffic.last_acknowledgement
        since = self.parts.ledger.files.oldest_unsent
        return replace(
            freshness,
            last_acknowledgement_age=None if acknowledged is None
            else time.monotonic() - acknowledged,
            oldest_unsent_age=None if since is None else max(0.0, time.time() - since))

    def _problems(self, *periodic: PeriodicStatus) -> tuple[str, ...]:
        broker = self.parts.producer.health.status()
        found = []
        if broker.state is BrokerState.UNREACHABLE:
            found.append(f"the broker is unreachable: {broker.reason}")
        if broker.state is BrokerState.REFUSED:
            found.append(f"the broker refuses: {broker.reason}")
        if self.parts.ledger.database.problem:
            found.append(self.parts.ledger.database.problem)
        if self.parts.sending_problem:
            found.append(self.parts.sending_problem)
        found += self.parts.finder.problems()
        found += [f"the thread {name} ended by an error; see the log"
                  for name in dict.fromkeys(self.dead_threads)]
        for what, status in zip(("heartbeats", "log messages"), periodic, strict=True):
            if status.n_failed and status.last_outcome not in ("delivered", "on its way"):
                found.append(f"{what}: {status.last_outcome}")
        return tuple(found)
