"""What each Kafka error means for the chunk it struck: again, later, or not without help."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaError

from tui.config.redaction import Redaction


class Cure(enum.Enum):
    """What to do about a delivery that failed."""

    AGAIN = "again"  #: transient: produce the chunk again
    LATER = "later"  #: somebody has to change something; try the file again now and then


@dataclass(frozen=True, slots=True)
class Treatment:
    """What a delivery error means.

    Attributes:
        cure: what the program does.
        remedy: what a person can do; empty for transient errors.
        may_have_arrived: whether the message may be on the topic all the same.
        retry_after_seconds: for ``LATER``, the time to the next attempt.
        strikes_all: any other message would be refused as well.
        asks_for_check: the topic may be another one now.
    """

    cure: Cure
    remedy: str = ""
    may_have_arrived: bool = False
    retry_after_seconds: float = 30.0
    strikes_all: bool = False
    asks_for_check: bool = False


_SIZE_REMEDY = (
    "Raise max.message.bytes of the topic, message.max.bytes of the brokers and "
    "message.max.bytes of the producer, or choose a smaller --chunk_size"
)
#: ``{principal}`` and ``{topic}`` are filled in.
WRITE_REMEDY = (
    "The principal {principal} lacks the ACL Write on the topic {topic}: grant it "
    "(kafka-acls --add --allow-principal {principal} --operation Write --topic {topic}); "
    "uploading resumes automatically"
)

#: Refusals of one message, which another one may escape.
_LATER: Mapping[int, str] = {
    KafkaError.MSG_SIZE_TOO_LARGE: _SIZE_REMEDY,
    KafkaError.RECORD_LIST_TOO_LARGE: _SIZE_REMEDY,
    KafkaError.INVALID_MSG_SIZE: _SIZE_REMEDY,
    KafkaError._BAD_MSG: "Look at the broker's log for what it does not accept",
    KafkaError.INVALID_MSG: "Look at the broker's log for what it does not accept",
    KafkaError.INVALID_RECORD: "Check this computer's clock, of which the topic may bear only so "
    "much difference (message.timestamp.before.max.ms and after.max.ms); otherwise look at the "
    "broker's log for what it does not accept",
    KafkaError._UNKNOWN_PARTITION: "The topic has fewer partitions than it had; restore them",
    KafkaError.POLICY_VIOLATION: "Ask the cluster's administrators which policy forbids it",
}
#: Refusals that strike every message until somebody changes something.
_LATER_FOR_ALL: Mapping[int, str] = {
    KafkaError.INVALID_TIMESTAMP: "Set this computer's clock, or the broker's: they differ by more "
    "than message.timestamp.before.max.ms and after.max.ms of the topic allow; uploading resumes "
    "automatically",
    KafkaError.TOPIC_EXCEPTION: "Use a topic name that the cluster accepts",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: WRITE_REMEDY,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED:
        "Grant the principal {principal} the IdempotentWrite right on the cluster",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: WRITE_REMEDY,
    KafkaError._AUTHENTICATION: "Check sasl.username and sasl.password in the config",
    KafkaError.SASL_AUTHENTICATION_FAILED: "Check sasl.username and sasl.password in the config",
    KafkaError.UNSUPPORTED_VERSION: "The brokers are too old for the producer's settings",
    KafkaError.UNSUPPORTED_COMPRESSION_TYPE: "Choose another compression.type in the config",
    KafkaError.INVALID_REQUIRED_ACKS: "Choose another value for acks in the config",
}

#: Transient errors after which the message may be on the topic: the answer got lost, not it.
_AMBIGUOUS = frozenset({
    KafkaError._MSG_TIMED_OUT, KafkaError._TRANSPORT, KafkaError._TIMED_OUT,
    KafkaError.REQUEST_TIMED_OUT, KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    KafkaError._PURGE_INFLIGHT, KafkaError._FATAL, KafkaError.NETWORK_EXCEPTION,
    KafkaError._INCONSISTENT, KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER,
    KafkaError.UNKNOWN_PRODUCER_ID,
})

#: The topic is gone, or was recreated: who it is now has to be asked before more is sent.
_TOPIC_IN_DOUBT = frozenset({
    KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION,
})


def judge(code: int) -> Treatment:
    """Return what the error code of a delivery report means."""
    asks_for_check = code in _TOPIC_IN_DOUBT
    if code in _LATER_FOR_ALL:
        return Treatment(Cure.LATER, _LATER_FOR_ALL[code], strikes_all=True)
    if code in _LATER:
        return Treatment(Cure.LATER, _LATER[code], retry_after_seconds=60.0,
                         asks_for_check=asks_for_check)
    return Treatment(Cure.AGAIN, may_have_arrived=code in _AMBIGUOUS, asks_for_check=asks_for_check)


def principal_of(config: Mapping[str, object], redact: Redaction) -> str:
    """Return as whom the client speaks to the cluster, as ACLs name it; never a secret."""
    name = str(config.get("sasl.username") or "")
    if name and redact(name) != name:
        return "User:(sasl.username of the config)"
    if name:
        return f"User:{name}"
    if config.get("ssl.certificate.location") or config.get("ssl.keystore.location"):
        return "User:(subject of the client's certificate)"
    return "User:ANONYMOUS"
