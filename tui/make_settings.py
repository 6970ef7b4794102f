"""Makes settings of the command line and the config file, or says what is wrong with them."""

from __future__ import annotations

import argparse
import os
import re
import secrets
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from tui.config import checks, state_directory
from tui.config.config_file import ConfigFile, find_config, read_config
from tui.config.producer_config import (
    CONNECTION_PREFIXES,
    SERVERS,
    Properties,
    check_properties,
    is_embedded,
    message_max_bytes,
    producer_properties,
)
from tui.config.property_rules import TRUE, check_token, number_of
from tui.config.settings import DEFAULT_UPLOAD_REGEX, ConsoleSettings, PeriodicMessages, Settings
from tui.engine.model.versions import FileVersion
from tui.engine.sending.messages import MessageMaker
from tui.errors import ConfigError, StartupError, UsageError
from tui.streams import is_terminal, why_no_console

_KNOWN_SECTIONS = ("broker", "producer", "heartbeat", "log", "console")
_NOT_FOR_CLIENTS = ("prefer.separate.producer", "max.logs.per.message", "log.level",
                    "key.serializer", "value.serializer")
#: MessagePack's lengths of a chunk, and of a long name and parent, beyond those of short ones.
_CHUNK_LENGTH_BYTES, _PATH_LENGTH_BYTES = 3, 4
#: What librdkafka adds to key and value for the record's own fields, at most.
_RECORD_BYTES = 36
_MANY_CHUNKS = 1_000_000
_LONG_PATH_BYTES = 1024
_MOST_THREADS = 256
_MOST_CHUNK_BYTES = 1 << 29  # the largest power of two below librdkafka's largest message
_CONSOLE_KEYS = ("theme", "refresh_hz", "hidden_panes", "attention")


def make_settings(arguments: argparse.Namespace, upload_dir: Path) -> Settings:
    """Check everything and return it as settings; creates and contacts nothing.

    Raises:
        StartupError: something is wrong; says what, where, and what to do.
    """
    root = checks.existing_directory(upload_dir)
    config = read_config(find_config(arguments.config))
    try:
        return _settings(arguments, root, upload_dir.absolute(), config)
    except StartupError as error:
        error.what, error.remedy = config.redact(error.what), config.redact(error.remedy)
        raise


def _settings(arguments: argparse.Namespace, root: Path, given: Path,
              config: ConfigFile) -> Settings:
    topic = checks.topic_name(arguments.topic_name, "--topic_name")
    notes = _notes(config)
    headless = arguments.headless or not (is_terminal(sys.stdin) and is_terminal(sys.stdout))
    if not headless and (why := why_no_console()):
        headless = True
        notes.append(why)
    properties, warnings = producer_properties(config)
    embedded = is_embedded(properties)
    place = state_directory.choose(arguments.logger_file_path, root, topic,
                                   is_embedded_broker=embedded)
    if embedded and arguments.logger_file_path:
        notes.append("--logger_file_path is not used with an embedded broker: nothing is kept")
    fields = int(checks.choice(arguments.message_fields, "--message_fields", ("10", "9")))
    chunk_size, too_long = _chunk_size(arguments, config, properties, fields)
    regex = arguments.upload_regex
    return Settings(
        upload_dir=root, upload_dir_given=given,
        state_dir=place.folder, state_dir_is_temporary=place.is_temporary,
        state_group=arguments.state_group, log_file=place.log_file, topic_name=topic,
        producer_config=properties,
        acks=str(properties.get("acks", "all")), redact=config.redact,
        idempotent=str(properties.get("enable.idempotence")).lower() in TRUE,
        n_threads=checks.integer(arguments.n_threads, "--n_threads", 1, _MOST_THREADS),
        upload_regex=checks.regex(DEFAULT_UPLOAD_REGEX if regex is None else regex,
                                  "--upload_regex"),
        upload_regex_is_default=regex is None, upload_existing=arguments.upload_existing,
        chunk_size=chunk_size,
        queue_max_bytes=int(_number(arguments, "queue_max_size", 0.001) * 1_000_000),
        lag_seconds=_number(arguments, "watchdog_lag_time", 0),
        max_settle_seconds=_number(arguments, "max_settle_seconds", 0),
        use_polling_observer=arguments.use_polling_observer,
        rescan_seconds=_number(arguments, "rescan_seconds", 0),
        follow_symlinks=arguments.follow_symlinks,
        partition_by_chunk=checks.choice(arguments.partitioning, "--partitioning",
                                         ("file", "chunk")) == "chunk",
        message_fields=fields, new_cluster=arguments.new_cluster,
        heartbeat=_periodic(arguments, config, "heartbeat"),
        log_messages=_periodic(arguments, config, "log"),
        max_log_lines_per_message=_config_integer(config, "log", "max.logs.per.message", 65_536),
        log_message_level=checks.log_level(
            config.values("log").get("log.level", "info"), config.where("log", "log.level"),
            config.shown("log", "log.level")),
        stream_level=checks.log_level(arguments.logger_stream_level, "--logger_stream_level"),
        file_level=checks.log_level(arguments.logger_file_level, "--logger_file_level"),
        update_seconds=_number(arguments, "update_seconds", 0.01),
        headless=headless,
        is_embedded_broker=embedded, console=_console(arguments, config),
        notes=tuple(notes), warnings=tuple([*config.remarks, *warnings, *too_long]))


