"""Checks single words of the command line and the config: what is wrong, where, what to do."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

from tui.errors import UsageError

_MOST_TOPIC_CHARACTERS = 249  # Kafka's own limit
_REMEDY = "Correct it"


def existing_directory(path: Path) -> Path:
    """Return the real path of an upload directory.

    Raises:
        UsageError: it is missing, no directory, or may not be looked at.
    """
    try:
        if path.is_dir():
            return path.resolve(strict=True)
        what = f"{path} is no directory" if path.exists() else f"there is no directory {path}"
        if path.is_file():
            what = f"{path} is a file"
    except (OSError, ValueError, RuntimeError) as error:  # the last one: a loop of links
        what = f"{path} cannot be looked at: {getattr(error, 'strerror', error)}"
    raise UsageError(what, where="UPLOAD_DIR", remedy="Name an existing directory")


def topic_name(name: str, option: str) -> str:
    """Return a topic's name if Kafka allows it.

    Raises:
        UsageError: Kafka does not.
    """
    if re.fullmatch(r"[a-zA-Z0-9._-]+", name) and name not in (".", "..") \
            and len(name) <= _MOST_TOPIC_CHARACTERS:
        return name
    raise UsageError(f"{name!r} is no legal topic name", where=option,
                     remedy=f"Use up to {_MOST_TOPIC_CHARACTERS} letters, digits, dots, "
                     "underscores and hyphens")


def regex(text: str, option: str) -> re.Pattern[str]:
    """Return a compiled regular expression.

    Raises:
        UsageError: it does not compile.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a later Python may take otherwise
            return re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(f"it does not compile: {error}", where=option,
                         remedy="Correct the regular expression") from error


def number(text: str, option: str, least: float, most: float = 1e9) -> float:
    """Return a number within bounds.

    Raises:
        UsageError: it is none, or out of bounds.
    """
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if least <= value <= most:
        return value
    bounds = f"of at least {least:g}" if not value > most else f"up to {most:g}"
    raise UsageError(f"{text} is not a number {bounds}", where=option, remedy=_REMEDY)


def integer(text: str, option: str, least: int, most: int = 1 << 40) -> int:
    """Return a whole number within bounds.

    Raises:
        UsageError: it is none, or out of bounds.
    """
    value = int(text) if re.fullmatch(r"[0-9]{1,18}", text) else -1
    if least <= value <= most:
        return value
    bounds = f"of at least {least}" if value <= most else f"up to {most}"
    raise UsageError(f"{text} is not a whole number {bounds}", where=option, remedy=_REMEDY)


def choice(text: str, option: str, choices: Sequence[str]) -> str:
    """Return one of a few words.

    Raises:
        UsageError: it is another.
    """
    if text in choices:
        return text
    raise UsageError(f"{text} is not allowed", where=option,
                     remedy=f"Use {' or '.join(choices)}")


def log_level(text: str, where: str, shown: str | None = None) -> int:
    """Return a level of :mod:`logging`, given its name or number.

    Args:
        text: the name or number.
        where: option or key, for the message.
        shown: what may be shown of it; None for all.

    Raises:
        UsageError: there is no such level.
    """
    if re.fullmatch(r"[0-9]{1,9}", text):
        return int(text)
    level = logging.getLevelNamesMapping().get(text.upper())
    if level is None:
        raise UsageError(f"{text if shown is None else shown} is no log level", where=where,
                         remedy="Use debug, info, warning, error, critical, or a number")
    return level


def home_expanded(text: str) -> Path:
    """Return a path with ``~`` replaced; as it is where there is no such home directory.

    A file's name may begin with ``~`` as well.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def is_directory(path: Path) -> bool:
    """Return whether there is a directory; False also where it may not be looked at."""
    return os.path.isdir(path)  # noqa: PTH112 (unlike Path's, it never raises)
