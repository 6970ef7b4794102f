"""What is known of the connection, gathered from errors and librdkafka's statistics."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from confluent_kafka import KafkaError

from tui.engine.model import BrokerState, BrokerStatus
from tui.settings import Settings

logger = logging.getLogger(__name__)

#: What the broker or the certificates object to, by error code: which setting to look at.
_REMEDIES = {
    KafkaError._AUTHENTICATION: "Check sasl.mechanism, sasl.username and sasl.password",
    KafkaError._SSL: "Check security.protocol, ssl.ca.location and the certificates",
    KafkaError._RESOLVE: "Check the host name in bootstrap.servers",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "Grant the principal Write and Describe on the topic",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "Grant the principal the IdempotentWrite right",
}


class BrokerHealth:
    """The state of the connection; written by the polling and connecting threads.

    Args:
        settings: for the address.
    """

    def __init__(self, settings: Settings) -> None:
        self.n_retried_chunks = 0
        self._redact = settings.redact
        self._n_connects: dict[str, int] = {}
        self._status = BrokerStatus(address=settings.broker_address, since=time.time(),
                                    is_embedded=settings.is_embedded_broker)

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
        before = self._status
        is_new = state != before.state
        self._status = replace(
            before, state=state, reason=reason, since=time.time() if is_new else before.since,
            cluster_id=cluster_id or before.cluster_id, n_brokers=n_brokers or before.n_brokers)
        return is_new

    def error(self, error: KafkaError) -> None:
        """Note an error that the client reported by itself."""
        remedy = _REMEDIES.get(error.code(), "")
        reason = self._redact(error.str())
        text = f"{reason}. {remedy}" if remedy else reason
        self._status = replace(self._status, n_errors=self._status.n_errors + 1, last_error=text)

    def statistics(self, found: Mapping[str, Any]) -> bool:
        """Note librdkafka's statistics; return whether a connection was made anew."""
        brokers = [b for b in found.get("brokers", {}).values() if b.get("nodeid", -1) >= 0]
        up = [b for b in brokers if b.get("state") == "UP"]
        busy = [b for b in up if b.get("rtt", {}).get("cnt")]
        sent = sum(t.get("batchsize", {}).get("sum", 0) for t in found.get("topics", {}).values())
        payload = found.get("txmsg_bytes", 0)
        was_connected = self._status.state == BrokerState.CONNECTED
        reconnected = False
        for broker in brokers:
            name, n = broker["name"], broker.get("connects", 0)
            reconnected |= was_connected and n > self._n_connects.get(name, n)
            self._n_connects[name] = n
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
            if sent and found.get("tx_bytes") and payload > 1_000_000 else None,
        )
        return reconnected


def _mean(values: Any) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers) if numbers else 0.0