def _number(arguments: argparse.Namespace, name: str, least: float) -> float:
    return checks.number(getattr(arguments, name), f"--{name}", least)


def _chunk_size(arguments: argparse.Namespace, config: ConfigFile, properties: Properties,
                n_fields: int) -> tuple[int, list[str]]:
    """Return the chunk size, and a warning where long paths would make a message too large."""
    size = checks.integer(arguments.chunk_size, "--chunk_size", 0, _MOST_CHUNK_BYTES)
    if size == 0 or size & (size - 1):
        raise UsageError(f"{size} is not a non-zero power of two", where="--chunk_size",
                         remedy="Use for example 16384, 524288 or 1048576")
    _check_buffer(config, properties, size, n_fields)
    limit = message_max_bytes(properties)
    if limit is None:
        return size, []
    section = _section_of(config, "message.max.bytes")
    where = config.where(section, "message.max.bytes")
    shown = config.shown(section, "message.max.bytes")
    needed = _overhead_bytes(1, n_fields) + size
    if needed > limit:
        raise UsageError(
            f"a chunk of {size} bytes makes a message of at least {needed} bytes with its key and "
            f"overhead, more than message.max.bytes = {shown} ({where})",
            where="--chunk_size", remedy="Choose a smaller chunk size, or raise message.max.bytes "
            "of the producer and max.message.bytes of the topic")
    # The path is in the key and in the value.
    room = limit - size - _overhead_bytes(_MANY_CHUNKS, n_fields) - _PATH_LENGTH_BYTES
    longest = max(0, room // 2 + 1)
    if longest >= _LONG_PATH_BYTES:
        return size, []
    return size, [f"{where}: chunks of {size} bytes of files whose path is longer than {longest} "
                  f"bytes are too large for message.max.bytes = {shown}; such files will be held"]


def _section_of(config: ConfigFile, key: str) -> str:
    """Return where a property of the producer stands that is in force."""
    return "producer" if key in config.values("producer") else "broker"


def _check_buffer(config: ConfigFile, properties: Properties, chunk_size: int,
                  n_fields: int) -> None:
    """See that the client's own buffer can hold one chunk; else none would ever be sent."""
    key = "queue.buffering.max.kbytes"
    if key not in properties:
        return
    needed = _overhead_bytes(1, n_fields) + chunk_size
    if number_of(properties[key]) * 1024 >= needed:
        return
    section = _section_of(config, key)
    raise ConfigError(
        f"{config.shown(section, key)} kB are less than one chunk of {chunk_size} bytes makes "
        f"({needed} bytes): nothing could be sent", where=config.where(section, key),
        remedy=config.remedy(section, key, "Raise it, or choose a smaller --chunk_size"))


def _overhead_bytes(n_chunks: int, n_fields: int) -> int:
    """Return how much of a message is key and overhead, for a file with a path of one byte."""
    maker = MessageMaker(FileVersion(
        version_id=0, file_id=0, rel_path="a", n_bytes=0, mtime_ns=0, mtime_seconds=0.5,
        sha512=bytes(64), chunk_size=_MOST_CHUNK_BYTES, n_chunks=n_chunks, partition=0,
        acks="all"), n_fields)
    last = n_chunks - 1
    return len(maker.key(last)) + len(maker.value(last, b"")) + _CHUNK_LENGTH_BYTES \
        + _RECORD_BYTES


def _config_integer(config: ConfigFile, section: str, key: str, default: int) -> int:
    text = config.values(section).get(key, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
        raise ConfigError(f"{config.shown(section, key)} is not a whole number of at least 1",
                          where=config.where(section, key),
                          remedy=config.remedy(section, key, "Correct or remove it"))
    return int(text)


def _servers(properties: Mapping[str, object]) -> set[object]:
    return {value for key, value in properties.items() if key in SERVERS}


def _periodic(arguments: argparse.Namespace, config: ConfigFile, name: str) -> PeriodicMessages:
    topic = getattr(arguments, f"{name}_topic_name")
    own = {key: value for key, value in config.values(name).items()
           if key not in _NOT_FOR_CLIENTS}
    merged: Properties = {**own}
    is_shared = not any(key in own for key in SERVERS)
    if is_shared:
        merged = {**config.values("broker"), **{
            key: value for key, value in config.values("producer").items()
            if key.startswith(CONNECTION_PREFIXES)}, **own}
    shares_embedded = is_shared and is_embedded(merged)
    if shares_embedded:
        merged = {key: value for key, value in merged.items() if not key.startswith("test.mock.")}
    for key in _NOT_FOR_CLIENTS:
        merged.pop(key, None)
    if topic is not None:
        checks.topic_name(topic, f"--{name}_topic_name")
        if topic == arguments.topic_name and (is_shared or not _servers(own).isdisjoint(
                _servers({**config.values("broker"), **config.values("producer")}))):
            raise UsageError(
                f"{topic} is the topic of the files, whose readers would take these messages for "
                "damaged chunks", where=f"--{name}_topic_name", remedy="Choose another topic")
        origin = {key: (name, key) for key in own}
        check_token(config, merged, origin)
        check_properties(config, merged, origin, name)
    generated = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    return PeriodicMessages(
        topic_name=topic, program_id=getattr(arguments, f"{name}_program_id") or generated,
        interval_seconds=_number(arguments, f"{name}_interval_secs", 0.05),
        producer_config=merged, shares_embedded_broker=shares_embedded)


def _console(arguments: argparse.Namespace, config: ConfigFile) -> ConsoleSettings:
    values = config.values("console")
    for key in values:
        if key not in _CONSOLE_KEYS and not key.startswith("key."):
            raise ConfigError(f"unknown key {key}", where=config.where("console", key),
                              remedy=f"Use {', '.join(_CONSOLE_KEYS)} or key.BINDING")
    attention = values.get("attention", "on").strip().lower()
    if attention not in ("on", "off"):
        raise ConfigError(f"{attention} is neither on nor off",
                          where=config.where("console", "attention"),
                          remedy="Use on, or off for no bell and no title of the terminal")
    given = arguments.refresh_hz
    where = "--refresh_hz" if given else config.where("console", "refresh_hz")
    refresh_hz = checks.number(given or values.get("refresh_hz", "4"), where, 0.1, 30)
    hidden = frozenset(values.get("hidden_panes", "").replace(",", " ").split())
    keymap = {key.removeprefix("key."): value for key, value in values.items()
              if key.startswith("key.")}
    places = {key: config.where("console", key) for key in values}
    return ConsoleSettings(values.get("theme", ""), refresh_hz, hidden, keymap,
                           attention == "on", places)


def _notes(config: ConfigFile) -> list[str]:
    if "kafkacrypto" in config.sections:
        raise ConfigError(
            "encryption is not supported, and sending plain text instead would be a leak",
            where=config.where("kafkacrypto"),
            remedy="Remove the section only if the files may go unencrypted")
    return [f"{config.where(section)} is not used here and ignored"
            for section in config.sections if section not in _KNOWN_SECTIONS]
