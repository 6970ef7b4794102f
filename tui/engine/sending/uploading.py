"""The uploading threads: read, hash, begin, and produce, one version of a path after another."""

from __future__ import annotations

import hashlib
import logging
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from tui.engine.model import (
    FileState,
    FileVersion,
    PastVersion,
    VersionState,
    WaitingFile,
    back_off_seconds,
)
from tui.engine.patience import At, HangError, Patient
from tui.engine.sending.delivery import Sending
from tui.engine.sending.messages import MessageMaker
from tui.engine.sending.planning import cut, is_sent_already, resumable
from tui.engine.sending.producing import ProducingThread
from tui.engine.sending.queue import UploadQueue
from tui.engine.sending.reading import SLICE_BYTES, Source, open_source
from tui.engine.threads import StoppableThread
from tui.errors import (
    LedgerError,
    SourceChangedError,
    SourceError,
    SourceGoneError,
    SourceUnreadableError,
)
from tui.settings import Settings

logger = logging.getLogger(__name__)

_UNEXPECTED = "it met an unexpected error"
_UNEXPECTED_SECONDS = 60.0
#: Bytes that one large version sends before others get their turn.
_TURN_BYTES = 64 * 1024 * 1024


class FilesInLine(Protocol):
    """What uploading tells the ledger of paths."""

    def waiting(self, rel_path: str) -> WaitingFile | None: ...
    def set_partitions(self, files: Sequence[WaitingFile]) -> None: ...
    def set_unsent(self, file: WaitingFile, state: FileState, reason: str,
                   retry_after_seconds: float | None) -> None: ...
    def set_at_rest(self, files: Sequence[tuple[WaitingFile, int, int]]) -> None: ...
    def forget(self, rel_paths: Sequence[str], *, even_in_line: bool) -> None: ...


