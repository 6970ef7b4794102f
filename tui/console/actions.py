"""What keys, clicks and typed lines do; each hands the work to the bridge or to a pane."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.binding import Binding
from textual.screen import Screen
from textual.widget import Widget

from tui import wording
from tui.commands import COMMANDS, Command
from tui.console.bindings import APP_BINDINGS, rebound
from tui.console.bridge import Bridge
from tui.console.panes.history import History
from tui.console.panes.listing import Listing
from tui.console.panes.log import LogPane
from tui.console.panes.paged import KINDS, PagedList
from tui.console.panes.prompt import Prompt
from tui.console.panes.queue import Queue
from tui.console.panes.uploading import Uploading
from tui.console.screens.draining import DrainingScreen
from tui.console.screens.leaving import LeavingScreen
from tui.console.screens.text import TextScreen
from tui.console.texts import help_contents
from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.snapshot import Cause, PageKind, Phase, Snapshot
from tui.text import as_typed, visible

if TYPE_CHECKING:
    from textual.app import App

    _Base = App[int]
else:
    _Base = object


#: Where keys mean something else or something more, for the help.
_SECTIONS: tuple[tuple[str, type[Listing | LogPane | Prompt | LeavingScreen | DrainingScreen]],
                 ...] = (
    ("In a list", Listing), ("In the log", LogPane), ("In the command line", Prompt),
    ("When leaving", LeavingScreen), ("While it drains", DrainingScreen))


#: What may be filtered.
_THE_LIST, _THE_LOG = "the list", "the log"


@dataclass(frozen=True, slots=True)
class Widgets:
    """The widgets that actions speak to."""

    uploading: Uploading
    queue: Queue
    history: History
    log: LogPane
    prompt: Prompt


class Actions(_Base):
    """The actions of the console's app."""

    bridge: Bridge
    widgets: Widgets
    snapshot: Snapshot | None
    keymap: dict[str, str]

    @property
    def main_screen(self) -> Screen[object]:
        """The screen with the panes."""
        raise NotImplementedError

    def _later(self, action: str) -> Callable[[], None]:
        """Return what runs an action once the palette has closed."""
        def run() -> None:
            self.call_later(self.run_action, action)

        return run

    # What is selected.

    def shown_list(self) -> PagedList:
        """Return the long list that is in sight."""
        history = self.widgets.history
        return self.widgets.queue if history.has_class("-other") else history

    def selected_path(self) -> str:
        """Return the file that keys act on: in the list that has the focus, or else any."""
        uploading, shown = self.widgets.uploading, self.shown_list()
        order = (shown, uploading) if shown.has_focus else (uploading, shown)
        row = order[0].selected() or order[1].selected()
        return "" if row is None or isinstance(row, Cause) else row.rel_path

    def _acting_list(self) -> Uploading | PagedList:
        """Return the list that keys act on: the one that has the focus, or else the long one."""
        uploading = self.widgets.uploading
        return uploading if uploading.has_focus else self.shown_list()

    def _has_brought_in_sight(self) -> bool:
        """Show the selected row where it is out of sight; no key acts on it before."""
        listing = self._acting_list()
        if not listing.has_focus or listing.is_cursor_in_sight():
            return False
        listing.move_to(listing.cursor)
        self.notify("the selected row is in sight again: press the key once more",
                    severity="warning")
        return True

    def _acting_path(self) -> str:
        """Return the file that a key acts on; empty where it says why it acts on none."""
        if self._has_brought_in_sight():
            return ""
        path = self.selected_path()
        if not path:
            self.notify("select a file first", severity="warning")
        return path

    def selected_cause(self) -> Cause | None:
        """Return the cause that keys act on, where several files are stuck alike."""
        row = self._acting_list().selected()
        return row if isinstance(row, Cause) else None

    # Commands.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer no key that the command line would take as a letter."""
        return action != "filter" or not isinstance(self.focused, Prompt)

    def description(self, action: str, description: str, tooltip: str) -> tuple[str, str]:
        """Return name and tooltip of an action as it is now: one key pauses and resumes."""
        if action != "command('pause')":
            return description, tooltip
        command = self._command("pause")
        return command.name.capitalize(), command.help

    def _command(self, name: str) -> Command:
        """Return a command of the registry, or of two with one key the one that is possible."""
        command = next(c for c in COMMANDS if c.name == name)
        if command.name == "pause" and self.snapshot is not None and self.snapshot.is_paused:
            return next(c for c in COMMANDS if c.name == "resume")
        return command

    def action_command(self, name: str) -> None:
        """Run a command of the registry, on the selected file where it needs one."""
        command = self._command(name)
        if name == "retry":
            self._retry()
        elif name == "quit":
            self.leave()
        elif name == "help":
            self._help()
        elif command.argument != "PATH":
            self.bridge.command(command.name)
        elif (cause := self.selected_cause()) is not None:
            self.notify(f"{wording.files(cause.n_files)}: enter lists them", severity="warning")
        elif path := self._acting_path():
            if name == "reupload":
                self.bridge.awaited.add(path)
            self.bridge.command(f"{name} {path}")

    def _retry(self) -> None:
        """Retry the selected file, or all files of the selected cause."""
        cause = self.selected_cause()
        if cause is not None:
            if not self._has_brought_in_sight():
                self.bridge.retry_cause(cause.reason)
        elif path := self._acting_path():
            self.bridge.command(f"retry {path}")

    def action_take(self) -> None:
        """Upload a file that was here before the first start."""
        row = self.shown_list().selected()
        if isinstance(row, FileStatus) and row.state is FileState.NOT_TAKEN:
            if not self._has_brought_in_sight():
                self.bridge.take(row.rel_path)
        else:
            self.notify("press 5, and select a file that is not taken", severity="warning")

    def action_retry_all(self) -> None:
        """Retry everything that is stuck."""
        self.bridge.command("retry")

    def _help(self) -> None:
        palette = Binding(self.COMMAND_PALETTE_BINDING, "command_palette", "palette",
                          tooltip="Open the command palette")
        sections = [("Keys", [*rebound(APP_BINDINGS, self.keymap), palette])]
        for title, owner in _SECTIONS:
            sections.append((title, rebound(owner.BINDINGS, self.keymap)))
        self.push_screen(TextScreen("Help", help_contents(sections, self.get_key_display)))

    async def action_quit(self) -> None:
        """Textual's own way to leave becomes ours."""
        self.leave()

    def action_interrupt(self) -> None:
        """Quit, more urgently each time."""
        if isinstance(self.screen, LeavingScreen):
            self.screen.dismiss("drain")
        elif isinstance(self.screen, DrainingScreen):
            self.screen.dismiss("force")
        else:
            self.leave()

    def leave(self) -> None:
        """Quit; ask once before."""
        snapshot = self.snapshot
        if snapshot is None or snapshot.phase is not Phase.RUNNING:
            self.bridge.command("quit", show=False)
        elif not isinstance(self.screen, LeavingScreen):
            self.push_screen(LeavingScreen(snapshot), self.leaving_answered)

    def leaving_answered(self, answer: str | None) -> None:
        """Do what was answered to leaving, or while draining."""
        if answer == "drain":
            self.bridge.command("quit", show=False)
        elif answer == "force":
            self.bridge.force_quit()
        elif answer == "stay" and self.snapshot is not None \
                and self.snapshot.phase is Phase.DRAINING:
            self.bridge.take_back_quit()
        self.bridge.look_now()

    # What is shown.

    def action_detail(self) -> None:
        """Show all that is known of the selected file, or list the files of a cause."""
        cause = self.selected_cause()
        if cause is not None:
            self.shown_list().open_cause(cause.reason)
            return
        path = self.selected_path()
        if path:
            self.bridge.ask_detail(path)

    def action_filter(self) -> None:
        """Ask for a text to filter by."""
        prompt, log = self.widgets.prompt, self.widgets.log
        if self.focused is log:
            prompt.ask(_THE_LOG, log.pattern)
        else:
            prompt.ask(_THE_LIST, self.shown_list().pattern)

    def action_sort(self) -> None:
        """Sort the list another way."""
        self.shown_list().next_order()

    def action_prompt(self) -> None:
        """Ask for a command."""
        self.widgets.prompt.ask("")

    def action_log_level(self) -> None:
        """Show other levels of the log."""
        self.widgets.log.next_level()

    def action_list(self, number: int) -> None:
        """Show another of the long lists."""
        kind = KINDS[number - 1]
        queue, history = self.widgets.queue, self.widgets.history
        is_history = kind is PageKind.UPLOADED
        history.set_class(not is_history, "-other")
        queue.set_class(is_history, "-other")
        shown: PagedList = history if is_history else queue
        if self.main_screen.maximized not in (None, shown):
            self.main_screen.minimize()  # or a list would be acted on that nobody sees
        shown.switch(kind)
        self._focus(shown)

    def _move_focus(self, by: int) -> None:
        if self.screen is not self.main_screen:
            self.screen.focus_next() if by > 0 else self.screen.focus_previous()
        elif isinstance(self.focused, Prompt) and by > 0:
            self.focused.action_cursor_right()
        else:
            self.screen.focus_next(".painter") if by > 0 \
                else self.screen.focus_previous(".painter")

    def action_next_pane(self) -> None:
        """Go to the next pane."""
        self._move_focus(1)

    def action_previous_pane(self) -> None:
        """Go to the pane before."""
        self._move_focus(-1)

    def action_maximise(self, name: str = "") -> None:
        """Give a pane the whole screen, or take it back."""
        main = self.main_screen
        if main.maximized is not None and not name:
            main.minimize()
            return
        widget: Widget | None = main.query_one(f"#{name}") if name else main.focused
        if isinstance(widget, PagedList) and widget is not self.shown_list():
            self.action_list(4 if isinstance(widget, History) else 1)
        if widget is not None and widget.has_class("painter"):
            main.maximize(widget, container=False)
            self._focus(widget)

    def action_copy_path(self) -> None:
        """Copy the path of the selected file to the clipboard."""
        if path := self._acting_path():
            self._copy(as_typed(path))

    def action_copy_row(self) -> None:
        """Copy the selected row as it is shown."""
        if text := self._acting_list().row_text():
            self._copy(text)

    def _copy(self, text: str) -> None:
        self.copy_to_clipboard(text)
        self.notify(f"copied {visible(text)}", markup=False)

    def focus_something(self) -> None:
        """Let a list have the focus where nothing has it: keys would mean nothing."""
        shown = self.shown_list()
        if self.screen is self.main_screen and self.main_screen.focused is None \
                and shown.region.height:
            self._focus(shown)

    def action_leave_filter(self) -> None:
        """Leave a filter, or the files of one cause."""
        shown, log = self.shown_list(), self.widgets.log
        if log.has_focus and log.pattern:
            log.search("")
        elif shown.pattern:
            shown.filter("")
        elif shown.reason:
            shown.open_cause("")

    # What is typed.

    def on_prompt_left(self, message: Prompt.Left) -> None:
        """Go back to the list, without the filter that was being typed."""
        self._filter(message.purpose, "")
        self._focus(self.widgets.log if message.purpose == _THE_LOG else self.shown_list())

    def on_input_changed(self, event: Prompt.Changed) -> None:
        """Filter while the pattern is typed."""
        prompt = self.widgets.prompt
        if event.input is prompt and event.value == prompt.value:
            self._filter(prompt.purpose, event.value.strip())

    def _filter(self, purpose: str, text: str) -> None:
        log, shown = self.widgets.log, self.shown_list()
        if purpose == _THE_LOG and text != log.pattern:
            log.search(text)
        elif purpose == _THE_LIST and text != shown.pattern:
            shown.filter(text)

    def submit(self) -> None:
        """Run a typed command, or set a filter."""
        prompt, log = self.widgets.prompt, self.widgets.log
        text, purpose = prompt.value.strip(), prompt.purpose
        if not purpose:
            text = text.lstrip(": ")  # from the habit of typing it each time
        prompt.ask("")
        self._filter(purpose, text)
        if text and not purpose:
            prompt.remember(text)
            self._obey(text)
        if purpose or not text:
            self._focus(log if purpose == _THE_LOG else self.shown_list())

    def _focus(self, widget: Widget) -> None:
        """Give the focus at once, so that the next key finds it there."""
        self.main_screen.set_focus(widget)

    def _obey(self, text: str) -> None:
        """Do what was typed; leaving and help have screens of their own here."""
        word = text.split()[0].lower()
        command = next((c for c in COMMANDS if word in (c.name, *c.aliases)), None)
        if command is not None and command.name in ("quit", "help"):
            self.action_command(command.name)
        else:
            self.bridge.command(text)
