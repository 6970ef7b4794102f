"""Rows about a line that carries little: a small file beside a large one, and a pause."""

from __future__ import annotations

import csv
import datetime
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.benchmarks.filling import fill_large
from tests.benchmarks.measuring import Spread, peak_rss_bytes
from tests.benchmarks.rows import Row, Size
from tests.kafka_broker import KafkaBroker, free_port
from tests.program import Program
from tests.proxy import Proxy
from tests.waiting import wait_until

_LAG_SECONDS = 1.0
_SMALL_BYTES = 2000


def small_behind_large(size: Size, megabytes_per_second: float) -> list[Row]:
    """Send small files while a large one is being sent over a slow line.

    Args:
        size: of the work.
        megabytes_per_second: what the line carries.
    """
    rows: list[Row] = []
    with slow_line(megabytes_per_second) as (broker, proxy):
        for n_partitions in (1, 4):
            rows += _rows(size, broker, proxy, megabytes_per_second, n_partitions)
    return rows


@contextmanager
def slow_line(megabytes_per_second: float) -> Iterator[tuple[KafkaBroker, Proxy]]:
    """Start a broker that is reached by a slow line only."""
    port = free_port()
    broker = KafkaBroker(proxy_port=port)
    try:
        with Proxy(broker.behind_proxy_port, port) as proxy:
            proxy.bytes_per_second = megabytes_per_second * 1e6
            yield broker, proxy
    finally:
        broker.close()


def _rows(size: Size, broker: KafkaBroker, proxy: Proxy, megabytes_per_second: float,
          n_partitions: int) -> list[Row]:
    topic = f"flow-{n_partitions}"
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.create_topics([NewTopic(topic, n_partitions, 1)])[topic].result(30)
    with tempfile.TemporaryDirectory() as name:
        folder, state = Path(name) / "files", Path(name) / "state"
        folder.mkdir()
        fill_large(folder, size.n_flow_bytes)
        config = Path(name) / "c.config"
        config.write_text(f"[broker]\nbootstrap.servers = {proxy.bootstrap}\n[producer]\n")
        with Program(folder, "--config", str(config), "--topic_name", topic, "--upload_existing",
                     "--watchdog_lag_time", str(_LAG_SECONDS), "--logger_file_path",
                     str(state)) as program:
            wait_until(lambda: _n_in_flight(program) > 0, "the large file is being sent", 120)
            _send_small(program, folder, "first")  # the line is known by then
            began, n_before = time.monotonic(), _n_acknowledged(program)
            for number in range(size.n_flow_files):
                _send_small(program, folder, f"small{number}")
            rate = (_n_acknowledged(program) - n_before) / 1e6 / (time.monotonic() - began)
            memory = peak_rss_bytes(program.process.pid) / 1e6
            began = time.monotonic()
            program.type("pause")
            wait_until(lambda: _n_in_flight(program) == 0, "nothing is on its way", 300)
            silence = time.monotonic() - began
            latencies = _latencies(state, folder, topic, size.n_flow_files)
    line = f"a line of {megabytes_per_second:g} MB/s, {n_partitions} partition" \
        f"{'s' if n_partitions > 1 else ''}"
    return [
        Row(f"{line}: a small file beside a large one, beyond its lag", "Kafka",
            Spread.of(latencies), "s", "<= 1 s", max(latencies) <= 1.0),
        Row(f"{line}: the large file's rate", "Kafka", Spread.of([rate]), "MB/s",
            ">= 90 % of the line", rate >= 0.9 * megabytes_per_second),
        Row(f"{line}: from pause to silence", "Kafka", Spread.of([silence]), "s", "<= 1.2 s",
            silence <= 1.2),
        Row(f"{line}: memory", "Kafka", Spread.of([memory]), "MB", "<= 150 MB", memory <= 150)]


def _send_small(program: Program, folder: Path, name: str) -> None:
    (folder / f"{name}.dat").write_bytes(os.urandom(_SMALL_BYTES))
    program.wait_for(rf"{name}\.dat uploaded", 300)


def _latencies(state: Path, folder: Path, topic: str, n_files: int) -> list[float]:
    """Return how many seconds after the end of their lag small files were acknowledged."""
    def rows() -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        for table in state.glob(f"uploaded_to_{topic}*.csv"):
            with table.open(newline="", encoding="utf-8") as file:
                found += [r for r in csv.DictReader(file) if r["filename"].startswith("small")]
        return found

    wait_until(lambda: len(rows()) >= n_files, "all rows are in the table", 60)
    return [datetime.datetime.fromisoformat(row["completed"]).timestamp()
            - (folder / row["filename"]).stat().st_mtime - _LAG_SECONDS for row in rows()]


def _answer(program: Program, label: str) -> str:
    """Return a line of the answer to ``check``, as it is now."""
    n_before = len(program.lines)
    program.type("check")
    found: list[str] = []

    def look() -> bool:
        found[:] = [line for line in program.lines[n_before:] if line.strip().startswith(label)]
        return bool(found)

    wait_until(look, f"an answer with {label}", 60)
    return found[-1]


_UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


def _n_in_flight(program: Program) -> float:
    number, unit = re.findall(r"([\d.,]+) (B|kB|MB|GB)", _answer(program, "in flight"))[0]
    return float(number.replace(",", "")) * _UNITS[unit]


def _n_acknowledged(program: Program) -> float:
    number = re.findall(r"([\d,]+) chunks", _answer(program, "sent"))[0]
    return float(number.replace(",", "")) * 16384
