"""The standard streams: what cannot be shown or read as text never stops the program."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator

_lock = threading.Lock()


def make_tolerant() -> None:
    """Write what a stream's encoding lacks as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


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

    Bytes that are not UTF-8 become lone surrogates, as in the names of files.

    Raises:
        OSError: it cannot be read any more.
    """
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        return
    # Without its buffer: the interpreter cannot end while a thread waits for input in there.
    stream = getattr(stream, "raw", stream)
    for line in iter(stream.readline, b""):
        yield line.decode("utf-8", "surrogateescape").rstrip("\r\n")
