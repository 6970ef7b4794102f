"""Runs the console in a real pseudo-terminal, and reads its screen as a terminal shows it."""

from __future__ import annotations

import os
import signal
import sys
import time
from types import TracebackType
from typing import Any

import pexpect
import pyte

_PART_BYTES = 65_536
#: Modes that a program has to leave as it found them, by the number that switches them.
_MODES = {1049: "alternate screen", 1000: "mouse", 1003: "mouse movement", 1006: "mouse pixels",
          1004: "focus reports", 2004: "bracketed paste"}


class Terminal:
    """The installed program in a terminal of its own.

    Args:
        words: of the command line, after the program's name.
        size: columns and lines.
        environment: variables on top of the present ones.
    """

    def __init__(self, *words: str, size: tuple[int, int] = (120, 34),
                 environment: dict[str, str] | None = None) -> None:
        columns, lines = size
        # What pytest and shells export of another terminal's size says nothing of this one.
        inherited = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
        self.child: Any = pexpect.spawn(
            sys.executable, ["-m", "tui", *words], dimensions=(lines, columns), timeout=60,
            env={**inherited, "TERM": "xterm-256color", **(environment or {})})
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self.output = b""
        self._is_hung_up = False

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        if self.child.isalive():
            self.child.kill(signal.SIGKILL)
        if not self._is_hung_up:
            self.child.close(force=True)

    def read(self, seconds: float = 0.1) -> bool:
        """Take what was written; return whether there may be more."""
        try:
            part = self.child.read_nonblocking(_PART_BYTES, seconds)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.output += part
        self._stream.feed(part)
        return True

    def text(self) -> str:
        """Return what is on the screen."""
        return "\n".join(self._screen.display)

    def wait_for(self, *texts: str, seconds: float = 60.0) -> None:
        """Wait until all texts are on the screen."""
        deadline = time.monotonic() + seconds
        while not all(text in self.text() for text in texts):
            more = self.read()
            missing = [text for text in texts if text not in self.text()]
            if missing and (not more or time.monotonic() > deadline):
                raise AssertionError(f"{missing} not on the screen:\n{self.text()}")

    def press(self, keys: str) -> None:
        """Type."""
        self.child.send(keys)

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size."""
        self._screen.resize(lines, columns)
        self.child.setwinsize(lines, columns)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program."""
        self.child.kill(number)

    def hang_up(self) -> None:
        """Close the terminal, as a broken connection does."""
        self._is_hung_up = True
        self.child.ptyproc.fileobj.close()

    def wait(self, seconds: float = 60.0) -> int:
        """Read to the end; return the exit status."""
        deadline = time.monotonic() + seconds
        while self.read():
            if time.monotonic() > deadline:
                raise AssertionError(f"it still runs:\n{self.text()}")
        self.child.wait()
        assert self.child.signalstatus is None, f"ended by signal {self.child.signalstatus}"
        return int(self.child.exitstatus)

    def assert_restored(self) -> None:
        """Fail unless the terminal was left as it was found."""
        for number, what in _MODES.items():
            on, off = f"\x1b[?{number}h".encode(), f"\x1b[?{number}l".encode()
            assert self.output.rfind(off) >= self.output.rfind(on), f"{what} was left on"
        assert self.output.rfind(b"\x1b[?25h") > self.output.rfind(b"\x1b[?25l"), "no cursor"


def last_lines(terminal: Terminal) -> str:
    """Return what was printed after the screen was left."""
    return terminal.output.rpartition(b"\x1b[?1049l")[2].decode("utf-8", "replace")
