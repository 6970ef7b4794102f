"""The console: puts the panes together, and turns keys into the commands of the registry."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Footer, Static

from tui import wording
from tui.commands import COMMANDS, Engine
from tui.console.bridge import Answered, Bridge, Tick, Told, Wish
from tui.console.panes.broker import Broker
from tui.console.panes.chunks import Chunks
from tui.console.panes.detail import Detail
from tui.console.panes.freshness import FreshnessLine
from tui.console.panes.heartbeats import Heartbeats
from tui.console.panes.in_flight import InFlight
from tui.console.panes.listing import Listing
from tui.console.panes.log import LogPane
from tui.console.panes.prompt import Prompt
from tui.console.panes.queue import Queue
from tui.console.panes.throughput import Throughput
from tui.console.panes.title import Title
from tui.console.panes.totals import Totals
from tui.console.panes.uploading import Uploading
from tui.console.screens.leaving import DrainingScreen, LeavingScreen
from tui.console.screens.text import TextScreen
from tui.console.texts import detail_lines, help_contents
from tui.console.theme import DARK, LIGHT
from tui.engine.logs import Log
from tui.engine.model import (
    FileStatus,
    NoticeKind,
    PageKind,
    Phase,
    Snapshot,
    VersionRecord,
)
from tui.engine.operating_system import STOP_SIGNALS
from tui.engine.uploader import Uploader
from tui.errors import StartupError
from tui.settings import ConsoleSettings, Settings

logger = logging.getLogger("tui.console")

_KINDS = (PageKind.QUEUE, PageKind.HELD, PageKind.UPLOADED)
_SAME_NOTICE_SECONDS = 20.0
_SEVERITY = {NoticeKind.FILE_HELD: "warning", NoticeKind.FILE_FAILED: "error",
             NoticeKind.BROKER_DOWN: "error", NoticeKind.THREAD_DIED: "error"}


def _registry_bindings() -> list[BindingType]:
    """Return a binding for each command that has a key; pause and resume share one."""
    bindings: list[BindingType] = []
    taken: set[str] = set()
    for command in COMMANDS:
        if command.key and command.key not in taken:
            taken.add(command.key)
            bindings.append(Binding(
                command.key, f"command('{command.name}')", command.name.capitalize(),
                id=command.name, tooltip=command.help))
    return bindings


class ConsoleApp(App[int]):
    """Shows an engine and obeys an operator.

    Args:
        engine: the uploader, or anything like it.
        console: looks and keys.
        catch_signals: whether SIGTERM and the like drain.
    """

    CSS_PATH = Path(__file__).with_name("app.tcss")
    TITLE = "DataFileUploadDirectory"
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (20, "-short"), (30, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = [
        *_registry_bindings(),
        Binding("enter", "detail", "Detail", id="detail", tooltip="All that is known of a file"),
        Binding("slash", "filter", "Filter", id="filter",
                tooltip="Show only paths, or log lines, with a text"),
        Binding("l", "log_level", "Level", id="log_level", tooltip="Show other levels of the log"),
        Binding("colon", "prompt", "Command", id="prompt", tooltip="Type a command"),
        Binding("1", "list(0)", "Queue", show=False, id="queue", tooltip="List what waits"),
        Binding("2", "list(1)", "Held", show=False, id="held", tooltip="List what is stuck"),
        Binding("3", "list(2)", "Uploaded", show=False, id="uploaded",
                tooltip="List what is uploaded, newest first"),
        Binding("m", "maximise", "Maximise", show=False, id="maximise",
                tooltip="Give a pane the whole screen, or take it back"),
        Binding("y", "copy_path", "Copy path", show=False, id="copy_path",
                tooltip="Copy the path of the selected file"),
        Binding("ctrl+c", "command('quit')", "Quit", show=False, id="interrupt", priority=True,
                tooltip="The same as quit"),
    ]

    def __init__(self, engine: Engine, console: ConsoleSettings, *,
                 catch_signals: bool = False) -> None:
        super().__init__()
        self._engine = engine
        self._console = console
        self._catch_signals = catch_signals
        self._bridge = Bridge(engine, self, console.refresh_hz, self._bridge_died)
        self._snapshot: Snapshot | None = None
        self._said: dict[str, tuple[float, int]] = {}
        self._status_path = ""
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = console.theme if console.theme in self.available_themes else DARK.name
        if console.keymap:
            self.set_keymap(dict(console.keymap))

    def compose(self) -> ComposeResult:
        yield Title()
        with Horizontal(id="top"):
            yield Totals()
            yield Throughput()
            yield InFlight()
            yield Broker()
        yield FreshnessLine()
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield Uploading()
                yield Queue()
            with Vertical(id="right"):
                yield Chunks()
                yield Detail()
                yield Heartbeats()
        yield LogPane()
        with Horizontal(id="bottom"):
            yield Prompt()
            yield Static("", id="answer", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Begin to ask the engine, and to listen to signals."""
        self.screen.title = self.TITLE
        for pane in self._console.hidden_panes:
            with contextlib.suppress(Exception):
                self.query_one(f"#{pane}").add_class("-hidden")
        self.query_one(Queue).focus()
        if self._catch_signals:
            loop = asyncio.get_running_loop()
            for number in STOP_SIGNALS:
                # Windows' loop has none; there Ctrl+C arrives as a key.
                with contextlib.suppress(NotImplementedError):
                    loop.add_signal_handler(number, self._stop_signal, number)
        self._bridge.start()

    def on_unmount(self) -> None:
        """Stop asking."""
        self._bridge.stop()

    def _stop_signal(self, number: signal.Signals) -> None:
        logger.info("%s: leaving", signal.Signals(number).name)
        self._bridge.command("quit", show=False)

    def _bridge_died(self, _name: str, error: BaseException) -> None:
        self.call_later(self.exit, 1, 1, f"the console's own thread ended: {error}")

    # What comes from the engine.

    def on_tick(self, tick: Tick) -> None:
        """Paint one picture."""
        snapshot = self._snapshot = tick.snapshot
        stack = self.screen_stack
        if not stack or not stack[0].query(LogPane):  # not made yet, or gone already
            self._bridge.painted()
            return
        main = stack[0]
        main.query_one(LogPane).add(tick.log)
        main.query_one(Title).show(snapshot)
        main.query_one(FreshnessLine).show(snapshot)
        main.query_one(Totals).show(snapshot)
        main.query_one(Throughput).show(snapshot)
        main.query_one(InFlight).show(snapshot)
        main.query_one(Broker).show(snapshot)
        main.query_one(Heartbeats).show(snapshot)
        uploading, queue = main.query_one(Uploading), main.query_one(Queue)
        uploading.show(snapshot)
        queue.show(snapshot, tick.page)
        path, status = self._selected()
        main.query_one(Chunks).show(path, tick.chunk_map if tick.wish.path == path else None)
        main.query_one(Detail).show(path, status, tick.versions if tick.wish.path == path else ())
        main.query_one(Prompt).paths = tuple(
            row.rel_path for row in (*snapshot.uploading[:200], *queue.rows_in_sight))
        self._wish()
        self._show_leaving(snapshot)
        self._bridge.painted()

    def _show_leaving(self, snapshot: Snapshot) -> None:
        if snapshot.phase is Phase.STOPPED:
            self.exit(self._engine.exit_status)
        elif snapshot.phase is Phase.DRAINING:
            if not isinstance(self.screen, DrainingScreen):
                if isinstance(self.screen, LeavingScreen | TextScreen):
                    self.pop_screen()
                self.push_screen(DrainingScreen(), self._leaving_answered)
            elif self.screen.is_mounted:
                self.screen.show(snapshot)

    def _wish(self) -> None:
        """Tell the bridge what is in sight."""
        main = self.screen_stack[0]
        queue = main.query_one(Queue)
        n_rows = queue.n_in_sight()
        self._bridge.wish = Wish(
            queue.kind, max(0, queue.first_in_sight() - n_rows), 3 * n_rows, queue.pattern,
            self._selected()[0], main.query_one(LogPane).last_number)

    def on_listing_moved(self, _message: Listing.Moved) -> None:
        """Ask for what is in sight now."""
        self._wish()
        self._bridge.look_now()

    def on_listing_chosen(self, _message: Listing.Chosen) -> None:
        """Show the detail of a row that was clicked twice."""
        self.action_detail()

    def on_told(self, told: Told) -> None:
        """Announce a rare event; the same kind again within a while is counted, not repeated."""
        notice = told.notice
        if notice.kind is NoticeKind.STOPPED:
            self._bridge.look_now()
            return
        now = time.monotonic()
        key = f"{notice.kind}: {notice.text}"
        before, n_more = self._said.get(key, (-_SAME_NOTICE_SECONDS, 0))
        if now - before < _SAME_NOTICE_SECONDS:
            self._said[key] = (before, n_more + 1)
            return
        if len(self._said) > 200:
            self._said.clear()
        self._said[key] = (now, 0)
        text = wording.visible(f"{notice.rel_path}: {notice.text}" if notice.rel_path
                               else notice.text)
        if n_more:
            text += f" ({n_more} more like it)"
        severity = _SEVERITY.get(notice.kind, "information")
        self.notify(text, title=notice.kind.value, markup=False,
                    severity=severity)  # type: ignore[arg-type]

    def on_answered(self, answered: Answered) -> None:
        """Show the answer to a command."""
        answer = answered.answer
        main = self.screen_stack[0]
        main.query_one(LogPane).answer(answered.line, answer.lines, time.time())
        first = answer.lines[0] if answer.lines else ""
        main.query_one("#answer", Static).update(
            wording.visible(first) if len(answer.lines) <= 1 else "")
        if answered.show and len(answer.lines) > 1 and self.screen is main:
            self.push_screen(TextScreen(wording.visible(answered.line),
                                        [wording.visible(line) for line in answer.lines]))
        elif not answer.ok:
            self.notify(wording.visible(first), severity="error", markup=False)

    # What the operator does.

    def _selected(self) -> tuple[str, FileStatus | VersionRecord | None]:
        """Return the file that keys act on: in the list that has, or last had, the focus."""
        main = self.screen_stack[0]
        uploading, queue = main.query_one(Uploading), main.query_one(Queue)
        first, second = (uploading, queue) if uploading.has_focus or not queue.has_focus \
            else (queue, uploading)
        row = first.selected() or second.selected()
        return ("", None) if row is None else (row.rel_path, row)

    def action_command(self, name: str) -> None:
        """Run a command of the registry, on the selected file where it needs one."""
        command = next(c for c in COMMANDS if c.name == name)
        if name == "quit":
            self._leave()
        elif name == "help":
            self.push_screen(TextScreen("Help", help_contents(self)))
        elif name == "pause":
            is_paused = self._snapshot is not None and self._snapshot.is_paused
            self._bridge.command("resume" if is_paused else "pause")
        elif command.argument == "PATH":
            path = self._selected()[0]
            if path:
                self._bridge.command(f"{name} {path}")
            else:
                self.notify("select a file first", severity="warning")
        else:
            self._bridge.command(name)

    def _leave(self) -> None:
        snapshot = self._snapshot
        if snapshot is not None and snapshot.phase is Phase.RUNNING \
                and snapshot.counts.unfinished:
            if not isinstance(self.screen, LeavingScreen):
                self.push_screen(LeavingScreen(snapshot), self._leaving_answered)
        else:
            self._bridge.command("quit", show=False)

    def _leaving_answered(self, answer: str | None) -> None:
        if answer == "drain":
            self._bridge.command("quit", show=False)
        elif answer == "force":
            self._engine.force_quit()
        elif answer == "stay" and self._snapshot is not None \
                and self._snapshot.phase is Phase.DRAINING and not self._engine.cancel_quit():
            self.notify("it is too late to go on", severity="warning")
        self._bridge.look_now()

    def action_detail(self) -> None:
        """Show all that is known of the selected file."""
        path, _ = self._selected()
        if path and len(self.screen_stack) == 1:
            lines = detail_lines(self._engine, path)
            self.push_screen(TextScreen(wording.shorten(wording.visible(path), 70), lines))

    def action_filter(self) -> None:
        """Ask for a text to filter by."""
        log = self.query_one(LogPane)
        if log.has_focus:
            self.query_one(Prompt).ask("the log", log.pattern)
        else:
            self.query_one(Prompt).ask("the list", self.query_one(Queue).pattern)

    def action_prompt(self) -> None:
        """Ask for a command."""
        self.query_one(Prompt).ask("")

    def action_log_level(self) -> None:
        """Show other levels of the log."""
        self.query_one(LogPane).next_level()

    def action_list(self, number: int) -> None:
        """Show another of the long lists."""
        queue = self.query_one(Queue)
        queue.switch(_KINDS[number])
        queue.focus()

    def action_maximise(self) -> None:
        """Give the focused pane the whole screen, or take it back."""
        if self.screen.maximized:
            self.screen.minimize()
        elif self.screen.focused is not None:
            self.screen.maximize(self.screen.focused, container=False)

    def action_copy_path(self) -> None:
        """Copy the path of the selected file to the clipboard."""
        path, _ = self._selected()
        if path:
            self.copy_to_clipboard(path)
            self.notify(f"copied {wording.visible(path)}", markup=False)

    def on_prompt_left(self, _message: Prompt.Left) -> None:
        """Go back to the list."""
        self.query_one(Queue).focus()

    def on_input_submitted(self, event: Prompt.Submitted) -> None:
        """Run a typed command, or set a filter."""
        prompt = self.query_one(Prompt)
        text, purpose = event.value.strip(), prompt.purpose
        prompt.ask("")
        if purpose == "the log":
            self.query_one(LogPane).search(text)
        elif purpose:
            self.query_one(Queue).filter(text)
        elif text:
            prompt.remember(text)
            if text.split()[0] in ("help", "h", "?"):
                self.action_command("help")
            elif text in ("quit", "q"):
                self._leave()
            else:
                self._bridge.command(text)
        if purpose or not text:
            self.query_one(LogPane if purpose == "the log" else Queue).focus()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Return what the command palette offers: every binding that has a tooltip."""
        for binding in self.active_bindings.values():
            if binding.binding.tooltip and binding.binding.id:
                action = binding.binding.action
                yield SystemCommand(binding.binding.description, binding.binding.tooltip,
                                    lambda action=action: self.call_later(self.run_action, action))
        yield SystemCommand("Theme", "Choose other colours", self.action_change_theme)


def run(settings: Settings) -> int:
    """Upload with the console until told to quit; return the exit status."""
    log = Log(settings, None)
    log.open()
    try:
        return _run(settings, log)
    finally:
        log.close()


def _run(settings: Settings, log: Log) -> int:
    uploader = Uploader(settings, log)
    try:
        uploader.start()
    except StartupError as error:
        print(f"DataFileUploadDirectory: error: {error}", file=sys.stderr)
        return 2
    try:
        ConsoleApp(uploader, settings.console, catch_signals=True).run()
    finally:
        _finish(uploader)
    if uploader.failure is not None:
        print(f"DataFileUploadDirectory: error: {uploader.failure}", file=sys.stderr)
    with contextlib.suppress(OSError):  # the terminal may be gone
        print("\n".join(wording.closing_summary(uploader.snapshot())))
    return uploader.exit_status


def _finish(uploader: Uploader) -> None:
    """See the upload to its end, whatever ended the console."""
    if uploader.wait(0):
        return
    logger.error("the console has ended; what is queued is sent before the program ends")
    uploader.quit()
    while not uploader.wait(2.0):
        with contextlib.suppress(OSError):
            print(wording.draining_words(uploader.snapshot()), file=sys.stderr)
