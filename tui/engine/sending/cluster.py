"""Asks the Kafka cluster who it is, so that a ledger never speaks of another one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Producer, TopicCollection
from confluent_kafka.admin import AdminClient

from tui.errors import UploadError

#: Stands for an id that the broker does not tell.
NO_ID = "none"
_ASK_SECONDS = 8.0


class NotConnectedError(UploadError):
    """The cluster cannot be asked just now."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the cluster says of itself and of the topic.

    Attributes:
        cluster_id, topic_id: :data:`NO_ID` where the broker tells none.
        n_partitions: of the topic, at least 1.
        n_brokers: that the cluster knows.
    """

    cluster_id: str
    topic_id: str
    n_partitions: int
    n_brokers: int


def ask(producer: Producer, topic_name: str, config: Mapping[str, str | int | float | bool],
        logger: logging.Logger) -> Cluster:
    """Ask for the ids and the partitions of the topic.

    Args:
        producer: the client that will send; its own connection is asked.
        topic_name: topic to produce to; it may be created by being asked for.
        config: librdkafka properties, for the client that asks for the topic's id.
        logger: for that client.

    Raises:
        NotConnectedError: no broker answers, or the topic cannot be used.
    """
    try:
        found = producer.list_topics(topic_name, timeout=_ASK_SECONDS)
    except KafkaException as error:
        cause = error.args[0]
        raise NotConnectedError(cause.str() if isinstance(cause, KafkaError) else str(cause)) \
            from error
    topic = found.topics.get(topic_name)
    if topic is None or topic.error is not None or not topic.partitions:
        raise _unusable(topic_name, None if topic is None else topic.error)
    return Cluster(
        cluster_id=found.cluster_id or NO_ID,
        topic_id=_topic_id(topic_name, config, logger),
        n_partitions=len(topic.partitions),
        n_brokers=len(found.brokers),
    )


def addresses(producer: Producer) -> str:
    """Return the brokers that a client knows, as ``bootstrap.servers``; empty while it knows none.

    Args:
        producer: its own connection is asked.
    """
    try:
        found = producer.list_topics(timeout=_ASK_SECONDS)
    except KafkaException:
        return ""
    return ",".join(f"{broker.host}:{broker.port}" for broker in found.brokers.values())


def _unusable(topic_name: str, error: KafkaError | None) -> NotConnectedError:
    code = None if error is None else error.code()
    if code == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        return NotConnectedError(
            f"no right to describe the topic {topic_name}",
            remedy="Grant the principal the Describe and Write rights on it")
    if code in (None, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
        return NotConnectedError(
            f"the topic {topic_name} does not exist",
            remedy="Create it; sending starts by itself within a minute")
    return NotConnectedError(
        f"the topic {topic_name} cannot be used yet: {'' if error is None else error.str()}")


def _topic_id(topic_name: str, config: Mapping[str, str | int | float | bool],
              logger: logging.Logger) -> str:
    """Return the topic's id; :data:`NO_ID` where broker or client cannot tell it."""
    if "test.mock.num.brokers" in config:
        return NO_ID  # a second client would start a second embedded broker
    shared = {key: value for key, value in config.items() if key.startswith(
        ("bootstrap", "security", "sasl", "ssl", "client.", "socket", "broker.address"))}
    try:
        admin = AdminClient(shared, logger=logger)
        futures = admin.describe_topics(TopicCollection([topic_name]),
                                        request_timeout=_ASK_SECONDS)
        return str(futures[topic_name].result(timeout=_ASK_SECONDS).topic_id)
    except (KafkaException, TimeoutError, ValueError, NotImplementedError) as error:
        logger.debug("the broker does not tell the id of the topic: %s", error)
        return NO_ID
