"""Asks the Kafka cluster who it is, so that a ledger never speaks of another one."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from confluent_kafka import (
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartitionInfo,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, not re-exported
    AdminClient,
    ClusterMetadata,
    ConfigResource,
)

from tui.engine.sending.kafka_errors import WRITE_REMEDY
from tui.errors import NotConnectedError, TopicGoneError

#: Stands for an id that the broker does not tell.
NO_ID = "none"
_ADDRESSES_SECONDS = 8.0
_CREATE_REMEDY = "Create it; uploading starts automatically within a minute"
_NO_ANSWER = frozenset({KafkaError._TIMED_OUT, KafkaError._TRANSPORT,
                        KafkaError._ALL_BROKERS_DOWN, KafkaError.REQUEST_TIMED_OUT})
#: Raised where an answer does not come, or lacks what was asked for.
_UNTOLD = (KafkaException, TimeoutError, NotImplementedError, ValueError, KeyError, TypeError)
_GONE = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC})
#: Properties that say how to reach the cluster, by how they begin.
_CONNECTION_KEYS = ("bootstrap", "security", "sasl", "ssl", "enable.ssl", "enable.sasl", "https",
                    "client.", "socket", "broker.", "reconnect")


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the cluster says of itself and of the topic.

    Attributes:
        cluster_id, topic_id: :data:`NO_ID` where the broker tells none.
        n_partitions: of the topic, at least 1.
        n_brokers: that the cluster knows.
        max_request_bytes: the topic's ``max.message.bytes``; None where the broker does not tell.
        round_trip_seconds: of a small question over a connection that has nothing else to do.
    """

    cluster_id: str
    topic_id: str
    n_partitions: int
    n_brokers: int
    max_request_bytes: int | None = None
    round_trip_seconds: float = 0.0


def ask(producer: Producer, admin: AdminClient | None, topic_name: str, principal: str,
        logger: logging.Logger, timeout_seconds: float) -> Cluster:
    """Ask for the ids and the partitions of the topic.

    A connection of its own is asked, since an answer to the producer may queue for minutes behind
    its messages on a slow line. A producer that has nothing on the way is asked as well.

    Args:
        producer: the client that sends.
        admin: the client that asks; None where only the one that sends can.
        topic_name: topic to produce to; it may be created by being asked for.
        principal: as whom, for the message where that one may not.
        logger: for what the cluster does not answer.
        timeout_seconds: for each answer.

    Raises:
        NotConnectedError: no broker answers, or the topic cannot be used.
    """
    found = _list(producer if admin is None else admin, topic_name, timeout_seconds)
    if admin is None:
        return _described(found, topic_name, principal)
    # These are answered during the next one, since a far cluster takes its time for each.
    description = _described_soon(admin, topic_name, logger, timeout_seconds)
    topic_config = _configured_soon(admin, topic_name, logger, timeout_seconds)
    if not len(producer) \
            and _list(producer, topic_name, timeout_seconds).cluster_id != found.cluster_id:
        raise NotConnectedError("two clusters answer under one name")
    topic = _topic_described(description, topic_name, logger, timeout_seconds)
    cluster = replace(
        _described(found, topic_name, principal),
        topic_id=NO_ID if topic is None else topic[0],
        max_request_bytes=_max_request_bytes(topic_config, logger, timeout_seconds))
    began = time.monotonic()
    _list(admin, topic_name, timeout_seconds)
    return replace(cluster, round_trip_seconds=time.monotonic() - began)


def admin_client(config: Mapping[str, str | int | float | bool],
                 logger: logging.Logger) -> AdminClient | None:
    """Return a client that only asks; None with the embedded broker, which would be another one.

    Args:
        config: librdkafka properties, of which those of the connection are taken.
        logger: for its own records.

    Raises:
        NotConnectedError: it cannot be made: a file of certificates is away, say.
    """
    if "test.mock.num.brokers" in config:
        return None
    try:
        return AdminClient(
            {key: value for key, value in config.items() if key.startswith(_CONNECTION_KEYS)},
            logger=logger)
    except KafkaException as error:
        cause = error.args[0]
        raise NotConnectedError(
            f"no client can be made: {cause.str() if isinstance(cause, KafkaError) else cause}",
            remedy="Look whether the files that the config names are there; uploading resumes "
                   "automatically") from error


def look_at_topic(admin: AdminClient, topic_name: str, logger: logging.Logger,
                  timeout_seconds: float) -> tuple[str, int] | None:
    """Return id and partition count of a topic, which is not created by being asked for.

    Args:
        admin: an answer to the client that sends may queue for minutes behind its messages.
        topic_name: the topic.
        logger: for what the cluster does not answer.
        timeout_seconds: for the answer.

    Returns:
        None where broker or client do not know it.

    Raises:
        TopicGoneError: there is no such topic.
        NotConnectedError: no answer came.
    """
    asked = _described_soon(admin, topic_name, logger, timeout_seconds)
    return _topic_described(asked, topic_name, logger, timeout_seconds)


def _described_soon(admin: AdminClient, topic_name: str, logger: logging.Logger,
                    timeout_seconds: float) -> Future[Any]:
    return _asked(lambda: admin.describe_topics(
        TopicCollection([topic_name]), request_timeout=timeout_seconds), logger)


