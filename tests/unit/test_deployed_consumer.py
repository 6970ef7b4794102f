"""The traps of deployed consumers, each as it was observed."""

from __future__ import annotations

import pytest

from tests.builders import messages_of
from tests.consumer import Received
from tests.deployed_consumer import ChunkCountError, DeployedConsumer


def feed(consumer: DeployedConsumer, content: bytes, chunk_size: int, mtime: float,
         *indexes: int) -> None:
    made = messages_of(content, "a", chunk_size, mtime)
    for index in indexes or range(len(made)):
        consumer.feed(Received(*made[index], 0, 0))


OLD, NEW = b"o" * 40, b"n" * 60


@pytest.mark.parametrize(("content", "mtime"), [
    (NEW, 2.0),  # more chunks: the chunk that made it let go is lost
    (b"n" * 20, 2.0),  # fewer: all stale
    (b"n" * 40, 2.0),  # as many and newer: one is lost
    (b"n" * 40, 0.5)])  # as many and older: all stale
def test_what_follows_a_partial_version_never_completes(content: bytes, mtime: float) -> None:
    consumer = DeployedConsumer()
    feed(consumer, OLD, 10, 1.0, 0, 1)
    feed(consumer, content, 10, mtime)
    assert consumer.completed == []


def test_more_chunks_with_the_first_one_twice_complete() -> None:
    consumer = DeployedConsumer()
    feed(consumer, OLD, 10, 1.0, 0, 1)
    feed(consumer, NEW, 10, 2.0, 0, 0, 1, 2, 3, 4, 5)
    assert consumer.completed == [("a", NEW)]
    assert consumer.unfinished == set()


def test_one_content_in_two_cuts_stops_it() -> None:
    consumer = DeployedConsumer()
    feed(consumer, OLD, 10, 1.0, 0)
    with pytest.raises(ChunkCountError):
        feed(consumer, OLD, 20, 1.0, 0)


def test_a_late_copy_opens_a_phantom() -> None:
    consumer = DeployedConsumer()
    feed(consumer, OLD, 10, 1.0, 0, 1, 2, 3, 3)
    assert consumer.unfinished == {"a"}


def test_a_smaller_version_over_a_complete_one_does_not_match() -> None:
    consumer = DeployedConsumer()
    feed(consumer, NEW, 10, 1.0)
    feed(consumer, OLD, 10, 2.0)
    assert consumer.mismatches == ["a"]


def test_an_empty_file_is_made() -> None:
    consumer = DeployedConsumer()
    feed(consumer, b"", 10, 1.0)
    assert consumer.completed == [("a", b"")]
