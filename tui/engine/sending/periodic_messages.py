"""Heartbeats and log messages: small JSON messages at intervals, best effort.

Key ``{program_id}_heartbeat`` or ``{program_id}_log``; their failure is shown and stops nothing.
"""

from __future__ import annotations

import datetime
import functools
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from tui.config.producer_config import message_max_bytes
from tui.config.redaction import Redaction
from tui.config.settings import PeriodicMessages
from tui.engine.model.snapshot import PeriodicStatus
from tui.engine.sending.cluster import addresses
from tui.engine.sending.producer_pool import ProducerPool
from tui.engine.sending.throughput import ThroughputMeter
from tui.engine.system.workers import Worker

logger = logging.getLogger(__name__)

_LAST_WORD_SECONDS = 5.0
_HURRIED_SECONDS = 0.5
_MESSAGE_LIFE_MS = 30_000
#: librdkafka's default, where the config sets no other.
_MESSAGE_MAX_BYTES = 1_000_000
_OVERHEAD_BYTES = 1000


class PeriodicSender(Worker):
    """Sends messages at start, at every interval, and once at the end; best effort.

    Args:
        name: of the thread, and what an operator calls the messages.
        settings: where to and how often.
        suffix: of the key, after the program id.
        redact: takes the secrets out of a text.
        clients: those of the upload, whose embedded broker is used, so that no second one is
            started.
        after: the dead thread that this one replaces; None for the first.
    """

    def __init__(self, name: str, settings: PeriodicMessages, suffix: str,
                 redact: Redaction, clients: ProducerPool,
                 after: PeriodicSender | None = None) -> None:
        super().__init__(name)
        self._settings = settings
        self._redact = redact
        self._clients = clients
        self._key = f"{settings.program_id}_{suffix}".encode("utf-8", "surrogateescape")
        self._status: PeriodicStatus = after._status if after else PeriodicStatus(
            topic_name=settings.topic_name, program_id=settings.program_id)
        self._next = time.monotonic()
        self._complaint = ""
        self._last_word_seconds = _LAST_WORD_SECONDS
        limit = message_max_bytes(settings.producer_config) or _MESSAGE_MAX_BYTES
        self.max_bytes = max(_OVERHEAD_BYTES, limit - len(self._key) - _OVERHEAD_BYTES)

    def contents(self) -> Iterator[dict[str, Any]]:
        """Yield what the next messages say; nothing where there is nothing to say."""
        raise NotImplementedError

    def n_waiting(self) -> tuple[int, int]:
        """Return messages and bytes that the next message will report."""
        raise NotImplementedError

    def not_delivered(self, contents: dict[str, Any]) -> None:
        """Have a later message make up for one that was not delivered."""
        raise NotImplementedError

    def hurry(self) -> None:
        """Do not wait long for the acknowledgement of the last message."""
        self._last_word_seconds = _HURRIED_SECONDS

    def status(self) -> PeriodicStatus:
        """Return how the messages fare."""
        if self._settings.topic_name is None:
            return self._status
        n_messages, n_bytes = self.n_waiting()
        return replace(self._status, n_messages=n_messages, n_bytes=n_bytes,
                       next_in_seconds=max(0.0, self._next - time.monotonic()))

    def work(self) -> None:
        topic, producer = self._settings.topic_name, self._producer()
        if topic is None or producer is None:
            return
        while not self.stopping.is_set():
            self._send(producer, topic)
            self._next = time.monotonic() + self._settings.interval_seconds
            while time.monotonic() < self._next and not self.stopping.is_set():
                producer.poll(min(0.2, max(0.01, self._next - time.monotonic())))
        self._send(producer, topic)
        if producer.flush(self._last_word_seconds):
            self._failed("the last message was not acknowledged in time")

    def _producer(self) -> Producer | None:
        """Return the client, as soon as it is known where to; None where that is never."""
        config = {"message.timeout.ms": _MESSAGE_LIFE_MS, **self._settings.producer_config,
                  "error_cb": self._on_error}
        while self._settings.shares_embedded_broker and "bootstrap.servers" not in config:
            address = addresses(self._clients.first)
            if address:
                config["bootstrap.servers"] = address
            elif self.stopping.wait(0.2):
                return None
        try:
            return Producer(config, logger=logging.getLogger("tui.kafka"))
        except KafkaException as error:
            self._failed(_reason(error))
            return None

    def _send(self, producer: Producer, topic: str) -> None:
        for contents in self.contents():
            report = functools.partial(self._on_delivery, contents)
            try:
                producer.produce(topic, json.dumps(contents).encode(), self._key,
                                 on_delivery=report)
            except (BufferError, KafkaException) as error:
                self.not_delivered(contents)
                self._failed(_reason(error))
                return
            self._status = replace(self._status, last_sent=time.time(), last_outcome="on its way")

    def _on_delivery(self, contents: dict[str, Any], error: KafkaError | None,
                     _message: Message) -> None:
        if error is not None:
            self.not_delivered(contents)
            self._failed(error.str())
            return
        self._complaint = ""
        self._status = replace(self._status, n_sent=self._status.n_sent + 1,
                               last_outcome="delivered")

    def _on_error(self, error: KafkaError) -> None:
        self._status = replace(self._status, last_outcome=self._redact(error.str()))

    def _failed(self, why: str) -> None:
        why = self._redact(why)
        self._status = replace(self._status, n_failed=self._status.n_failed + 1,
                               last_outcome=why)
        if why != self._complaint:
            self._complaint = why
            logger.warning("%s cannot be sent: %s; the upload is not affected", self.name, why)


