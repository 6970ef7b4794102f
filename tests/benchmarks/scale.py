"""Rows about scale: start, memory and idling with many files, and memory with a huge one."""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.clusters import Cluster
from tests.benchmarks.engine_run import started, wait_for_broker
from tests.benchmarks.ledgers import fill_uploaded, fill_waiting, make_files
from tests.benchmarks.measuring import Figures, Spread, in_process, peak_rss_bytes
from tests.benchmarks.rows import Row, Size
from tests.kafka_broker import free_port
from tests.waiting import wait_until
from tui.engine.model.snapshot import PageKind
from tui.engine.uploader import Uploader

_MB = 1_000_000
_PAGE_ROWS = 50
_QUEUES_MB = 64
_QUIET = ("--headless", "--logger_stream_level", "warning")


def start(cluster: Cluster, n_files: int) -> list[Row]:
    """Start with so many files uploaded already, until the first new one is acknowledged."""
    with tempfile.TemporaryDirectory() as name, cluster.topic() as topic:
        folder, state_dir = Path(name) / "files", Path(name) / "state"
        folder.mkdir()
        make_files(folder, n_files)
        fill_uploaded(state_dir, topic, folder, n_files)
        config = cluster.write_config(Path(name) / "c.config")
        words = (str(folder), "--config", str(config), "--topic_name", topic,
                 "--logger_file_path", str(state_dir), "--watchdog_lag_time", "0", *_QUIET)
        in_process("tests.benchmarks.scale", "quit", *words)  # leaves the tables of such a ledger
        found = in_process("tests.benchmarks.scale", "start", *words)
    allowed = 1.0 + 5.0 * n_files / 1e6
    title = f"start with {n_files:,} files uploaded"
    return [
        Row(f"{title}, until the first new one went", cluster.name, _one(found.seconds), "s",
            f"<= {allowed:.1f} s", found.seconds <= allowed),
        Row(f"{title}, memory", cluster.name, _one(found.peak_rss_bytes / _MB), "MB",
            "<= 150 MB", found.peak_rss_bytes <= 150 * _MB)]


def _measure_start(words: list[str]) -> Figures:
    began = time.monotonic()
    with started(words) as uploader:
        (Path(words[0]) / "the first new one").write_bytes(b"x")
        _wait_for_chunks(uploader, 1)
        seconds = time.monotonic() - began
        wait_for_broker(uploader)  # and until the scan has seen everything
        return Figures(seconds, 1, 1, peak_rss_bytes())


def _measure_quit(words: list[str]) -> Figures:
    with started(words) as uploader:
        wait_for_broker(uploader)
        began = time.monotonic()
        uploader.quit()
        uploader.wait(600)
        return Figures(time.monotonic() - began, 0, 0, peak_rss_bytes())


def _wait_for_chunks(uploader: Uploader, n_chunks: int) -> None:
    wait_until(lambda: uploader.snapshot().traffic.n_chunks_sent >= n_chunks, "a chunk", 300)


def waiting(size: Size) -> list[Row]:
    """Hold so many queued files for a broker that is away: memory, and time for one picture."""
    n_files = size.n_waiting_files
    with tempfile.TemporaryDirectory() as name:
        folder, state_dir = Path(name) / "files", Path(name) / "state"
        folder.mkdir()
        config = Path(name) / "c.config"
        config.write_text(f"[broker]\nbootstrap.servers = 127.0.0.1:{free_port()}\n[producer]\n")
        fill_waiting(state_dir, "bench", folder, n_files)
        found = in_process("tests.benchmarks.scale", "waiting", str(folder), "--config",
                           str(config), "--topic_name", "bench", "--logger_file_path",
                           str(state_dir), *_QUIET)
    title = f"{n_files:,} files waiting"
    return [
        Row(f"{title}, memory", "", _one(found.peak_rss_bytes / _MB), "MB", "<= 250 MB",
            found.peak_rss_bytes <= 250 * _MB),
        Row(f"{title}, one picture of the console's data", "", _one(found.seconds * 1000), "ms",
            "<= 250 ms, the time between two", found.seconds <= 0.25)]


