"""Row about latency: one small file at a time, sent by a program that has nothing else to do."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from confluent_kafka import Producer

from tests.benchmarks.clusters import Cluster
from tests.benchmarks.engine_run import started, wait_for_broker
from tests.benchmarks.measuring import Spread
from tests.benchmarks.rows import Row, Size
from tui.engine.uploader import Uploader

_LAG_SECONDS = 0.5
_ALLOWED_MS = 50.0
_FILE_BYTES = 4096


def one_small_file(cluster: Cluster, size: Size) -> Row:
    """Time files from the end of their lag to their acknowledgement, beside a bare producer."""
    with tempfile.TemporaryDirectory() as name, cluster.topic() as topic:
        folder = Path(name) / "files"
        folder.mkdir()
        words = (str(folder), "--config", str(cluster.write_config(Path(name) / "c.config")),
                 "--topic_name", topic, "--watchdog_lag_time", str(_LAG_SECONDS), "--headless",
                 "--logger_stream_level", "warning")
        with started(words) as uploader:
            wait_for_broker(uploader)
            ours = Spread.of([_one(uploader, folder / f"{number}.dat")
                              for number in range(size.n_latency_files)])
        bare = Spread.of(_bare(cluster, topic, size.n_latency_files))
    return Row("one file of 4 KiB, from the end of its lag to its acknowledgement", cluster.name,
               ours, "ms", "median <= 50 ms above the broker's own",
               ours.median - bare.median <= _ALLOWED_MS, bare)


def _one(uploader: Uploader, path: Path) -> float:
    """Return the milliseconds that a file took beyond its lag."""
    before = uploader.snapshot().traffic.n_chunks_sent
    began = time.monotonic()
    path.write_bytes(os.urandom(_FILE_BYTES))
    while uploader.snapshot().traffic.n_chunks_sent == before:
        time.sleep(0.001)
    return (time.monotonic() - began - _LAG_SECONDS) * 1000


def _bare(cluster: Cluster, topic: str, n_messages: int) -> list[float]:
    producer = Producer(cluster.properties)
    took = []
    for _ in range(n_messages + 1):
        began = time.monotonic()
        producer.produce(topic, os.urandom(_FILE_BYTES), b"key")
        producer.flush()
        took.append((time.monotonic() - began) * 1000)
    return took[1:]  # the first one connects
