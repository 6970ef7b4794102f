"""Checks, at the first connection and after every lost one, that the cluster is the ledger's."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Protocol

from confluent_kafka.admin import AdminClient

from tui.config.settings import Settings
from tui.config.state_files import StateFiles
from tui.engine.model.snapshot import BrokerState, NoticeKind
from tui.engine.sending.acknowledgement_watch import AcknowledgementWatch
from tui.engine.sending.cluster import NO_ID, Cluster, admin_client, ask, is_alive, look_at_topic
from tui.engine.sending.diagnosis import diagnose
from tui.engine.sending.partition_ends import ends_of, lost_ends
from tui.engine.sending.producer import ChunkProducer
from tui.engine.system.back_off import BackOff
from tui.engine.system.workers import Worker
from tui.errors import NotConnectedError, StartupError, TopicGoneError, WrongClusterError

logger = logging.getLogger(__name__)

_BACK_OFF = BackOff(0.5, 16.0)
_FIRST_ASK_SECONDS, _ASK_SECONDS = 3.0, 8.0
#: An idle cluster that does not tell ids is asked for a sign of life so often.
_QUIET_SECONDS = 20.0
#: The topic is looked at so often while nothing waits for it, and no sooner again otherwise.
_IDLE_LOOK_SECONDS, _LEAST_LOOK_SECONDS = 4.0, 0.15
_NO_PRODUCER_SECONDS = 0.5
#: What brokers know of a topic spreads among them so fast; a single one knows it at once.
_SPREAD_SECONDS = 0.3
_SURE_SECONDS = 2.0


class LedgerIds(Protocol):
    """Which cluster and topic a ledger speaks of."""

    def recorded_id(self, name: str) -> str:
        """Return the id of the ``cluster`` or the ``topic``; empty where none is recorded."""

    def record_id(self, name: str, found: str) -> None:
        """Record the id of the ``cluster`` or the ``topic``."""


class ClusterEvents(Protocol):
    """Who receives what the check finds, on its thread."""

    def notify(self, kind: NoticeKind, text: str, rel_path: str = "") -> None:
        """Hear that the broker is up or down."""

    def lost_end(self, partition: int, offset: int) -> None:
        """Hear that a partition has lost its end, from an offset on."""

    def wrong_cluster(self, error: StartupError) -> None:
        """Hear that the cluster is another one: the program has to end."""

    def start_over(self, name: str, old_id: str) -> bool:
        """Begin a new ledger, since another cluster or topic answers; return whether that worked.

        Args:
            name: ``cluster`` or ``topic``. old_id: the one that the ledger speaks of.
        """


class ClusterCheck(Worker):
    """Asks the cluster for its ids until it answers, and opens the way for messages.

    Args:
        settings: the program's.
        producer: whose connection is verified, invalidated or rejected, whose clients ask, and who
            is tuned to the line.
        ids: the ledger's.
        events: receives what is found.
        client_logger: for librdkafka's records.
    """

    def __init__(self, settings: Settings, producer: ChunkProducer, ids: LedgerIds,
                 events: ClusterEvents, client_logger: logging.Logger) -> None:
        super().__init__("connecting")
        self._settings = settings
        self._connection = producer.connection
        self._producer = producer
        self._ids = ids
        self._events = events
        self._client_logger = client_logger
        self._said: set[str] = set()
        self._diagnosed = ("", "")
        self._was_connected = False
        self._last_sign = self._last_look = 0.0
        self._admin: AdminClient | None = None  #: asks; None with the embedded broker
        self._topic_id = ""
        self._watch = AcknowledgementWatch(settings, producer)
        self._n_brokers = 1

    def work(self) -> None:
        n_failures = 0
        while not self.stopping.is_set():
            if self._connection.is_verified:
                self._connection.wait_for_attention(0.5)
                if not self._connection.was_invalidated:
                    self._look()
                    self._watch.look(self._admin)
                continue
            self._connection.begin_check()
            try:
                # Rebuilt each time: certificates are read as a client is made.
                self._admin = admin_client(self._producer.clients.config, self._client_logger)
                cluster = ask(self._producer.clients.first, self._admin,
                              self._settings.topic_name, self._producer.principal,
                              self._client_logger,
                              _FIRST_ASK_SECONDS if not n_failures else _ASK_SECONDS)
            except NotConnectedError as error:
                n_failures += 1
                self._not_connected(error)
                self.stopping.wait(_BACK_OFF.seconds(n_failures))
                continue
            n_failures = 0
            if not self._is_ledgers(cluster):
                return
            self._producer.tune(cluster.max_request_bytes, cluster.round_trip_seconds)
            self._was_connected = True
            self._n_brokers, self._topic_id = cluster.n_brokers, cluster.topic_id
            self._producer.proof.is_possible = cluster.topic_id != NO_ID
            self._see_ends()
            self._connected(cluster)

    @property
    def unacknowledged(self) -> str:
        """See :attr:`AcknowledgementWatch.problem`."""
        return self._watch.problem

    def stop(self) -> None:
        super().stop()
        self._connection.ask_for_attention()

    def _look(self) -> None:
        """See that the topic is the ledger's still: idle or busy, it may be recreated."""
        if self._admin is None or not self._producer.proof.is_possible:
            self._ask_for_a_sign()
            return
        is_wanted = self._producer.proof.is_wanted
        rest = _LEAST_LOOK_SECONDS if is_wanted else _IDLE_LOOK_SECONDS
        wait = self._last_look + rest - time.monotonic()
        if wait > _LEAST_LOOK_SECONDS or self.stopping.wait(max(0.0, wait)):
            return
        self._producer.proof.is_wanted = False  # what is complete from now on asks again
        asked = time.monotonic()
        try:
            found = look_at_topic(self._admin, self._settings.topic_name, self._client_logger,
                                  _ASK_SECONDS)
        except TopicGoneError as error:
            logger.warning("%s any more", error.what)
            self._connection.invalidate()
            return
        except NotConnectedError:
            # A line that is full of messages may be slow to answer.
            if (self._producer.traffic.last_acknowledgement or 0.0) < asked:
                self._connection.invalidate()
            return
        finally:
            self._last_look = time.monotonic()
        if found is None:
            self._producer.proof.is_possible = False
        elif found[0] != self._topic_id or found[1] < self._producer.n_partitions:
            self._connection.invalidate()
        else:
            self._producer.proof.prove(asked if self._n_brokers == 1 else asked - _SPREAD_SECONDS)
            if is_wanted:
                self._producer.outcomes.news.set()
            else:
                self._see_ends()
            # The producers look by themselves only every few minutes.
            if found[1] > self._producer.n_partitions and self._producer.clients.know_partitions(
                    self._settings.topic_name, found[1], _ASK_SECONDS):
                logger.info("the topic has %d partitions now", found[1])
                self._producer.n_partitions = found[1]

    def _see_ends(self) -> None:
        """See that what was acknowledged is still on the topic, from its beginning to its end."""
        latest = self._producer.ends.by_partition()
        if self._admin is None or not latest:
            return
        lost = lost_ends(latest, self._ends_of(latest))
        if lost and self._settings.is_acknowledged_by_all and not self.stopping.wait(_SURE_SECONDS):
            # Once more: a new leader may not know yet how far the others are.
            lost = lost_ends({partition: latest[partition] for partition in lost},
                             self._ends_of(lost))
            self._producer.ends.forget(lost)
            for partition, offset in lost.items():
                self._events.lost_end(partition, offset)
        self._producer.outcomes.note_beginnings(self._ends_of(latest, beginnings=True))

    def _ends_of(self, partitions: Iterable[int], *, beginnings: bool = False) -> dict[int, int]:
        assert self._admin is not None
        return ends_of(self._admin, self._settings.topic_name, partitions, self._client_logger,
                       _ASK_SECONDS, beginnings=beginnings)

    def _ask_for_a_sign(self) -> None:
        """Ask an idle cluster for a sign of life: a frozen one does not say that it is gone."""
        last = self._producer.traffic.last_acknowledgement or 0.0
        now = time.monotonic()
        if self._producer.in_flight.n_messages or now - max(last, self._last_sign) < _QUIET_SECONDS:
            return
        if is_alive(self._producer.clients.first, self._settings.topic_name, _ASK_SECONDS):
            self._last_sign = now
        else:
            self._connection.invalidate()

    def _not_connected(self, error: NotConnectedError) -> None:
        health = self._producer.health
        reason = self._settings.redact(str(error))
        if not error.remedy:
            if health.trouble != self._diagnosed[0] or not self._diagnosed[1]:
                self._diagnosed = (health.trouble,
                                   diagnose(health.trouble, self._producer.clients.config))
            reason = self._diagnosed[1] or reason
        is_new = health.enter(BrokerState.UNREACHABLE, reason)
        if is_new or reason not in self._said:
            self._said.add(reason)
            logger.warning("not connected to %s: %s; files are watched and queued, and uploading "
                           "starts automatically once it is "
                           "connected", self._settings.broker_address, reason)
        if is_new:
            self._events.notify(NoticeKind.BROKER_DOWN, reason)

    def _connected(self, cluster: Cluster) -> None:
        self._producer.n_partitions = cluster.n_partitions
        self._was_connected = True
        self._last_sign = time.monotonic()
        if not self._producer.verify():
            # Lost again meanwhile, or there is no producer to send with.
            if not self._connection.was_invalidated:
                self.stopping.wait(_NO_PRODUCER_SECONDS)
            return
        if self._producer.health.enter(BrokerState.CONNECTED, "", cluster.cluster_id,
                                       cluster.n_brokers):
            logger.info("connected to %s: cluster %s, topic %s with %d partitions",
                        self._settings.broker_address, cluster.cluster_id,
                        self._settings.topic_name, cluster.n_partitions)
            self._events.notify(NoticeKind.BROKER_UP,
                                f"connected to {self._settings.broker_address}")
        self._said.clear()

    def _is_ledgers(self, cluster: Cluster) -> bool:
        """Compare the ids with the ledger's, and record them where it has none."""
        for name, found in (("cluster", cluster.cluster_id), ("topic", cluster.topic_id)):
            if found == NO_ID:
                if not self._ids.recorded_id(name) and not self._settings.is_embedded_broker:
                    logger.warning("the broker does not tell the %s's id: another %s under the "
                                   "same name would not be noticed", name, name)
            elif self._ids.recorded_id(name) not in ("", NO_ID, found):
                recorded = self._ids.recorded_id(name)
                # What is on its way to the old cluster must not be finished on the new one.
                if not self._settings.new_cluster or self._was_connected:
                    self._wrong(name, recorded, found)
                    return False
                if not self._events.start_over(name, recorded):
                    return False
                break
        for name, found in (("cluster", cluster.cluster_id), ("topic", cluster.topic_id)):
            if found != NO_ID or not self._ids.recorded_id(name):
                self._ids.record_id(name, found)
        return True

    def _wrong(self, name: str, recorded: str, found: str) -> None:
        self._connection.reject()
        self._producer.health.enter(BrokerState.REFUSED, f"another {name}")
        self._events.wrong_cluster(WrongClusterError(
            f"the ledger belongs to the {name} {recorded}, but {self._settings.broker_address} "
            f"answers as {name} {found}: "
            f"{'nothing that it took counts' if self._was_connected else 'nothing was sent to it'}",
            where=str(StateFiles(self._settings.state_dir, self._settings.topic_name).ledger),
            remedy="Start it again: --new_cluster then sets the old ledger aside"
            if self._settings.new_cluster else
            "Choose another state directory with --logger_file_path, or --new_cluster to "
            "set the old ledger aside and start a new one"))
