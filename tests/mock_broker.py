"""librdkafka's embedded broker in the test's process, as a cluster for programs beside it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from tests.waiting import wait_until

_logger = logging.getLogger("tests.mock")
_logger.disabled = True


class MockBroker:
    """A broker on a loopback port; it keeps some megabytes a partition."""

    def __init__(self) -> None:
        self._client = Producer({"test.mock.num.brokers": 1}, logger=_logger)
        brokers = self._client.list_topics(timeout=30).brokers.values()
        self.bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)

    def read(self, topic: str, n_messages: int, seconds: float = 60) -> list[Message]:
        """Return the messages of a topic, as soon as there are so many."""
        found: list[Message] = []
        with self._consumer(topic) as consumer:
            def look() -> bool:
                message = consumer.poll(0.1)
                if message is not None and message.error() is None:
                    found.append(message)
                return len(found) >= n_messages

            wait_until(look, f"{n_messages} messages on {topic}", seconds)
            while (message := consumer.poll(0.5)) is not None:
                found.append(message)
        return found

    @contextmanager
    def _consumer(self, topic: str) -> Iterator[Consumer]:
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "tests",
                             "auto.offset.reset": "earliest"}, logger=_logger)
        try:
            partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
            consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
            yield consumer
        finally:
            consumer.close()