def _configured_soon(admin: AdminClient, topic_name: str, logger: logging.Logger,
                     timeout_seconds: float) -> Future[Any]:
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic_name)
    return _asked(lambda: admin.describe_configs(
        [resource], request_timeout=timeout_seconds), logger)


def look_at_replicas(admin: AdminClient, topic_name: str, logger: logging.Logger,
                     timeout_seconds: float) -> tuple[list[TopicPartitionInfo], int] | None:
    """Return a topic's partitions with their replicas, and its ``min.insync.replicas``.

    Args:
        admin: asks.
        topic_name: the topic.
        logger: for what the cluster does not answer.
        timeout_seconds: for each answer.

    Returns:
        None where that is not known.
    """
    described = _described_soon(admin, topic_name, logger, timeout_seconds)
    config = _configured_soon(admin, topic_name, logger, timeout_seconds)
    try:
        return described.result(timeout=timeout_seconds).partitions, int(
            config.result(timeout=timeout_seconds)["min.insync.replicas"].value)
    except _UNTOLD as error:
        logger.debug("the broker does not describe its partitions: %s", error)
        return None


def _described(found: ClusterMetadata, topic_name: str, principal: str) -> Cluster:
    """Return what the metadata say about cluster and topic.

    Raises:
        NotConnectedError: the topic cannot be used.
    """
    topic = found.topics.get(topic_name)
    if topic is None or topic.error is not None or not topic.partitions:
        raise _unusable(topic_name, principal, None if topic is None else topic.error)
    return Cluster(cluster_id=found.cluster_id or NO_ID, topic_id=NO_ID,
                   n_partitions=len(topic.partitions), n_brokers=len(found.brokers))


def _asked(ask: Callable[[], Mapping[Any, Future[Any]]], logger: logging.Logger) -> Future[Any]:
    """Ask one question; return its answer to come, which may be that it cannot be asked."""
    try:
        return next(iter(ask().values()))
    except (KafkaException, ValueError, NotImplementedError) as error:
        logger.debug("a question cannot be asked: %s", error)
        unasked: Future[Any] = Future()
        unasked.set_exception(error)
        return unasked


def addresses(producer: Producer) -> str:
    """Return the brokers that a client knows, as ``bootstrap.servers``; empty while it knows none.

    Args:
        producer: its own connection is asked.
    """
    try:
        found = producer.list_topics(timeout=_ADDRESSES_SECONDS)
    except KafkaException:
        return ""
    return ",".join(f"{broker.host}:{broker.port}" for broker in found.brokers.values())


def _max_request_bytes(asked: Future[Any], logger: logging.Logger,
                       timeout_seconds: float) -> int | None:
    """Return the topic's limit for one request; None where it may not be known."""
    try:
        return int(asked.result(timeout=timeout_seconds)["max.message.bytes"].value)
    except _UNTOLD as error:
        logger.debug("the broker does not tell the topic's limit: %s", error)
        return None


def _list(client: Producer | AdminClient, topic_name: str,
          timeout_seconds: float) -> ClusterMetadata:
    try:
        return client.list_topics(topic_name, timeout=timeout_seconds)
    except KafkaException as error:
        cause = error.args[0]
        raise NotConnectedError(cause.str() if isinstance(cause, KafkaError) else str(cause)) \
            from error


def is_alive(producer: Producer, topic_name: str, timeout_seconds: float) -> bool:
    """Return whether any broker answers a question."""
    try:
        producer.list_topics(topic_name, timeout=timeout_seconds)
    except KafkaException:
        return False
    return True


def _unusable(topic_name: str, principal: str, error: KafkaError | None) -> NotConnectedError:
    code = None if error is None else error.code()
    if code == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        return NotConnectedError(
            f"the topic {topic_name} may not be used",
            remedy=WRITE_REMEDY.format(principal=principal, topic=topic_name))
    if code is None or code in _GONE:
        return TopicGoneError(f"the topic {topic_name} does not exist", remedy=_CREATE_REMEDY)
    return NotConnectedError(
        f"the topic {topic_name} cannot be used yet: {'' if error is None else error.str()}")


def _topic_described(asked: Future[Any], topic_name: str, logger: logging.Logger,
                     timeout_seconds: float) -> tuple[str, int] | None:
    """Return what :func:`look_at_topic` does, from an answer to come."""
    try:
        found = asked.result(timeout=timeout_seconds)
    except TimeoutError as error:
        raise NotConnectedError(f"the id of the topic {topic_name} could not be read in time") \
            from error
    except (KafkaException, ValueError, NotImplementedError) as error:
        code = error.args[0].code() if isinstance(error, KafkaException) else None
        if code in _GONE:
            raise TopicGoneError(
                f"the topic {topic_name} does not exist", remedy=_CREATE_REMEDY) from error
        if code in _NO_ANSWER or (code is not None and error.args[0].retriable()):
            raise NotConnectedError(error.args[0].str()) from error
        logger.debug("the broker does not know the id of the topic: %s", error)
        return None
    return str(found.topic_id), len(found.partitions)