class Versions(Protocol):
    """What uploading asks and tells the ledger of versions."""

    def next_id(self) -> int: ...
    def begin(self, versions: Sequence[FileVersion], started: float) -> None: ...
    def close(self, version_id: int, state: VersionState) -> None: ...
    def mark_sent_twice(self, version_id: int) -> None: ...
    def of_file(self, file_id: int, rel_path: str) -> list[PastVersion]: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all uploading threads share.

    Attributes:
        settings: the program's.
        queue, producing, files, versions: its parts.
        n_partitions: asks for the topic's partition count, known once connected.
        touch_again: a path changed under our hands, or (True) only grew: it has to rest again.
        is_overdue: whether a path goes although it has not come to rest.
        why_offline: looks whether the upload directory can be seen; empty where it can.
        on_answer: a path that did not answer can be read again.
        on_over: nothing more will happen to a version.
        on_unsent: a path was held (reason) or failed.
        begun_here: numbers of the versions begun by this process.
        hashing: the large files that are just being hashed, by path.
    """

    settings: Settings
    queue: UploadQueue
    producing: ProducingThread
    files: FilesInLine
    versions: Versions
    n_partitions: Callable[[], int]
    touch_again: Callable[[WaitingFile], None]
    is_overdue: Callable[[str], bool]
    why_offline: Callable[[], str]
    on_answer: Callable[[str], None]
    on_over: Callable[[Sending], None]
    on_unsent: Callable[[str, FileState, str], None]
    begun_here: set[int]
    hashing: dict[str, Source]


class UploadingThread(StoppableThread):
    """Takes work from the queue until it is stopped.

    Args:
        number: from 1, for its name.
        around: what it works with.
        on_death: see :class:`StoppableThread`.
    """

    def __init__(self, number: int, around: Surroundings,
                 on_death: Callable[[str, BaseException], None]) -> None:
        super().__init__(f"uploading-{number}", on_death)
        self._a = around
        self._patient = Patient(self.name, around.on_answer, self.stopping.is_set)
        self.n_slices_read = 0  #: grows while a file is hashed: a sign of life

    def work(self) -> None:
        try:
            while not self.stopping.is_set():
                if self._a.producing.trusted.wait(0.2):
                    self._work_on(self._a.queue.take(0.5))
        finally:
            self._patient.stop()

    def _work_on(self, work: Sending | list[WaitingFile] | None) -> None:
        if isinstance(work, Sending):
            self._send(work)
        elif work:
            self._begin(work)

    # Beginning.

    def _begin(self, files: list[WaitingFile]) -> None:
        """Read and hash files, make their versions durable, and send."""
        sendings: list[Sending] = []
        left = list(files)
        try:
            self._prepare_all(left, sendings)
            if self.stopping.is_set() or not self._make_durable(sendings):
                return
        except BaseException as error:  # the thread ends by it; its files must not wait for ever
            self._put_off([*left, *(sending.file for sending in sendings)],
                          f"{_UNEXPECTED}: {error}", _UNEXPECTED_SECONDS)
            raise
        for sending in sendings:
            self._a.queue.hold(sending)
        for sending in sendings:
            self._send(sending)

    def _prepare_all(self, left: list[WaitingFile], sendings: list[Sending]) -> None:
        """Read and hash files on a thread that is left behind with one that hangs.

        Args:
            left: the files; each is taken out once it was dealt with.
            sendings: gets what is to be sent.
        """
        while left and not self.stopping.is_set():
            answered: list[Sending | None] = []

            def prepare(at: At, files: list[WaitingFile] = list(left),  # noqa: B006 (meant so)
                        done: list[Sending | None] = answered) -> None:
                for file in files:
                    if self.stopping.is_set():
                        return
                    done.append(self._prepare_or_release(file, at))

            try:
                self._patient.run(prepare)
            except HangError as error:
                answered = list(answered)  # the thread that was left behind may add to the other
                hung = left[len(answered)]
                answered.append(None)
                self._not_prepared(hung, no_answer(hung.rel_path, error))
            finally:
                del left[:len(answered)]
                sendings += [sending for sending in answered if sending is not None]

    def _make_durable(self, sendings: list[Sending]) -> bool:
        """Commit what begins before its first message; put all back where that fails."""
        new = [s for s in sendings if s.is_new and s.version.n_chunks > 1]
        try:
            if new:
                self._a.files.set_partitions([s.file for s in new])
                started = time.time()
                for sending in new:
                    sending.started = started  # the same in the ledger and in the tables
                self._a.versions.begin([s.version for s in new], started)
        except LedgerError as error:
            for sending in sendings:
                sending.close()
            self._put_off([sending.file for sending in sendings], error.what, 5.0)
            self.stopping.wait(1.0)
            return False
        self._a.begun_here.update(s.version.version_id for s in new)
        return True

    def _put_off(self, files: list[WaitingFile], reason: str, seconds: float) -> None:
        for file in files:
            self._a.files.set_unsent(file, FileState.HELD, reason, seconds)
            self._a.queue.release(file.rel_path)

    def _prepare_or_release(self, file: WaitingFile, at: At) -> Sending | None:
        """Read and hash a file; where nothing is to be sent of it, its path is released."""
        try:
            at(file.rel_path)
            sending = self._prepare(file, at)
        except HangError as error:
            self._not_prepared(file, no_answer(file.rel_path, error))
            return None
        except SourceError as error:
            self._not_prepared(file, error)
            return None
        if sending is None:
            self._a.queue.release(file.rel_path)
        return sending

    def _not_prepared(self, file: WaitingFile, error: SourceError) -> None:
        if isinstance(error, SourceGoneError) and (why := self._a.why_offline()):
            error = SourceUnreadableError(why, where=file.rel_path)
        if isinstance(error, SourceGoneError):
            logger.info("%s is no longer there: nothing is sent", file.rel_path)
            self._close_begun(self._history(file), None)
            self._a.files.forget([file.rel_path], even_in_line=True)
        elif isinstance(error, SourceChangedError):
            now = self._a.files.waiting(file.rel_path)
            if now is not None and now.position == file.position:
                self._a.touch_again(file)  # else the newer one is in line already
        else:
            can_cure_itself = isinstance(error, SourceUnreadableError)
            state = FileState.HELD if can_cure_itself else FileState.FAILED
            again = back_off_seconds(file.n_attempts) if can_cure_itself else None
            self._a.files.set_unsent(file, state, f"{error.what}. {error.remedy}", again)
            self._a.on_unsent(file.rel_path, state, error.what)
        self._a.queue.release(file.rel_path)

    def _history(self, file: WaitingFile) -> list[PastVersion]:
        """Return past versions; a path without a partition has none."""
        if file.partition is None:
            return []
        return self._a.versions.of_file(file.file_id, file.rel_path)

    def _prepare(self, file: WaitingFile, at: At) -> Sending | None:
        """Read and hash a file; None where there is nothing to send of it.

        Raises:
            SourceError: it cannot be read as what was queued.
        """
        settings = self._a.settings
        if file.is_stale:
            now = self._a.files.waiting(file.rel_path)
            if now is None or now.position != file.position:
                return None  # a newer row of the path stands for it
            file = now
        source = open_source(settings.upload_dir, file.rel_path,
                             follow_symlinks=settings.follow_symlinks)
        try:
            goes_anyway = self._a.is_overdue(file.rel_path)
            if not goes_anyway \
                    and (source.n_bytes, source.mtime_ns) != (file.n_bytes, file.mtime_ns):
                raise SourceChangedError("it changed since it came to rest", where=file.rel_path)
            data = None
            if source.n_bytes <= SLICE_BYTES:
                data = source.read_whole(may_change=goes_anyway)
                sha512: bytes | None = hashlib.sha512(data).digest()
            else:
                sha512 = self._hash(source, at, may_change=goes_anyway)
            at(file.rel_path)
            sending = None if sha512 is None else self._plan(file, source, sha512, data)
        except BaseException:
            source.close()
            raise
        if sending is None or data is not None:
            source.close()
        return sending

    def _hash(self, source: Source, at: At, *, may_change: bool) -> bytes | None:
        def must_stop() -> bool:
            at(source.rel_path)
            self.n_slices_read += 1
            return self.stopping.is_set()

        self._a.hashing[source.rel_path] = source
        try:
            return source.hash_whole(must_stop, may_change=may_change)
        finally:
            self._a.hashing.pop(source.rel_path, None)

    def _plan(self, file: WaitingFile, source: Source, sha512: bytes,
              data: bytes | None) -> Sending | None:
        history = self._history(file)
        if is_sent_already(history, sha512) and not file.must_send:
            logger.info("%s: its content was uploaded before, nothing is sent", file.rel_path)
            self._a.files.set_at_rest([(file, source.n_bytes, source.mtime_ns)])
            return None
        past = resumable(history, sha512)
        self._close_begun(history, past)
        if past is not None:
            return self._resume(file, source, past, data)
        how = cut(history, sha512, source.n_bytes, self._a.settings.chunk_size)
        if file.partition is None:  # recorded with the version, before it begins or as it ends
            partition = zlib.crc32(file.rel_path.encode()) % self._a.n_partitions()
            file = replace(file, partition=partition)
        is_spread = self._a.settings.partition_by_chunk and not how.is_recovery
        version = FileVersion(
            version_id=self._a.versions.next_id(), file_id=file.file_id, rel_path=file.rel_path,
            n_bytes=source.n_bytes, mtime_ns=source.mtime_ns, mtime_seconds=source.mtime_seconds,
            inode=source.inode, sha512=sha512, chunk_size=how.chunk_size, n_chunks=how.n_chunks,
            partition=-1 if is_spread or file.partition is None else file.partition,
            acks=self._a.settings.acks, is_recovery=how.is_recovery,
            may_not_rebuild=how.may_not_rebuild, sent_twice=how.sent_twice)
        logger.debug("%s is cut into %d chunks of %d bytes", file.rel_path, how.n_chunks,
                     how.chunk_size)
        return self._sending(version, file, source, data)

    def _resume(self, file: WaitingFile, source: Source, past: PastVersion,
                data: bytes | None) -> Sending:
        version = past.version
        if version.version_id not in self._a.begun_here:
            # What the last run sent in its last second may not have been recorded.
            self._a.versions.mark_sent_twice(version.version_id)
            logger.info("%s goes on: %d of %d chunks were acknowledged before", file.rel_path,
                        past.n_delivered, version.n_chunks)
        sending = self._sending(version, file, source, data, past)
        sending.is_new = False
        return sending

    def _sending(self, version: FileVersion, file: WaitingFile, source: Source,
                 data: bytes | None, past: PastVersion | None = None) -> Sending:
        maker = MessageMaker(version, self._a.settings.message_fields)
        return Sending(
            version, file, maker, data=data, source=None if data is not None else source,
            delivered=past.delivered if past else b"", started=past.started if past else None,
            offsets=past.offsets if past else ())

    def _close_begun(self, history: Sequence[PastVersion], but: PastVersion | None) -> None:
        for past in history:
            if past.state == VersionState.BEGUN and past is not but:
                logger.warning("%s: a version of which %d of %d chunks were sent cannot be "
                               "finished, its bytes are no longer there", past.version.rel_path,
                               past.n_delivered, past.version.n_chunks)
                self._a.versions.close(past.version.version_id, VersionState.ABANDONED)

    # Sending.

    def _send(self, sending: Sending) -> None:
        """Produce a turn's worth of chunks."""
        try:
            self._produce_turn(sending)
        except SourceChangedError as error:
            logger.warning("%s: %s; the version is abandoned after %d of %d chunks, the new one "
                           "follows when it rests", sending.version.rel_path, error.what,
                           sending.n_delivered, sending.version.n_chunks)
            sending.is_abandoned = True
        except SourceError as error:
            seconds = back_off_seconds(sending.file.n_attempts)
            sending.hold(f"{error.what}. {error.remedy}", seconds)
        except BaseException as error:  # the thread ends by it; its version must not wait for ever
            sending.hold(f"{_UNEXPECTED}: {error}", _UNEXPECTED_SECONDS)
            raise
        finally:
            self._a.queue.give_back(sending)
            if sending.is_over:
                self._a.on_over(sending)

    def _produce_turn(self, sending: Sending) -> None:
        n_left = _TURN_BYTES
        size = sending.version.chunk_size
        while n_left > 0:
            unit = sending.next_unit(max(1, SLICE_BYTES // size))
            if not unit or not self._produce_unit(sending, unit):
                return
            n_left -= len(unit) * size

    def _produce_unit(self, sending: Sending, unit: list[int]) -> bool:
        """Produce chunks of one slice, or one chunk of several; False where the turn must end."""
        size = sending.version.chunk_size
        whole, start = sending.data, 0
        n_produced = 0
        try:
            if whole is None:
                whole, start = self._read_patiently(sending, unit[0])
            data = memoryview(whole)
            for index in unit:
                offset = index * size - start
                if sending.refusal or not self._a.producing.produce(
                        sending, index, data[offset:offset + size]):
                    return False
                sending.produced(index)
                n_produced += 1
            return True
        finally:
            sending.put_back(unit[n_produced:])

    def _read_patiently(self, sending: Sending, first: int) -> tuple[bytes, int]:
        rel_path = sending.version.rel_path

        def read(at: At) -> tuple[bytes, int]:
            at(rel_path)
            return self._read(sending, first)

        try:
            found: tuple[bytes, int] = self._patient.run(read)
        except HangError as error:
            raise no_answer(rel_path, error) from error
        return found

    def _read(self, sending: Sending, first: int) -> tuple[bytes, int]:
        """Return the bytes around a chunk and the offset at which they begin."""
        source, size = sending.source, sending.version.chunk_size
        if source is None:
            raise SourceUnreadableError("its bytes were given up", where=sending.version.rel_path)
        number = first * size // source.slice_bytes
        if size <= source.slice_bytes:
            return source.read_slice(number), number * source.slice_bytes
        n_slices = min(size // source.slice_bytes, len(source.checksums) - number)
        return (b"".join(source.read_slice(number + i) for i in range(n_slices)),
                number * source.slice_bytes)


def no_answer(rel_path: str, error: HangError) -> SourceUnreadableError:
    """Return the error of ours that says that a file hangs."""
    return SourceUnreadableError(f"it cannot be read: {error.what}", where=rel_path,
                                 remedy="Check the disk or the network; it is tried again by "
                                 "itself")
