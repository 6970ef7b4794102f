"""The console's own two themes; any of Textual's can be chosen instead."""

from __future__ import annotations

from textual.theme import Theme

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
