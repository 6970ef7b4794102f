"""Rows about the start of a command: until its first message, and until its first picture."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect

from tests.benchmarks.clusters import Cluster
from tests.benchmarks.measuring import Spread, environment
from tests.benchmarks.rows import Row, Size
from tests.benchmarks.whole_command import command

_ROWS, _COLUMNS = 44, 150
_MESSAGE_SECONDS, _FRAME_SECONDS = 1.5, 0.5
#: At the bottom of the screen: what is drawn last.
_FRAME_END = "Log"


@contextmanager
def _words(cluster: Cluster) -> Iterator[list[str]]:
    """Give the words of a command that has a new folder and a new topic."""
    with tempfile.TemporaryDirectory() as name, cluster.topic() as topic:
        folder = Path(name) / "files"
        folder.mkdir()
        config = cluster.write_config(Path(name) / "c.config")
        yield ["-m", "tui", str(folder), "--config", str(config), "--topic_name", topic,
               "--logger_file_path", str(Path(name) / "state")]


def first_message(cluster: Cluster, size: Size) -> Row:
    """Start the command with one small file there, until that file is acknowledged."""
    took = []
    for _ in range(size.n_rounds):
        with _words(cluster) as words:
            (Path(words[2]) / "one.dat").write_bytes(os.urandom(4096))
            took.append(command(
                [sys.executable, *words, "--headless", "--upload_existing", "--watchdog_lag_time",
                 "0", "--logger_stream_level", "info"],
                lambda line: "one.dat uploaded" in line).seconds)
    ours = Spread.of(took)
    return Row("start of the command until its first file is acknowledged", cluster.name, ours,
               "s", f"<= {_MESSAGE_SECONDS} s", ours.median <= _MESSAGE_SECONDS)


def first_frame(cluster: Cluster, size: Size) -> Row:
    """Start the console in a terminal, until its picture is there."""
    took = []
    for _ in range(size.n_rounds):
        with _words(cluster) as words:
            began = time.monotonic()
            child = pexpect.spawn(
                sys.executable, words, dimensions=(_ROWS, _COLUMNS),
                env={**environment(), "TERM": "xterm-256color", "COLORTERM": "truecolor"})
            try:
                child.expect(_FRAME_END, timeout=60)
                took.append(time.monotonic() - began)
            finally:
                child.close(force=True)
    ours = Spread.of(took)
    return Row(f"start of the console until its first picture, {_COLUMNS}x{_ROWS}", cluster.name,
               ours, "s", f"<= {_FRAME_SECONDS} s", ours.median <= _FRAME_SECONDS)
