"""Paths as people type them and patterns that select them; imports nothing of ours."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path

_GLOB = re.compile(r"[*?]")


def is_utf8(text: str) -> bool:
    """Return whether a path can be written as UTF-8, as messages and ledger need it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def relative(typed: str, upload_dir: Path) -> str:
    """Return a path as the ledger writes it, given what a person types.

    Args:
        typed: relative to the upload directory, or absolute; may lead out of it.
        upload_dir: absolute, without links.
    """
    text = typed.replace("\\", "/") if os.sep == "\\" else typed
    if Path(typed).is_absolute() or text.startswith("/"):
        # The links above the file, not the one that it may be itself.
        parent, name = os.path.split(os.path.normpath(typed))
        text = os.path.relpath(os.path.join(os.path.realpath(parent), name), upload_dir)  # noqa: PTH118
        text = text.replace(os.sep, "/")
    return posixpath.normpath(text)


def leads_out(rel_path: str) -> bool:
    """Return whether a relative path names something outside of what it is relative to."""
    return rel_path.startswith("/") or ".." in rel_path.split("/")


def as_like(pattern: str) -> str:
    """Return a pattern as SQL's LIKE takes it, with ``\\`` as escape; empty for all.

    Args:
        pattern: part of a path, or with ``*`` and ``?`` its end.
    """
    if not pattern:
        return ""
    escaped = _escaped(pattern)
    if is_glob(pattern):
        return "%" + escaped.replace("*", "%").replace("?", "_")
    return f"%{escaped}%"


def as_like_below(folder: str) -> str:
    """Return a pattern, as SQL's LIKE takes it, for what is below a folder."""
    return _escaped(folder) + "/%"


def is_glob(pattern: str) -> bool:
    """Return whether ``*`` or ``?`` stand for other characters in a pattern."""
    return _GLOB.search(pattern) is not None


def _escaped(text: str) -> str:
    """Return a text that means itself in a pattern of SQL's LIKE."""
    escaped = text.encode("utf-8", "replace").decode()
    for character in "\\%_":
        escaped = escaped.replace(character, "\\" + character)
    return escaped


def matches(pattern: str, rel_path: str) -> bool:
    """Return whether a path is selected by a pattern; as SQL's LIKE does with :func:`as_like`."""
    if not _GLOB.search(pattern):
        return _lower(pattern) in _lower(rel_path)
    return _is_glob_of("*" + _lower(pattern), "/" + _lower(rel_path))


def _is_glob_of(pattern: str, text: str) -> bool:
    """Return whether a pattern is all of a text, in time that grows with their product at most.

    Where something does not fit, only the last star has to take one character more.
    """
    at, position, star, behind = 0, 0, -1, 0
    while position < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, behind, at = at, position, at + 1
        elif at < len(pattern) and pattern[at] in ("?", text[position]):
            at, position = at + 1, position + 1
        elif star >= 0:
            behind += 1
            at, position = star + 1, behind
        else:
            return False
    return pattern[at:].strip("*") == ""


def _lower(text: str) -> str:
    """Lower ASCII letters only, as SQLite's LIKE does."""
    return re.sub("[A-Z]", lambda match: match.group().lower(), text)
