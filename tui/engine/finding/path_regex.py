"""Matches paths with a regular expression, in bounded time whatever the expression is.

Python's ``re`` tries all ways to match, which some expressions have exponentially many of, and it
holds the interpreter meanwhile: no other thread runs, and no signal is taken. An expression that
may do so is matched in a process of its own, which can be killed.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterable
from typing import Any

logger = logging.getLogger(__name__)

#: So long a path may take.
_MOST_SECONDS = 1.0
_START_SECONDS = 20.0
#: An expression with more ways to match than these, times the square of a path's length, is slow.
_MOST_WAYS = 64
_MOST_POWER = 2
#: Paths that took too long are remembered, and not tried again.
_MOST_REMEMBERED = 100_000

#: Reads an expression with its flags, then paths, as lines of JSON; answers each with 1 or 0.
_HELPER = """
import json, re, sys, warnings
warnings.simplefilter("ignore")
lines = iter(sys.stdin.readline, "")
match = re.compile(*json.loads(next(lines))).match
print("ready", flush=True)
for line in lines:
    print(int(match(json.loads(line)) is not None), flush=True)
"""


class TooLongError(Exception):
    """The expression took too long for a path."""


class _NoHelperError(Exception):
    """No process can be started to match in."""


class PathRegex:
    """A compiled expression that is matched from the start of a path; for any thread.

    Args:
        pattern: the expression.
    """

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.pattern = pattern.pattern
        self._compiled = pattern
        self._helper = None if is_quick(pattern) else _Helper(pattern)
        self._too_long: set[str] = set()

    def matches(self, path: str) -> bool:
        """Return whether a path matches.

        Raises:
            TooLongError: there is not time enough to find out.
        """
        if self._helper is None:
            return self._compiled.match(path) is not None
        if path in self._too_long:
            raise TooLongError
        try:
            return self._helper.matches(path)
        except _NoHelperError as error:
            logger.warning("--upload_regex cannot be matched in a process of its own (%s), so that "
                           "a name for which it takes for ever stops the program", error)
            self._helper = None
            return self._compiled.match(path) is not None
        except TooLongError:
            if len(self._too_long) < _MOST_REMEMBERED:
                self._too_long.add(path)
            raise


class _Helper:
    """A process that matches; it ends with this one, when its input does."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._expression = json.dumps([pattern.pattern, pattern.flags])
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def matches(self, path: str) -> bool:
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            try:
                answer = self._ask(json.dumps(path), _MOST_SECONDS)
            except (OSError, queue.Empty) as error:
                self._end()
                raise TooLongError from error
            if answer not in (b"0", b"1"):
                self._end()  # it died of it: its memory, say
                raise TooLongError
            return answer == b"1"

    def _start(self) -> None:
        self._end()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _HELPER], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                # Ctrl+C in the terminal is not for it.
                start_new_session=os.name == "posix",
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0))
            self._answers = queue.SimpleQueue()
            threading.Thread(target=_read, args=(self._process, self._answers), name="matching",
                             daemon=True).start()
            if self._ask(self._expression, _START_SECONDS) != b"ready":
                raise OSError("it ends at once")
        except (OSError, queue.Empty) as error:
            self._end()
            raise _NoHelperError(str(error) or "it does not start") from error

    def _ask(self, line: str, seconds: float) -> bytes:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.write(line.encode("ascii") + b"\n")
        process.stdin.flush()
        return self._answers.get(timeout=seconds)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            if process.stdin is not None:
                with contextlib.suppress(OSError):  # what was not taken
                    process.stdin.close()
            process.wait()


def _read(process: subprocess.Popen[bytes], answers: queue.SimpleQueue[bytes]) -> None:
    assert process.stdout is not None
    with process.stdout as stream:
        for line in stream:
            answers.put(line.strip())
    answers.put(b"")  # it ended


def is_quick(pattern: re.Pattern[str]) -> bool:
    """Return whether an expression surely takes little time for any path.

    It may repeat without end in two places, and may choose in some more, but not within what is
    repeated.
    """
    parser: Any = getattr(re, "_parser", None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # said, or not, as it was compiled
            power, ways = _cost(parser.parse(pattern.pattern, pattern.flags), is_repeated=False)
    except Exception:  # a part of re that nobody promised: then nothing is known
        return False
    return power <= _MOST_POWER and ways <= _MOST_WAYS


_TOO_MUCH = (99, 1)
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_SINGLE = ("LITERAL", "NOT_LITERAL", "ANY", "IN", "AT", "CATEGORY", "RANGE", "NEGATE")


def _cost(items: Iterable[tuple[Any, Any]], *, is_repeated: bool) -> tuple[int, int]:
    """Return how many ways there are to match: the power of a path's length, and a factor."""
    power, ways = 0, 1
    for operation, argument in items:
        more = _cost_of(str(operation), argument, is_repeated)
        power, ways = power + more[0], ways * more[1]
    return power, ways


def _cost_of(operation: str, argument: Any, is_repeated: bool) -> tuple[int, int]:
    if operation in _SINGLE:
        return 0, 1
    if operation in _REPEATS:
        least, most, below = argument
        if least == most and not is_repeated:
            return _cost(below, is_repeated=most > 1)
        if is_repeated:
            return _TOO_MUCH  # ways within ways
        power, ways = _cost(below, is_repeated=most > 1)
        return (power + 1, ways) if most > 2 * _MOST_WAYS else (power, ways * (most - least + 1))
    if operation == "BRANCH":
        if is_repeated:
            return _TOO_MUCH
        costs = [_cost(branch, is_repeated=False) for branch in argument[1]]
        return max(power for power, _ in costs), sum(ways for _, ways in costs)
    if operation == "SUBPATTERN":
        return _cost(argument[-1], is_repeated=is_repeated)
    if operation in ("ASSERT", "ASSERT_NOT"):
        power, ways = _cost(argument[1], is_repeated=is_repeated)
        return (0, ways) if power <= _MOST_POWER else _TOO_MUCH  # at one place, alone
    if operation == "ATOMIC_GROUP":
        return _cost(argument, is_repeated=is_repeated)
    return _TOO_MUCH
