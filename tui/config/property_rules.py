"""Properties that would lose files, end the program, or never connect: refused with their line."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tui.config.config_file import ConfigFile
from tui.errors import ConfigError

TRUE = ("true", "t", "1")
#: The longest value, and for names that go into every request: Kafka's protocol ends at 32,767.
_MOST_CHARACTERS = 100_000
_MOST_NAME_CHARACTERS = 1000
_MOST_MOCK_BROKERS = 10_000
_NUMBER = re.compile(r"\s*([+-]?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*))")

#: What is wrong with a property, and what to do.
_NEVER: Mapping[str, tuple[str, str]] = {
    "transactional.id": ("transactions are not supported", "Remove transactional.id"),
    "internal.termination.signal": (
        "the client would end the program by a signal of its own",
        "Remove internal.termination.signal"),
    "default.topic.config": (
        "it is not a text, and cannot stand in a config file",
        "Write the properties of the topic into [producer] one by one"),
    "logger": ("it is not a text, and cannot stand in a config file", "Remove logger"),
}
_REMEDY_ACKS = "Remove it, or set acks = all: files count as uploaded once they are acknowledged"
_REMEDY_TOKEN = (
    "Set sasl.oauthbearer.method = oidc with sasl.oauthbearer.token.endpoint.url, "
    "sasl.oauthbearer.client.id and sasl.oauthbearer.client.secret")


def number_of(value: object, otherwise: int = 1) -> int:
    """Return a number as librdkafka reads it: in C's notations, and up to what is no digit."""
    match = _NUMBER.match(str(value))
    if match is None:
        return otherwise  # the check by librdkafka has the better message
    text = match.group(1)
    base = 16 if "x" in text.lower() else 8 if text.lstrip("+-").startswith("0") else 10
    return int(text, base)


def is_acks(properties: Mapping[str, object], *wanted: str) -> bool:
    """Return whether ``acks`` has one of some values, however it is written."""
    value = str(properties.get("acks", "all")).lower()
    return value in wanted or str(number_of(value, -2)) in wanted


def check_values(config: ConfigFile) -> None:
    """See that each value of the sections for clients is one that a client can be given.

    Raises:
        ConfigError: one is not.
    """
    for section in ("broker", "producer", "heartbeat", "log"):
        for key, value in config.values(section).items():
            where = config.where(section, key)
            most = _MOST_NAME_CHARACTERS if key.endswith(".id") else _MOST_CHARACTERS
            if len(value) > most:
                raise ConfigError(f"the value has {len(value)} characters, and may have {most}",
                                  where=where, remedy="Shorten or remove it")
            if key in _NEVER:
                what, remedy = _NEVER[key]
                raise ConfigError(what, where=where, remedy=remedy)
            if key == "test.mock.num.brokers" and not (
                    _NUMBER.fullmatch(value) and 0 <= number_of(value) <= _MOST_MOCK_BROKERS):
                raise ConfigError(
                    f"{config.shown(section, key) or 'nothing'} is not a whole number up to "
                    f"{_MOST_MOCK_BROKERS}", where=where,
                    remedy=config.remedy(section, key, "Write the number of brokers, or remove it"))


def check_safe(config: ConfigFile, properties: Mapping[str, object],
               origin: Mapping[str, tuple[str, str]]) -> None:
    """Check that what is sent is acknowledged, and that acknowledgements are reported.

    Raises:
        ConfigError: it would not be.
    """
    if is_acks(properties, "0"):
        raise ConfigError("acks = 0 means that nothing is ever acknowledged",
                          where=config.where(*origin["acks"]), remedy=_REMEDY_ACKS)
    if str(properties.get("delivery.report.only.error", "false")).lower() in TRUE:
        raise ConfigError("without delivery reports nothing would ever count as uploaded",
                          where=config.where(*origin["delivery.report.only.error"]),
                          remedy="Remove delivery.report.only.error")


def check_token(config: ConfigFile, properties: Mapping[str, object],
                origin: Mapping[str, tuple[str, str]]) -> None:
    """See that a client that logs in by a token knows where to get one: else it never connects.

    Raises:
        ConfigError: it does not.
    """
    key = next((key for key in ("sasl.mechanism", "sasl.mechanisms") if key in properties), None)
    if key is None or str(properties[key]).upper() != "OAUTHBEARER":
        return
    method = str(properties.get("sasl.oauthbearer.method", "default")).lower()
    is_unsecured = str(properties.get("enable.sasl.oauthbearer.unsecure.jwt", "")).lower() in TRUE
    if method == "default" and not is_unsecured:
        where = config.where(*origin[key]) if key in origin else str(config.path)
        raise ConfigError(f"{key} = OAUTHBEARER needs a method to get a token by", where=where,
                          remedy=_REMEDY_TOKEN)