def _reason(error: BaseException) -> str:
    cause = error.args[0] if error.args else error
    return cause.str() if isinstance(cause, KafkaError) else str(cause)


class HeartbeatSender(PeriodicSender):
    """Tells how much was acknowledged since the last heartbeat.

    Args:
        settings: where to and how often.
        traffic: what was acknowledged since the start of the program.
        redact, clients, after: see :class:`PeriodicSender`.
    """

    def __init__(self, settings: PeriodicMessages, traffic: ThroughputMeter,
                 redact: Redaction, clients: ProducerPool,
                 after: HeartbeatSender | None = None) -> None:
        super().__init__("heartbeats", settings, "heartbeat", redact, clients, after)
        self._traffic = traffic
        self._told: tuple[int, int] = after._told if after else (0, 0)

    def n_waiting(self) -> tuple[int, int]:
        n_messages, n_bytes = self._traffic.n_chunks, self._traffic.n_value_bytes
        return n_messages - self._told[0], n_bytes - self._told[1]

    def contents(self) -> Iterator[dict[str, Any]]:
        n_messages, n_bytes = self._traffic.n_chunks, self._traffic.n_value_bytes
        told, self._told = self._told, (n_messages, n_bytes)
        yield {
            "timestamp": datetime.datetime.now(datetime.UTC).isoformat(),
            "n_messages_produced": n_messages - told[0],
            "n_bytes_produced": n_bytes - told[1],
        }

    def not_delivered(self, contents: dict[str, Any]) -> None:
        self._told = (self._told[0] - contents["n_messages_produced"],
                      self._told[1] - contents["n_bytes_produced"])


class Lines(Protocol):
    """Where log lines wait for their message."""

    def take_for_message(self, max_bytes: int) -> list[str]: ...
    def lost(self, n_lines: int) -> None: ...
    def n_waiting(self) -> tuple[int, int]: ...


class LogMessageSender(PeriodicSender):
    """Sends the log lines since the last message, as few messages as they fit.

    Args:
        settings: where to and how often.
        lines: the log.
        redact, clients, after: see :class:`PeriodicSender`.
    """

    def __init__(self, settings: PeriodicMessages, lines: Lines, redact: Redaction,
                 clients: ProducerPool,
                 after: LogMessageSender | None = None) -> None:
        super().__init__("log messages", settings, "log", redact, clients, after)
        self._lines = lines

    def n_waiting(self) -> tuple[int, int]:
        return self._lines.n_waiting()

    def contents(self) -> Iterator[dict[str, Any]]:
        n_left, _ = self._lines.n_waiting()  # lines that come meanwhile wait for the next time
        while n_left > 0 and (lines := self._lines.take_for_message(self.max_bytes)):
            n_left -= len(lines)
            yield {"timestamp": time.time(), "messages": lines}

    def not_delivered(self, contents: dict[str, Any]) -> None:
        self._lines.lost(len(contents["messages"]))
