"""Every key of the console: those of the registry's commands, and those of screens alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from textual.app import App
from textual.binding import Binding, BindingType

from tui.commands import COMMANDS


def command_bindings() -> list[BindingType]:
    """Return a binding for each key of the registry; commands that share one take turns."""
    bindings: dict[str, BindingType] = {}
    for command in COMMANDS:
        if command.key and command.key not in bindings:
            bindings[command.key] = Binding(
                command.key, f"command('{command.name}')", command.name.capitalize(),
                id=command.name, tooltip=command.help)
    return list(bindings.values())


#: In the order of their importance: a footer that is too narrow leaves out the last ones.
APP_BINDINGS: list[BindingType] = [
    *command_bindings(),
    Binding("enter", "detail", "Detail", id="detail",
            tooltip="Show all that is known of the selected file"),
    Binding("R", "retry_all", "Retry all", show=False, id="retry_all",
            tooltip="Retry everything that is stuck"),
    Binding("escape", "leave_filter", "Back", show=False, id="back",
            tooltip="Leave the filter, or the files of one cause"),
    Binding("slash", "filter", "Filter", id="filter",
            tooltip="Show only paths, or log lines, that contain a text"),
    Binding("colon", "prompt", "Command", id="prompt", tooltip="Type a command"),
    Binding("l", "log_level", "Level", id="log_level",
            tooltip="Show fewer levels of the log, or all again"),
    Binding("s", "sort", "Sort", id="sort", tooltip="Sort the list another way"),
    Binding("m", "maximise", "Maximise", id="maximise",
            tooltip="Give the focused pane the whole screen, or take it back"),
    Binding("y", "copy_path", "Copy path", id="copy_path",
            tooltip="Copy the path of the selected file to the clipboard"),
    Binding("Y", "copy_row", "Copy row", show=False, id="copy_row",
            tooltip="Copy the selected row, as it is shown, to the clipboard"),
    Binding("tab", "next_pane", "Next pane", id="next_pane", show=False, priority=True,
            tooltip="Go to the next pane; in the command line: complete the word"),
    Binding("shift+tab", "previous_pane", "Previous pane", id="previous_pane", show=False,
            priority=True, tooltip="Go to the pane before"),
    Binding("1", "list(1)", "Queue", show=False, id="queue",
            tooltip="List files not being uploaded yet: settling and waiting"),
    Binding("2", "list(2)", "Waiting", show=False, id="waiting", tooltip="List what is queued"),
    Binding("3", "list(3)", "Needs you", show=False, id="held",
            tooltip="List what needs you or is retried, and why"),
    Binding("4", "list(4)", "Uploaded", show=False, id="uploaded",
            tooltip="List the uploaded files, newest first"),
    Binding("5", "list(5)", "Not taken", show=False, id="not_taken",
            tooltip="List files that were here before the first start and are not taken"),
    Binding("t", "take", "Take", show=False, id="take",
            tooltip="Upload the selected file that was here before the first start"),
    Binding("ctrl+c", "interrupt", "Quit", show=False, id="interrupt", priority=True,
            tooltip="The same as quit; again: send the rest; again: leave at once"),
]


def rebound(bindings: Iterable[BindingType], keymap: Mapping[str, str]) -> list[Binding]:
    """Return bindings with the keys that the config gives them, as help and palette show them."""
    return [replace(binding, key=keymap.get(binding.id or "", binding.key))
            for binding in bindings if isinstance(binding, Binding)]


def keys_by_id(classes: list[type[Any]]) -> dict[str, set[str]]:
    """Return the keys of every binding that has an id, over several classes."""
    found: dict[str, set[str]] = {}
    for binding in _bindings_of(classes):
        if binding.id:
            found.setdefault(binding.id, set()).update(binding.key.split(","))
    return found


def _bindings_of(classes: list[type[Any]]) -> Iterator[Binding]:
    for owner in classes:
        for binding in owner.__dict__.get("BINDINGS", ()):
            assert isinstance(binding, Binding)
            yield binding


def key_word(app: App[Any], binding_id: str) -> str:
    """Return the first key of a binding as the config has it now, for a hint on the screen."""
    words: Mapping[str, str] = getattr(app, "key_words", {})
    return words.get(binding_id, "")
