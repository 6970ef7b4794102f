"""Rows about speed: a large file, many small ones there at start, many that come while it runs."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from tests.benchmarks.bare_loop import FAST
from tests.benchmarks.clusters import Cluster
from tests.benchmarks.filling import SMALL_BYTES, fill_large, fill_small, new_folder
from tests.benchmarks.measuring import Figures, Spread, in_process
from tests.benchmarks.rows import Row, Size


def large_file(cluster: Cluster, size: Size, chunk_size: int, share: float) -> Row:
    """Send one large file with and beside the bare loop, in turns.

    Args:
        cluster: where to.
        size: of the work.
        chunk_size: bytes.
        share: of the bare loop's rate that is to be reached.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill_large(folder, size.n_large_bytes)
        ours, bare = _beside(cluster, size, folder, 1, size.n_large_bytes, chunk_size)
    ratio = ours.median / bare.median
    return Row(f"one file of {size.n_large_bytes / 2**30:.3g} GiB, {chunk_size // 1024} KiB chunks",
               cluster.name, ours, "MB/s", f">= {share:.0%} of the bare loop", ratio >= share,
               bare, ratio)


def small_files(cluster: Cluster, size: Size) -> Row:
    """Send many small files that are there at start, with and beside the bare loop."""
    n_files = size.n_small_files
    folder = new_folder()
    fill_small(folder, n_files)
    time.sleep(size.rest_seconds)
    ours, bare = _beside(cluster, size, folder, n_files, n_files * SMALL_BYTES, 16384)
    ratio = ours.median / bare.median
    return Row(f"{n_files:,} files of 4 KiB, there at start", cluster.name, ours, "files/s",
               ">= 5,000 files/s and >= 50% of the bare loop",
               ratio >= 0.5 and ours.median >= 5000, bare, ratio)


def created_files(cluster: Cluster, size: Size) -> Row:
    """Send many small files that are made while the program runs; the lag does not count."""
    n_files = size.n_small_files
    rates = []
    for _ in range(size.n_rounds):
        folder = new_folder()
        with tempfile.TemporaryDirectory() as name, cluster.topic() as topic:
            config = cluster.write_config(Path(name) / "bench.config")
            figures = in_process(
                "tests.benchmarks.engine_run", str(folder), *_options(config, topic, 16384),
                "--watchdog_lag_time", "3", "--n_files", str(n_files),
                "--n_bytes", str(n_files * SMALL_BYTES), "--create",
                "--logger_file_path", str(Path(name) / "state"))
            rates.append(figures.files_per_second)
    ours = Spread.of(rates)
    return Row(f"{n_files:,} files of 4 KiB, made while it runs", cluster.name, ours, "files/s",
               ">= 2,000 files/s after the lag", ours.median >= 2000)


def _beside(cluster: Cluster, size: Size, folder: Path, n_files: int, n_bytes: int,
            chunk_size: int) -> tuple[Spread, Spread]:
    """Return the rates of the program and of the bare loop: files/s for many, else MB/s."""
    ours: list[float] = []
    bare: list[float] = []

    def rate(figures: Figures) -> float:
        return figures.files_per_second if n_files > 1 else figures.megabytes_per_second

    for number in range(size.n_rounds):
        # In turns, and each first every second time: a neighbour's load strikes both alike.
        sides = [ours, bare] if number % 2 else [bare, ours]
        for side in sides:
            with cluster.topic() as topic:
                run = _ours if side is ours else _bare
                side.append(rate(run(cluster, folder, topic, n_files, n_bytes, chunk_size)))
    return Spread.of(ours), Spread.of(bare)


def _bare(cluster: Cluster, folder: Path, topic: str, _n_files: int, _n_bytes: int,
          chunk_size: int) -> Figures:
    return in_process("tests.benchmarks.bare_loop", str(folder), "--config",
                      json.dumps({**cluster.properties, **FAST}), "--topic_name", topic,
                      "--chunk_size", str(chunk_size))


def _ours(cluster: Cluster, folder: Path, topic: str, n_files: int, n_bytes: int,
          chunk_size: int) -> Figures:
    with tempfile.TemporaryDirectory() as name:
        config = cluster.write_config(Path(name) / "bench.config")
        return in_process(
            "tests.benchmarks.engine_run", str(folder), *_options(config, topic, chunk_size),
            "--watchdog_lag_time", "0", "--upload_existing", "--n_files", str(n_files),
            "--n_bytes", str(n_bytes), "--logger_file_path", str(Path(name) / "state"))


def _options(config: Path, topic: str, chunk_size: int) -> tuple[str, ...]:
    return ("--config", str(config), "--topic_name", topic, "--chunk_size", str(chunk_size),
            "--headless", "--logger_stream_level", "warning")
