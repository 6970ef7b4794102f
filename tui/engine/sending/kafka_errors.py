"""What each Kafka error means for the chunk it struck: again, later, or not without help."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaError


class Cure(enum.Enum):
    """What to do about a delivery that failed."""

    AGAIN = "again"  #: transient: produce the chunk again
    LATER = "later"  #: somebody has to change something; try the file again now and then


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a delivery error means.

    Attributes:
        cure: what the program does.
        remedy: what a person can do; empty for transient errors.
        may_have_arrived: whether the message may be on the topic all the same.
        retry_after_seconds: for ``LATER``, the time to the next attempt.
    """

    cure: Cure
    remedy: str = ""
    may_have_arrived: bool = False
    retry_after_seconds: float = 60.0


_SIZE_REMEDY = (
    "Raise max.message.bytes of the topic, message.max.bytes of the brokers and "
    "message.max.bytes of the producer, or choose a smaller --chunk_size"
)
_ACL_REMEDY = "Grant the principal the Write and Describe rights on the topic"

_LATER: Mapping[int, str] = {
    KafkaError.MSG_SIZE_TOO_LARGE: _SIZE_REMEDY,
    KafkaError.RECORD_LIST_TOO_LARGE: _SIZE_REMEDY,
    KafkaError.INVALID_MSG_SIZE: _SIZE_REMEDY,
    KafkaError._BAD_MSG: "Look at the broker's log for what it does not accept",
    KafkaError.INVALID_MSG: "Look at the broker's log for what it does not accept",
    KafkaError.INVALID_RECORD: "Look at the topic's settings (a compacted topic needs keys)",
    KafkaError.TOPIC_EXCEPTION: "Use a topic name that the cluster accepts",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: _ACL_REMEDY,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "Grant the principal the IdempotentWrite right",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: _ACL_REMEDY,
    KafkaError._AUTHENTICATION: "Check sasl.username and sasl.password in the config",
    KafkaError.SASL_AUTHENTICATION_FAILED: "Check sasl.username and sasl.password in the config",
    KafkaError._UNKNOWN_TOPIC: "Create the topic; sending starts by itself",
    KafkaError.UNKNOWN_TOPIC_OR_PART: "Create the topic; sending starts by itself",
    KafkaError._UNKNOWN_PARTITION: "The topic has fewer partitions than it had; restore them",
    KafkaError.UNSUPPORTED_VERSION: "The brokers are too old for the producer's settings",
    KafkaError.UNSUPPORTED_COMPRESSION_TYPE: "Choose another compression.type in the config",
    KafkaError.INVALID_REQUIRED_ACKS: "Choose another value for acks in the config",
    KafkaError.POLICY_VIOLATION: "Ask the cluster's administrators which policy forbids it",
}

#: Transient errors after which the message may be on the topic: the answer got lost, not it.
_AMBIGUOUS = frozenset({
    KafkaError._MSG_TIMED_OUT, KafkaError._TRANSPORT, KafkaError._TIMED_OUT,
    KafkaError.REQUEST_TIMED_OUT, KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    KafkaError._PURGE_INFLIGHT, KafkaError._FATAL, KafkaError.NETWORK_EXCEPTION,
})

#: Refusals that end the moment somebody creates or grants something are asked for more often.
_SOON = frozenset({KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART})


def judge(code: int) -> Verdict:
    """Return what the error code of a delivery report means."""
    remedy = _LATER.get(code)
    if remedy is None:
        return Verdict(Cure.AGAIN, may_have_arrived=code in _AMBIGUOUS)
    return Verdict(Cure.LATER, remedy, retry_after_seconds=20.0 if code in _SOON else 60.0)
