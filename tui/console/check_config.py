"""Checks the ``[console]`` section against what the console has: themes, panes and keys."""

from __future__ import annotations

from textual.keys import KEY_NAME_REPLACEMENTS, Keys, key_to_character

from tui.config.settings import ConsoleSettings
from tui.console.app import BOUND, PANES, ConsoleApp
from tui.console.bindings import keys_by_id
from tui.console.theme import full_name, known_names
from tui.errors import ConfigError

_MODIFIERS = ("ctrl", "shift", "alt", "super", "hyper", "meta")


def check(settings: ConsoleSettings) -> None:
    """Refuse what the console does not know.

    Raises:
        ConfigError: a theme, a pane, a binding or a key is unknown, or a key is taken; says where.
    """
    known = known_names()
    if full_name(settings.theme) not in known:
        raise _error(settings, "theme", f"there is no theme {settings.theme}",
                     f"Use one of: {', '.join(known)}")
    for name in sorted(settings.hidden_panes):
        if name not in PANES:
            raise _error(settings, "hidden_panes", f"there is no pane {name}",
                         f"Use some of: {', '.join(PANES)}")
    _check_keys(settings)


def _check_keys(settings: ConsoleSettings) -> None:
    keys = keys_by_id([ConsoleApp, *BOUND])
    for binding_id, text in settings.keymap.items():
        if binding_id not in keys:
            raise _error(settings, f"key.{binding_id}", f"there is no binding {binding_id}",
                         f"Use one of: {', '.join(sorted(keys))}")
        for key in text.split(","):
            if not is_key(key.strip()):
                raise _error(settings, f"key.{binding_id}", f"{key.strip()!r} is no key",
                             "Use for example f5, ctrl+r, x or question_mark")
    of_app = keys_by_id([ConsoleApp])
    keymap = settings.keymap
    after = {i: set(keymap[i].replace(" ", "").split(",")) if i in keymap else keys[i]
             for i in of_app}
    for binding_id in settings.keymap:
        for other, taken in after.items():
            both = after.get(binding_id, set()) & taken
            if both and other != binding_id:
                raise _error(settings, f"key.{binding_id}",
                             f"{sorted(both)[0]} is the key of {other} already",
                             f"Choose another key, or give {other} another one, too")


def is_key(text: str) -> bool:
    """Return whether a text names a key as Textual knows it."""
    *modifiers, key = text.split("+")
    names = {member.value for member in Keys} | set(KEY_NAME_REPLACEMENTS.values())
    is_known = len(key) == 1 and key.isprintable() or key in names \
        or key_to_character(key) is not None
    return is_known and all(modifier in _MODIFIERS for modifier in modifiers)


def _error(settings: ConsoleSettings, key: str, what: str, remedy: str) -> ConfigError:
    return ConfigError(what, where=settings.where.get(key, f"[console] {key}"), remedy=remedy)
