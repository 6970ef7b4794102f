"""Hands chunks to librdkafka's producers, and delivery reports to the versions they belong to."""

from __future__ import annotations

import functools
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message

from tui.config.settings import Settings
from tui.engine.model.snapshot import BrokerState
from tui.engine.sending.broker_health import BrokerHealth, parse_statistics
from tui.engine.sending.connection import Connection
from tui.engine.sending.in_flight import FAR_SECONDS, InFlightLimit
from tui.engine.sending.kafka_errors import Cure, Treatment, judge, principal_of
from tui.engine.sending.outcomes import Outcomes
from tui.engine.sending.partition_ends import PartitionEnds
from tui.engine.sending.producer_pool import WITHOUT_IDEMPOTENCE, ProducerPool
from tui.engine.sending.queue import UploadQueue
from tui.engine.sending.request_sizes import (
    TopicLimit,
    fit_requests,
    linger_seconds,
    request_bytes,
)
from tui.engine.sending.throughput import ThroughputMeter
from tui.engine.sending.topic_proof import TopicProof
from tui.engine.sending.transfer import Transfer
from tui.engine.system.workers import Worker

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Freed:
    """What was acknowledged since room was given back last."""

    n_of: dict[int, tuple[int, int]] = field(default_factory=dict)  #: bytes, messages by partition
    n_value_bytes: int = 0
    n_large_bytes: int = 0


_Report = tuple[Transfer, int, int, int, int, int]

#: Reported by the client itself: the connection was lost, or never was.
_LOSSES = frozenset({
    KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._RESOLVE,
    KafkaError._AUTHENTICATION, KafkaError._SSL})

#: From ``FAR_SECONDS`` on, one idempotent producer leaves the line idle.
_N_CLIENTS_WHEN_FAR = 8
_REBUILD_SECONDS = 1.0


