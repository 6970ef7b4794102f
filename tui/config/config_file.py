"""Reads the config file: sections, keys, values, and where each of them stands.

The format is that of Python's ``configparser``, since that is what existing files are written for:
keys in any case, ``=`` or ``:``, comments on lines of their own only, indented lines that go on
with a value, and ``%%`` for a percent sign.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tui.config.checks import home_expanded
from tui.config.redaction import BLANK, Redaction
from tui.errors import ConfigError

CONFIG_DIRECTORY_VARIABLE = "OPENMSISTREAM_CONFIG_FILE_DIR"
_SUFFIX = ".config"
_SECRET = re.compile(r".*password|sasl\.oauthbearer\..+|.+\.pem")
_SERVERS = ("bootstrap.servers", "metadata.broker.list")
_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})", re.ASCII)
_OTHER_VALUE = re.compile(r"%\([^()\s]+\)s")
_MOST_BYTES = 4_000_000
_COMMENT = re.compile(r"(^|\s)[#;]")
_KEY_LINE = re.compile(r"[a-z_][a-z0-9_.]*\s*[=:]", re.IGNORECASE)
REMEDY_COMMENT = "Put the comment on a line of its own: all that follows = is the value"


@dataclass(slots=True)
class Entry:
    """One value and where it stands.

    Attributes:
        value: text, with ``$VARIABLE`` replaced.
        shown: what people may see of it.
        line: number in the file, from 1.
    """

    value: str
    shown: str
    line: int


@dataclass(slots=True)
class ConfigFile:
    """A config file that was read.

    Attributes:
        path: of the file.
        sections: section to key to entry, in the order of the file.
        redact: hides its secrets.
        remarks: what may have been meant otherwise than it was read, a sentence each.
    """

    path: Path
    sections: dict[str, dict[str, Entry]] = field(default_factory=dict)
    redact: Redaction = field(default_factory=Redaction)
    remarks: list[str] = field(default_factory=list)

    def where(self, section: str, key: str = "") -> str:
        """Return file, line and key, as an error names them."""
        entry = self.sections.get(section, {}).get(key)
        line = f", line {entry.line}" if entry else ""
        return f"{self.path}{line}, [{section}]{' ' + key if key else ''}"

    def values(self, section: str) -> dict[str, str]:
        """Return the keys and values of a section; empty where it is missing."""
        return {key: entry.value for key, entry in self.sections.get(section, {}).items()}

    def shown(self, section: str, key: str) -> str:
        """Return what may be shown of a value: a variable's name, or the value unless secret."""
        entry = self.sections.get(section, {}).get(key)
        return "" if entry is None else entry.shown

    def remedy(self, section: str, key: str, remedy: str) -> str:
        """Return what to do about a wrong value: a comment behind it is the likeliest reason."""
        entry = self.sections.get(section, {}).get(key)
        return REMEDY_COMMENT if entry and _COMMENT.search(entry.shown) else remedy


