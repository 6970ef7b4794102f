"""Notices that nothing is acknowledged of what is on its way, and finds out why.

librdkafka sends again, for as long as it takes, and says nothing of what the broker answers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from confluent_kafka.admin import AdminClient

from tui.config.settings import Settings
from tui.engine.model.snapshot import BrokerState
from tui.engine.sending.cluster import look_at_replicas
from tui.engine.sending.diagnosis import diagnose
from tui.engine.sending.producer import ChunkProducer
from tui.engine.sending.request_sizes import linger_seconds

logger = logging.getLogger(__name__)

#: So long an acknowledgement may take before the reason is asked for, and then again and again.
_PATIENCE_SECONDS, _AGAIN_SECONDS = 8.0, 5.0
_ASK_SECONDS = 4.0
#: A broker that answers nothing at all is noticed sooner, and by other signs.
_UNKNOWN_SECONDS = 12.0


class AcknowledgementWatch:
    """Checks several times a second whether acknowledgements arrive.

    Args:
        settings: which topic, and ``linger.ms``.
        producer: what sends.
        now: monotonic seconds.
    """

    def __init__(self, settings: Settings, producer: ChunkProducer,
                 now: Callable[[], float] = time.monotonic) -> None:
        self._topic = settings.topic_name
        self._config = settings.producer_config
        self._producer = producer
        self._now = now
        self._since: float | None = None
        self._asked = 0.0
        self.problem = ""  #: what to say where no reason is known
        self._patience = _PATIENCE_SECONDS + linger_seconds(settings.producer_config)
        self._needs_all = settings.is_acknowledged_by_all

    def look(self, admin: AdminClient | None) -> None:
        """Have the state of the connection tell why nothing is acknowledged, where that is so.

        Args:
            admin: a client that asks; None where there is none.
        """
        now = self._now()
        if not self._producer.in_flight.n_messages or self._is_unreachable():
            self._since, self.problem = None, ""
            return
        last = self._producer.traffic.last_acknowledgement or 0.0
        self._since = max(now if self._since is None else self._since, last)
        quiet = now - self._since
        if quiet < self._patience:
            self.problem = ""
        if quiet < self._patience or now - self._asked < _AGAIN_SECONDS:
            return
        state, reason = BrokerState.REFUSED, "" if admin is None else self._ask(admin)
        self._asked = self._now()
        if not reason:
            state, reason = BrokerState.UNREACHABLE, self._of_the_client()
        last = self._producer.traffic.last_acknowledgement or 0.0
        if not reason and quiet >= self._patience + _UNKNOWN_SECONDS:
            self._say_unknown(quiet)
        if reason and last <= self._since and self._producer.in_flight.n_messages \
                and not self._is_unreachable():
            self._producer.note_unacknowledged(state, quiet, reason)

    def _say_unknown(self, seconds: float) -> None:
        """Say what is known; that the broker refuses would be too much, since lines can be slow."""
        is_news, self.problem = not self.problem, \
            f"nothing was acknowledged for {seconds:.0f} s, and the broker does not say why: its " \
            "own log may tell, or the line is slow"
        if is_news:
            logger.warning("%s", self.problem)

    def _is_unreachable(self) -> bool:
        """Return whether the broker is known to answer nothing, which says enough."""
        return self._producer.health.state is BrokerState.UNREACHABLE

    def _of_the_client(self) -> str:
        trouble = self._producer.health.trouble
        return diagnose(trouble, self._config) if trouble else ""

    def _ask(self, admin: AdminClient) -> str:
        """Return what is wrong with the topic's partitions; empty where nothing is, or is known."""
        found = look_at_replicas(admin, self._topic, logger, _ASK_SECONDS)
        if found is None:
            return ""
        partitions, least = found
        for partition in partitions:
            if partition.leader is None or partition.leader.id < 0:
                return f"partition {partition.id} of the topic has no leader: bring back " \
                    f"{_brokers([node.id for node in partition.replicas])}"
        if not self._needs_all:
            return ""
        for partition in partitions:
            in_sync = {node.id for node in partition.isr}
            if len(in_sync) < least:
                away = [node.id for node in partition.replicas if node.id not in in_sync]
                remedy = f"bring back {_brokers(away)}" if away \
                    else "lower min.insync.replicas of the topic"
                return f"partition {partition.id} has {len(in_sync)} of " \
                    f"{len(partition.replicas)} replicas in sync, and the topic asks for {least} " \
                    f"(min.insync.replicas): {remedy}"
        return ""


def _brokers(numbers: list[int]) -> str:
    names = " or ".join(map(str, sorted(numbers)))
    return f"broker {names}"
