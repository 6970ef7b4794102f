"""The brokers that benchmarks send to: Apache Kafka, and librdkafka's embedded one."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.kafka_broker import KafkaBroker


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a run sends to.

    Attributes:
        name: in the table.
        properties: librdkafka's, for both sides of a comparison.
        admin: makes and removes topics; None for the embedded broker.
    """

    name: str
    properties: dict[str, str]
    admin: AdminClient | None = None

    def write_config(self, path: Path, extra: str = "") -> Path:
        """Write a config file of the program with the same properties."""
        lines = "".join(f"{key} = {value}\n" for key, value in self.properties.items())
        path.write_text(f"[broker]\n{lines}\n[producer]\n{extra}")
        return path

    @contextlib.contextmanager
    def topic(self, **config: str) -> Iterator[str]:
        """Make a topic with Kafka's defaults for one run, and remove it with its data."""
        name = f"bench-{uuid.uuid4().hex[:12]}"
        if self.admin is None:
            yield name
            return
        self.admin.create_topics([NewTopic(name, 1, 1, config=config)])[name].result(30)
        try:
            yield name
        finally:
            self.admin.delete_topics([name])[name].result(30)


@contextlib.contextmanager
def kafka() -> Iterator[Cluster]:
    """Start Apache Kafka, or use the running one that ``KAFKA_BOOTSTRAP`` names."""
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP", "")
    broker = None if bootstrap else KafkaBroker()
    if broker is not None:
        bootstrap = broker.bootstrap
    try:
        yield given(bootstrap)
    finally:
        if broker is not None:
            broker.close()


def given(bootstrap: str) -> Cluster:
    """Return a Kafka cluster that is running already."""
    return Cluster("Kafka", {"bootstrap.servers": bootstrap},
                   AdminClient({"bootstrap.servers": bootstrap, "log_level": "0"}))


def embedded() -> Cluster:
    """Return the embedded broker: each process has one of its own."""
    return Cluster("embedded", {"test.mock.num.brokers": "1"})
