"""Sets of chunks as people read them: ``1-5000 5003``."""

from __future__ import annotations

import re

_RUNS = re.compile(rb"\x00+|\xff+|[^\x00\xff]")


def format_ranges(bitmap: bytes, n_chunks: int, *, wanted: bool) -> str:
    """Return the chunks whose bit equals ``wanted``, counted from 1, as ranges.

    Args:
        bitmap: bit 0 of byte 0 is chunk 1.
        n_chunks: number of chunks; bits beyond it do not count.
        wanted: True for the chunks that are set, False for the others.
    """
    runs: list[list[int]] = []
    for match in _RUNS.finditer(bitmap.ljust((n_chunks + 7) // 8, b"\x00")):
        first = match.start() * 8
        byte = match.group()[0]
        if byte in (0x00, 0xFF):
            if bool(byte) is wanted:
                _add(runs, first, min(match.end() * 8, n_chunks))
            continue
        for bit in range(8):
            index = first + bit
            if index < n_chunks and bool(byte >> bit & 1) is wanted:
                _add(runs, index, index + 1)
    return " ".join(f"{a + 1}" if b == a + 1 else f"{a + 1}-{b}" for a, b in runs)


def _add(runs: list[list[int]], first: int, end: int) -> None:
    if first >= end:
        return
    if runs and runs[-1][1] == first:
        runs[-1][1] = end
    else:
        runs.append([first, end])


def parse_ranges(text: str, n_chunks: int) -> bytes:
    """Return the bitmap of ranges that :func:`format_ranges` wrote.

    Raises:
        ValueError: it is no list of ranges within ``n_chunks``.
    """
    bitmap = bytearray((n_chunks + 7) // 8)
    for word in text.split():
        first, _, last = word.partition("-")
        a, b = int(first), int(last or first)
        if not 1 <= a <= b <= n_chunks:
            raise ValueError(f"{word} is no range of chunks from 1 to {n_chunks}")
        _set(bitmap, a - 1, b)
    return bytes(bitmap)


def _set(bitmap: bytearray, start: int, end: int) -> None:
    """Set the bits from start to end - 1, whole bytes at once."""
    while start < end and start % 8:
        bitmap[start >> 3] |= 1 << (start & 7)
        start += 1
    while end > start and end % 8:
        end -= 1
        bitmap[end >> 3] |= 1 << (end & 7)
    if end > start:
        bitmap[start >> 3:end >> 3] = b"\xff" * ((end - start) >> 3)
