"""Runs the installed program as its users do: a process with pipes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from tests.waiting import wait_until

#: Files, and versions where these are more.
_THIS_RUN = r"uploaded \(([\d,]+) now(?:, in ([\d,]+) versions)?\)"


class Program:
    """The headless program at work.

    Args:
        upload_dir: the directory.
        options: words of the command line after it.
        environment: variables on top of the present ones.
        wrapper: words before the command, such as those of setpriv.
    """

    def __init__(self, upload_dir: Path, *options: str,
                 environment: dict[str, str] | None = None,
                 wrapper: Sequence[str] = ()) -> None:
        self.process = subprocess.Popen(
            [*wrapper, sys.executable, "-m", "tui", str(upload_dir), "--headless", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})})
        self.lines: list[str] = []
        self.log: list[str] = []
        self._threads = [self._collect(self.process.stdout, self.lines),
                         self._collect(self.process.stderr, self.log)]

    def _collect(self, stream: IO[bytes] | None, into: list[str]) -> threading.Thread:
        assert stream is not None

        def read() -> None:
            with stream:
                for line in stream:
                    into.append(line.decode("utf-8", "replace").rstrip("\n"))

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread

    def __enter__(self) -> Program:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join(10)
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()

    def text(self) -> str:
        """Return everything that was printed."""
        return "\n".join([*self.lines, *self.log])

    def type(self, line: str) -> None:
        """Type a command."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def wait_for(self, pattern: str, seconds: float = 60) -> re.Match[str]:
        """Wait for a line, printed or logged, that has the pattern in it."""
        found: list[re.Match[str]] = []

        def look() -> bool:
            for line in [*self.lines, *self.log]:
                match = re.search(pattern, line)
                if match:
                    found.append(match)
                    return True
            if self.process.poll() is not None:
                for thread in self._threads:
                    thread.join(5)
                if not any(re.search(pattern, x) for x in [*self.lines, *self.log]):
                    raise AssertionError(f"ended without {pattern!r}:\n{self.text()}")
            return False

        wait_until(look, f"a line with {pattern!r} in\n{self.text()}", seconds)
        return found[0]

    def wait_uploaded(self, n_files: int, seconds: float = 60) -> None:
        """Wait until `check` counts so many uploads of this run."""
        def look() -> bool:
            self.type("check")
            counts = [int((m[2] or m[1]).replace(",", "")) for line in list(self.lines)
                      if (m := re.search(_THIS_RUN, line))]
            assert self.process.poll() is None, self.text()
            return bool(counts) and counts[-1] >= n_files

        wait_until(look, f"{n_files} files uploaded", seconds)

    def quit(self, seconds: float = 60) -> int:
        """Type quit, wait for the end, return the exit status."""
        self.type("quit")
        return self.wait(seconds)

    def wait(self, seconds: float = 60) -> int:
        """Wait for the end and return the exit status."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s:\n{self.text()}") from None
        for thread in self._threads:
            thread.join(10)
        return status

    def kill(self) -> None:
        """Kill it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def write_config(path: Path, bootstrap: str, producer: str = "", rest: str = "") -> Path:
    """Write a config file for a broker."""
    broker = f"[broker]\nbootstrap.servers = {bootstrap}\n"
    path.write_text(f"{broker}\n[producer]\n{producer}\n{rest}\n")
    return path
