"""Rows about a broker that is far away: 100 ms for a round trip, chunks of 512 KiB."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.benchmarks.measuring import Spread, in_process
from tests.benchmarks.rows import Row, Size
from tests.kafka_broker import KafkaBroker, free_port
from tests.proxy import Proxy

_DELAY_SECONDS = 0.05  # in each direction
_FILE_BYTES = 32_000_000
_CHUNK_SIZE = 524_288
_TIMES = 3.0


def distant_broker(size: Size, topic_max_bytes: int | None) -> Row:
    """Send files to a broker 100 ms away, beside one producer with librdkafka's defaults.

    Args:
        size: of the work.
        topic_max_bytes: the topic's ``max.message.bytes``; None leaves Kafka's default.
    """
    port = free_port()
    broker = KafkaBroker(proxy_port=port)
    try:
        with Proxy(broker.behind_proxy_port, port) as proxy, \
                tempfile.TemporaryDirectory() as name:
            proxy.delay_seconds = _DELAY_SECONDS
            folder = Path(name) / "files"
            folder.mkdir()
            for number in range(size.n_distant_files):
                (folder / f"{number:03}.raw").write_bytes(os.urandom(_FILE_BYTES))
            ours: list[float] = []
            bare: list[float] = []
            for round_number in range(size.n_rounds):
                for rates in (ours, bare):
                    topic = f"far-{round_number}-{'ours' if rates is ours else 'bare'}"
                    _make_topic(broker, topic, topic_max_bytes)
                    rates.append(_rate(proxy, folder, topic, size, is_ours=rates is ours))
    finally:
        broker.close()
    fast, slow = Spread.of(ours), Spread.of(bare)
    ratio = fast.median / slow.median
    limit = f"topic takes {topic_max_bytes / 1e6:.0f} MB" if topic_max_bytes else "topic as made"
    return Row(f"a broker 100 ms away, 512 KiB chunks, {limit}", "Kafka", fast, "MB/s",
               ">= 3x one default producer", ratio >= _TIMES, slow, ratio)


def _make_topic(broker: KafkaBroker, topic: str, max_bytes: int | None) -> None:
    config = {} if max_bytes is None else {"max.message.bytes": str(max_bytes)}
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.create_topics([NewTopic(topic, 1, 1, config=config)])[topic].result(30)


def _rate(proxy: Proxy, folder: Path, topic: str, size: Size, *, is_ours: bool) -> float:
    n_files, n_bytes = size.n_distant_files, size.n_distant_files * _FILE_BYTES
    if not is_ours:
        return in_process(
            "tests.benchmarks.bare_loop", str(folder), "--config",
            json.dumps({"bootstrap.servers": proxy.bootstrap, "enable.idempotence": "true"}),
            "--topic_name", topic, "--chunk_size", str(_CHUNK_SIZE)).megabytes_per_second
    with tempfile.TemporaryDirectory() as name:
        config = Path(name) / "c.config"
        config.write_text(f"[broker]\nbootstrap.servers = {proxy.bootstrap}\n[producer]\n")
        return in_process(
            "tests.benchmarks.engine_run", str(folder), "--config", str(config), "--topic_name",
            topic, "--chunk_size", str(_CHUNK_SIZE), "--upload_existing", "--watchdog_lag_time",
            "0", "--n_files", str(n_files), "--n_bytes", str(n_bytes), "--logger_file_path",
            str(Path(name) / "state"), "--headless", "--logger_stream_level", "warning",
        ).megabytes_per_second
