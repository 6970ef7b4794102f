"""Text as a terminal shows it: every character visible, as wide as its cells, and cut to fit."""

from __future__ import annotations

import unicodedata

#: Control characters, and those that turn the direction of text, as they are written.
_VISIBLE = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
_VISIBLE |= {code: f"\\u{code:04x}" for code in (
    0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A), 0xFEFF)}
#: Bytes of a name that are not UTF-8, as Python keeps them, and as a shell takes them.
_VISIBLE |= {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(0x80, 0x100)}
_VISIBLE |= {ord("\n"): "\\n", ord("\t"): "\\t", ord("\r"): "\\r"}


def visible(text: str) -> str:
    """Return text whose control and direction characters, and lone surrogates, can be seen."""
    shown = text.translate(_VISIBLE)
    if shown.isascii():
        return shown
    return shown.encode("utf-8", "backslashreplace").decode("utf-8")


def as_typed(path: str) -> str:
    """Return a path as a shell takes it, where it is no text that can be copied as it is."""
    if path == path.encode("utf-8", "replace").decode():
        return path
    parts = []
    for byte in path.encode("utf-8", "surrogateescape"):
        character = chr(byte)
        parts.append(f"\\x{byte:02x}" if not 32 <= byte < 127 else
                     f"\\{character}" if character in "\\'" else character)
    return f"$'{''.join(parts)}'"


def cell_width(text: str) -> int:
    """Return how many terminal cells a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.category(c) in ("Mn", "Me", "Cf") else
               2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def shorten(text: str, width: int, *, cut_end: bool = False) -> str:
    """Return a text that takes at most ``width`` cells, its middle or end left out if need be."""
    if cell_width(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    if cut_end:
        return _cut(text, width - 1) + "…"
    tail = _cut(text[::-1], width * 2 // 3)[::-1]
    return _cut(text, width - 1 - cell_width(tail)) + "…" + tail


def _cut(text: str, width: int) -> str:
    taken = 0
    for position, character in enumerate(text):
        taken += cell_width(character)
        if taken > width:
            return text[:position]
    return text


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Break a text at blanks so that each line fits; long words are cut."""
    lines, line = [], ""
    for word in text.split(" "):
        while cell_width(indent + word) > width:
            room = width - cell_width(indent)
            part = _cut(word, room)
            lines += [line, part] if line else [part]
            line, word = "", word[len(part):]
        candidate = f"{line} {word}" if line else word
        if cell_width(indent + candidate) > width:
            lines.append(line)
            line = word
        else:
            line = candidate
    return [indent + item for item in [*lines, line]]
