"""The SHA-512 of each chunk, computed while the file is read for its own, on another core."""

from __future__ import annotations

import hashlib
import zlib

_DIGEST_BYTES = 64
#: Digests that are kept of one version, 8 MiB of them; those of later chunks are computed again
#: when they are sent.
_MOST_DIGESTS = 131_072


class ChunkDigests:
    """Digests of the chunks of a file, from the slices of the pass that hashes the whole of it.

    They hold for a chunk that is read again as long as the checksum of its slice does.

    Args:
        chunk_size: bytes.
    """

    def __init__(self, chunk_size: int) -> None:
        self.chunk_size = chunk_size
        self._digests = bytearray()
        self._open = hashlib.sha512()  #: of a chunk that continues in the next slice
        self._n_open_bytes = 0

    def add(self, data: bytes) -> int:
        """Take the next slice; return its CRC-32. One call at a time, in order."""
        rest = memoryview(data)
        while rest and len(self._digests) < _MOST_DIGESTS * _DIGEST_BYTES:
            piece = rest[:self.chunk_size - self._n_open_bytes]
            rest = rest[len(piece):]
            self._open.update(piece)
            self._n_open_bytes += len(piece)
            if self._n_open_bytes == self.chunk_size:
                self.end()
        return zlib.crc32(data)

    def end(self) -> None:
        """End the chunk that is open: the file's last one, where it is short."""
        if self._n_open_bytes:
            self._digests += self._open.digest()
            self._open = hashlib.sha512()
            self._n_open_bytes = 0

    def of(self, index: int, chunk_size: int) -> bytes:
        """Return the digest of a chunk, counted from 0; empty where it is not known.

        Args:
            index: which one.
            chunk_size: that of the version; it may be another one than was foreseen.
        """
        if chunk_size != self.chunk_size:
            return b""
        return bytes(self._digests[index * _DIGEST_BYTES:(index + 1) * _DIGEST_BYTES])
