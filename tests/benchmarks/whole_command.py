"""Rows about whole commands, seen from outside: from their start to the last acknowledgement."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.bare_loop import FAST
from tests.benchmarks.clusters import Cluster
from tests.benchmarks.filling import SMALL_BYTES, fill_large, fill_small, new_folder
from tests.benchmarks.measuring import Spread, environment
from tests.benchmarks.rows import Row, Size

_UPLOADED = re.compile(r" uploaded: |([\d,]+) files uploaded, ")


@dataclass(frozen=True, slots=True)
class Run:
    """What one command took.

    Attributes:
        seconds: from its start until its last file was acknowledged, or it ended.
        cpu_seconds: processor time of the whole process.
        peak_rss_bytes: most memory that it held.
    """

    seconds: float
    cpu_seconds: float
    peak_rss_bytes: int


def whole_large(cluster: Cluster, size: Size, chunk_size: int) -> list[Row]:
    """Send one large file by the whole command, beside the bare loop."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill_large(folder, size.n_large_bytes)
        ours, bare = _in_turns(cluster, size, folder, 1, chunk_size)
    n_bytes, title = size.n_large_bytes, \
        f"one file of {size.n_large_bytes / 2**30:.3g} GiB, {chunk_size // 1024} KiB chunks"
    rates = [Spread.of([n_bytes / 1e6 / run.seconds for run in runs]) for runs in (ours, bare)]
    spent = [Spread.of([run.cpu_seconds * 2**30 / n_bytes for run in runs])
             for runs in (ours, bare)]
    rate, cpu = (sides[0].median / sides[1].median for sides in (rates, spent))
    memory = Spread.of([run.peak_rss_bytes / 1e6 for run in ours])
    return [
        Row(f"{title}, whole command", cluster.name, rates[0], "MB/s", ">= 95 % of the bare loop",
            rate >= 0.95, rates[1], rate),
        Row(f"{title}, processor time", cluster.name, spent[0], "s/GiB",
            "<= 1.15 times the bare loop", cpu <= 1.15, spent[1], cpu),
        Row(f"{title}, memory", cluster.name, memory, "MB", "<= 150 MB", memory.median <= 150)]


def whole_small(cluster: Cluster, size: Size) -> list[Row]:
    """Send many small files by the whole command, beside the bare loop."""
    n_files = size.n_small_files
    folder = new_folder()
    fill_small(folder, n_files)
    time.sleep(size.rest_seconds)
    ours, bare = _in_turns(cluster, size, folder, n_files, 16384)
    rates = [Spread.of([n_files / run.seconds for run in runs]) for runs in (ours, bare)]
    spent = [Spread.of([run.cpu_seconds * 1e6 / n_files for run in runs]) for runs in (ours, bare)]
    memory = Spread.of([run.peak_rss_bytes / 1e6 for run in ours])
    rate, cpu = (sides[0].median / sides[1].median for sides in (rates, spent))
    title = f"{n_files:,} files of {SMALL_BYTES // 1024} KiB"
    return [
        Row(f"{title}, whole command", cluster.name, rates[0], "files/s",
            ">= 60 % of the bare loop", rate >= 0.6, rates[1], rate),
        Row(f"{title}, processor time", cluster.name, spent[0], "us a file", "", True, spent[1],
            cpu),
        Row(f"{title}, memory", cluster.name, memory, "MB", "<= 150 MB", memory.median <= 150)]


def _in_turns(cluster: Cluster, size: Size, folder: Path, n_files: int,
              chunk_size: int) -> tuple[list[Run], list[Run]]:
    ours: list[Run] = []
    bare: list[Run] = []
    for number in range(size.n_rounds):
        for side in [ours, bare] if number % 2 else [bare, ours]:
            with cluster.topic() as topic:
                run = _bare if side is bare else _ours
                side.append(run(cluster, folder, topic, n_files, chunk_size))
    return ours, bare


def _bare(cluster: Cluster, folder: Path, topic: str, _n_files: int, chunk_size: int) -> Run:
    return command([sys.executable, "-m", "tests.benchmarks.bare_loop", str(folder), "--config",
                    json.dumps({**cluster.properties, **FAST}), "--topic_name", topic,
                    "--chunk_size", str(chunk_size)])


def _ours(cluster: Cluster, folder: Path, topic: str, n_files: int, chunk_size: int) -> Run:
    with tempfile.TemporaryDirectory() as name:
        config = cluster.write_config(Path(name) / "bench.config")
        n_left = n_files

        def is_done(line: str) -> bool:
            nonlocal n_left
            found = _UPLOADED.search(line)
            if found:
                n_left -= int((found[1] or "1").replace(",", ""))
            return n_left <= 0

        return command(
            [sys.executable, "-m", "tui", str(folder), "--config", str(config), "--topic_name",
             topic, "--chunk_size", str(chunk_size), "--headless", "--upload_existing",
             "--watchdog_lag_time", "0", "--logger_file_path", str(Path(name) / "state"),
             "--logger_stream_level", "info"], is_done)


def command(words: list[str], is_done: Callable[[str], bool] | None = None) -> Run:
    """Run a command until it ends, or a line that it logs says that it is done.

    Raises:
        RuntimeError: it failed, or ended before that line; with the end of what it logged.
    """
    began = time.monotonic()
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, env=environment())
    assert process.stderr is not None
    assert process.stdin is not None
    lines: list[str] = []
    seconds: float | None = None
    with process.stdin, process.stderr:
        for line in process.stderr:
            lines.append(line)
            if is_done is not None and is_done(line):
                seconds = time.monotonic() - began
                process.kill()
                break
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if seconds is None and (is_done is not None or process.returncode):
        raise RuntimeError(f"{' '.join(words)} failed: {''.join(lines)[-2000:]}")
    n_rss = usage.ru_maxrss if sys.platform == "darwin" else usage.ru_maxrss * 1024
    return Run(time.monotonic() - began if seconds is None else seconds,
               usage.ru_utime + usage.ru_stime, n_rss)
