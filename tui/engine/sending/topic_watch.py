"""Looks, over a connection of its own, which topic answers to the name just now."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException, TopicCollection

from tui.engine.sending.cluster import NO_ANSWER, NotConnectedError, admin_client

_GONE = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC,
                   KafkaError._UNKNOWN_PARTITION})


class TopicGoneError(NotConnectedError):
    """No topic has that name just now."""


class TopicWatch:
    """Asks for the id and the partitions of a topic, as often as it is told to.

    An answer to the producer may queue for minutes behind its messages on a slow line.

    Args:
        topic_name: the topic; it is not created by being asked for.
        config: librdkafka properties, of which those of the connection are taken.
        logger: for the client's own records.

    Raises:
        NotConnectedError: no client can be made, since a certificate is missing, say.
    """

    def __init__(self, topic_name: str, config: Mapping[str, str | int | float | bool],
                 logger: logging.Logger) -> None:
        self._topic_name = topic_name
        self._admin = admin_client(config, logger)

    def look(self, timeout_seconds: float) -> tuple[str, int] | None:
        """Return id and partition count of the topic; None where the cluster does not tell.

        Raises:
            TopicGoneError: there is no such topic.
            NotConnectedError: no answer came in time.
        """
        try:
            asked = self._admin.describe_topics(
                TopicCollection([self._topic_name]), request_timeout=timeout_seconds)
            found = next(iter(asked.values())).result(timeout=timeout_seconds)
        except TimeoutError as error:
            raise NotConnectedError("the topic could not be looked at in time") from error
        except KafkaException as error:
            cause = error.args[0]
            if cause.code() in _GONE:
                raise TopicGoneError(f"the topic {self._topic_name} does not exist") from error
            if cause.code() in NO_ANSWER:
                raise NotConnectedError(cause.str()) from error
            return None
        return str(found.topic_id), len(found.partitions)
