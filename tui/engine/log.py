"""The program's log: a ring for the console, a rotated file, a stream, and lines for the topic.

Every line is made safe in one place: secrets are blanked and control characters of file names are
made visible, so that no name can forge a line or move a terminal's cursor.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import logging.handlers
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TextIO

from tui.config.redaction import Redaction
from tui.config.settings import Settings
from tui.engine.model.snapshot import LogLine
from tui.line_writer import LineWriter
from tui.text import visible

_RING_LINES = 20_000
_FILE_BYTES = 10_000_000
_N_OLD_FILES = 5
_REPEAT_SECONDS = 60.0
#: Bounds on what waits for a log message, beside the number of lines.
_LONGEST_MESSAGE_LINE = 10_000
_MESSAGE_CHARACTERS = 50_000_000


class SafeFormatter(logging.Formatter):
    """Formats one record as one line, without secrets; a traceback follows on lines of its own.

    Args:
        redact: takes the secrets out of a text.
        pattern: as for :class:`logging.Formatter`.
    """

    def __init__(self, redact: Redaction, pattern: str) -> None:
        super().__init__(pattern)
        self._redact = redact

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = visible(self._redact(record.message))
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:
        text = super().formatException(ei)  # type: ignore[arg-type]
        return "\n".join(visible(line) for line in self._redact(text).split("\n"))


class _MessageLines:
    """The lines that wait for the next log message; the oldest make room for the newest."""

    def __init__(self, n_most: int) -> None:
        self._n_most = n_most
        self._lines: deque[str] = deque()
        self.n_characters = 0
        self._n_dropped = 0

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: str) -> None:
        if len(line) > _LONGEST_MESSAGE_LINE:
            line = f"{line[:_LONGEST_MESSAGE_LINE]} ... ({len(line)} characters)"
        self._lines.append(line)
        self.n_characters += len(line)
        while len(self._lines) > self._n_most or self.n_characters > _MESSAGE_CHARACTERS:
            self.n_characters -= len(self._lines.popleft())
            self._n_dropped += 1

    def lost(self, n_lines: int) -> None:
        self._n_dropped += n_lines

    def take(self, max_bytes: int) -> list[str]:
        taken: list[str] = []
        if not self._lines:
            return taken
        if self._n_dropped:
            taken.append(f"{self._n_dropped} earlier log lines were dropped")
            max_bytes -= len(taken[0])
            self._n_dropped = 0
        while self._lines and (max_bytes := max_bytes - _n_json_bytes(self._lines[0])) > 0:
            line = self._lines.popleft()
            self.n_characters -= len(line)
            taken.append(line)
        return taken


def _n_json_bytes(text: str) -> int:
    return len(json.dumps(text)) + len(", ")


class _RingHandler(logging.Handler):
    def __init__(self, settings: Settings) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(SafeFormatter(settings.redact, "%(message)s"))
        self._lines: deque[LogLine] = deque(maxlen=_RING_LINES)
        self._n_lines = 0
        self._messages = _MessageLines(settings.max_log_lines_per_message)
        self._message_level = settings.log_message_level
        self._keeps_messages = settings.log_messages.topic_name is not None
        self._ring_level = min(settings.stream_level, logging.INFO)

    def emit(self, record: logging.LogRecord) -> None:
        for text in self.format(record).split("\n"):
            if record.levelno >= self._ring_level:
                self._n_lines += 1
                self._lines.append(LogLine(self._n_lines, record.created, record.levelno, text))
            if self._keeps_messages and record.levelno >= self._message_level:
                self._messages.add(text)

    def lines(self, after: int, n_max: int) -> tuple[LogLine, ...]:
        with self.lock or contextlib.nullcontext():
            n_new = min(self._n_lines - after, len(self._lines), n_max)
            if n_new <= 0:
                return ()
            found: list[LogLine] = []
            for line in reversed(self._lines):
                if line.number <= after or len(found) == n_max:
                    break
                found.append(line)
        return tuple(reversed(found))

    def take(self, max_bytes: int) -> list[str]:
        with self.lock or contextlib.nullcontext():
            return self._messages.take(max_bytes)

    def lost(self, n_lines: int) -> None:
        with self.lock or contextlib.nullcontext():
            self._messages.lost(n_lines)

    def n_waiting(self) -> tuple[int, int]:
        with self.lock or contextlib.nullcontext():
            return len(self._messages), self._messages.n_characters


def _is_in_place(stream: TextIO, path: str) -> bool:
    """Return whether an open file still has its name."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except FileNotFoundError:
        return False
    return os.path.samestat(found, os.fstat(stream.fileno()))


