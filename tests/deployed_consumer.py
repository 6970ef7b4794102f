"""A consumer that behaves as the deployed ones do, traps included; for tests of recovery plans.

It keeps one partly received version of each path. It lets go of that one for a version with more
chunks, or with as many and a newer time, but drops the very chunk that made it let go; all else
that does not belong is thrown away as stale.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from tests.consumer import Chunk, Received, parse


class ChunkCountError(Exception):
    """The same content came cut in two ways: their program crashes and starts over."""


@dataclass
class _Partial:
    file_hash: bytes
    n_chunks: int
    mtime: float
    indexes: set[int] = field(default_factory=set)


class DeployedConsumer:
    """Rebuilds files as messages come."""

    def __init__(self) -> None:
        self.files: dict[str, bytearray] = {}
        self.completed: list[tuple[str, bytes]] = []
        self.mismatches: list[str] = []
        self.finished: dict[str, bytes] = {}  #: hash of the last version that was taken for whole
        self._partial: dict[str, _Partial] = {}

    def feed(self, message: Received) -> None:
        """Take one message."""
        chunk = parse(message)
        held = self._partial.get(chunk.rel_path)
        mtime = chunk.mtime or 0.0
        if held is None:
            held = self._partial[chunk.rel_path] = _Partial(chunk.file_hash, chunk.n_chunks, mtime)
        elif held.file_hash == chunk.file_hash:
            if held.n_chunks != chunk.n_chunks:
                raise ChunkCountError(chunk.rel_path)
        else:
            if chunk.n_chunks > held.n_chunks or (
                    chunk.n_chunks == held.n_chunks and mtime > held.mtime):
                self._partial[chunk.rel_path] = _Partial(chunk.file_hash, chunk.n_chunks, mtime)
            return  # stale, or the chunk that is dropped with the old version
        self._write(chunk, held)

    def _write(self, chunk: Chunk, held: _Partial) -> None:
        content = self.files.setdefault(chunk.rel_path, bytearray())
        end = chunk.offset + len(chunk.data)
        if len(content) < end:
            content.extend(bytes(end - len(content)))
        content[chunk.offset:end] = chunk.data
        held.indexes.add(chunk.index)
        if len(held.indexes) == held.n_chunks:
            del self._partial[chunk.rel_path]
            self.finished[chunk.rel_path] = chunk.file_hash
            if hashlib.sha512(content).digest() == chunk.file_hash:
                self.completed.append((chunk.rel_path, bytes(content)))
            else:
                self.mismatches.append(chunk.rel_path)

    @property
    def unfinished(self) -> set[str]:
        """Paths of which a part is held."""
        return set(self._partial)