def find_config(name: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the path of a config that was given as a path or as a name.

    Raises:
        ConfigError: there is no such file.
    """
    as_path = home_expanded(name)
    if _is_file(as_path):
        return as_path
    folders = [installed_configs()]
    if environment.get(CONFIG_DIRECTORY_VARIABLE):
        folders.insert(0, home_expanded(environment[CONFIG_DIRECTORY_VARIABLE]))
    if len(as_path.parts) == 1:
        for folder in folders:
            for candidate in (folder / name, folder / (name + _SUFFIX)):
                if _is_file(candidate):
                    return candidate
    if os.path.isdir(as_path):  # noqa: PTH112 (unlike Path's, it answers where it may not look)
        raise ConfigError(f"{name} is a directory", where="--config",
                          remedy="Give the path of a config file")
    known = sorted({path.stem for folder in folders for path in folder.glob("*" + _SUFFIX)})
    raise ConfigError(
        f"there is no config file {name}", where="--config", remedy="Give the path of a file, or "
        f"a name from {' or '.join(map(str, folders))}: {', '.join(known) or 'none is there'}")


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 (unlike Path's, it answers where it may not look)


def installed_configs() -> Path:
    """Return the folder of the configs that come with the program."""
    program = Path(__file__).parents[1]
    packaged = program / "configs"
    return packaged if packaged.is_dir() else program.parent / "configs"


def read_config(path: Path, environment: Mapping[str, str] = os.environ) -> ConfigFile:
    """Read a config file.

    Args:
        path: of the file: INI, UTF-8 with or without a byte order mark.
        environment: where ``$VARIABLE`` values come from.

    Raises:
        ConfigError: it cannot be read, or a line cannot be understood; says which.
    """
    config = ConfigFile(path)
    for section, key, value, line in _entries(config, _text(path)):
        _expand(config, section, Entry(value, value, line), key, environment)
    return config


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"it has {path.stat().st_size} bytes: that is no config file",
                              where=str(path), remedy="Give the path of a config file")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"it cannot be read: {error.strerror}", where=str(path),
                          remedy="Check the path and its permissions") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"it is not a text file in UTF-8 (byte {error.start})", where=str(path),
                          remedy="Save it as UTF-8") from error


def _entries(config: ConfigFile, text: str) -> Iterator[tuple[str, str, str, int]]:
    """Yield section, key, value as written, and line; note each section."""
    section, key, lines, number_of_key = "", "", list[str](), 0
    indent = 0
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith(("#", ";")):
            if not stripped:
                lines.append("")
            continue
        where = f"{config.path}, line {number}"
        line_indent = len(line) - len(line.lstrip())
        if key and line_indent > indent:
            _check_continuation(key, stripped, where)
            lines.append(stripped)
            continue
        if key:
            yield section, key, "\n".join(lines).rstrip(), number_of_key
        indent = line_indent
        if stripped.startswith("["):
            section, key = _section_name(stripped, where), ""
            if section in config.sections:
                raise ConfigError(f"the section [{section}] stands twice", where=where,
                                  remedy="Join the two")
            config.sections[section] = {}
            continue
        key, value = _key_and_value(stripped, where)
        _check_key(config, section, key, where)
        lines, number_of_key = [value], number
    if key:
        yield section, key, "\n".join(lines).rstrip(), number_of_key


def _check_continuation(key: str, line: str, where: str) -> None:
    if not _SECRET.fullmatch(key) and _KEY_LINE.match(line):
        raise ConfigError(f"the line is indented, so it continues the value of {key}",
                          where=where, remedy="Begin it in the same column as the key before")


def _check_key(config: ConfigFile, section: str, key: str, where: str) -> None:
    if not section:
        raise ConfigError(f"{key} stands before any section", where=where,
                          remedy="Put it below [broker] or [producer]")
    before = config.sections[section].get(key)
    if before is not None:
        raise ConfigError(f"{key} stands twice in [{section}]", where=where,
                          remedy=f"Remove it here or in line {before.line}")


def _section_name(line: str, where: str) -> str:
    match = re.match(r"\[([^\]]*)\]\s*([#;].*)?$", line)
    name = match.group(1).strip() if match else ""
    if not name:
        raise ConfigError("a section's name must stand in brackets, as in [broker]", where=where,
                          remedy="Close the bracket")
    return name


def _key_and_value(line: str, where: str) -> tuple[str, str]:
    match = re.match(r"([^=:]*)[=:](.*)", line)
    key = match.group(1).strip().lower() if match else ""
    if match is None or not key:
        # Not shown: it may be the rest of a secret.
        raise ConfigError("the line is neither a section nor key = value", where=where,
                          remedy="Write key = value, or begin the line with # for a comment")
    return key, match.group(2).strip()


def _expand(config: ConfigFile, section: str, entry: Entry, key: str,
            environment: Mapping[str, str]) -> None:
    """Replace variables and ``%%``, and enter the value into the config."""
    config.sections[section][key] = entry
    where = config.where(section, key)
    is_secret = _SECRET.fullmatch(key) is not None
    is_list = key in _SERVERS
    if _OTHER_VALUE.search(entry.value.replace("%%", "")):
        if not is_secret:
            raise ConfigError("%(key)s, the value of another key, is not supported", where=where,
                              remedy="Write the value itself, or put it into an environment "
                              "variable and write $NAME")
        config.remarks.append(f"{where}: %(key)s is taken as it stands, not as the value of "
                              "another key")
    if "%%" in entry.value:
        entry.value = entry.value.replace("%%", "%")
        config.remarks.append(f"{where}: each %% is read as one %")
    if entry.value.startswith("$"):
        written = entry.value
        entry.value = _with_variables(config, written, where, environment, is_list=is_list,
                                      is_secret=is_secret)
        entry.shown = written
        config.redact.add(entry.value, written, is_list=is_list)
    elif is_secret:
        config.redact.add(entry.value)
        entry.shown = BLANK
    elif _COMMENT.search(entry.value):
        config.remarks.append(f"{where}: what follows # or ; belongs to the value. "
                              + REMEDY_COMMENT)


def _with_variables(config: ConfigFile, written: str, where: str,
                    environment: Mapping[str, str], *, is_list: bool, is_secret: bool) -> str:
    """Return a value that begins with ``$``, its variables replaced."""
    if _COMMENT.search(written):
        raise ConfigError("a comment stands behind the variable", where=where,
                          remedy=REMEDY_COMMENT)
    if not _VARIABLE.match(written):
        # What follows is not shown: it may be a password.
        raise ConfigError("the value begins with $, but no variable's name follows", where=where,
                          remedy="Put the value into an environment variable and write $NAME here")

    def replaced(match: re.Match[str]) -> str:
        name = match.group(1) or match.group(2)
        if name not in environment:
            # A password that begins with $ is no variable's name, and is not shown.
            shown = "" if is_secret else f" {name}"
            raise ConfigError(f"the environment variable{shown} is not set", where=where,
                              remedy=f"Set{shown or ' it'}, or write the value itself")
        config.redact.add(environment[name], f"${name}", is_list=is_list)
        return environment[name]

    return _VARIABLE.sub(replaced, written)


def silent_logger() -> logging.Logger:
    """Return a logger for clients that only check properties."""
    logger = logging.getLogger("tui.checking")
    logger.disabled = True
    return logger
