"""Between engine and screen: asks the engine on a thread of its own, tells the app by messages."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from textual.app import App
from textual.message import Message

from tui.commands import Answer, Engine, execute
from tui.engine.model import (
    ChunkMap,
    LogLine,
    Notice,
    NoticeKind,
    Page,
    PageKind,
    Phase,
    Snapshot,
    VersionRecord,
)
from tui.engine.threads import StoppableThread

_LOG_LINES = 500


@dataclass(frozen=True, slots=True)
class Wish:
    """What the screen shows just now, and so what has to be asked.

    Attributes:
        kind, offset, n_rows, pattern: the part of the long list that is visible.
        path: the selected file; empty for none.
        after_log_line: number of the last log line that is known.
    """

    kind: PageKind = PageKind.QUEUE
    offset: int = 0
    n_rows: int = 50
    pattern: str = ""
    path: str = ""
    after_log_line: int = 0


@dataclass
class Tick(Message):
    """Everything for one picture."""

    snapshot: Snapshot
    page: Page
    wish: Wish
    n_held: int = 0
    chunk_map: ChunkMap | None = None
    versions: tuple[VersionRecord, ...] = ()
    log: tuple[LogLine, ...] = ()


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


class Bridge(StoppableThread):
    """Asks the engine some times a second, and runs commands, so that the screen never waits.

    Args:
        engine: the uploader.
        app: gets :class:`Tick`, :class:`Told` and :class:`Answered`.
        refresh_hz: ticks a second.
        on_death: see :class:`StoppableThread`.
    """

    def __init__(self, engine: Engine, app: App[int], refresh_hz: float,
                 on_death: Callable[[str, BaseException], None]) -> None:
        super().__init__("console bridge", on_death)
        self._engine = engine
        self._app = app
        self._period = 1.0 / refresh_hz
        self._commands: queue.SimpleQueue[tuple[str, bool] | None] = queue.SimpleQueue()
        self._painted = threading.Event()
        self._painted.set()
        self.wish = Wish()

    def command(self, line: str, *, show: bool = True) -> None:
        """Run a command soon; its answer comes as a message."""
        self._commands.put((line, show))

    def look_now(self) -> None:
        """Ask the engine without waiting for the next tick."""
        self._commands.put(None)

    def painted(self) -> None:
        """Say that the last tick is on the screen; a slow screen gets fewer ticks."""
        self._painted.set()

    def stop(self) -> None:
        super().stop()
        self._commands.put(None)

    def work(self) -> None:
        unsubscribe = self._engine.subscribe(self._tell)
        try:
            while not self.stopping.is_set():
                if self._painted.wait(1.0):
                    self._painted.clear()
                    self._app.post_message(self._look())
                try:
                    item = self._commands.get(timeout=self._period)
                except queue.Empty:
                    continue
                while item is not None:
                    line, show = item
                    self._app.post_message(Answered(line, execute(line, self._engine), show))
                    item = None if self._commands.empty() else self._commands.get()
        finally:
            unsubscribe()

    def _tell(self, notice: Notice) -> None:
        if notice.kind is not NoticeKind.FILE_UPLOADED:
            self._app.post_message(Told(notice))

    def _look(self) -> Tick:
        wish, engine = self.wish, self._engine
        snapshot = engine.snapshot()
        if snapshot.phase is Phase.STOPPED:
            empty = Page(wish.kind, 0, 0, ())
            return Tick(snapshot, empty, wish, log=engine.log_lines(wish.after_log_line,
                                                                    _LOG_LINES))
        return Tick(
            snapshot, engine.page(wish.kind, wish.offset, wish.n_rows, wish.pattern), wish,
            n_held=snapshot.counts.held + snapshot.counts.failed,
            chunk_map=engine.chunk_map(wish.path) if wish.path else None,
            versions=engine.versions(wish.path) if wish.path else (),
            log=engine.log_lines(wish.after_log_line, _LOG_LINES))
