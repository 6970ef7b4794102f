"""From words on the command line to settings to a front end."""

from __future__ import annotations

import argparse
import logging
import os
import re
import secrets
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tui.arguments import parse_arguments
from tui.config_file import ConfigFile, find_config, read_config
from tui.errors import ConfigError, StartupError, StateDirectoryError, UsageError
from tui.producer_config import (
    MESSAGE_OVERHEAD_BYTES,
    Properties,
    check_properties,
    producer_properties,
)
from tui.settings import (
    DEFAULT_UPLOAD_REGEX,
    STATE_DIRECTORY_NAME,
    ConsoleSettings,
    PeriodicMessages,
    Settings,
)

_KNOWN_SECTIONS = ("broker", "producer", "heartbeat", "log", "console")
_NOT_FOR_CLIENTS = ("prefer.separate.producer", "max.logs.per.message", "log.level")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status."""
    try:
        return _run(parse_arguments(argv))
    except StartupError as error:
        print(f"DataFileUploadDirectory: error: {error}", file=sys.stderr)
        return 2


def _run(arguments: argparse.Namespace) -> int:
    if arguments.demo:
        from tui import demo

        arguments.config, arguments.logger_file_path = "demo", None
        arguments.upload_existing = True  # what arrives before the first scan is shown, too
        return demo.run(lambda directory: make_settings(arguments, directory), _show)
    if arguments.upload_dir is None:
        raise UsageError("UPLOAD_DIR is missing",
                         remedy="Name the directory to watch, or try --demo; see --help")
    settings = make_settings(arguments, Path(arguments.upload_dir))
    if arguments.dry_run:
        from tui import dry_run

        return dry_run.run(settings)
    if arguments.show_events:
        from tui import show_events

        return show_events.run(settings)
    return _show(settings)


def _show(settings: Settings) -> int:
    """Open the front end that was asked for; Textual is imported only for the console."""
    if settings.headless:
        from tui import headless

        return headless.run(settings)
    from tui.console.app import run

    return run(settings)


def make_settings(arguments: argparse.Namespace, upload_dir: Path) -> Settings:
    """Check everything and return it as settings.

    Raises:
        StartupError: something is wrong; says what, where, and what to do.
    """
    root = _existing_directory(upload_dir)
    path = find_config(arguments.config)
    config = read_config(path)
    properties, warnings = producer_properties(config)
    is_embedded = "test.mock.num.brokers" in properties
    writes = not (arguments.dry_run or arguments.show_events)
    state_dir, log_file, is_temporary = _state_directory(arguments, root, is_embedded, writes)
    chunk_size = _chunk_size(arguments, config, properties)
    regex = arguments.upload_regex
    return Settings(
        upload_dir=root, state_dir=state_dir, state_dir_is_temporary=is_temporary,
        topic_name=topic_name(arguments.topic_name, "--topic_name"),
        producer_config=properties, acks=str(properties.get("acks", "all")),
        idempotent=str(properties.get("enable.idempotence")).lower() in ("true", "1"),
        message_max_bytes=_message_max_bytes(properties), secrets=tuple(config.secrets),
        n_threads=_integer(arguments, "n_threads", 1),
        upload_regex=_regex(regex or DEFAULT_UPLOAD_REGEX), upload_regex_is_default=not regex,
        upload_existing=arguments.upload_existing, chunk_size=chunk_size,
        queue_max_bytes=int(_number(arguments, "queue_max_size", 0.001) * 1_000_000),
        lag_seconds=_number(arguments, "watchdog_lag_time", 0),
        max_settle_seconds=_number(arguments, "max_settle_seconds", 0),
        use_polling_observer=arguments.use_polling_observer,
        rescan_seconds=_number(arguments, "rescan_seconds", 0),
        follow_symlinks=arguments.follow_symlinks,
        partition_by_chunk=_choice(arguments, "partitioning", ("file", "chunk")) == "chunk",
        message_fields=int(_choice(arguments, "message_fields", ("10", "9"))),
        new_cluster=arguments.new_cluster,
        heartbeat=_periodic(arguments, config, properties, "heartbeat"),
        log_messages=_periodic(arguments, config, properties, "log"),
        max_log_lines_per_message=_config_integer(config, "log", "max.logs.per.message", 65_536),
        log_message_level=_level(config.values("log").get("log.level", "info"),
                                 config.where("log", "log.level")),
        stream_level=_level(arguments.logger_stream_level, "--logger_stream_level"),
        file_level=_level(arguments.logger_file_level, "--logger_file_level"),
        log_file=log_file, update_seconds=_number(arguments, "update_seconds", 0.01),
        headless=arguments.headless or not (_is_terminal(sys.stdin) and _is_terminal(sys.stdout)),
        is_embedded_broker=is_embedded, console=_console(arguments, config), config_path=path,
        notes=tuple(_notes(config)), warnings=tuple(warnings))


def _is_terminal(stream: object) -> bool:
    try:
        return stream is not None and bool(stream.isatty())  # type: ignore[attr-defined]
    except ValueError:
        return False  # closed


def _existing_directory(path: Path) -> Path:
    if path.is_dir():
        return path.resolve()
    what = f"{path} is a file" if path.exists() else f"there is no directory {path}"
    raise UsageError(what, where="UPLOAD_DIR", remedy="Name an existing directory")


def _state_directory(arguments: argparse.Namespace, root: Path, is_embedded: bool,
                     writes: bool) -> tuple[Path, Path, bool]:
    """Return state directory, log file, and whether the directory is temporary."""
    log_name = f"upload_to_{arguments.topic_name}.log"
    if is_embedded:
        # No real ledger may hold what only an embedded broker acknowledged.
        folder = Path(tempfile.mkdtemp(prefix="upload-demo-")) if writes \
            else Path(tempfile.gettempdir()) / "upload-demo"
        return folder, folder / log_name, True
    given = arguments.logger_file_path
    folder, file = root / STATE_DIRECTORY_NAME, None
    if given:
        path = Path(given).expanduser()
        is_file = path.is_file() or (not path.exists() and path.suffix != "")
        folder, file = (path.parent, path.name) if is_file else (path, None)
        folder = folder.resolve()
    if folder == root or root.is_relative_to(folder):
        raise StateDirectoryError(
            f"the state directory {folder} is the upload directory or above it",
            where="--logger_file_path", remedy="Choose a directory below it, or beside it")
    if writes:
        _check_writable(folder)
    return folder, folder / (file or log_name), False


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StateDirectoryError(
            f"the state directory {folder} cannot be written: {error.strerror}",
            where="--logger_file_path", remedy="Make it writable, or choose another") from error


def topic_name(name: str, option: str) -> str:
    """Return a topic's name if Kafka allows it.

    Raises:
        UsageError: Kafka does not.
    """
    if re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", name) and name not in (".", ".."):
        return name
    raise UsageError(f"{name!r} is no legal topic name", where=option,
                     remedy="Use up to 249 letters, digits, dots, underscores and hyphens")


def _regex(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise UsageError(f"it does not compile: {error}", where="--upload_regex",
                         remedy="Correct the regular expression") from error


def _number(arguments: argparse.Namespace, name: str, least: float) -> float:
    text = getattr(arguments, name)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value < float("inf"):
        raise UsageError(f"{text} is not a number of at least {least:g}", where=f"--{name}",
                         remedy="Correct it")
    return value


def _integer(arguments: argparse.Namespace, name: str, least: int) -> int:
    text = getattr(arguments, name)
    if not re.fullmatch(r"[0-9]{1,12}", text) or int(text) < least:
        raise UsageError(f"{text} is not a whole number of at least {least}",
                         where=f"--{name}", remedy="Correct it")
    return int(text)


def _choice(arguments: argparse.Namespace, name: str, choices: Sequence[str]) -> str:
    text = str(getattr(arguments, name))
    if text not in choices:
        raise UsageError(f"{text} is not allowed", where=f"--{name}",
                         remedy=f"Use {' or '.join(choices)}")
    return text


def _chunk_size(arguments: argparse.Namespace, config: ConfigFile, properties: Properties) -> int:
    size = _integer(arguments, "chunk_size", 0)
    if size == 0 or size & (size - 1):
        raise UsageError(f"{size} is not a non-zero power of two", where="--chunk_size",
                         remedy="Use for example 16384, 524288 or 1048576")
    limit = _message_max_bytes(properties)
    if limit is not None and size + MESSAGE_OVERHEAD_BYTES > limit:
        section = "producer" if "message.max.bytes" in config.values("producer") else "broker"
        raise UsageError(
            f"a chunk of {size} bytes with its key and overhead ({MESSAGE_OVERHEAD_BYTES} bytes) "
            f"is more than message.max.bytes = {limit} ({config.where(section)})",
            where="--chunk_size", remedy="Choose a smaller chunk size, or raise "
            "message.max.bytes of the producer and max.message.bytes of the topic")
    return size


def _message_max_bytes(properties: Properties) -> int | None:
    value = properties.get("message.max.bytes")
    return None if value is None else int(value)


def _level(text: str, where: str) -> int:
    if text.isdigit():
        return int(text)
    level = logging.getLevelNamesMapping().get(text.upper())
    if level is None:
        raise UsageError(f"{text} is no log level", where=where,
                         remedy="Use debug, info, warning, error, critical, or a number")
    return level


def _config_integer(config: ConfigFile, section: str, key: str, default: int) -> int:
    text = config.values(section).get(key, str(default))
    if not text.isdigit() or int(text) < 1:
        raise ConfigError(f"{text} is not a whole number of at least 1",
                          where=config.where(section, key), remedy="Correct or remove it")
    return int(text)


def _periodic(arguments: argparse.Namespace, config: ConfigFile, properties: Properties,
              name: str) -> PeriodicMessages:
    topic = getattr(arguments, f"{name}_topic_name")
    option = f"--{name}_topic_name"
    own = {key: value for key, value in config.values(name).items()
           if key not in _NOT_FOR_CLIENTS}
    merged: Properties = {**config.values("broker")} if "bootstrap.servers" not in own else {}
    merged |= own
    merged.pop("key.serializer", None)
    merged.pop("value.serializer", None)
    if topic is not None:
        check_properties(config, merged, {key: (name, key) for key in own}, name)
    generated = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    return PeriodicMessages(
        topic_name=None if topic is None else topic_name(topic, option),
        program_id=getattr(arguments, f"{name}_program_id") or generated,
        interval_seconds=_number(arguments, f"{name}_interval_secs", 0.05),
        producer_config=merged)


def _console(arguments: argparse.Namespace, config: ConfigFile) -> ConsoleSettings:
    values = config.values("console")
    if arguments.refresh_hz:
        values["refresh_hz"] = arguments.refresh_hz
        where = "--refresh_hz"
    else:
        where = config.where("console", "refresh_hz")
    try:
        refresh_hz = float(values.pop("refresh_hz", "4"))
    except ValueError:
        refresh_hz = 0.0
    if not 0.1 <= refresh_hz <= 30:
        raise ConfigError("it must be a number from 0.1 to 30", where=where, remedy="Correct it")
    theme = values.pop("theme", "")
    hidden = frozenset(values.pop("hidden_panes", "").replace(",", " ").split())
    keymap = {key.removeprefix("key."): value for key, value in values.items()
              if key.startswith("key.")}
    for key in values:
        if not key.startswith("key."):
            raise ConfigError(f"unknown key {key}", where=config.where("console", key),
                              remedy="Use theme, refresh_hz, hidden_panes or key.BINDING")
    return ConsoleSettings(theme, refresh_hz, hidden, keymap)


def _notes(config: ConfigFile) -> list[str]:
    if "kafkacrypto" in config.sections:
        raise ConfigError(
            "encryption is not supported, and sending plain text instead would be a leak",
            where=config.where("kafkacrypto"),
            remedy="Remove the section only if the files may go unencrypted")
    return [f"{config.where(section)} is not used here and ignored"
            for section in config.sections if section not in _KNOWN_SECTIONS]


