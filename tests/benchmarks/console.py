"""Row about the console: what its painting costs while a large file is sent."""

from __future__ import annotations

import csv
import datetime
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pexpect

from tests.benchmarks.clusters import Cluster
from tests.benchmarks.filling import fill_large
from tests.benchmarks.measuring import Spread
from tests.benchmarks.rows import Row, Size
from tests.waiting import wait_until

_ROWS, _COLUMNS = 34, 120
_MOST_COST = 0.05


def console_beside_headless(cluster: Cluster, size: Size) -> Row:
    """Send a large file with the console in a terminal and headless, in turns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "files"
        folder.mkdir()
        fill_large(folder, size.n_large_bytes)
        with_console: list[float] = []
        headless: list[float] = []
        for number in range(size.n_rounds):
            sides = [(with_console, True), (headless, False)]
            for rates, is_console in sides if number % 2 else reversed(sides):
                rates.append(_rate(cluster, folder, size.n_large_bytes, is_console))
    ours, beside = Spread.of(with_console), Spread.of(headless)
    ratio = ours.median / beside.median
    return Row("console at 120x34 beside headless, one large file", cluster.name, ours, "MB/s",
               "<= 5 % slower", ratio >= 1 - _MOST_COST, beside, ratio)


def _rate(cluster: Cluster, folder: Path, n_bytes: int, is_console: bool) -> float:
    """Return megabytes a second, between the times that the table of uploads gives."""
    with tempfile.TemporaryDirectory() as name, cluster.topic() as topic:
        config = cluster.write_config(Path(name) / "c.config")
        state_dir = Path(name) / "state"
        words = ["-m", "tui", str(folder), "--config", str(config), "--topic_name", topic,
                 "--upload_existing", "--watchdog_lag_time", "0", "--logger_file_path",
                 str(state_dir)]
        table = state_dir / f"uploaded_to_{topic}@1.csv"
        if is_console:
            _run_in_terminal(words, table)
        else:
            _run_headless(words, table)
        with table.open(newline="", encoding="utf-8") as file:
            row = next(csv.DictReader(file))
    seconds = (datetime.datetime.fromisoformat(row["completed"])
               - datetime.datetime.fromisoformat(row["started"])).total_seconds()
    return n_bytes / 1e6 / seconds


def _run_in_terminal(words: list[str], table: Path) -> None:
    child = pexpect.spawn(sys.executable, words, dimensions=(_ROWS, _COLUMNS),
                          env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"})

    def done() -> bool:
        while child.isalive():
            try:
                child.read_nonblocking(65536, timeout=0)
            except (pexpect.TIMEOUT, pexpect.EOF):
                break
        return table.exists()

    try:
        wait_until(done, "the upload in the terminal", 600)
    finally:
        child.close(force=True)


def _run_headless(words: list[str], table: Path) -> None:
    child = subprocess.Popen([sys.executable, *words, "--headless"], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(table.exists, "the upload", 600)
    finally:
        child.kill()
        child.wait()
