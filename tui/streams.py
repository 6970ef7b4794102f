"""The standard streams: what cannot be shown or read as text never stops the program."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterator, Mapping

from tui.utf8 import is_utf8_text

_lock = threading.Lock()
#: Names of terminals that move their cursor as the console needs it begin so.
_FAMILIES = ("alacritty", "foot", "iterm", "kitty", "konsole", "linux", "putty", "rxvt", "screen",
             "st-", "tmux", "vt", "wezterm", "xterm")


def make_tolerant() -> None:
    """Write what a stream's encoding lacks as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def is_terminal(stream: object) -> bool:
    """Return whether a stream is a terminal; a closed or missing one is none."""
    try:
        return stream is not None and bool(stream.isatty())  # type: ignore[attr-defined]
    except ValueError:
        return False


def why_no_console(environment: Mapping[str, str] = os.environ) -> str:
    """Return why a terminal, by encoding and ``TERM``, cannot show the console; empty if it can.

    What terminfo(5) does not know is judged by its name: a new terminal's entry is often missing
    on the machine that somebody is logged in to.
    """
    encoding = getattr(sys.stdout, "encoding", None)
    if not is_utf8_text(encoding):
        return f"a terminal with the encoding {encoding} cannot show the console: it runs " \
            "without, as --headless does; set LC_ALL=C.UTF-8 if the terminal takes UTF-8"
    if sys.platform == "win32":
        return ""
    name = environment.get("TERM", "")
    if name not in ("", "dumb", "unknown") and _moves_its_cursor(name):
        return ""
    return f"a terminal with TERM={name} cannot show the console: it runs without, as --headless " \
        "does; set TERM to what the terminal is, for example xterm-256color"


def _moves_its_cursor(terminal: str) -> bool:
    try:
        import curses
    except ImportError:
        return terminal.startswith(_FAMILIES)
    try:
        curses.setupterm(terminal, 1)
    except curses.error:
        return terminal.startswith(_FAMILIES)
    return curses.tigetstr("cup") is not None


def say(line: str) -> bool:
    """Print a line; return False where nobody reads any more, which stops nothing."""
    with _lock:
        stream = sys.stdout
        if stream is None:
            return False
        try:
            stream.write(line + "\n")
            stream.flush()
        except (BrokenPipeError, ValueError):  # the reader has gone, or the stream was closed
            sys.stdout = None
            return False
        except OSError:
            pass  # a full disk, say: the next line may fit
        return True


def typed_lines() -> Iterator[str]:
    """Yield the lines of stdin as they are typed, whatever bytes they hold, up to its end.

    Bytes that are neither UTF-8 nor of the terminal's encoding become lone surrogates, as in the
    names of files.

    Raises:
        OSError: it cannot be read any more.
    """
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        return
    encoding = getattr(sys.stdin, "encoding", None) or "utf-8"
    # Without its buffer: the interpreter cannot end while a thread waits for input in there.
    stream = getattr(stream, "raw", stream)
    for line in iter(stream.readline, b""):
        yield _decoded(line, encoding).rstrip("\r\n")


def _decoded(line: bytes, encoding: str) -> str:
    for candidate in ("utf-8", encoding):
        try:
            return line.decode(candidate)
        except (UnicodeDecodeError, LookupError):
            continue
    return line.decode("utf-8", "surrogateescape")
