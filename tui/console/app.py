"""The console: puts the panes together, and turns keys into the commands of the registry."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.driver import Driver
from textual.message import Message
from textual.screen import Screen
from textual.theme import Theme
from textual.widget import Widget
from textual.widgets import Button, Static

from tui import wording
from tui.commands import COMMANDS, Engine
from tui.config.settings import ConsoleSettings
from tui.console import theme as themes
from tui.console.actions import Actions, Widgets
from tui.console.attention import Attention
from tui.console.bindings import APP_BINDINGS, rebound
from tui.console.bridge import Answered, Bridge, Detailed, Failed, TakenBack, Tick, Told
from tui.console.notices import Announcement, Notices
from tui.console.panes.broker import Broker
from tui.console.panes.chunks import Chunks
from tui.console.panes.detail import Detail
from tui.console.panes.freshness import FreshnessLine
from tui.console.panes.heartbeats import Heartbeats
from tui.console.panes.history import History
from tui.console.panes.in_flight import InFlight
from tui.console.panes.keys import Keys
from tui.console.panes.listing import Listing
from tui.console.panes.log import LogPane
from tui.console.panes.painter import Painter
from tui.console.panes.prompt import Prompt
from tui.console.panes.queue import Queue
from tui.console.panes.throughput import Throughput
from tui.console.panes.title import Clock, Title
from tui.console.panes.totals import Totals
from tui.console.panes.uploading import Uploading
from tui.console.panes.verdict import Verdict
from tui.console.screens.draining import DrainingScreen
from tui.console.screens.leaving import LeavingScreen
from tui.console.screens.text import TextScreen
from tui.console.terminal import lasting_driver
from tui.console.texts import detail_lines
from tui.console.view import View, Wish
from tui.engine.model.snapshot import Cause, NoticeKind, Phase, Snapshot
from tui.text import cell_width, shorten, visible

logger = logging.getLogger("tui.console")

#: Panes that ``hidden_panes`` may name.
PANES = ("totals", "throughput", "in-flight", "broker", "verdict", "freshness", "uploading",
         "queue", "history", "chunks", "detail", "heartbeats", "log")
#: What has bindings of its own; a dialog's keys may be the same as those of the main screen.
BOUND: tuple[type[Widget], ...] = (
    Listing, LogPane, Prompt, TextScreen, LeavingScreen, DrainingScreen)


class TerminalLost(Message):
    """The terminal hung up: there is nothing left to paint on."""


class ConsoleApp(Actions, App[int]):
    """Shows an engine and obeys an operator.

    Args:
        engine: the uploader, or anything like it.
        settings: looks and keys, as :func:`tui.console.check_config.check` allows them.
    """

    CSS_PATH = Path(__file__).with_name("app.tcss")
    TITLE = "DataFileUploadDirectory"
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (80, "-narrow"), (110, "-wide"), (180, "-huge")]
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (16, "-low"), (24, "-short"), (30, "-middling"),
                            (40, "-tall")]
    ALLOW_IN_MAXIMIZED_VIEW = "#head,#bottom,Footer"
    BINDINGS: ClassVar[list[BindingType]] = APP_BINDINGS

    def __init__(self, engine: Engine, settings: ConsoleSettings) -> None:
        super().__init__()
        for own in themes.OWN:
            self.register_theme(own)
        self.theme = themes.full_name(settings.theme)
        self.keymap = dict(settings.keymap)
        self.set_keymap(self.keymap)
        #: Ids of bindings to their first key as it is shown, for hints on the screen.
        self.key_words = {
            str(binding.id): self.get_key_display(replace(
                binding, key=binding.key.split(",")[0].strip()))
            for owner in (ConsoleApp, *BOUND) for binding in rebound(
                owner.__dict__["BINDINGS"], self.keymap)}
        self.bridge = Bridge(engine, self, settings.refresh_hz)
        self.snapshot: Snapshot | None = None
        self.n_pictures = 0  #: painted so far
        self.failure: BaseException | None = None  #: what ended the console, if something did
        self._engine = engine
        self._hidden_panes = settings.hidden_panes
        self._notices = Notices()
        self.attention = Attention(self._control) if settings.attention else None
        self.painters: tuple[Painter, ...] = ()  #: whatever shows a picture

    def compose(self) -> ComposeResult:
        widgets = self.widgets = Widgets(Uploading(), Queue(), History(), LogPane(), Prompt())
        with Horizontal(id="head"):
            yield Title()
            yield Clock()
        with Horizontal(id="top"):
            yield Totals()
            yield Throughput()
            yield InFlight()
            yield Broker()
        yield Verdict()
        yield FreshnessLine()
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield widgets.uploading
                yield widgets.queue
                yield widgets.history
            with Vertical(id="right"):
                yield Chunks()
                yield Detail()
                yield Heartbeats()
        yield widgets.log
        with Horizontal(id="bottom"):
            yield widgets.prompt
            yield Static("", id="answer", markup=False)
        yield Keys(self.description)

    def on_mount(self) -> None:
        """Begin to ask the engine."""
        main = self.main_screen
        self.painters = tuple(w for w in main.query("*") if isinstance(w, Painter))
        for name in self._hidden_panes:
            main.query_one(f"#{name}").add_class("-hidden")
        self.widgets.history.add_class("-other")
        self.widgets.queue.focus()
        self.bridge.start()

    def on_unmount(self) -> None:
        """Stop asking."""
        self.bridge.stop()
        if self.attention is not None:
            self.attention.end()

    def _control(self, sequence: str) -> None:
        """Write a control sequence to the terminal, where there is one."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(sequence)

    @property
    def main_screen(self) -> Screen[object]:
        """The screen with the panes, whatever lies over it."""
        return self.screen_stack[0]

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Give every theme the few colours that are our own."""
        theme: Theme = self.current_theme
        return themes.own_variables(theme)

    # Its end.

    def on_failed(self, failed: Failed) -> None:
        """End, since nothing would be painted any more."""
        self.failure = failed.error
        self.exit(1, 1)

    def _fatal_error(self) -> None:
        """End the screen after an error. Textual's own way prints variables, and so secrets."""
        self.failure = self._exception
        logger.error("the console ended by an unexpected error", exc_info=self._exception)
        self._close_messages_no_wait()

    def get_driver_class(self) -> type[Driver]:
        """Return the platform's driver, made to outlive its terminal."""
        return lasting_driver(super().get_driver_class(), lambda _error: self.lose_terminal())

    def lose_terminal(self) -> None:
        """Leave the screen, because there is nobody to see it; any thread may call it."""
        with contextlib.suppress(RuntimeError):  # it has been left already
            self.post_message(TerminalLost())

    def on_terminal_lost(self, _message: TerminalLost) -> None:
        """Leave the screen; whoever ran it sees to the rest."""
        self.exit(None)

    # Keys.

    async def on_event(self, event: events.Event) -> None:
        """Obey keys one after another, also those that arrive together.

        Textual puts a key into the queue of the widget that has the focus, and what it sets going
        comes back by another: the keys behind it would find the old focus, and be commands.
        """
        if isinstance(event, events.Key) and not event.is_forwarded \
                and await self._has_obeyed(event):
            return
        await super().on_event(event)

    async def _has_obeyed(self, key: events.Key) -> bool:
        """Do at once what a key means; False where a widget of Textual's own takes it."""
        if key.key == "escape" and self.screen.maximized is not None:
            return False
        if await self._check_bindings(key.key, priority=True):
            return True
        focused = self.focused
        if isinstance(focused, Prompt):
            if key.key == "enter":
                self.submit()
                return True
            if key.is_printable:
                await focused.type_in(key)
                return True
        elif focused is not None and not isinstance(focused, Painter | Button | VerticalScroll):
            return False
        return await self._check_bindings(key.key)

    # What comes from the engine.

    def on_tick(self, tick: Tick) -> None:
        """Paint one picture."""
        view = tick.view
        if not self.widgets.log.is_attached:  # it is closing
            self.bridge.painted()
            return
        snapshot, before = view.snapshot, self.snapshot
        self.snapshot = snapshot
        for painter in self.painters:
            painter.show(view)
        if before is None or before.is_paused != snapshot.is_paused:
            self.refresh_bindings()
        for announcement in self._notices.due(snapshot, time.monotonic()):
            self._announce(announcement)
        if self.attention is not None:
            self.attention.show(snapshot)
        self._offer_paths(view)
        self.focus_something()
        self.wish()
        self._show_leaving(snapshot)
        self.n_pictures += 1
        self.bridge.painted()

    def _offer_paths(self, view: View) -> None:
        rows = [*view.snapshot.uploading[:200], *view.page.rows]
        self.widgets.prompt.paths = tuple(row.rel_path for row in rows
                                          if not isinstance(row, Cause))

    def _show_leaving(self, snapshot: Snapshot) -> None:
        if snapshot.phase is Phase.STOPPED:
            self.exit(self._engine.exit_status)
        elif snapshot.phase is not Phase.DRAINING:
            if isinstance(self.screen, DrainingScreen):
                self.pop_screen()
        elif isinstance(self.screen, DrainingScreen):
            if self.screen.is_mounted:
                self.screen.show(snapshot)
        else:
            if isinstance(self.screen, LeavingScreen | TextScreen):
                self.pop_screen()
            self.push_screen(DrainingScreen(snapshot), self.leaving_answered)

    def wish(self) -> None:
        """Tell the bridge what is in sight."""
        shown = self.shown_list()
        n_rows = shown.n_in_sight()
        self.bridge.wish = Wish(
            shown.kind, max(0, shown.first_in_sight() - n_rows), 3 * n_rows, shown.pattern,
            shown.order, shown.reason, self.selected_path(), self.widgets.log.last_number)

    def on_listing_moved(self, _message: Listing.Moved) -> None:
        """Ask for what is in sight now."""
        self.wish()
        self.bridge.look_now()

    def on_listing_chosen(self, _message: Listing.Chosen) -> None:
        """Show the detail of a row that was clicked twice."""
        self.action_detail()

    def on_descendant_focus(self) -> None:
        """Show the file that keys now act on."""
        if self.painters:
            self.wish()
            self.bridge.look_now()

    def on_told(self, told: Told) -> None:
        """Announce a rare event."""
        if told.notice.kind is NoticeKind.STOPPED:
            self.bridge.look_now()
            return
        announcement = self._notices.told(told.notice, time.monotonic())
        if announcement is not None:
            self._announce(announcement)

    def _announce(self, announcement: Announcement) -> None:
        self.notify(announcement.text, title=announcement.title, markup=False,
                    severity=announcement.severity)

    def on_answered(self, answered: Answered) -> None:
        """Show the answer to a command: beside the prompt, in the log, long ones on a page."""
        lines = [visible(line) for line in answered.answer.lines]
        if not self.widgets.log.is_attached:
            return
        main = self.main_screen
        self.widgets.log.answer(answered.line, lines, time.time())
        beside = main.query_one("#answer", Static)
        is_short = len(lines) <= 1 and cell_width("".join(lines)) <= self.size.width // 2
        beside.update(lines[0] if lines and is_short else "")
        if answered.show and lines and not is_short and self.screen is main:
            word = shorten(visible(answered.line), 70)
            self.push_screen(TextScreen(word, lines))
        elif not answered.answer.ok:
            self.notify(lines[0], severity="error", markup=False)

    def on_detailed(self, detailed: Detailed) -> None:
        """Show all that is known of a file."""
        if self.screen is self.main_screen:
            path = wording.visible_path(detailed.explanation.rel_path)
            self.push_screen(TextScreen(shorten(path, 70), detail_lines(
                detailed.explanation, detailed.versions, time.time())))

    def on_taken_back(self, taken: TakenBack) -> None:
        """Say so when it was too late."""
        if not taken.goes_on:
            self.notify("it is too late to continue", severity="warning")
        self.bridge.look_now()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Return what the command palette offers: every binding, and commands without a key."""
        for binding in rebound(APP_BINDINGS, self.keymap):
            title, tooltip = self.description(binding.action, binding.description,
                                              binding.tooltip)
            yield SystemCommand(title, tooltip, self._later(binding.action))
        for command in COMMANDS:
            if not command.key:
                yield SystemCommand(command.name.capitalize(), command.help,
                                    self._later(f"command('{command.name}')"))
        for name in PANES:
            pane = self.main_screen.query_one(f"#{name}")
            if not isinstance(pane, Painter) or not pane.HAS_FRAME:
                continue
            title = name.replace("-", " ").capitalize()
            yield SystemCommand(f"Maximise {title}", "Give this pane the whole screen",
                                self._later(f"maximise('{name}')"))
        yield SystemCommand("Theme", "Choose other colours", self.action_change_theme)
