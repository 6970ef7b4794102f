"""What is known of the connection, gathered from errors and librdkafka's statistics."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from confluent_kafka import KafkaError

from tui.config.settings import Settings
from tui.engine.model.snapshot import BrokerState, BrokerStatus

logger = logging.getLogger(__name__)

#: A broker that owes an answer for so long counts as unreachable, connected or not.
_STALLED_SECONDS = 15.0
_LONGEST_INTERVAL_SECONDS = 5.0  #: between two statistics, or the process stood still


def parse_statistics(text: str, client_id: str) -> Mapping[str, Any]:
    """Return librdkafka's statistics (its STATISTICS.md).

    It writes names as they are, also with quotes and control characters in them.

    Raises:
        ValueError: they cannot be read all the same.
    """
    quoted = json.dumps(client_id, ensure_ascii=False)
    if quoted != f'"{client_id}"':
        text = text.replace(client_id, quoted[1:-1])
    found: Mapping[str, Any] = json.loads(text, strict=False)
    return found


class BrokerHealth:
    """The state of the connection; written by the polling and connecting threads.

    Args:
        settings: for the address.
    """

    def __init__(self, settings: Settings) -> None:
        self.n_retried_chunks = 0
        self._redact = settings.redact
        self.trouble = ""  #: what the client complained of since it was connected last
        self._n_connects: dict[str, int] = {}
        self._answers: dict[str, tuple[int, float, float]] = {}
        self._is_stalled = False
        self._lock = threading.Lock()
        self._status = BrokerStatus(address=settings.broker_address, since=time.time(),
                                    is_embedded=settings.is_embedded_broker, acks=settings.acks)

    @property
    def state(self) -> BrokerState:
        """Where the connection stands."""
        return self._status.state

    def status(self) -> BrokerStatus:
        """Return everything that is known."""
        return self._status

    def enter(self, state: BrokerState, reason: str = "", cluster_id: str = "",
              n_brokers: int = 0) -> bool:
        """Note a state; return whether it is another than before."""
        with self._lock:
            self._is_stalled = False
            if state is BrokerState.CONNECTED:
                self.trouble = ""
            return self._enter(state, reason, cluster_id, n_brokers)

    def _enter(self, state: BrokerState, reason: str, cluster_id: str = "",
               n_brokers: int = 0) -> bool:
        before = self._status
        is_new = state != before.state
        self._status = replace(
            before, state=state, reason=reason, since=time.time() if is_new else before.since,
            cluster_id=cluster_id or before.cluster_id, n_brokers=n_brokers or before.n_brokers)
        return is_new

    def error(self, code: int, text: str) -> None:
        """Note an error that the client reported unasked."""
        text = self._redact(text)
        with self._lock:
            # Once all brokers are down, the first reason says more than that they are.
            if code != KafkaError._ALL_BROKERS_DOWN or not self.trouble:
                self.trouble = text
            self._status = replace(self._status, n_errors=self._status.n_errors + 1)

    def statistics(self, found: Mapping[str, Any]) -> bool:
        """Note librdkafka's statistics; return whether a connection was recreated."""
        brokers = [b for b in found.get("brokers", {}).values() if b.get("nodeid", -1) >= 0]
        with self._lock:
            reconnected = False
            for broker in brokers:
                name, n = broker["name"], broker.get("connects", 0)
                reconnected |= self._status.state == BrokerState.CONNECTED \
                    and n > self._n_connects.get(name, n)
                self._n_connects[name] = n
            self._note_figures(found, brokers)
            self._note_stall(*max(((self._seconds_without_answer(b), b["name"])
                                   for b in brokers), default=(0.0, "")))
        return reconnected

    def _note_figures(self, found: Mapping[str, Any], brokers: list[dict[str, Any]]) -> None:
        up = [b for b in brokers if b.get("state") == "UP"]
        busy = [b for b in up if b.get("rtt", {}).get("cnt")]
        payload = found.get("txmsg_bytes", 0)
        self._status = replace(
            self._status,
            n_brokers_up=len(up),
            n_brokers=max(len(brokers), self._status.n_brokers),
            round_trip_avg_ms=_mean(b["rtt"]["avg"] / 1000 for b in busy)
            if busy else self._status.round_trip_avg_ms,
            round_trip_p99_ms=max(b["rtt"]["p99"] / 1000 for b in busy)
            if busy else self._status.round_trip_p99_ms,
            throttle_avg_ms=max((b.get("throttle", {}).get("avg", 0) for b in up), default=0),
            n_retries=sum(b.get("txretries", 0) for b in brokers) + self.n_retried_chunks,
            compression_ratio=payload / found["tx_bytes"]
            if found.get("tx_bytes") and payload > 1_000_000 else None,
        )

    def _seconds_without_answer(self, broker: Mapping[str, Any]) -> float:
        """Return since when a broker owes an answer and has sent nothing."""
        now = time.monotonic()
        owes = bool(broker.get("waitresp_cnt")) and broker.get("state") == "UP"
        received = broker.get("rxbytes", 0)
        n_received, since, last_look = self._answers.get(broker["name"], (-1, now, now))
        # After a pause of this process itself, nothing is known of the time in between.
        if received != n_received or now - last_look > _LONGEST_INTERVAL_SECONDS or not owes:
            since = now
        self._answers[broker["name"]] = (received, since, now)
        return now - since

    def _note_stall(self, seconds: float, name: str) -> None:
        if seconds >= _STALLED_SECONDS and self._status.state is BrokerState.CONNECTED:
            self._is_stalled = True
            who = f"broker {self._redact(name)}"
            self._enter(BrokerState.UNREACHABLE, f"{who} answers nothing"
                        if self._status.n_brokers > 1 else "it answers nothing")
            logger.warning("%s has answered nothing for %d s", who, seconds)
        elif seconds < _STALLED_SECONDS and self._is_stalled:
            self._is_stalled = False
            self._enter(BrokerState.CONNECTED, "")
            logger.info("broker %s answers again", self._redact(name))


def _mean(values: Any) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers) if numbers else 0.0
