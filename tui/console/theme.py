"""The console's own themes; any of Textual's can be chosen instead."""

from __future__ import annotations

from textual.theme import BUILTIN_THEMES, Theme

DARK = Theme(
    name="upload-dark", dark=True, primary="#7aa2f7", secondary="#bb9af7", accent="#ff9e64",
    foreground="#c0caf5", background="#1a1b26", surface="#1f2030", panel="#414868",
    success="#9ece6a", warning="#e0af68", error="#f7768e",
    variables={"quiet": "#8089b0", "rule": "#565f89", "cursor": "#4a4068",
               "footer-key-foreground": "#ff9e64", "footer-background": "#292e48",
               "border": "#ff9e64", "border-blurred": "#565f89"})
LIGHT = Theme(
    name="upload-light", dark=False, primary="#2e5cb8", secondary="#7440b8", accent="#b04a00",
    foreground="#24283b", background="#f4f5fa", surface="#eceef6", panel="#d4d8e8",
    success="#3a6b10", warning="#855a00", error="#b3173d",
    variables={"quiet": "#5a6080", "rule": "#9aa2c0", "cursor": "#d8d0f0",
               "footer-key-foreground": "#b04a00", "footer-background": "#d4d8e8",
               "border": "#b04a00", "border-blurred": "#9aa2c0"})
#: The terminal's own sixteen colours and its own background.
ANSI = Theme(
    name="upload-ansi", ansi=True, dark=True, primary="ansi_blue", secondary="ansi_magenta",
    accent="ansi_yellow", foreground="ansi_default", background="ansi_default",
    surface="ansi_default", panel="ansi_default", boost="ansi_default", success="ansi_green",
    warning="ansi_yellow", error="ansi_red",
    variables={**BUILTIN_THEMES["ansi-dark"].variables,
               "quiet": "ansi_default", "rule": "ansi_bright_black", "cursor": "ansi_default",
               "footer-key-foreground": "ansi_yellow", "footer-background": "ansi_default",
               "footer-foreground": "ansi_default", "border": "ansi_yellow",
               "border-blurred": "ansi_bright_black"})
OWN = (DARK, LIGHT, ANSI)
#: Short names for the config file.
ALIASES = {"": DARK.name, "dark": DARK.name, "light": LIGHT.name, "ansi": ANSI.name}


def full_name(name: str) -> str:
    """Return the name of a theme as Textual knows it."""
    return ALIASES.get(name, name)


def fitting(name: str, color_system: str | None) -> str:
    """Return the theme that the config has, or the one that fits the terminal.

    Args:
        name: as the config has it; empty where it has none.
        color_system: of the terminal, as rich calls it. With sixteen colours ours would be taken
            for the nearest ones: everything grey, and the accent red.
    """
    return "ansi" if not name and color_system == "standard" else name


def known_names() -> list[str]:
    """Return every name that ``theme`` may have."""
    own = [theme.name for theme in OWN]
    return [*(alias for alias in ALIASES if alias), *own, *sorted(BUILTIN_THEMES)]


def own_variables(theme: Theme) -> dict[str, str]:
    """Return our CSS variables for a theme that does not set them."""
    if theme.ansi:
        return {"quiet": "ansi_default", "rule": "ansi_bright_black", "cursor": "ansi_default"}
    model = DARK if theme.dark else LIGHT
    return {name: model.variables[name] for name in ("quiet", "rule", "cursor")}