class _StreamHandler(logging.Handler):
    """Hands lines to a thread that writes them: nobody waits for whoever reads the stream."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._writer = LineWriter(stream, "log-stream")
        self._has_said = False

    def emit(self, record: logging.LogRecord) -> None:
        if self._writer.put(self.format(record)) or self._writer.is_lost or self._has_said:
            return
        self._has_said = True  # before it is said, for that comes here as well
        logging.getLogger("tui").warning("nobody reads the log on this stream: lines are dropped "
                                         "there until somebody does")

    def close(self) -> None:
        self._writer.close()
        super().close()


class _FileHandler(logging.handlers.RotatingFileHandler):
    """Says now and then that it cannot write, instead of printing a traceback for each line."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=_FILE_BYTES, backupCount=_N_OLD_FILES, encoding="utf-8")
        self._said = -_REPEAT_SECONDS

    def _open(self) -> io.TextIOWrapper:
        """Open it to append, but follow no link, and wait for no reader of a FIFO."""
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT
                             | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
                             | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0), 0o666)
        return io.TextIOWrapper(os.fdopen(descriptor, "ab"), encoding="utf-8", errors=self.errors)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, into a new file where the present one was moved away or removed."""
        try:
            if self.stream is not None and not _is_in_place(self.stream, self.baseFilename):
                old, self.stream = self.stream, self._open()
                old.close()
        except OSError:
            self.handleError(record)
            return
        super().emit(record)

    def close(self) -> None:
        """Close the file; on a full disk its last lines are lost, which was said before."""
        with contextlib.suppress(OSError):
            super().close()

    def handleError(self, record: logging.LogRecord) -> None:
        now = time.monotonic()
        if now - self._said >= _REPEAT_SECONDS:
            self._said = now
            logging.getLogger("tui").warning("the log file cannot be written: %s",
                                             sys.exc_info()[1])


class _ClientFilter(logging.Filter):
    """Lets librdkafka's own lines pass for debugging only, each once a minute.

    What they mean for the upload is said by the program, in words for people.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        # What differs between two such records is the client's name and the time that it took.
        text = "".join(c for c in record.getMessage() if not c.isdigit())
        now = time.monotonic()
        record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        if now - self._said.get(text, -_REPEAT_SECONDS) < _REPEAT_SECONDS:
            return False
        if len(self._said) > 500:
            self._said.clear()
        self._said[text] = now
        return True


@contextlib.contextmanager
def warnings_on_stderr(settings: Settings) -> Iterator[None]:
    """Show warnings on stderr and nothing else, for what must write no file."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(max(settings.stream_level, logging.WARNING))
    handler.setFormatter(SafeFormatter(settings.redact, "%(levelname)s %(message)s"))
    root = logging.getLogger("tui")
    root.propagate = False
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.propagate = True


class Log:
    """The handlers of the ``tui`` loggers, from :meth:`open` to :meth:`close`.

    Args:
        settings: levels, file and secrets.
        stream: where headless shows lines; None for the console, which asks for them.
    """

    def __init__(self, settings: Settings, stream: TextIO | None) -> None:
        self._settings = settings
        self._stream = stream
        self._root = logging.getLogger("tui")
        self._ring = _RingHandler(settings)
        self._handlers: list[logging.Handler] = [self._ring]
        self._repeats = _ClientFilter()
        self._hooks = sys.excepthook, threading.excepthook

    def open(self) -> None:
        """Begin to collect; a log file that cannot be written is warned of and left out."""
        settings = self._settings
        levels = [settings.stream_level, settings.file_level, logging.INFO]
        if settings.log_messages.topic_name:
            levels.append(settings.log_message_level)
        self._root.setLevel(min(levels))
        self._root.propagate = False
        kafka = logging.getLogger("tui.kafka")
        kafka.addFilter(self._repeats)
        pattern = "%(asctime)s %(levelname)-7s %(message)s"
        if self._stream is not None:
            handler: logging.Handler = _StreamHandler(self._stream)
            handler.setLevel(settings.stream_level)
            handler.setFormatter(SafeFormatter(settings.redact, pattern))
            self._handlers.append(handler)
        problem = self._open_file()
        for handler in self._handlers:
            self._root.addHandler(handler)
        # What no thread caught is seen like everything else, and without secrets.
        sys.excepthook = self._uncaught
        threading.excepthook = lambda args: self._uncaught(
            args.exc_type, args.exc_value, args.exc_traceback)
        if problem:
            self._root.warning("the log file cannot be written: %s", problem)

    def _uncaught(self, kind: type[BaseException], error: BaseException | None,
                  traceback: TracebackType | None) -> None:
        if error is not None:
            self._root.critical("an unexpected error", exc_info=(kind, error, traceback))

    def _open_file(self) -> str:
        path = self._settings.log_file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handler = _FileHandler(path)
        except OSError as error:
            return f"{path}: {error.strerror}"
        handler.setLevel(self._settings.file_level)
        handler.setFormatter(SafeFormatter(
            self._settings.redact, "%(asctime)s %(levelname)s %(threadName)s %(message)s"))
        self._handlers.append(handler)
        return ""

    def close(self) -> None:
        """Take the handlers away again."""
        self._root.propagate = True
        sys.excepthook, threading.excepthook = self._hooks
        logging.getLogger("tui.kafka").removeFilter(self._repeats)
        for handler in self._handlers:
            self._root.removeHandler(handler)
            handler.close()

    def lines(self, after: int, n_max: int = 1000) -> tuple[LogLine, ...]:
        """Return the newest lines with a number above ``after``, oldest first."""
        return self._ring.lines(after, n_max)

    def take_for_message(self, max_bytes: int) -> list[str]:
        """Return lines since the last call, for a log message; empty where there are none.

        Args:
            max_bytes: of their JSON text; what does not fit is had by the next call.
        """
        return self._ring.take(max_bytes)

    def lost(self, n_lines: int) -> None:
        """Have the next log message tell that lines could not be delivered."""
        self._ring.lost(n_lines)

    def n_waiting(self) -> tuple[int, int]:
        """Return how many lines, and of how many characters, wait for a log message."""
        return self._ring.n_waiting()