def _measure_waiting(words: list[str]) -> Figures:
    took = []
    with started(words) as uploader:
        wait_until(lambda: uploader.snapshot().counts.waiting > 0, "counted", 60)
        n_files = uploader.snapshot().counts.waiting
        table = uploader.settings.state_dir / "upload_to_bench_in_progress.csv"
        wait_until(table.exists, "the table", 60)
        for _ in range(40):
            began = time.monotonic()
            uploader.snapshot()
            uploader.page(PageKind.QUEUE, random.randrange(n_files), _PAGE_ROWS)
            took.append(time.monotonic() - began)
            time.sleep(0.1)
        return Figures(statistics.median(took), n_files, 0, peak_rss_bytes())


def huge_file(cluster: Cluster, size: Size) -> Row:
    """Send a sparse file; memory must stay flat and within what the queues are allowed."""
    with tempfile.TemporaryDirectory() as name, cluster.topic() as topic:
        folder = Path(name) / "files"
        folder.mkdir()
        with (folder / "sparse.raw").open("wb") as file:
            file.truncate(size.n_sparse_bytes)
        config = cluster.write_config(
            Path(name) / "c.config", f"queue.buffering.max.kbytes = {_QUEUES_MB * 1000}\n")
        found = in_process(
            "tests.benchmarks.scale", "huge", str(folder), "--config", str(config),
            "--topic_name", topic, "--logger_file_path", str(Path(name) / "state"),
            "--upload_existing", "--watchdog_lag_time", "0", "--chunk_size", "524288",
            "--queue_max_size", str(_QUEUES_MB), *_QUIET)
    limit = (120 + 2 * _QUEUES_MB) * _MB
    return Row(f"memory while a file of {size.n_sparse_bytes / 1e9:.3g} GB is sent", cluster.name,
               Spread(found.peak_rss_bytes / _MB, found.n_bytes / _MB,
                      found.peak_rss_bytes / _MB), "MB",
               f"flat, <= {limit // _MB} MB (120 MB and the two queues)",
               found.peak_rss_bytes <= limit)


def _measure_huge(words: list[str]) -> Figures:
    """``n_bytes`` of the figures is the memory at half time."""
    half: list[int] = []
    with started(words) as uploader:
        def done() -> bool:
            snapshot = uploader.snapshot()
            if not half and snapshot.traffic.n_bytes_sent > snapshot.traffic.n_bytes_waiting > 0:
                half.append(peak_rss_bytes())
            return snapshot.counts.uploaded_this_run > 0

        began = time.monotonic()
        wait_until(done, "the huge file", 1800)
        return Figures(time.monotonic() - began, 1, half[0] if half else 0, peak_rss_bytes())


def idle(cluster: Cluster, size: Size) -> Row:
    """Watch many files in which nothing happens."""
    with tempfile.TemporaryDirectory() as name, cluster.topic() as topic:
        folder = Path(name) / "files"
        folder.mkdir()
        make_files(folder, size.n_idle_files)
        config = cluster.write_config(Path(name) / "c.config")
        found = in_process(
            "tests.benchmarks.scale", "idle", str(folder), "--config", str(config),
            "--topic_name", topic, "--logger_file_path", str(Path(name) / "state"), *_QUIET,
            more={"IDLE_SECONDS": str(size.idle_seconds)})
    percent = 100 * found.cpu_seconds / found.seconds
    return Row(f"idle with {size.n_idle_files:,} files watched", cluster.name, _one(percent),
               "% of a core", "<= 1 %", percent <= 1.0)


def _measure_idle(words: list[str]) -> Figures:
    with started(words) as uploader:
        wait_for_broker(uploader)
        began, cpu_began = time.monotonic(), time.process_time()
        threading.Event().wait(float(os.environ["IDLE_SECONDS"]))
        return Figures(time.monotonic() - began, 0, 0, peak_rss_bytes(),
                       time.process_time() - cpu_began)


def _one(value: float) -> Spread:
    return Spread(value, value, value)


_MEASURES: dict[str, Callable[[list[str]], Figures]] = {
    "quit": _measure_quit, "start": _measure_start, "waiting": _measure_waiting,
    "huge": _measure_huge, "idle": _measure_idle}

if __name__ == "__main__":
    import sys

    from tests.benchmarks.measuring import show

    show(_MEASURES[sys.argv[1]](sys.argv[2:]))
