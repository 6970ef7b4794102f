"""Reads the config file: sections, keys, values, and where each of them stands."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tui.errors import ConfigError

CONFIG_DIRECTORY_VARIABLE = "OPENMSISTREAM_CONFIG_FILE_DIR"
_SUFFIX = ".config"
_SECRET_KEYS = ("sasl.password", "ssl.key.password", "ssl.keystore.password")
_SECRET_PREFIXES = ("sasl.oauthbearer.",)
_SECRET_SUFFIXES = (".pem",)


@dataclass(frozen=True, slots=True)
class Entry:
    """One value and where it stands.

    Attributes:
        value: text, with ``$VARIABLE`` replaced.
        line: number in the file, from 1.
    """

    value: str
    line: int


@dataclass(slots=True)
class ConfigFile:
    """A config file that was read.

    Attributes:
        path: of the file.
        sections: section to key to entry, in the order of the file.
        secrets: values that must be shown nowhere.
    """

    path: Path
    sections: dict[str, dict[str, Entry]] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)

    def where(self, section: str, key: str = "") -> str:
        """Return file, line and key, as an error names them."""
        entry = self.sections.get(section, {}).get(key)
        line = f", line {entry.line}" if entry else ""
        return f"{self.path}{line}, [{section}]{' ' + key if key else ''}"

    def values(self, section: str) -> dict[str, str]:
        """Return the keys and values of a section; empty where it is missing."""
        return {key: entry.value for key, entry in self.sections.get(section, {}).items()}


def find_config(name: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the path of a config that was given as a path or as a name.

    Raises:
        ConfigError: there is no such file.
    """
    as_path = Path(name).expanduser()
    if as_path.is_file():
        return as_path
    if as_path.is_dir():
        raise ConfigError(f"{name} is a directory", where="--config",
                          remedy="Give the path of a config file")
    folders = [installed_configs()]
    if environment.get(CONFIG_DIRECTORY_VARIABLE):
        folders.insert(0, Path(environment[CONFIG_DIRECTORY_VARIABLE]))
    if len(as_path.parts) == 1:
        for folder in folders:
            for candidate in (folder / name, folder / (name + _SUFFIX)):
                if candidate.is_file():
                    return candidate
    known = sorted({p.stem for folder in folders if folder.is_dir()
                    for p in folder.glob("*" + _SUFFIX)})
    raise ConfigError(f"there is no config file {name}", where="--config",
                      remedy=f"Give a path, or one of: {', '.join(known) or 'none is installed'}")


def installed_configs() -> Path:
    """Return the folder of the configs that come with the program."""
    packaged = Path(__file__).parent / "configs"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "configs"


def read_config(path: Path, environment: Mapping[str, str] = os.environ) -> ConfigFile:
    """Read a config file.

    Args:
        path: of the file: INI, ``#`` comments, UTF-8 with or without a byte order mark.
        environment: where ``$VARIABLE`` values come from.

    Raises:
        ConfigError: it cannot be read, or a line cannot be understood; says which.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"it cannot be read: {error.strerror}", where=str(path),
                          remedy="Check the path and its permissions") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"it is not a text file in UTF-8 (byte {error.start})", where=str(path),
                          remedy="Save it as UTF-8") from error
    config = ConfigFile(path)
    section: dict[str, Entry] | None = None
    name = ""
    for number, line in _lines(text):
        where = f"{path}, line {number}"
        if line.startswith("["):
            name = _section_name(line, where)
            if name in config.sections:
                raise ConfigError(f"the section [{name}] stands twice", where=where,
                                  remedy="Join the two")
            section = config.sections[name] = {}
            continue
        key, value = _key_and_value(line, where)
        if section is None:
            raise ConfigError(f"{key} stands before any section", where=where,
                              remedy="Put it below [broker] or [producer]")
        if key in section:
            raise ConfigError(f"{key} stands twice in [{name}]", where=where,
                              remedy=f"Remove it here or in line {section[key].line}")
        section[key] = Entry(_expanded(config, name, key, value, where, environment), number)
    return config


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith(("#", ";")):
            yield number, stripped


def _section_name(line: str, where: str) -> str:
    head = line.split(" #")[0].strip()
    if not head.endswith("]") or len(head) < 3:
        raise ConfigError("a section's name must stand in brackets, as in [broker]", where=where,
                          remedy="Close the bracket")
    return head[1:-1].strip()


def _key_and_value(line: str, where: str) -> tuple[str, str]:
    positions = [p for p in (line.find("="), line.find(":")) if p > 0]
    if not positions:
        # Not shown: it may be the rest of a secret.
        raise ConfigError("the line is neither a section nor key = value", where=where,
                          remedy="Write key = value, or begin the line with # for a comment")
    at = min(positions)
    # A comment may follow a value after a blank, as it may in the files of others.
    value = line[at + 1:].strip()
    return line[:at].strip(), value.split(" #")[0].rstrip()


def _expanded(config: ConfigFile, section: str, key: str, value: str, where: str,
              environment: Mapping[str, str]) -> str:
    if value.startswith("$") and len(value) > 1:
        variable = value[1:].strip("{}")
        if variable not in environment:
            raise ConfigError(
                f"the environment variable {variable} is not set", where=f"{where}, [{section}] "
                f"{key}", remedy=f"Set {variable}, or write the value itself")
        value = environment[variable]
        config.secrets.append(value)
    elif key in _SECRET_KEYS or key.startswith(_SECRET_PREFIXES) or key.endswith(_SECRET_SUFFIXES):
        config.secrets.append(value)
    return value


def silent_logger() -> logging.Logger:
    """Return a logger for clients that only check properties."""
    logger = logging.getLogger("tui.checking")
    logger.disabled = True
    return logger
