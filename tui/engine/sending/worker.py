"""The uploading threads: read, hash, begin, and produce, one version of a path after another."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence

from tui.engine.model.files import FileState, WaitingFile
from tui.engine.sending.preparer import Preparer, UploadContext
from tui.engine.sending.read_ahead import ReadAhead, chunks_of_unit, no_answer
from tui.engine.sending.transfer import Transfer
from tui.engine.system.back_off import FILE_BACK_OFF
from tui.engine.system.files import Below
from tui.engine.system.guarded_calls import GuardedCalls, Touching
from tui.engine.system.workers import Worker
from tui.errors import (
    FileSystemHangError,
    LedgerError,
    SourceChangedError,
    SourceError,
    SourceGoneError,
    SourceUnreadableError,
)

logger = logging.getLogger(__name__)

_UNEXPECTED = "it met an unexpected error"
_UNEXPECTED_SECONDS = 60.0
#: Bytes that one large version sends before others get their turn.
_TURN_BYTES = 64 * 1024 * 1024


class UploadWorker(Worker):
    """Takes work from the queue until it is stopped.

    Args:
        number: from 1.
        context: what it works with.
        only_small: take small files only, so that none waits until a large one is read, hashed or
            sent.
    """

    def __init__(self, number: int, context: UploadContext, *, only_small: bool = False) -> None:
        if only_small:
            super().__init__("uploading-small")
        else:
            super().__init__(f"uploading-{number}")
        self._number = number
        self._only_small = only_small
        self._context = context
        self._calls = GuardedCalls(self.name, self._answers_again, self.stopping)
        self._preparer = Preparer(context, self.stopping)
        self._ahead = ReadAhead(self._calls)

    @property
    def n_slices_read(self) -> int:
        """Grows while a file is hashed: a sign of life."""
        return self._preparer.n_slices_read

    def _answers_again(self, rel_path: str) -> None:
        """Hear that a path which did not answer can be read again."""
        self._context.ledger.files.put_back(rel_path)
        self._context.producer.queue.wake()

    def work(self) -> None:
        try:
            while not self.stopping.is_set():
                if self._context.producer.connection.wait_to_send(0.2):
                    self._work_on(self._context.producer.queue.take(
                        self._number, 0.5, only_small=self._only_small))
        finally:
            self._calls.stop()

    def _work_on(self, work: Transfer | list[WaitingFile] | None) -> None:
        if isinstance(work, Transfer):
            self._send(work)
        elif work:
            self._begin(work)

    # Beginning.

    def _begin(self, files: list[WaitingFile]) -> None:
        """Read and hash files, make their versions durable, and send."""
        transfers: list[Transfer] = []
        left = list(files)
        try:
            self._prepare_all(left, transfers)
            if self.stopping.is_set() or not self._make_durable(transfers):
                return
        except BaseException as error:  # the thread ends by it; its files must not wait for ever
            for transfer in transfers:
                transfer.discard()
            self._put_off([*left, *(transfer.file for transfer in transfers)],
                          f"{_UNEXPECTED}: {error}", _UNEXPECTED_SECONDS)
            raise
        self._context.producer.queue.begin(transfers)
        unsent = deque(transfers)
        try:
            while unsent:
                self._send(unsent.popleft())
        finally:
            for transfer in unsent:  # the thread ends; others go on with these
                self._context.producer.queue.release_turn(transfer)

    def _prepare_all(self, left: list[WaitingFile], transfers: list[Transfer]) -> None:
        """Read and hash files on a thread that is left behind with one that hangs.

        Args:
            left: the files; each is taken out once it was dealt with.
            transfers: gets what is to be sent.
        """
        while left and not self.stopping.is_set():
            def prepare(done: list[Transfer | None], touching: Touching,
                        files: Sequence[WaitingFile] = tuple(left)) -> None:
                with Below(self._context.settings.upload_dir,
                           self._context.ledger.is_ledger) as below:
                    for file in files:
                        if self.stopping.is_set():
                            return
                        done.append(self._prepare_or_release(file, below, touching))

            answered: list[Transfer | None] = []
            try:
                answered, hang = self._calls.answers(answered, len(left), prepare)
                if hang is not None:
                    hung = left[len(answered)]
                    answered.append(None)
                    self._not_prepared(hung, no_answer(hung.rel_path, hang))
            finally:
                del left[:len(answered)]
                transfers += [transfer for transfer in answered if transfer is not None]

    def _make_durable(self, transfers: list[Transfer]) -> bool:
        """Commit what begins before its first message; put all back where that fails."""
        new = [s for s in transfers if s.is_new and s.version.n_chunks > 1]
        try:
            if new:
                self._context.ledger.files.set_partitions([s.file for s in new])
                started = time.time()
                for transfer in new:
                    transfer.started = started  # the same in the ledger and in the tables
                self._context.ledger.versions.begin([s.version for s in new], started)
        except LedgerError as error:
            for transfer in transfers:
                transfer.discard()
            self._put_off([transfer.file for transfer in transfers], error.what, 5.0)
            self.stopping.wait(1.0)
            return False
        self._context.begun_here.update(s.version.version_id for s in new)
        return True

    def _put_off(self, files: list[WaitingFile], reason: str, seconds: float) -> None:
        for file in files:
            self._context.ledger.files.set_unsent(file, FileState.HELD, reason, seconds)
            self._context.producer.queue.release([file.rel_path])

    def _prepare_or_release(self, file: WaitingFile, below: Below,
                            touching: Touching) -> Transfer | None:
        """Read and hash a file; where nothing is to be sent of it, its path is released."""
        try:
            touching(file.rel_path)
            transfer = self._preparer.prepare(file, below, touching)
        except FileSystemHangError as error:
            self._not_prepared(file, no_answer(file.rel_path, error))
            return None
        except SourceError as error:
            self._not_prepared(file, error)
            return None
        if transfer is None:
            self._context.producer.queue.release([file.rel_path])
        return transfer

    def _not_prepared(self, file: WaitingFile, error: SourceError) -> None:
        if isinstance(error, SourceGoneError) and (why := self._context.events.why_offline()):
            error = SourceUnreadableError(why, where=file.rel_path)
        if isinstance(error, SourceGoneError):
            logger.info("%s is no longer there: nothing is sent", file.rel_path)
            self._preparer.close_begun(self._preparer.history(file), None)
            self._context.ledger.files.forget([file.rel_path], even_queued=True)
        elif isinstance(error, SourceChangedError):
            now = self._context.ledger.files.waiting(file.rel_path)
            if now is not None and now.position == file.position:
                self._context.events.settle_again(file)  # else the newer one is queued already
        else:
            can_cure_itself = isinstance(error, SourceUnreadableError)
            state = FileState.HELD if can_cure_itself else FileState.FAILED
            again = FILE_BACK_OFF.seconds(file.n_attempts) if can_cure_itself else None
            self._context.ledger.files.set_unsent(file, state, f"{error.what}. {error.remedy}",
                                                  again)
            self._context.events.stuck(file.rel_path, state, error.what)
        self._context.producer.queue.release([file.rel_path])

    # Sending.

    def _send(self, transfer: Transfer) -> None:
        """Produce a turn's worth of chunks."""
        try:
            self._produce_turn(transfer)
        except SourceChangedError as error:
            logger.warning("%s: %s; the version is abandoned after %d of %d chunks; the new one is "
                           "uploaded once it stops changing", transfer.version.rel_path, error.what,
                           transfer.n_delivered, transfer.version.n_chunks)
            transfer.abandon()
        except SourceError as error:
            seconds = FILE_BACK_OFF.seconds(transfer.file.n_attempts)
            transfer.hold(f"{error.what}. {error.remedy}", seconds)
        except BaseException as error:  # the thread ends by it; its version must not wait for ever
            transfer.hold(f"{_UNEXPECTED}: {error}", _UNEXPECTED_SECONDS)
            raise
        finally:
            self._context.producer.queue.release_turn(transfer)
            if transfer.is_over:
                self._context.producer.outcomes.end(transfer)

    def _produce_turn(self, transfer: Transfer) -> None:
        n_left = _TURN_BYTES
        size = transfer.version.chunk_size
        try:
            while n_left > 0:
                unit = transfer.next_unit(chunks_of_unit(size))
                n_left -= len(unit) * size
                if not unit or not self._produce_unit(transfer, unit, goes_on=n_left > 0):
                    return
        finally:
            self._ahead.drop()

    def _produce_unit(self, transfer: Transfer, unit: list[int], *, goes_on: bool) -> bool:
        """Produce chunks of one slice, or one chunk of several; False where the turn must end."""
        size = transfer.version.chunk_size
        n_produced = 0
        try:
            whole, start = (transfer.data, 0) if transfer.data is not None \
                else self._ahead.get(transfer, unit[0] // chunks_of_unit(size), goes_on=goes_on)
            while n_produced < len(unit):
                n = self._context.producer.produce(transfer, unit[n_produced:], whole, start)
                if not n:
                    return False
                n_produced += n
                transfer.produced(unit[n_produced - 1])
            return True
        finally:
            transfer.put_back(unit[n_produced:])
