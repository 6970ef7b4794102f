"""Turns the config's sections into librdkafka properties, refusing what would lose files."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from confluent_kafka import KafkaException, Producer

from tui.config_file import ConfigFile, silent_logger
from tui.errors import ConfigError

Properties = dict[str, str | int | float | bool]

#: What a chunk's message carries beside payload and key: digests, numbers, names, batch headers.
MESSAGE_OVERHEAD_BYTES = 512

_ALIASES = {
    "metadata.broker.list": "bootstrap.servers",
    "request.required.acks": "acks",
    "max.in.flight": "max.in.flight.requests.per.connection",
    "message.send.max.retries": "retries",
    "delivery.timeout.ms": "message.timeout.ms",
    "compression.type": "compression.codec",
}
_SERIALIZERS = {
    "key.serializer": "StringSerializer",
    "value.serializer": "DataFileChunkSerializer",
}
_REMEDY_ACKS = "Remove it, or set acks = all: files count as uploaded once they are acknowledged"


def producer_properties(config: ConfigFile) -> tuple[Properties, list[str]]:
    """Return the producer's properties and warnings about them.

    Args:
        config: with its sections ``[broker]`` and ``[producer]``.

    Raises:
        ConfigError: a section is missing, or a property is wrong or forbidden.
    """
    for section in ("broker", "producer"):
        if section not in config.sections:
            raise ConfigError(f"the section [{section}] is missing", where=str(config.path),
                              remedy=f"Add a line [{section}] with the properties of the "
                              f"{section}")
    properties: Properties = {}
    origin: dict[str, tuple[str, str]] = {}
    for section in ("broker", "producer"):
        for key, value in config.values(section).items():
            if key in _SERIALIZERS:
                _check_serializer(config, section, key, value)
                continue
            name = _ALIASES.get(key, key)
            properties[name] = value
            origin[name] = (section, key)
    if not properties.get("bootstrap.servers") and "test.mock.num.brokers" not in properties:
        raise ConfigError("no broker is named", where=config.where("broker"),
                          remedy="Add bootstrap.servers = host:port to [broker]")
    _check_forbidden(config, properties, origin)
    warnings = _set_idempotence(config, properties, origin)
    properties.setdefault("message.timeout.ms", 0)
    properties.setdefault("statistics.interval.ms", 1000)
    properties.setdefault("client.id", "DataFileUploadDirectory")
    # A few milliseconds let the batches of several files share a request.
    if "queue.buffering.max.ms" not in properties:
        properties.setdefault("linger.ms", 5)
    check_properties(config, properties, origin)
    return properties, warnings


def _check_serializer(config: ConfigFile, section: str, key: str, value: str) -> None:
    if value != _SERIALIZERS[key]:
        raise ConfigError(f"the serializer {value} is not supported",
                          where=config.where(section, key),
                          remedy=f"Write {key} = {_SERIALIZERS[key]}, or remove the line")


def _check_forbidden(config: ConfigFile, properties: Mapping[str, object],
                     origin: Mapping[str, tuple[str, str]]) -> None:
    if str(properties.get("acks", "all")) == "0":
        raise ConfigError("acks = 0 means that nothing is ever acknowledged",
                          where=config.where(*origin["acks"]), remedy=_REMEDY_ACKS)
    if "transactional.id" in properties:
        raise ConfigError("transactions are not supported",
                          where=config.where(*origin["transactional.id"]),
                          remedy="Remove transactional.id")
    if str(properties.get("delivery.report.only.error", "false")).lower() in ("true", "1"):
        raise ConfigError("without delivery reports nothing would ever count as uploaded",
                          where=config.where(*origin["delivery.report.only.error"]),
                          remedy="Remove delivery.report.only.error")


def _set_idempotence(config: ConfigFile, properties: Properties,
                     origin: Mapping[str, tuple[str, str]]) -> list[str]:
    """Switch idempotence on unless the config speaks against it; return warnings."""
    against = ""
    if str(properties.get("acks", "all")) not in ("all", "-1"):
        against = "acks"
    elif str(properties.get("retries", "")) == "0":
        against = "retries"
    elif _int(properties.get("max.in.flight.requests.per.connection", 5)) > 5:
        against = "max.in.flight.requests.per.connection"
    elif properties.get("queuing.strategy") == "lifo":
        against = "queuing.strategy"
    asked = str(properties.get("enable.idempotence", "")).lower()
    if asked in ("true", "1") and against:
        section, key = origin[against]
        raise ConfigError(
            f"enable.idempotence = true and {key} = {properties[against]} exclude each other",
            where=config.where(section, key), remedy=f"Remove {key}, or enable.idempotence")
    if asked:
        return []
    properties["enable.idempotence"] = not against
    if not against:
        return []
    section, key = origin[against]
    return [f"{config.where(section, key)} = {properties[against]}: the producer is not "
            "idempotent, so a chunk may reach the topic twice after a lost connection"]


def _int(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0  # the check by librdkafka has the better message


def check_properties(config: ConfigFile, properties: Properties,
                     origin: Mapping[str, tuple[str, str]], section: str = "producer") -> None:
    """Have librdkafka check the properties, without contacting a broker.

    Raises:
        ConfigError: with librdkafka's own reason.
    """
    offline = {key: value for key, value in properties.items()
               if key not in ("bootstrap.servers", "test.mock.num.brokers")}
    reason = _objection(offline)
    if not reason:
        return
    for secret in config.secrets:
        reason = reason.replace(secret, "***") if secret else reason
    culprit = max((key for key in origin if f'"{key}"' in reason), key=len, default="")
    if not culprit:  # librdkafka speaks of an alias: the one that it objects to by itself
        culprit = next((key for key in origin if key in offline
                        and _objection({key: offline[key]})), "")
    where = config.where(*origin[culprit]) if culprit else config.where(section)
    close = difflib.get_close_matches(culprit, KNOWN_PROPERTIES, 1) if "No such" in reason else []
    raise ConfigError(reason.rstrip("."), where=where, remedy=f"Did you mean {close[0]}?" if close
                      else "Correct or remove it; librdkafka's CONFIGURATION.md lists them all")


def _objection(properties: Properties) -> str:
    """Return what librdkafka has against properties; empty where it has nothing."""
    try:
        Producer(properties, logger=silent_logger())
    except KafkaException as error:
        cause = error.args[0]
        return str(cause.str()) if hasattr(cause, "str") else str(cause)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""


#: The properties that people set most, to find what a misspelt one should have been.
KNOWN_PROPERTIES = (
    "acks", "allow.auto.create.topics", "batch.num.messages", "batch.size", "bootstrap.servers",
    "client.id", "compression.codec", "compression.level", "compression.type",
    "connections.max.idle.ms", "debug", "enable.idempotence", "linger.ms", "log_level",
    "max.in.flight.requests.per.connection", "message.max.bytes", "message.timeout.ms",
    "partitioner", "queue.buffering.max.kbytes", "queue.buffering.max.messages",
    "reconnect.backoff.max.ms", "reconnect.backoff.ms", "request.timeout.ms", "retries",
    "retry.backoff.ms", "sasl.mechanism", "sasl.mechanisms", "sasl.password", "sasl.username",
    "security.protocol", "socket.keepalive.enable", "socket.timeout.ms", "ssl.ca.location",
    "ssl.certificate.location", "ssl.key.location", "ssl.key.password",
)