class ChunkProducer(Worker):
    """Owns the clients and polls them: delivery reports, errors and statistics arrive only here.

    Nothing is produced until the connection is verified; after a lost one acknowledgements wait
    until it is verified again.

    Args:
        settings: which topic, which properties.
        connection: says whether anything may be sent; notes what is lost.
        in_flight: bounds the bytes on their way.
        queue: receives what has to be sent again, and notes brokers that reject everything.
        client_logger: for librdkafka's own records.
    """

    def __init__(self, settings: Settings, connection: Connection, in_flight: InFlightLimit,
                 queue: UploadQueue, client_logger: logging.Logger) -> None:
        super().__init__("producing")
        self._topic = settings.topic_name
        self._redact = settings.redact
        self.principal = principal_of(settings.producer_config, settings.redact)
        self.connection = connection
        self.queue = queue
        self.in_flight = in_flight
        self.traffic = ThroughputMeter()
        self.health = BrokerHealth(settings)
        self.proof = TopicProof(connection)
        self.outcomes = Outcomes(queue, self.proof, self.traffic)
        self.ends = PartitionEnds()
        self.n_partitions = 1  #: of the topic, once it is known
        self._unverified: deque[_Report] = deque()  # only this thread touches it
        self._freed = _Freed()  # and this
        self._is_rejecting = False  #: whether the broker would take nothing just now
        self._said_again: set[str] = set()
        self._largest_accepted = 0
        self._is_tuned = False
        self._limit = TopicLimit()
        self._is_far = False
        self.is_hurried = False  #: whether nothing is to wait for company (``linger.ms``)
        self._must_go_alone = self._must_replace = False
        self._said_unreadable = False
        self._next_build = 0.0
        self.is_idempotent = settings.idempotent
        self.clients = ProducerPool(dict(settings.producer_config), client_logger, self._on_error,
                                    self._on_statistics)

    def work(self) -> None:
        while not self.stopping.is_set():
            fatal = self.clients.poll(0.1, is_hurried=self.is_hurried)
            self._free_room()
            self.in_flight.tick()
            self.traffic.tick(is_busy=self.in_flight.n_messages > 0)
            if fatal is not None:
                self._rebuild(fatal)
            if self._must_go_alone:
                self._send_alone()
            if self._must_replace and time.monotonic() >= self._next_build:
                self._replace()
            while self._unverified and self.connection.is_verified:
                self._acknowledged(self._unverified.popleft())
            self._free_room()

    # Producing, on the uploading threads.

    def produce(self, transfer: Transfer, indexes: Sequence[int], data: bytes, start: int) -> int:
        """Produce the first of some chunks, as many as there is room for, waiting for room.

        Args:
            transfer: whose chunks.
            indexes: of them, from 0, in order.
            data: all of their bytes.
            start: offset of the data in the file.

        Returns:
            How many were produced; 0 where nothing more of this version may be for now.
        """
        if transfer.hold_reason:
            return 0
        version, first = transfer.version, indexes[0]
        if first == 0 and version.is_recovery:
            return int(self._produce_twice(transfer, data[:version.n_bytes_of(0)]))
        n_chunks = len(indexes)
        if version.n_bytes_of(indexes[-1]) < version.chunk_size:
            if n_chunks == 1 and not self._are_longer_taken(transfer):
                return 0
            n_chunks = max(1, n_chunks - 1)
        return self._produce_some(transfer, indexes[:n_chunks], data, start)

    def _produce_twice(self, transfer: Transfer, data: bytes) -> bool:
        """Produce the first chunk of a recovery, and wait until both copies are acknowledged.

        Consumers drop what makes them let go of an older version. That must be a copy of the first
        chunk, so no other chunk goes before.
        """
        if len(data) < transfer.version.chunk_size and not self._are_longer_taken(transfer):
            return False
        if not self._wait_for_reports(transfer):
            return False
        if transfer.is_delivered(0):
            return True
        for _ in range(transfer.n_copies(0)):
            if not self._produce_some(transfer, (0,), data, 0):
                return False
        return self._wait_for_reports(transfer) and transfer.is_delivered(0)

    def _are_longer_taken(self, transfer: Transfer) -> bool:
        """Wait until the broker is known to take chunks of a full length.

        Of a version with chunks that are too long for the topic nothing may be accepted, or it
        could not be cut smaller any more: so its short last chunk does not go first.
        """
        def are_taken() -> bool:
            return transfer.version.n_chunks == 1 or transfer.n_delivered > 0 \
                or transfer.version.chunk_size <= self._largest_accepted

        has_reported_all = self._wait_for_reports(transfer, are_taken)
        return are_taken() or (has_reported_all and not transfer.hold_reason)

    def _wait_for_reports(self, transfer: Transfer,
                          is_enough: Callable[[], bool] = lambda: False) -> bool:
        """Wait until nothing is in flight, or enough is known; True where nothing is."""
        while transfer.n_in_flight and not is_enough() and self.connection.may_send:
            self.in_flight.wait_for_room(0.1)
        return transfer.n_in_flight == 0

    def _produce_some(self, transfer: Transfer, indexes: Sequence[int], data: bytes,
                      start: int) -> int:
        """Produce chunks of one length, as many as there is room for; return how many."""
        size, maker = transfer.version.chunk_size, transfer.maker
        n_bytes = transfer.version.n_bytes_of(indexes[0])
        n_let = self.in_flight.enter(n_bytes, len(indexes), is_large=transfer.is_large,
                                     partition=transfer.version.partition)
        transfer.launch(n_let)
        view = memoryview(data)
        for n_produced, index in enumerate(indexes[:n_let]):
            offset = index * size - start
            value = maker.value(index, view[offset:offset + n_bytes], transfer.digest_of(index))
            # A reason to stop may have come while this chunk waited for room.
            if transfer.hold_reason or transfer.is_ended \
                    or not self._hand_over(transfer, index, value, n_bytes):
                n_left = n_let - n_produced
                transfer.take_back(n_left)
                self._give_back(transfer, n_left * n_bytes, n_left)
                return n_produced
        return n_let

    def _hand_over(self, transfer: Transfer, index: int, value: bytes, n_bytes: int) -> bool:
        """Give a message to the client; False where it may not have it after all."""
        arguments, key = self._arguments(transfer), transfer.maker.key(index)
        while True:
            client = self.clients.of(transfer)
            try:
                client.produce(self._topic, value, key, **arguments)
            except BufferError:
                if not self.connection.may_send:
                    return False
                self.in_flight.wait_for_room(0.1)
                continue
            except KafkaException as error:
                if self._is_poisoned(error):
                    self.connection.invalidate()
                    return False
                self._not_taken(transfer, index, n_bytes, error)
            else:
                if client is not self.clients.of(transfer):
                    self.clients.retire(client)  # replaced in this very moment
            return True

    def _give_back(self, transfer: Transfer, n_bytes: int, n_messages: int = 1) -> None:
        """Give the room of messages back that have not arrived."""
        self.in_flight.leave({transfer.version.partition: (n_bytes, n_messages)},
                             n_large_bytes=n_bytes * transfer.is_large, is_acknowledged=False)

    def _arguments(self, transfer: Transfer) -> dict[str, Any]:
        """Return what all messages of a version are produced with."""
        if not transfer.arguments:
            transfer.arguments["on_delivery"] = functools.partial(self._on_delivery, transfer)
            if transfer.version.partition >= 0:
                transfer.arguments["partition"] = transfer.version.partition
        return transfer.arguments

    def _is_poisoned(self, error: KafkaException) -> bool:
        """Return whether the client, not the message, is the trouble: it is replaced soon."""
        cause = error.args[0]
        return isinstance(cause, KafkaError) and (
            cause.fatal() or cause.code() == KafkaError._FATAL)

    def _not_taken(self, transfer: Transfer, index: int, n_bytes: int,
                   error: KafkaException) -> None:
        """The client refuses the message itself: the same as a delivery that failed."""
        self._give_back(transfer, n_bytes)
        cause = error.args[0]
        code = cause.code() if isinstance(cause, KafkaError) else KafkaError._FAIL
        text = cause.str() if isinstance(cause, KafkaError) else str(cause)
        self._failed(transfer, index, code, text, was_sent=False)

    # Delivery reports, on this thread.

    def _on_delivery(self, transfer: Transfer, error: KafkaError | None, message: Message) -> None:
        index = transfer.maker.index_of(message.key() or b"")
        n_bytes = transfer.version.n_bytes_of(index)
        if error is not None:
            self._failed(transfer, index, error.code(), error.str(), was_sent=True)
            self._give_back(transfer, n_bytes)
            return
        partition, offset = message.partition(), message.offset()
        report = (transfer, index, n_bytes, len(message), -1 if partition is None else partition,
                  -1 if offset is None else offset)
        if self.connection.is_verified:
            self._acknowledged(report)
        else:
            self._unverified.append(report)

    def _acknowledged(self, report: _Report) -> None:
        transfer, index, n_bytes, n_value_bytes, partition, offset = report
        transfer.acknowledge(index, partition, offset)
        freed = self._freed
        entered = transfer.version.partition
        n_before = freed.n_of.get(entered, (0, 0))
        freed.n_of[entered] = (n_before[0] + n_bytes, n_before[1] + 1)
        freed.n_value_bytes += n_value_bytes
        if transfer.is_large:
            freed.n_large_bytes += n_bytes
        if n_bytes > self._largest_accepted:
            self._largest_accepted = n_bytes
        if self._is_rejecting:
            self._is_rejecting = False
            self.health.enter(BrokerState.CONNECTED)
            self.queue.throttle(None)
        self._look_at_offset(transfer, partition, offset)
        if transfer.is_over:
            self.outcomes.end(transfer)

    def _free_room(self) -> None:
        """Give the room of all that was acknowledged back at once: each call takes a lock."""
        freed = self._freed
        if freed.n_of:
            self._freed = _Freed()
            n_bytes, n_messages = map(sum, zip(*freed.n_of.values(), strict=True))
            self.traffic.count(n_bytes, freed.n_value_bytes, n_messages)
            self.in_flight.leave(freed.n_of, n_large_bytes=freed.n_large_bytes)

    def _look_at_offset(self, transfer: Transfer, partition: int, offset: int) -> None:
        """Have the topic checked where an offset comes that was given before."""
        if offset < 0:
            return
        latest = self.ends.note(transfer.client_number or 0, partition, offset)
        if latest is not None and self.proof.is_possible:
            logger.debug("partition %d gave the offset %d after %d: the topic is looked at again",
                         partition, offset, latest)
            self.connection.invalidate()

    def _failed(self, transfer: Transfer, index: int, code: int, text: str, *,
                was_sent: bool) -> None:
        verdict = self._judge(code, was_sent=was_sent)
        if verdict.cure is Cure.AGAIN:
            transfer.send_again(index, may_have_arrived=was_sent and verdict.may_have_arrived)
            self.health.n_retried_chunks += 1
            self._say_again(text)
        else:
            remedy = verdict.remedy.format(principal=self.principal, topic=self._topic)
            transfer.reject(f"{self._redact(text)}. {remedy}", verdict.retry_after_seconds)
        if verdict.asks_for_check:
            self.connection.invalidate()
        if verdict.strikes_all:
            self._is_rejecting = True
            self.health.enter(BrokerState.REFUSED, transfer.hold_reason)
            self.queue.throttle(verdict.retry_after_seconds)
        if transfer.is_over:
            self.outcomes.end(transfer)
        elif transfer.again:
            self.queue.requeue(transfer)

    def _judge(self, code: int, *, was_sent: bool) -> Treatment:
        if code == KafkaError.MSG_SIZE_TOO_LARGE and was_sent and not self._limit.is_known:
            # Perhaps not the chunk was too large, but the request that it shared with others.
            self._must_go_alone = True
            return Treatment(Cure.AGAIN)
        if code == KafkaError.MSG_SIZE_TOO_LARGE and was_sent and self._limit.doubt():
            return Treatment(Cure.AGAIN, asks_for_check=True)
        return judge(code)

    def _say_again(self, text: str) -> None:
        """Say once for each outage and reason that chunks go again."""
        if text not in self._said_again:
            self._said_again.add(text)
            logger.warning("chunks are resent: %s", self._redact(text))

    # The connection.

    def tune(self, max_request_bytes: int | None, round_trip_seconds: float) -> None:
        """Make the most of the line before anything is produced; later, only fit a lower limit.

        The requests on their way are limited in number. So to a cluster far away they are large,
        and several producers send them, since many a topic's limit leaves no room for a second
        chunk in a request.

        Args:
            max_request_bytes: the topic's limit; None where it is not known.
            round_trip_seconds: to the cluster and back.
        """
        if self._is_tuned:
            self._lower_requests(max_request_bytes)
            return
        self._is_tuned = True
        self.in_flight.expect(round_trip_seconds)
        self._limit.learn(max_request_bytes)
        self._is_far = is_far = round_trip_seconds >= FAR_SECONDS
        config = self.clients.config
        if max_request_bytes and fit_requests(config, max_request_bytes, is_far=is_far):
            self.clients.update(config)
            self._replace()
        self._pace()
        if self.is_idempotent and is_far:
            logger.info("the cluster is %.0f ms away: %d producers share the work",
                        round_trip_seconds * 1000, _N_CLIENTS_WHEN_FAR)
            try:
                self.clients.share_among(_N_CLIENTS_WHEN_FAR)
            except KafkaException as error:
                logger.warning("one producer has to do: %s", self._redact(str(error)))

    def _lower_requests(self, max_request_bytes: int | None) -> None:
        """Make requests smaller, where the topic takes no longer what it took."""
        if not self._limit.is_lower(max_request_bytes) or max_request_bytes is None:
            return
        logger.warning("the topic takes requests of at most %d bytes now: they are made smaller",
                       max_request_bytes)
        config = self.clients.config
        if fit_requests(config, max_request_bytes, is_far=self._is_far):
            self.clients.update(config)
            self._must_replace = True  # before it is verified again

    def verify(self) -> bool:
        """Let messages through; False where the connection was lost, or there is no client."""
        if self._must_replace or not self.connection.verify():
            return False
        self._said_again.clear()
        return True

    def note_unacknowledged(self, state: BrokerState, seconds: float, reason: str) -> None:
        """Say why nothing is acknowledged, until something is."""
        text = self._redact(f"nothing was acknowledged for {seconds:.0f} s: {reason}")
        if self.health.enter(state, text):
            logger.warning("%s; uploading resumes automatically", text)
        self._is_rejecting = True

    def _on_error(self, error: KafkaError) -> None:
        self.health.error(error.code(), error.str())
        if error.code() in _LOSSES:
            self._doubt_retries()
            self.connection.invalidate()

    def _on_statistics(self, text: str) -> None:
        n_retries = self.health.status().n_retries
        try:
            found = parse_statistics(text, str(self.clients.config.get("client.id", "")))
        except ValueError as error:
            if not self._said_unreadable:
                self._said_unreadable = True
                logger.warning("the client's statistics cannot be read (%s): throttling, retries "
                               "and round trips are not shown; uploading continues", error)
            return
        if self.health.statistics(found):
            self.connection.invalidate()
        if self.health.status().n_retries > n_retries:
            self._doubt_retries()

    def _doubt_retries(self) -> None:
        """Without idempotence, what librdkafka resends on its own may arrive twice."""
        if not self.is_idempotent:
            self.queue.mark_possible_duplicates()

    def _send_alone(self) -> None:
        """Build new clients that put one chunk into a request: the topic takes no larger ones."""
        self._must_go_alone = False
        self._limit.is_known = True  # that much is: no smaller requests can be made
        logger.warning("the topic takes smaller requests than the producer makes, and does not "
                       "tell its limit: from now on each chunk is sent alone")
        self.clients.update({"batch.num.messages": 1})
        self.connection.invalidate()
        self._replace()

    def _rebuild(self, error: KafkaError) -> None:
        """Build new clients after a fatal error; what was not acknowledged is sent again."""
        self.health.error(error.code(), error.str())
        if error.code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED and self.is_idempotent:
            logger.warning("the cluster denies the IdempotentWrite right: uploading continues "
                           "without idempotence and with one request in flight at a time")
            self.clients.update(WITHOUT_IDEMPOTENCE)
            self.is_idempotent = False
        else:
            logger.error("the producer has failed (%s): a new one is created, and only what was "
                         "not acknowledged is resent", error.str())
        self.connection.invalidate()
        self._replace()

    def _replace(self) -> None:
        """Build new clients; where that fails, again a little later, and nothing goes before."""
        self._next_build = time.monotonic() + _REBUILD_SECONDS
        try:
            self.clients.replace()
        except KafkaException as error:
            if not self._must_replace:
                logger.error("no new producer can be made, which is tried again every %.0f s: %s",
                             _REBUILD_SECONDS, self._redact(str(error)))
            self._must_replace = True
            self.connection.invalidate()
        else:
            self._must_replace = False
            if self._is_tuned:
                self._pace()

    def _pace(self) -> None:
        """Have chunks handed over as the clients in force send them."""
        config = self.clients.config
        # Several producers to a far cluster have requests of their own.
        self.in_flight.pace(request_bytes(config), linger_seconds(config),
                            by_request=self.is_idempotent and not self._is_far)
