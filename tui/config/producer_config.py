"""Turns the config's sections into librdkafka properties, refusing what would lose files."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping

from confluent_kafka import KafkaException, Producer

from tui.config.config_file import ConfigFile, silent_logger
from tui.config.property_rules import (
    TRUE,
    check_safe,
    check_token,
    check_values,
    is_acks,
    number_of,
)
from tui.errors import ConfigError

Properties = dict[str, str | int | float | bool]

#: Properties that name a cluster.
SERVERS = ("bootstrap.servers", "metadata.broker.list", "test.mock.num.brokers")
#: Beginnings of the properties that say how a cluster is reached.
CONNECTION_PREFIXES = (*SERVERS, "security.", "sasl.", "ssl.", "enable.ssl.", "enable.sasl.",
                       "socket.", "broker.address.", "client.dns.", "test.mock.")

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
_REMEDY_PROPERTY = "Correct or remove it; librdkafka's CONFIGURATION.md lists them all"


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
    check_values(config)
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
    if not properties.get("bootstrap.servers") and not is_embedded(properties):
        raise ConfigError("no broker is named", where=config.where("broker"),
                          remedy="Add bootstrap.servers = host:port to [broker]")
    check_safe(config, properties, origin)
    check_token(config, properties, origin)
    warnings = _set_idempotence(config, properties, origin)
    properties.setdefault("message.timeout.ms", 0)
    properties.setdefault("statistics.interval.ms", 1000)
    properties.setdefault("client.id", "DataFileUploadDirectory")
    # A few milliseconds let the batches of several files share a request.
    if "queue.buffering.max.ms" not in properties:
        properties.setdefault("linger.ms", 10)
    check_properties(config, properties, origin)
    return properties, warnings


def message_max_bytes(properties: Mapping[str, object]) -> int | None:
    """Return ``message.max.bytes`` where the config sets it."""
    value = properties.get("message.max.bytes")
    return None if value is None else number_of(value)


def is_embedded(properties: Mapping[str, object]) -> bool:
    """Return whether the properties ask for librdkafka's own broker, inside this process."""
    return number_of(properties.get("test.mock.num.brokers", 0)) > 0


def _check_serializer(config: ConfigFile, section: str, key: str, value: str) -> None:
    if value != _SERIALIZERS[key]:
        raise ConfigError(f"the serializer {config.shown(section, key)} is not supported",
                          where=config.where(section, key),
                          remedy=f"Write {key} = {_SERIALIZERS[key]}, or remove the line")


def _set_idempotence(config: ConfigFile, properties: Properties,
                     origin: Mapping[str, tuple[str, str]]) -> list[str]:
    """Switch idempotence on unless the config speaks against it; return warnings."""
    against = ""
    if not is_acks(properties, "all", "-1"):
        against = "acks"
    elif number_of(properties.get("retries", 1)) == 0:
        against = "retries"
    elif number_of(properties.get("max.in.flight.requests.per.connection", 5)) > 5:
        against = "max.in.flight.requests.per.connection"
    elif str(properties.get("queuing.strategy", "")).lower() == "lifo":
        against = "queuing.strategy"
    asked = str(properties.get("enable.idempotence", "")).lower()
    if asked in TRUE and against:
        section, key = origin[against]
        raise ConfigError(
            f"enable.idempotence = true and {key} = {config.shown(section, key)} exclude each "
            "other",
            where=config.where(section, key), remedy=f"Remove {key}, or enable.idempotence")
    if asked:
        return []
    properties["enable.idempotence"] = not against
    if not against:
        return []
    section, key = origin[against]
    return [f"{config.where(section, key)} = {config.shown(section, key)}: the producer is not "
            "idempotent, so a chunk may reach the topic twice after a lost connection"]


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
    culprit = _culprit(offline, origin, reason)
    where, remedy = config.where(section), _REMEDY_PROPERTY
    if culprit:
        where = config.where(*origin[culprit])
        remedy = config.remedy(*origin[culprit], _remedy(culprit, str(properties[culprit]), reason))
    raise ConfigError(config.redact(reason).rstrip("."), where=where, remedy=remedy)


def _culprit(properties: Properties, origin: Mapping[str, object], reason: str) -> str:
    """Return the property that librdkafka objects to; empty where that is not known."""
    named = [key for key in origin if key in reason]
    # It may speak of a property by another name, or only of its value.
    named = named or [key for key in origin if key in properties
                      and _objection({key: properties[key]}) == reason]
    named = named or [key for key in origin if key in properties
                      and len(str(properties[key])) > 2 and str(properties[key]) in reason]
    return max(named, key=len, default="")


def _remedy(key: str, value: str, reason: str) -> str:
    if reason.startswith("No such configuration property"):
        close = difflib.get_close_matches(key, KNOWN_PROPERTIES, 1)
        return f"Did you mean {close[0]}?" if close else _REMEDY_PROPERTY
    if key.endswith(".location") and not os.path.exists(value):  # noqa: PTH110 (never raises)
        return "There is no such file: correct the path"
    return _REMEDY_PROPERTY


def _objection(properties: Properties) -> str:
    """Return what librdkafka has against properties; empty where it has nothing."""
    try:
        Producer(properties, logger=silent_logger())
    except KafkaException as error:
        cause = error.args[0]
        return " ".join((cause.str() if hasattr(cause, "str") else str(cause)).split())
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
