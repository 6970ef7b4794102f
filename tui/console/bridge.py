"""Between engine and screen: asks the engine on a thread of its own, tells the app by messages."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from textual.app import App
from textual.message import Message

from tui.commands import Answer, Engine, execute
from tui.console.view import View, Wish
from tui.engine.model import (
    Explanation,
    FileStatus,
    Notice,
    NoticeKind,
    Page,
    Phase,
    VersionRecord,
)
from tui.engine.threads import StoppableThread

#: Lines of the log for one picture; of more, only the newest are shown.
MOST_LOG_LINES = 500


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
class TakenBack(Message):
    """Whether a quit could be taken back."""

    goes_on: bool


_Job = Callable[[Engine], Message | None]


class Bridge(StoppableThread):
    """Asks the engine some times a second, and does what the operator wants, off the screen.

    Args:
        engine: the uploader.
        app: gets :class:`Tick`, :class:`Told` and the answers.
        refresh_hz: ticks a second.
        on_death: see :class:`StoppableThread`.
    """

    def __init__(self, engine: Engine, app: App[int], refresh_hz: float,
                 on_death: Callable[[str, BaseException], None]) -> None:
        super().__init__("console bridge", on_death)
        self._engine = engine
        self._app = app
        self.period_seconds = 1.0 / refresh_hz  #: between two pictures, at least
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._painted = threading.Event()
        self._painted.set()
        self.wish = Wish()
        #: Paths whose end the operator waits for; any other upload is no news.
        self.awaited: set[str] = set()

    # What the screen wants; all of it returns at once.

    def command(self, line: str, *, show: bool = True) -> None:
        """Run a command soon; its answer comes as a message."""
        self._jobs.put(lambda engine: Answered(line, execute(line, engine), show))

    def ask_detail(self, path: str) -> None:
        """Ask for all that is known of a file."""
        self._jobs.put(lambda engine: Detailed(engine.explain(path), engine.versions(path)))

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
        if snapshot.phase is Phase.STOPPED:  # the ledger is closed
            return View(snapshot, Page(wish.kind, 0, 0, ()), wish, log=log)
        page = engine.page(wish.kind, wish.offset, wish.n_rows, wish.pattern, wish.order)
        in_hand = {status.rel_path: status for status in snapshot.uploading}
        chunk_path = wish.path if wish.path in in_hand else next(iter(in_hand), "")
        return View(
            snapshot, page, wish, in_hand.get(wish.path) or _found(page, wish.path),
            engine.versions(wish.path) if wish.path else (), chunk_path,
            engine.chunk_map(chunk_path) if chunk_path else None, log)


def _found(page: Page, path: str) -> FileStatus | None:
    return next((row for row in page.rows if isinstance(row, FileStatus)
                 and row.rel_path == path), None)
