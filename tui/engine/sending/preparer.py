"""Makes a version of a queued file: opens and hashes it, and decides how it is sent."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tui.config.settings import Settings
from tui.engine.model.files import FileState, WaitingFile
from tui.engine.model.versions import FileVersion, PastVersion, VersionState
from tui.engine.sending.messages import MessageMaker, count_chunks
from tui.engine.sending.producer import ChunkProducer
from tui.engine.sending.source import SLICE_BYTES, Source, open_source
from tui.engine.sending.transfer import Transfer
from tui.engine.sending.version_plan import cut, is_credible, is_sent_already, resumable
from tui.engine.system.files import Below
from tui.engine.system.guarded_calls import Touching
from tui.errors import SourceChangedError, SourceRefusedError

logger = logging.getLogger(__name__)


class FilesInLine(Protocol):
    """What uploading tells the ledger of paths."""

    def put_back(self, rel_path: str | None) -> int: ...
    def waiting(self, rel_path: str) -> WaitingFile | None: ...
    def set_partitions(self, files: Sequence[WaitingFile]) -> None: ...
    def set_unsent(self, file: WaitingFile, state: FileState, reason: str,
                   retry_after_seconds: float | None) -> None: ...
    def record_uploaded(self, files: Sequence[tuple[WaitingFile, int, int]]) -> None: ...
    def forget(self, rel_paths: Sequence[str], *, even_queued: bool) -> None: ...


class Versions(Protocol):
    """What uploading asks and tells the ledger of versions."""

    def next_id(self) -> int: ...
    def begin(self, versions: Sequence[FileVersion], started: float) -> None: ...
    def close(self, version_id: int, state: VersionState) -> None: ...
    def mark_sent_twice(self, version_id: int) -> None: ...
    def of_file(self, file_id: int, rel_path: str) -> list[PastVersion]: ...


class UploadRecords(Protocol):
    """The ledger, as far as uploading knows it."""

    @property
    def files(self) -> FilesInLine:
        """The paths."""

    @property
    def versions(self) -> Versions:
        """What was sent of them."""

    def is_ledger(self, status: os.stat_result) -> bool:
        """Return whether a file is the ledger itself, which must not be opened."""


class SourceEvents(Protocol):
    """Who receives what is wrong with files that were queued; on any thread."""

    def settle_again(self, file: WaitingFile) -> None:
        """The file changed while it was read: it has to settle again."""

    def stuck(self, rel_path: str, state: FileState, reason: str) -> None:
        """A file is held, or has failed."""

    def why_offline(self) -> str:
        """Look whether the upload directory can be seen; return an empty text where it can."""


@dataclass(frozen=True, slots=True)
class UploadContext:
    """What all uploading workers share.

    Attributes:
        settings: the program's.
        producer: takes the chunks; it has the connection and the queue.
        ledger: knows the files and their versions.
        events: receives what becomes of files that cannot be sent as they were queued.
        begun_here: numbers of the versions begun by this process.
        hashing: the large files that are just being hashed, by path.
    """

    settings: Settings
    producer: ChunkProducer
    ledger: UploadRecords
    events: SourceEvents
    begun_here: set[int] = field(default_factory=set)
    hashing: dict[str, Source] = field(default_factory=dict)


class Preparer:
    """Prepares files, one at a time, for one uploading thread.

    Args:
        context: what it works with.
        stopping: set where it is to end, between slices of a large file.
    """

    def __init__(self, context: UploadContext, stopping: threading.Event) -> None:
        self._context = context
        self._stopping = stopping
        self.n_slices_read = 0  #: grows while a file is hashed: a sign of life

    def history(self, file: WaitingFile) -> list[PastVersion]:
        """Return past versions that can be believed; a path without a partition has none."""
        if file.partition is None:
            return []
        n_partitions = self._context.producer.n_partitions
        believed = []
        for past in self._context.ledger.versions.of_file(file.file_id, file.rel_path):
            if is_credible(past.version, n_partitions):
                believed.append(past)
            elif past.state == VersionState.BEGUN:
                logger.warning("%s: a recorded version of %d chunks of %d bytes on partition %d "
                               "cannot be: it is not continued", file.rel_path,
                               past.version.n_chunks, past.version.chunk_size,
                               past.version.partition)
                self._context.ledger.versions.close(past.version.version_id, VersionState.ABANDONED)
        return believed

    def prepare(self, file: WaitingFile, below: Below, touching: Touching) -> Transfer | None:
        """Read and hash a file; None where there is nothing to send of it.

        Args:
            file: its row in the line.
            below: opens it.
            touching: called before it is touched.

        Raises:
            SourceError: it cannot be read as what was queued.
        """
        settings = self._context.settings
        if file.is_stale:
            now = self._context.ledger.files.waiting(file.rel_path)
            if now is None or now.position != file.position:
                return None  # a newer row of the path stands for it
            file = now
        source = open_source(below, file.rel_path, follow_symlinks=settings.follow_symlinks)
        try:
            if not file.may_change \
                    and (source.n_bytes, source.mtime_ns) != (file.n_bytes, file.mtime_ns):
                raise SourceChangedError("it changed after it had settled", where=file.rel_path)
            data = None
            if source.n_bytes <= SLICE_BYTES:
                data = source.read_whole(may_change=file.may_change)
                sha512: bytes | None = hashlib.sha512(data).digest()
            else:
                sha512 = self._hash(source, touching, may_change=file.may_change)
            touching(file.rel_path)
            transfer = None if sha512 is None else self._plan(file, source, sha512, data)
        except BaseException:
            source.close()
            raise
        if transfer is None or data is not None:
            source.close()
        return transfer

    def _hash(self, source: Source, touching: Touching, *, may_change: bool) -> bytes | None:
        def must_stop() -> bool:
            touching(source.rel_path)
            self.n_slices_read += 1
            return self._stopping.is_set()

        self._context.hashing[source.rel_path] = source
        try:
            return source.hash_whole(must_stop, self._context.settings.chunk_size,
                                     may_change=may_change)
        finally:
            self._context.hashing.pop(source.rel_path, None)

    def _plan(self, file: WaitingFile, source: Source, sha512: bytes,
              data: bytes | None) -> Transfer | None:
        history = self.history(file)
        if is_sent_already(history, sha512) and not file.must_send:
            logger.info("%s: its content was uploaded before, nothing is sent", file.rel_path)
            self._context.ledger.files.record_uploaded([(file, source.n_bytes, source.mtime_ns)])
            return None
        past = resumable(history, sha512)
        self.close_begun(history, past)
        if past is not None:
            return self._resume(file, source, past, data)
        how = cut(history, sha512, source.n_bytes, self._chunk_size(file, source.n_bytes))
        if file.partition is not None and file.partition >= self._context.producer.n_partitions:
            logger.warning("%s: there is no partition %d, on which it is said to be: it gets "
                           "another", file.rel_path, file.partition)
            file = file._replace(partition=None)
        if file.partition is None:  # recorded with the version, before it begins or as it ends
            partition = zlib.crc32(file.rel_path.encode()) % self._context.producer.n_partitions
            file = file._replace(partition=partition)
        is_spread = self._context.settings.partition_by_chunk and not how.is_recovery
        version = FileVersion(
            version_id=self._context.ledger.versions.next_id(), file_id=file.file_id,
            rel_path=file.rel_path,
            n_bytes=source.n_bytes, mtime_ns=source.mtime_ns, mtime_seconds=source.mtime_seconds,
            sha512=sha512, chunk_size=how.chunk_size, n_chunks=how.n_chunks,
            partition=-1 if is_spread or file.partition is None else file.partition,
            acks=self._context.settings.acks, is_recovery=how.is_recovery,
            rebuild_uncertain=how.rebuild_uncertain, sent_twice=how.sent_twice)
        logger.debug("%s is cut into %d chunks of %d bytes", file.rel_path, how.n_chunks,
                     how.chunk_size)
        return self._transfer(version, file, source, data)

    def _chunk_size(self, file: WaitingFile, n_bytes: int) -> int:
        """Return the chosen chunk size, or that with which it may be on the topic unrecorded.

        Only versions of one chunk are sent before they are recorded.
        """
        if file.cut_size and n_bytes <= file.cut_size:
            return file.cut_size
        return self._context.settings.chunk_size

    def _resume(self, file: WaitingFile, source: Source, past: PastVersion,
                data: bytes | None) -> Transfer:
        version = past.version
        if version.version_id not in self._context.begun_here:
            # What the last run sent in its last second may not have been recorded.
            self._context.ledger.versions.mark_sent_twice(version.version_id)
            logger.info("%s is resumed: %d of %d chunks were acknowledged before", file.rel_path,
                        past.n_delivered, version.n_chunks)
        transfer = self._transfer(version, file, source, data, past)
        transfer.is_new = False
        return transfer

    def _transfer(self, version: FileVersion, file: WaitingFile, source: Source,
                  data: bytes | None, past: PastVersion | None = None) -> Transfer:
        if (version.n_bytes, version.n_chunks) != (
                source.n_bytes, count_chunks(source.n_bytes, version.chunk_size)):
            raise SourceRefusedError(  # whoever cut it: other bytes would go under its hash
                f"{version.n_chunks} chunks of {version.chunk_size} bytes do not cover it exactly",
                where=file.rel_path, remedy="Report this; reupload tries again")
        maker = MessageMaker(version, self._context.settings.message_fields)
        return Transfer(
            version, file, maker, data=data, source=None if data is not None else source,
            delivered=past.delivered if past else b"", started=past.started if past else None,
            offsets=past.offsets if past else ())

    def close_begun(self, history: Sequence[PastVersion], but: PastVersion | None) -> None:
        """Close begun versions whose bytes cannot be had any more."""
        for past in history:
            if past.state == VersionState.BEGUN and past is not but:
                logger.warning("%s: a version of which %d of %d chunks were sent cannot be "
                               "finished, its bytes are no longer there", past.version.rel_path,
                               past.n_delivered, past.version.n_chunks)
                self._context.ledger.versions.close(past.version.version_id, VersionState.ABANDONED)
