"""Writes lines to a stream on a thread of its own, so that nobody waits for whoever reads them.

A pager that stands still, or a terminal stopped with Ctrl+S, lets a pipe or a terminal fill up; the
next write then waits, for hours if need be.
"""

from __future__ import annotations

import io
import os
import select
import threading
import time
from collections import deque
from typing import TextIO

_MOST_LINES = 10_000
#: A close waits no longer than this for a line to be taken.
_LAST_SECONDS = 2.0


class LineWriter:
    """Keeps some thousand lines for a reader that is slow, and drops those that come then.

    Args:
        stream: the text stream; None where there is none.
        name: of the thread.
        n_most: lines that are kept.
    """

    def __init__(self, stream: TextIO | None, name: str, n_most: int = _MOST_LINES) -> None:
        self._stream = stream
        self._name = name
        self._n_most = n_most
        self._lines: deque[str] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closing = False
        self._n_missing = 0
        self._n_written = 0
        self.is_lost = stream is None  #: whether nobody reads any more
        self.n_dropped = 0
        self._is_in_memory = stream is not None and not _has_descriptor(stream)

    def put(self, line: str, *, patiently: bool = False) -> bool:
        """Have a line written; return False where it is dropped.

        Args:
            line: without its end.
            patiently: wait for room, as long as anybody reads; for threads that may.
        """
        with self._changed:
            if patiently:
                self._changed.wait_for(lambda: len(self._lines) < self._n_most or self.is_lost
                                       or self._is_closing)
            if self.is_lost or self._is_closing:
                return False
            if len(self._lines) >= self._n_most:
                self.n_dropped += 1
                self._n_missing += 1
                return False
            if self._is_in_memory:
                self._write(line + "\n")
                return True
            if self._n_missing:
                line = f"({self._n_missing:,} lines were dropped here: nobody read them)\n{line}"
                self._n_missing = 0
            self._lines.append(line)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify_all()
            return True

    def close(self) -> None:
        """Wait until what was put is written, unless nobody takes it."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
            thread = self._thread
        if thread is None or thread is threading.current_thread():
            return
        seen, since = self._n_written, time.monotonic()
        while thread.is_alive() and time.monotonic() - since < _LAST_SECONDS:
            thread.join(0.05)
            if self._n_written != seen:
                seen, since = self._n_written, time.monotonic()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines or self._is_closing)
                if not self._lines:
                    return
                line = self._lines.popleft()
                self._changed.notify_all()
            if not self._write(line + "\n"):
                with self._changed:
                    self.is_lost = True
                    self._lines.clear()
                    self._changed.notify_all()
                return
            self._n_written += 1

    def _write(self, text: str) -> bool:
        """Write; return False where nobody reads any more."""
        stream = self._stream
        assert stream is not None
        if self._is_in_memory:
            stream.write(text)
            return True
        try:
            descriptor = stream.fileno()
        except ValueError:  # it was closed
            return False
        # Not into its buffer: the interpreter cannot end while a thread waits in there.
        data = text.encode(getattr(stream, "encoding", None) or "utf-8", "backslashreplace")
        try:
            while data:
                try:
                    data = data[os.write(descriptor, data):]
                except BlockingIOError:
                    select.select([], [descriptor], [], 1.0)
        except BrokenPipeError:
            return False
        except OSError:
            pass  # a full disk, say: the next line may fit
        return True


def _has_descriptor(stream: TextIO) -> bool:
    try:
        stream.fileno()
    except io.UnsupportedOperation:
        return False
    except ValueError:
        pass  # it was closed
    return True
