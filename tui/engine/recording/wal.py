"""Judges SQLite's write-ahead log, of which SQLite itself drops without a word what is spoilt.

The format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

_MAGIC_LITTLE, _MAGIC_BIG = 0x377F0682, 0x377F0683
_HEADER_BYTES, _FRAME_HEADER_BYTES = 32, 24
#: Where the first page of a database holds ``user_version``, big-endian.
USER_VERSION = range(60, 64)


def is_sound(path: Path) -> bool:
    """Return whether a log begins as SQLite wrote it; False where it is missing or empty."""
    return _header(path) is not None


def committed_frames(path: Path) -> list[int]:
    """Return the frames, counted from 1, that end a transaction of the log's present life.

    Their content is not judged: more than one of them behind the last frame that SQLite reads
    means that something between was spoilt, since a power cut can tear the last one only.
    """
    return [number for number, _, n_pages, _ in _frames(path) if n_pages]


def user_version(path: Path) -> int:
    """Return the ``user_version`` that a log holds, unjudged; 0 where it holds none."""
    found = pending = 0
    for _, page, n_pages, start in _frames(path):
        if page == 1:
            with path.open("rb") as file:
                file.seek(start + USER_VERSION.start)
                pending = int.from_bytes(file.read(4), "big")
        if n_pages:
            found = pending
    return found


def _frames(path: Path) -> Iterator[tuple[int, int, int, int]]:
    """Yield each frame of a log's present life, by its header alone.

    That is its number from 1, its page, the pages of the database after its transaction where it
    ends one, else 0, and where its page begins in the file.
    """
    header = _header(path)
    if header is None:
        return
    page_bytes, salts = struct.unpack(">I", header[8:12])[0] or 65536, header[16:24]
    with path.open("rb") as file:
        number, start = 1, _HEADER_BYTES
        file.seek(start)
        while len(frame := file.read(_FRAME_HEADER_BYTES)) == _FRAME_HEADER_BYTES:
            if frame[8:16] == salts:
                page, n_pages = struct.unpack_from(">2I", frame)
                yield number, page, n_pages, start + _FRAME_HEADER_BYTES
            start += _FRAME_HEADER_BYTES + page_bytes
            number += 1
            file.seek(start)


def _header(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except FileNotFoundError:
        return None
    if len(header) < _HEADER_BYTES:
        return None
    magic = struct.unpack(">I", header[:4])[0]
    if magic not in (_MAGIC_LITTLE, _MAGIC_BIG):
        return None
    return header if struct.unpack(">2I", header[24:]) == _checksum(
        _order(magic), header[:24], (0, 0)) else None


def _order(magic: int) -> str:
    return ">" if magic == _MAGIC_BIG else "<"


def _checksum(order: str, data: bytes, before: tuple[int, int]) -> tuple[int, int]:
    first, second = before
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second


def apply(path: Path, database: bytearray) -> None:
    """Write the committed and sound frames of a log into a copy of its database.

    Args:
        path: of the log; it may be missing.
        database: the content of the database file.
    """
    header = _header(path)
    if header is None:
        return
    magic, _, page_bytes = struct.unpack_from(">3I", header)
    page_bytes = page_bytes or 65536
    order, checksum = _order(magic), _checksum(_order(magic), header[:24], (0, 0))
    transaction: list[tuple[int, bytes]] = []
    with path.open("rb") as file:
        file.seek(_HEADER_BYTES)
        while len(frame := file.read(_FRAME_HEADER_BYTES + page_bytes)) \
                == _FRAME_HEADER_BYTES + page_bytes:
            page = frame[_FRAME_HEADER_BYTES:]
            checksum = _checksum(order, page, _checksum(order, frame[:8], checksum))
            if frame[8:16] != header[16:24] or frame[16:24] != struct.pack(">2I", *checksum):
                return
            number, n_pages = struct.unpack_from(">2I", frame)
            transaction.append((number, page))
            if n_pages:
                _write_pages(database, transaction, n_pages, page_bytes)
                transaction.clear()


def _write_pages(database: bytearray, pages: list[tuple[int, bytes]], n_pages: int,
                 page_bytes: int) -> None:
    database.extend(bytes(max(0, n_pages * page_bytes - len(database))))
    for number, page in pages:
        database[(number - 1) * page_bytes:number * page_bytes] = page
    del database[n_pages * page_bytes:]
