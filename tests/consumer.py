"""Reads topics back, and rebuilds files from them as strictly as can be."""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, not re-exported
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from confluent_kafka.cimpl import NewPartitions, NewTopic

from tests.waiting import wait_until


@dataclass(frozen=True, slots=True)
class Received:
    """One message."""

    key: bytes
    value: bytes
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk as its message tells it."""

    rel_path: str
    file_hash: bytes
    offset: int
    index: int
    n_chunks: int
    data: bytes
    mtime: float | None
    partition: int
    position: int


def make_topic(bootstrap: str, n_partitions: int = 1, name: str = "",
               config: Mapping[str, str] | None = None) -> str:
    """Make a topic, unless it is named with a name of its own; return the name."""
    name = name or f"t-{uuid.uuid4().hex[:12]}"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topic = NewTopic(name, n_partitions, 1, config=dict(config or {}))
    admin.create_topics([topic])[name].result(30)
    return name


def add_partitions(bootstrap: str, name: str, n_partitions: int) -> None:
    """Have a topic with so many partitions in all."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_partitions([NewPartitions(name, n_partitions)])[name].result(30)
    wait_until(lambda: len(admin.list_topics(name, timeout=20).topics[name].partitions)
               == n_partitions, f"{name} has {n_partitions} partitions")


def alter_topic(bootstrap: str, name: str, **config: str) -> None:
    """Change settings of a topic, their dots written as underscores."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[
        ConfigEntry(key.replace("_", "."), value,
                    incremental_operation=AlterConfigOpType.SET)
        for key, value in config.items()])
    admin.incremental_alter_configs([resource])[resource].result(30)

    def are_changed() -> bool:
        asked = ConfigResource(ResourceType.TOPIC, name)
        found = admin.describe_configs([asked])[asked].result(20)
        return all(found[key.replace("_", ".")].value == value for key, value in config.items())

    wait_until(are_changed, f"{name} has {config}")


def delete_topic(bootstrap: str, name: str) -> None:
    """Delete a topic, and wait until it is gone."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.delete_topics([name])[name].result(30)
    wait_until(lambda: name not in admin.list_topics(timeout=20).topics, f"{name} is gone")


def remake_topic(bootstrap: str, name: str, n_partitions: int = 1) -> None:
    """Delete a topic and create it again; whoever sends to it may be the one that does."""
    admin = AdminClient({"bootstrap.servers": bootstrap})

    def topic_id() -> str:
        wanted = TopicCollection([name])
        return str(admin.describe_topics(wanted, request_timeout=20)[name].result(20).topic_id)

    def is_another() -> bool:
        with contextlib.suppress(KafkaException):  # it is there already, or is just being made
            admin.create_topics([NewTopic(name, n_partitions, 1)])[name].result(30)
        try:
            return topic_id() != before
        except KafkaException:
            return False

    before = topic_id()
    admin.delete_topics([name])[name].result(30)
    wait_until(is_another, f"{name} is recreated")


def read_topic(bootstrap: str, topic: str) -> list[Received]:
    """Return everything on a topic, partition by partition in their order."""
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": uuid.uuid4().hex,
        "enable.auto.commit": False, "fetch.message.max.bytes": 20_000_000})
    try:
        partitions = consumer.list_topics(topic, timeout=20).topics[topic].partitions
        ends = {}
        for number in partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=20)
            ends[number] = high - low
        n_wanted = sum(ends.values())
        consumer.assign([TopicPartition(topic, n, OFFSET_BEGINNING) for n in partitions])
        found: list[Received] = []
        n_empty = 0
        while len(found) < n_wanted and n_empty < 20:
            messages = consumer.consume(2000, 1.0)
            n_empty = 0 if messages else n_empty + 1
            for message in messages:
                assert message.error() is None, message.error()
                assert not message.headers()
                found.append(Received(message.key() or b"", message.value() or b"",
                                      message.partition() or 0, message.offset() or 0))
        assert len(found) == n_wanted, f"{len(found)} of {n_wanted} messages came"
        return found
    finally:
        consumer.close()


def parse(message: Received) -> Chunk:
    """Take a message apart, checking its key and the chunk's own hash."""
    fields = msgspec.msgpack.decode(message.value)
    assert len(fields) in (9, 10)
    name, file_hash, chunk_hash, offset, index, n_chunks, parent, append, data = fields[:9]
    assert append == ""
    assert hashlib.sha512(data).digest() == chunk_hash
    rel_path = f"{parent}/{name}" if parent else name
    key = f"{parent.replace('/', '_')}_{name}_chunk_{index}_of_{n_chunks}"
    assert message.key.decode() == key
    return Chunk(rel_path, file_hash, offset, index, n_chunks, data,
                 fields[9] if len(fields) == 10 else None, message.partition, message.offset)


def rebuild(messages: Iterable[Received]) -> dict[str, list[bytes]]:
    """Return, for each path, the contents whose last missing chunk arrived, in that order."""
    versions: dict[tuple[str, bytes], dict[int, bytes]] = {}
    found: dict[str, list[bytes]] = {}
    for chunk in map(parse, messages):
        parts = versions.setdefault((chunk.rel_path, chunk.file_hash), {})
        parts[chunk.index] = chunk.data
        if len(parts) == chunk.n_chunks:
            content = b"".join(parts[i] for i in range(1, chunk.n_chunks + 1))
            assert hashlib.sha512(content).digest() == chunk.file_hash
            found.setdefault(chunk.rel_path, []).append(content)
            del versions[chunk.rel_path, chunk.file_hash]
    return found
