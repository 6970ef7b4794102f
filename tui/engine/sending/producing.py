"""The one shared producer: hands chunks to librdkafka and delivery reports to their versions."""

from __future__ import annotations

import functools
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from tui.engine.model import BrokerState
from tui.engine.sending.broker_health import BrokerHealth
from tui.engine.sending.delivery import Sending
from tui.engine.sending.gate import Gate
from tui.engine.sending.kafka_errors import Cure, judge
from tui.engine.sending.traffic import TrafficMeter
from tui.engine.threads import StoppableThread
from tui.settings import Settings

logger = logging.getLogger(__name__)

_Report = tuple[Sending, int, int, int, int, int]


class ProducingThread(StoppableThread):
    """Owns the client and polls it: delivery reports, errors and statistics arrive only here.

    Nothing is produced until :meth:`trust` says that the cluster is the ledger's own; after a lost
    connection (:meth:`_on_error`) acknowledgements wait until that is known again.

    Args:
        settings: which topic, which properties.
        client_logger: for librdkafka's own records.
        on_over: called when nothing more will happen to a version.
        on_again: called when a version has chunks to be produced again.
        on_death: see :class:`StoppableThread`.
    """

    def __init__(self, settings: Settings, client_logger: logging.Logger,
                 on_over: Callable[[Sending], None], on_again: Callable[[Sending], None],
                 on_death: Callable[[str, BaseException], None]) -> None:
        super().__init__("producing", on_death)
        self._topic = settings.topic_name
        self._config = dict(settings.producer_config)
        self._redact = settings.redact
        self._client_logger = client_logger
        self._on_over = on_over
        self._on_again = on_again
        self.gate = Gate(settings.queue_max_bytes)
        self.traffic = TrafficMeter()
        self.health = BrokerHealth(settings)
        self.trusted = threading.Event()  #: the cluster is known to be the ledger's
        self.lost = threading.Event()  #: the connection was lost since it was last checked
        self._unverified: list[_Report] = []
        self._trust_lock = threading.Lock()
        self._fatal = ""
        self.is_idempotent = settings.idempotent
        self.client = self._build()

    @property
    def config(self) -> dict[str, str | int | float | bool]:
        """The client's properties as they are in force."""
        return self._config

    def _build(self) -> Producer:
        callbacks: dict[str, Any] = {"error_cb": self._on_error, "stats_cb": self._on_statistics}
        return Producer({**self._config, **callbacks}, logger=self._client_logger)

    def work(self) -> None:
        while not self.stopping.is_set():
            self.client.poll(0.1)
            self.traffic.tick()
            if self._fatal:
                self._rebuild()

    def produce(self, sending: Sending, index: int, data: bytes) -> bool:
        """Produce one chunk, waiting for room; False where the program stops before there is any.

        Args:
            sending: whose chunk.
            index: from 0.
            data: all bytes of the chunk.
        """
        value = sending.maker.value(index, data)
        key = sending.maker.key(index)
        for copy in range(sending.n_copies(index)):
            if copy and not self.is_idempotent and not self._wait_for_first(sending):
                return False
            if not self._produce_one(sending, index, key, value, len(data)):
                return False
        if sending.n_copies(index) > 1 and not self.is_idempotent:
            return self._wait_for_first(sending)
        return True

    def _wait_for_first(self, sending: Sending) -> bool:
        """Wait until what was produced of a version is reported: keeps the order by itself."""
        while sending.n_in_flight and not self.stopping.is_set():
            self.gate.wait_for_room(0.1)
        return not self.stopping.is_set()

    def _produce_one(self, sending: Sending, index: int, key: bytes, value: bytes,
                     n_bytes: int) -> bool:
        while not self.gate.enter(n_bytes, 0.5):
            if self.stopping.is_set():
                return False
        sending.launch()
        report = functools.partial(self._on_delivery, sending, index, n_bytes, len(value))
        arguments: dict[str, Any] = {"on_delivery": report}
        if sending.version.partition >= 0:
            arguments["partition"] = sending.version.partition
        while True:
            try:
                self.client.produce(self._topic, value, key, **arguments)
                return True
            except BufferError:
                if self.stopping.is_set():
                    sending.take_back()
                    self.gate.leave(n_bytes)
                    return False
                self.gate.wait_for_room(0.1)
            except KafkaException as error:
                self._not_taken(sending, index, n_bytes, error)
                return True

    def _not_taken(self, sending: Sending, index: int, n_bytes: int,
                   error: KafkaException) -> None:
        """The client refuses the message itself: the same as a delivery that failed."""
        self.gate.leave(n_bytes)
        cause = error.args[0]
        if isinstance(cause, KafkaError) and cause.fatal():
            self._fatal = cause.str()
        code = cause.code() if isinstance(cause, KafkaError) else KafkaError._FAIL
        text = cause.str() if isinstance(cause, KafkaError) else str(cause)
        self._failed(sending, index, code, text, was_sent=False)

    def _on_delivery(self, sending: Sending, index: int, n_bytes: int, n_value_bytes: int,
                     error: KafkaError | None, message: Message) -> None:
        self.gate.leave(n_bytes)
        if error is not None:
            self._failed(sending, index, error.code(), error.str(), was_sent=True)
            return
        partition, offset = message.partition(), message.offset()
        report = (sending, index, n_bytes, n_value_bytes, -1 if partition is None else partition,
                  -1 if offset is None else offset)
        if self.trusted.is_set():
            self._acknowledged(report)
            return
        with self._trust_lock:
            self._unverified.append(report)

    def _acknowledged(self, report: _Report) -> None:
        sending, index, n_bytes, n_value_bytes, partition, offset = report
        sending.acknowledge(index, partition, offset)
        self.traffic.count(n_bytes, n_value_bytes)
        self.traffic.last_acknowledgement = time.monotonic()
        if sending.is_over:
            self._on_over(sending)

    def _failed(self, sending: Sending, index: int, code: int, text: str, *,
                was_sent: bool) -> None:
        verdict = judge(code)
        if verdict.cure is Cure.AGAIN:
            sending.send_again(index, may_have_arrived=was_sent and verdict.may_have_arrived)
            self.health.n_retried_chunks += 1
        else:
            sending.refuse(f"{self._redact(text)}. {verdict.remedy}", verdict.retry_after_seconds)
        if sending.is_over:
            self._on_over(sending)
        elif sending.again:
            self._on_again(sending)

    def trust(self) -> None:
        """Say that the cluster is the ledger's own: what it acknowledged meanwhile counts."""
        while True:
            with self._trust_lock:
                if not self._unverified:
                    self.trusted.set()
                    return
                reports, self._unverified = self._unverified, []
            for report in reports:
                self._acknowledged(report)

    def _on_error(self, error: KafkaError) -> None:
        code = error.code()
        self.health.error(error)
        if code in (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT,
                    KafkaError._RESOLVE, KafkaError._AUTHENTICATION, KafkaError._SSL):
            self.trusted.clear()
            self.lost.set()
        if error.fatal() or code == KafkaError._FATAL:
            self._fatal = error.str()

    def _on_statistics(self, text: str) -> None:
        if self.health.statistics(json.loads(text)):
            self.trusted.clear()
            self.lost.set()

    def _rebuild(self) -> None:
        """Build a new client after a fatal error; what was not acknowledged is sent again."""
        why, self._fatal = self._fatal, ""
        logger.error("the producer has failed (%s): a new one is built, and only what is not "
                     "acknowledged goes again", why)
        if "authoriz" in why.lower() and self.is_idempotent:
            logger.warning("the cluster denies the IdempotentWrite right: sending goes on without "
                           "idempotence and with one request in flight at a time")
            self._config["enable.idempotence"] = False
            self._config["max.in.flight.requests.per.connection"] = 1
            self.is_idempotent = False
        self.trusted.clear()
        old, self.client = self.client, self._build()
        old.purge()
        deadline = time.monotonic() + 10
        while len(old) and time.monotonic() < deadline:
            old.poll(0.1)
        self.lost.set()

    def purge(self) -> None:
        """Give up everything that is not acknowledged; reports arrive as failures."""
        self.client.purge()

    def is_connected(self) -> bool:
        """Whether the cluster was reached and checked."""
        return self.health.state == BrokerState.CONNECTED
