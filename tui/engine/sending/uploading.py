"""The uploading threads: read, hash, begin, and produce, one version of a path after another."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable

from tui.engine.model import FileState, WaitingFile, back_off_seconds
from tui.engine.operating_system import Below
from tui.engine.patience import At, HangError, Patient
from tui.engine.sending.delivery import Sending
from tui.engine.sending.preparing import Preparing, Surroundings
from tui.engine.sending.reading_ahead import ReadAhead, chunks_of_unit, no_answer
from tui.engine.threads import StoppableThread
from tui.errors import (
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
        self._preparing = Preparing(around, self.stopping.is_set)
        self._ahead = ReadAhead(self._patient)

    @property
    def n_slices_read(self) -> int:
        """Grows while a file is hashed: a sign of life."""
        return self._preparing.n_slices_read

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
            for sending in sendings:
                sending.close()
            self._put_off([*left, *(sending.file for sending in sendings)],
                          f"{_UNEXPECTED}: {error}", _UNEXPECTED_SECONDS)
            raise
        self._a.queue.hold(sendings)
        unsent = deque(sendings)
        try:
            while unsent:
                self._send(unsent.popleft())
        finally:
            for sending in unsent:  # the thread ends; others go on with these
                self._a.queue.give_back(sending)

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
                with Below(self._a.settings.upload_dir, self._a.is_ledger) as below:
                    for file in files:
                        if self.stopping.is_set():
                            return
                        done.append(self._prepare_or_release(file, below, at))

            try:
                self._patient.run(prepare)
            except HangError as error:
                answered = list(answered)  # the thread that was left behind may add to the other
                if len(answered) < len(left):  # else it answered in the moment it was given up
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
            self._a.queue.release([file.rel_path])

    def _prepare_or_release(self, file: WaitingFile, below: Below, at: At) -> Sending | None:
        """Read and hash a file; where nothing is to be sent of it, its path is released."""
        try:
            at(file.rel_path)
            sending = self._preparing.prepare(file, below, at)
        except HangError as error:
            self._not_prepared(file, no_answer(file.rel_path, error))
            return None
        except SourceError as error:
            self._not_prepared(file, error)
            return None
        if sending is None:
            self._a.queue.release([file.rel_path])
        return sending

    def _not_prepared(self, file: WaitingFile, error: SourceError) -> None:
        if isinstance(error, SourceGoneError) and (why := self._a.why_offline()):
            error = SourceUnreadableError(why, where=file.rel_path)
        if isinstance(error, SourceGoneError):
            logger.info("%s is no longer there: nothing is sent", file.rel_path)
            self._preparing.close_begun(self._preparing.history(file), None)
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
        self._a.queue.release([file.rel_path])

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
        try:
            while n_left > 0:
                unit = sending.next_unit(chunks_of_unit(size))
                n_left -= len(unit) * size
                if not unit or not self._produce_unit(sending, unit, goes_on=n_left > 0):
                    return
        finally:
            self._ahead.drop()

    def _produce_unit(self, sending: Sending, unit: list[int], *, goes_on: bool) -> bool:
        """Produce chunks of one slice, or one chunk of several; False where the turn must end."""
        size = sending.version.chunk_size
        n_produced = 0
        try:
            whole, start = (sending.data, 0) if sending.data is not None \
                else self._ahead.get(sending, unit[0] // chunks_of_unit(size), goes_on=goes_on)
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
