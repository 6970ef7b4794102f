"""Notices that a partition has lost its end: what was acknowledged there is on the topic no more.

After an unclean election a broker that lagged becomes the leader, and what it never had is gone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, not re-exported
    AdminClient,
    OffsetSpec,
)


class PartitionEnds:
    """The highest offset that acknowledgements gave for each partition; for any thread."""

    def __init__(self) -> None:
        self._latest: dict[tuple[int, int], int] = {}
        self._lock = threading.Lock()

    def note(self, client: int, partition: int, offset: int) -> int | None:
        """Take the offset of an acknowledgement.

        A partition counts upward, and reports of one client come in its order: an offset at or
        below an earlier one is that of a topic recreated, or of a partition that lost its end.

        Returns:
            The earlier offset, where this one is not above it; else None.
        """
        with self._lock:
            latest = self._latest.get((client, partition), -1)
            self._latest[client, partition] = max(offset, latest)
            return latest if offset <= latest else None

    def by_partition(self) -> dict[int, int]:
        """Return the highest offset of each partition."""
        found: dict[int, int] = {}
        with self._lock:
            for (_, partition), offset in self._latest.items():
                found[partition] = max(offset, found.get(partition, -1))
        return found

    def forget(self, partitions: Iterable[int]) -> None:
        """Start over with partitions of which it is known that they have lost their ends."""
        gone = set(partitions)
        with self._lock:
            for key in [key for key in self._latest if key[1] in gone]:
                del self._latest[key]


def lost_ends(latest: Mapping[int, int], ends: Mapping[int, int]) -> dict[int, int]:
    """Return the first lost offset of each partition that has lost its end.

    Args:
        latest: the highest acknowledged offset of each partition, taken before the ends were asked
            for: more may have been acknowledged since.
        ends: the offset that the next record of a partition will have.
    """
    return {partition: ends[partition] for partition, offset in latest.items()
            if ends.get(partition, offset + 1) <= offset}


def ends_of(admin: AdminClient, topic_name: str, partitions: Iterable[int],
            logger: logging.Logger, timeout_seconds: float, *,
            beginnings: bool = False) -> dict[int, int]:
    """Return the next offset of partitions, as their leaders tell it; fewer where they do not.

    Args:
        admin: asks.
        topic_name: the topic.
        partitions: which.
        logger: for what the cluster does not answer.
        timeout_seconds: for all answers.
        beginnings: return the first offset that is still there instead.
    """
    partitions = list(partitions)
    if not partitions:
        return {}
    found = {}
    kind = OffsetSpec.earliest if beginnings else OffsetSpec.latest
    spec = kind()  # type: ignore[no-untyped-call]
    try:
        asked = admin.list_offsets(
            {TopicPartition(topic_name, partition): spec for partition in partitions},
            request_timeout=timeout_seconds)
        for partition, answer in asked.items():
            found[partition.partition] = int(answer.result(timeout=timeout_seconds).offset)
    except (KafkaException, TimeoutError, ValueError, NotImplementedError) as error:
        logger.debug("the ends of the partitions are not known: %s", error)
    return found
