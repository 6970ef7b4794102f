"""Heartbeats and log messages: small JSON messages at intervals, best effort.

Key ``{program_id}_heartbeat`` or ``{program_id}_log``; their failure is shown and stops nothing.
"""

from __future__ import annotations

import datetime
import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from tui.engine.model import PeriodicStatus
from tui.engine.threads import StoppableThread
from tui.settings import PeriodicMessages

logger = logging.getLogger(__name__)

_LAST_WORD_SECONDS = 5.0
_MESSAGE_LIFE_MS = 30_000


class PeriodicThread(StoppableThread):
    """Sends a message at start, at every interval, and once at the end.

    Args:
        name: of the thread, and what an operator calls the messages.
        settings: where to and how often.
        suffix: of the key, after the program id.
        on_death: see :class:`StoppableThread`.
        after: the dead thread in whose place this one goes on; None for the first.
    """

    def __init__(self, name: str, settings: PeriodicMessages, suffix: str,
                 on_death: Callable[[str, BaseException], None],
                 after: PeriodicThread | None = None) -> None:
        super().__init__(name, on_death)
        self._settings = settings
        self._key = f"{settings.program_id}_{suffix}".encode()
        self._status: PeriodicStatus = after._status if after else PeriodicStatus(
            topic_name=settings.topic_name, program_id=settings.program_id)
        self._next = time.monotonic()
        self._producer: Producer | None = None
        self._complaint = ""

    def contents(self) -> dict[str, Any] | None:
        """Return what the next message says; None where there is nothing to say."""
        raise NotImplementedError

    def n_waiting(self) -> tuple[int, int]:
        """Return messages and bytes that the next message will tell of."""
        raise NotImplementedError

    def status(self) -> PeriodicStatus:
        """Return how the messages fare."""
        if self._settings.topic_name is None:
            return self._status
        n_messages, n_bytes = self.n_waiting()
        return replace(self._status, n_messages=n_messages, n_bytes=n_bytes,
                       next_in_seconds=max(0.0, self._next - time.monotonic()))

    def work(self) -> None:
        if self._settings.topic_name is None:
            return
        try:
            self._producer = Producer(
                {"message.timeout.ms": _MESSAGE_LIFE_MS, **self._settings.producer_config,
                 "error_cb": self._on_error}, logger=logging.getLogger("tui.kafka"))
        except KafkaException as error:
            self._failed(str(error.args[0]))
            return
        while not self.stopping.is_set():
            self._send()
            self._next = time.monotonic() + self._settings.interval_seconds
            while time.monotonic() < self._next and not self.stopping.is_set():
                self._producer.poll(min(0.2, max(0.01, self._next - time.monotonic())))
        self._send()
        self._producer.flush(_LAST_WORD_SECONDS)

    def _send(self) -> None:
        contents = self.contents()
        if contents is None or self._producer is None or self._settings.topic_name is None:
            return
        try:
            self._producer.produce(self._settings.topic_name, json.dumps(contents).encode(),
                                   self._key, on_delivery=self._on_delivery)
        except (BufferError, KafkaException) as error:
            self._failed(str(error.args[0]))
            return
        self._status = replace(self._status, last_sent=time.time(), last_outcome="on its way")

    def _on_delivery(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failed(error.str())
            return
        self._complaint = ""
        self._status = replace(self._status, n_sent=self._status.n_sent + 1,
                               last_outcome="delivered")

    def _on_error(self, error: KafkaError) -> None:
        self._status = replace(self._status, last_outcome=error.str())

    def _failed(self, why: str) -> None:
        self._status = replace(self._status, n_failed=self._status.n_failed + 1,
                               last_outcome=why)
        if why != self._complaint:
            self._complaint = why
            logger.warning("%s cannot be sent: %s; the upload is not affected", self.name, why)


class HeartbeatThread(PeriodicThread):
    """Tells how much was acknowledged since the last heartbeat.

    Args:
        settings: where to and how often.
        acknowledged: returns chunks and value bytes since the start of the program.
        on_death, after: see :class:`PeriodicThread`.
    """

    def __init__(self, settings: PeriodicMessages, acknowledged: Callable[[], tuple[int, int]],
                 on_death: Callable[[str, BaseException], None],
                 after: HeartbeatThread | None = None) -> None:
        super().__init__("heartbeats", settings, "heartbeat", on_death, after)
        self._acknowledged = acknowledged
        self._told: tuple[int, int] = after._told if after else (0, 0)

    def n_waiting(self) -> tuple[int, int]:
        n_messages, n_bytes = self._acknowledged()
        return n_messages - self._told[0], n_bytes - self._told[1]

    def contents(self) -> dict[str, Any]:
        n_messages, n_bytes = self._acknowledged()
        told, self._told = self._told, (n_messages, n_bytes)
        return {
            "timestamp": datetime.datetime.now(datetime.UTC).isoformat(),
            "n_messages_produced": n_messages - told[0],
            "n_bytes_produced": n_bytes - told[1],
        }


class Lines(Protocol):
    """Where log lines wait for their message."""

    def take_for_message(self) -> list[str]: ...
    def n_waiting(self) -> tuple[int, int]: ...


class LogMessageThread(PeriodicThread):
    """Sends the log lines since the last message.

    Args:
        settings: where to and how often.
        lines: the log.
        on_death, after: see :class:`PeriodicThread`.
    """

    def __init__(self, settings: PeriodicMessages, lines: Lines,
                 on_death: Callable[[str, BaseException], None],
                 after: LogMessageThread | None = None) -> None:
        super().__init__("log messages", settings, "log", on_death, after)
        self._lines = lines

    def n_waiting(self) -> tuple[int, int]:
        return self._lines.n_waiting()

    def contents(self) -> dict[str, Any] | None:
        lines = self._lines.take_for_message()
        return {"timestamp": time.time(), "messages": lines} if lines else None
