"""Between engine and screen: asks the engine on a thread of its own, tells the app by messages."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from textual.app import App
from textual.message import Message

from tui import wording
from tui.commands import Answer, Engine, execute
from tui.console.view import View, Wish
from tui.engine.model.files import FileStatus
from tui.engine.model.snapshot import Explanation, Notice, NoticeKind, Page, Phase
from tui.engine.model.versions import VersionRecord
from tui.engine.system.workers import Worker
from tui.errors import UploadError

logger = logging.getLogger("tui.console")

#: Lines of the log for one picture; of more, only the newest are shown.
MOST_LOG_LINES = 500
#: Asking for the same rows again takes no more of the time than this.
MOST_SHARE_OF_TIME = 0.05


@dataclass
class Tick(Message):
    """Everything for one picture."""

    view: View


@dataclass
class Told(Message):
    """A rare event."""

    notice: Notice


@dataclass
class Answered(Message):
    """The answer to a command."""

    line: str
    answer: Answer
    show: bool = field(default=True)


@dataclass
class Detailed(Message):
    """All that is known of a file."""

    explanation: Explanation
    versions: tuple[VersionRecord, ...]


@dataclass
class Failed(Message):
    """The bridge itself ended by an error: the screen would stand still."""

    error: BaseException


@dataclass
class TakenBack(Message):
    """Whether a quit could be taken back."""

    goes_on: bool


_Job = Callable[[Engine], Message | None]


class Bridge(Worker):
    """Asks the engine several times a second, and does what the operator wants, off the screen.

    Args:
        engine: the uploader.
        app: gets :class:`Tick`, :class:`Told`, the answers, and :class:`Failed` in the end.
        refresh_hz: ticks a second.
    """

    def __init__(self, engine: Engine, app: App[int], refresh_hz: float) -> None:
        super().__init__("console bridge")
        self._engine = engine
        self._app = app
        self.period_seconds = 1.0 / refresh_hz  #: between two pictures, at least
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._painted = threading.Event()
        self._painted.set()
        self._last_page: Page | None = None
        self._asked: tuple[object, ...] = ()
        self._ask_again_at = 0.0
        self._trouble = ""
        self.wish = Wish()
        #: Paths whose end the operator waits for; any other upload is no news.
        self.awaited: set[str] = set()

    # What the screen wants; all of it returns at once.

    def command(self, line: str, *, show: bool = True) -> None:
        """Run a command soon; its answer comes as a message."""
        self._jobs.put(lambda engine: Answered(line, execute(line, engine), show))

    def retry_cause(self, reason: str) -> None:
        """Retry all files that are stuck for one reason."""
        self._jobs.put(lambda engine: Answered("retry", Answer(
            (f"{wording.files(engine.retry(None, reason))} queued again",))))

    def take(self, path: str) -> None:
        """Queue a file that was here before the first start; no character of it means more."""
        self._jobs.put(lambda engine: Answered(f"take {path}", Answer(
            (f"{wording.visible_path(path)} is queued" if engine.take(path) else
             f"{wording.visible_path(path)} is not there to be taken",))))

    def ask_detail(self, path: str) -> None:
        """Ask for all that is known of a file."""
        self._jobs.put(lambda engine: _detail(engine, path))

    def take_back_quit(self) -> None:
        """Ask to go on."""
        self._jobs.put(lambda engine: TakenBack(engine.cancel_quit()))

    def force_quit(self) -> None:
        """Leave without waiting for what is not acknowledged."""
        self._jobs.put(lambda engine: engine.force_quit())

    def look_now(self) -> None:
        """Ask the engine without waiting for the next tick."""
        self._jobs.put(lambda _engine: None)

    def painted(self) -> None:
        """Say that the last tick is on the screen; a slow screen gets fewer ticks."""
        self._painted.set()

    def stop(self) -> None:
        super().stop()
        self.look_now()

    # The thread.

    def died(self, error: BaseException) -> None:
        self._post(Failed(error))

    def work(self) -> None:
        unsubscribe = self._engine.subscribe(self._tell)
        try:
            while not self.stopping.is_set():
                if self._painted.wait(1.0):
                    self._painted.clear()
                    self._post(Tick(self.look()))
                self._do_jobs()
        finally:
            unsubscribe()

    def _do_jobs(self) -> None:
        """Wait for the next tick, or for something to do, and do all of it."""
        try:
            job = self._jobs.get(timeout=self.period_seconds)
            while True:
                message = job(self._engine)
                if message is not None:
                    self._post(message)
                job = self._jobs.get_nowait()
        except queue.Empty:
            return

    def _tell(self, notice: Notice) -> None:
        """Pass a rare event on; runs on the thread where it happens."""
        if notice.kind is NoticeKind.FILE_UPLOADED:
            if notice.rel_path not in self.awaited:
                return
            self.awaited.discard(notice.rel_path)
        self._post(Told(notice))

    def _post(self, message: Message) -> None:
        # The loop may have ended between a look and its message.
        with contextlib.suppress(RuntimeError):
            self._app.post_message(message)

    def look(self) -> View:
        """Return a picture of what is wished now."""
        wish, engine = self.wish, self._engine
        snapshot = engine.snapshot()
        log = engine.log_lines(wish.after_log_line, MOST_LOG_LINES)
        bare = View(snapshot, Page(wish.kind, 0, 0, ()), wish, log=log)
        if snapshot.phase is Phase.STOPPED:
            return bare
        try:
            return self._with_lists(bare)
        except UploadError as error:
            # The ledger is closed before the end is announced, and its disk may fail for a while.
            if snapshot.phase is Phase.RUNNING and str(error) != self._trouble:
                logger.warning("the lists cannot be shown just now: %s", error)
                self._trouble = str(error)
            return bare

    def _with_lists(self, bare: View) -> View:
        """Return a picture with what the ledger and the files being uploaded add to it."""
        engine, wish = self._engine, bare.wish
        page = self._page(wish)
        in_hand = {status.rel_path: status for status in bare.snapshot.uploading}
        chunk_path = wish.path if wish.path in in_hand else next(
            (status.rel_path for status in bare.snapshot.uploading if status.n_chunks), "")
        return replace(
            bare, page=page, status=in_hand.get(wish.path) or _found(page, wish.path),
            versions=engine.versions(wish.path) if wish.path else (), chunk_path=chunk_path,
            chunk_map=engine.chunk_map(chunk_path) if chunk_path else None)

    def _page(self, wish: Wish) -> Page:
        """Return the part of a list that is wished; a costly one is not asked for all the time.

        A filter over a million files takes a second of the ledger, which uploads need, too.
        """
        asked = (wish.kind, wish.offset, wish.n_rows, wish.pattern, wish.order, wish.reason)
        begun = time.monotonic()
        if self._last_page is None or asked != self._asked or begun >= self._ask_again_at:
            self._last_page, self._asked = self._engine.page(*asked), asked
            ended = time.monotonic()
            self._ask_again_at = ended + (ended - begun) * (1 / MOST_SHARE_OF_TIME - 1)
        return self._last_page


def _detail(engine: Engine, path: str) -> Message:
    try:
        return Detailed(engine.explain(path), engine.versions(path))
    except UploadError as error:
        return Answered(f"detail {path}", Answer((str(error),), ok=False))


def _found(page: Page, path: str) -> FileStatus | None:
    return next((row for row in page.rows if isinstance(row, FileStatus)
                 and row.rel_path == path), None)
