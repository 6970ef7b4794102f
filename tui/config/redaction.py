"""Keeps secrets out of everything that people see: log, screens, errors, log messages."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: Stands for a secret that has no better name.
BLANK = "***"
#: Values shorter than this are hidden only where they stand as a word of their own.
_SURE_LENGTH = 8
#: Values shorter than this are hidden only where they are quoted: as words they are everywhere.
_WORD_LENGTH = 3


class Redaction:
    """The secret values, and what is shown in the place of each.

    A value is hidden wherever it can be distinguished from ordinary text. One of a character or
    two cannot be, so it is hidden only in quotes, as librdkafka's reasons cite values.
    """

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: str, shown: str = BLANK, *, is_list: bool = False) -> None:
        """Hide a value from now on, and each line of it.

        Args:
            value: never to be shown.
            shown: what stands in its place, such as the name of the variable that held it.
            is_list: it is a list of servers, which clients name one by one.
        """
        for part in (*_lines(value), *(_servers(value) if is_list else ())):
            self._shown.setdefault(part, shown)
        longest_first = sorted(self._shown, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_as_pattern, longest_first))) \
            if longest_first else None

    def __call__(self, text: str) -> str:
        """Return the text without secrets."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda match: self._shown[match.group()], text)

    def __contains__(self, value: str) -> bool:
        return value in self._shown


def _lines(value: str) -> Iterator[str]:
    for line in (value, *value.splitlines()):
        if line.strip():
            yield line.strip()


def _servers(value: str) -> Iterator[str]:
    """Yield ``host:port`` and ``host`` of each server."""
    for server in value.split(","):
        if server.strip():
            yield server.strip()
            yield server.strip().rpartition(":")[0] or server.strip()


def _as_pattern(value: str) -> str:
    escaped = re.escape(value)
    if len(value) < _WORD_LENGTH:
        return rf"(?<=['\"]){escaped}(?=['\"])"
    if len(value) < _SURE_LENGTH:
        return rf"(?<![^\W_]){escaped}(?![^\W_])"
    return escaped
