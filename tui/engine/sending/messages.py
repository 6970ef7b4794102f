"""The messages on the topic: key and value of each chunk, as OpenMSIStream 1.8 consumers read them.

The value is a MessagePack array: file name, SHA-512 of the file, SHA-512 of the chunk, offset,
chunk index from 1, number of chunks, POSIX parent path, an empty appendix to the name, the chunk's
bytes and, unless nine fields are asked for, the modification time as a float.
"""

from __future__ import annotations

import hashlib

import msgspec

from tui.engine.model.versions import FileVersion

_ENCODE = msgspec.msgpack.Encoder().encode


def count_chunks(n_bytes: int, chunk_size: int) -> int:
    """Return how many chunks a file is cut into; an empty file is one empty chunk."""
    return max(1, -(-n_bytes // chunk_size))


def key_prefix(rel_path: str) -> str:
    """Return a key up to ``_chunk_``: parent path with ``_`` for ``/``, then the file name."""
    parent, _, name = rel_path.rpartition("/")
    return f"{parent.replace('/', '_')}_{name}"


class MessageMaker:
    """Makes the messages of one version.

    Args:
        version: whose chunks they carry.
        n_fields: 10, or 9 for consumers that know no modification time.
    """

    __slots__ = ("_head", "_key", "_key_end", "_n_after", "_n_before",
                 "_n_chunks", "_parent", "_tail", "_version")

    def __init__(self, version: FileVersion, n_fields: int = 10) -> None:
        parent, _, name = version.rel_path.rpartition("/")
        self._version = version
        self._key = f"{key_prefix(version.rel_path)}_chunk_"
        self._key_end = f"_of_{version.n_chunks}"
        self._n_before, self._n_after = len(self._key.encode()), len(self._key_end)
        self._head = (name, version.sha512)
        self._n_chunks = version.n_chunks
        self._parent = parent
        self._tail = (version.mtime_seconds,) if n_fields == 10 else ()

    def key(self, index: int) -> bytes:
        """Return the key of a chunk; ``index`` counts from 0."""
        return f"{self._key}{index + 1}{self._key_end}".encode()

    def index_of(self, key: bytes) -> int:
        """Return which chunk, counted from 0, has a key that :meth:`key` made."""
        return int(key[self._n_before:-self._n_after]) - 1

    def value(self, index: int, data: bytes | memoryview, digest: bytes = b"") -> bytes:
        """Return the value of a chunk.

        Args:
            index: from 0.
            data: all of its bytes.
            digest: their SHA-512, where it is known.
        """
        digest = digest or hashlib.sha512(data).digest()
        return _ENCODE((
            *self._head, digest, index * self._version.chunk_size, index + 1, self._n_chunks,
            self._parent, "", data, *self._tail))
