"""The SHA-512 of each chunk, computed while the file is read for its own, on another core."""

from __future__ import annotations

import hashlib

import xxhash

_DIGEST_BYTES = 64
#: Digests that are kept of one version, 8 MiB of them; those of later chunks are computed again
#: when they are sent.
_MOST_DIGESTS = 131_072


def checksum(data: bytes | memoryview) -> int:
    """Return what a slice is known by when it is read again: XXH3, 64 bits, no secret."""
    return xxhash.xxh3_64_intdigest(data)


class ChunkDigests:
    """Digests of the chunks of a file, from the slices of the pass that hashes the whole of it.

    They hold for a chunk that is read again as long as the checksum of its slice does.

    Args:
        chunk_size: bytes.
    """

    def __init__(self, chunk_size: int) -> None:
        self.chunk_size = chunk_size
        self._found: list[bytes] = []
        self._n_found = 0
        self._digests = b""
        self._open = hashlib.sha512()  #: of a chunk that continues in the next slice
        self._n_open_bytes = 0

    def add(self, data: bytes) -> int:
        """Take the next slice; return its checksum. One call at a time, in order."""
        if self._n_found < _MOST_DIGESTS:
            self._add(memoryview(data))
        return checksum(data)

    def _add(self, data: memoryview) -> None:
        size = self.chunk_size
        if self._n_open_bytes:
            n_missing = size - self._n_open_bytes
            self._update_open(data[:n_missing])
            data = data[n_missing:]
        n_whole = len(data) // size
        if n_whole:
            self._keep(b"".join([hashlib.sha512(data[start:start + size]).digest()
                                 for start in range(0, n_whole * size, size)]))
        if len(data) > n_whole * size:
            self._update_open(data[n_whole * size:])

    def _update_open(self, data: memoryview) -> None:
        self._open.update(data)
        self._n_open_bytes += len(data)
        if self._n_open_bytes == self.chunk_size:
            self._end_open()

    def _end_open(self) -> None:
        self._keep(self._open.digest())
        self._open = hashlib.sha512()
        self._n_open_bytes = 0

    def _keep(self, digests: bytes) -> None:
        self._found.append(digests)
        self._n_found += len(digests) // _DIGEST_BYTES

    def end(self) -> None:
        """End the chunk that is open: the file's last one, where it is short."""
        if self._n_open_bytes and self._n_found < _MOST_DIGESTS:
            self._end_open()
        self._digests = b"".join(self._found)[:_MOST_DIGESTS * _DIGEST_BYTES]
        self._found = []

    def of(self, index: int, chunk_size: int) -> bytes:
        """Return the digest of a chunk, counted from 0; empty where it is not known.

        Args:
            index: which one.
            chunk_size: that of the version; it may be another one than was foreseen.
        """
        if chunk_size != self.chunk_size:
            return b""
        return self._digests[index * _DIGEST_BYTES:(index + 1) * _DIGEST_BYTES]
