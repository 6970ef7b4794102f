"""The yardstick: what the format alone costs, with no ledger, no watching and no care.

SHA-512 of the file, then read, SHA-512 of each chunk, MessagePack, produce; two threads. Whatever
the program takes beyond it is what finding, checking, recording and showing cost.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue

import ormsgpack
from confluent_kafka import Producer

from tests.benchmarks.measuring import Figures, peak_rss_bytes, show

_READ_BYTES = 4 * 1024 * 1024
_N_THREADS = 2


def run(folder: Path, config: dict[str, str], topic: str, chunk_size: int) -> Figures:
    """Send every file of a folder; return what it took until the last acknowledgement.

    Args:
        folder: where the files are; they are listed before the clock starts.
        config: librdkafka properties.
        topic: where they go.
        chunk_size: bytes.
    """
    work: SimpleQueue[Path] = SimpleQueue()
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    for path in paths:
        work.put(path)
    n_bytes = sum(path.stat().st_size for path in paths)
    began, cpu_began = time.monotonic(), time.process_time()
    producer = Producer(config)
    stopping = threading.Event()
    poller = threading.Thread(target=_poll, args=(producer, stopping))
    poller.start()
    threads = [threading.Thread(target=_send_all, args=(work, producer, topic, chunk_size))
               for _ in range(_N_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    producer.flush()
    seconds = time.monotonic() - began
    stopping.set()
    poller.join()
    return Figures(seconds, len(paths), n_bytes, peak_rss_bytes(),
                   time.process_time() - cpu_began)


def _poll(producer: Producer, stopping: threading.Event) -> None:
    while not stopping.is_set():
        producer.poll(0.1)


def _send_all(work: SimpleQueue[Path], producer: Producer, topic: str, chunk_size: int) -> None:
    while True:
        try:
            path = work.get_nowait()
        except Empty:
            return
        _send(path, producer, topic, chunk_size)


def _send(path: Path, producer: Producer, topic: str, chunk_size: int) -> None:
    with path.open("rb", buffering=0) as file:
        digest = hashlib.file_digest(file, "sha512").digest()
        status = path.stat()
        n_chunks = max(1, -(-status.st_size // chunk_size))
        file.seek(0)
        index = 0
        while index < n_chunks:
            block = file.read(_READ_BYTES)
            for start in range(0, max(1, len(block)), chunk_size):
                data = block[start:start + chunk_size]
                value = ormsgpack.packb((
                    path.name, digest, hashlib.sha512(data).digest(), index * chunk_size,
                    index + 1, n_chunks, "", "", data, status.st_mtime))
                _produce(producer, topic, f"_{path.name}_chunk_{index + 1}_of_{n_chunks}", value)
                index += 1


def _produce(producer: Producer, topic: str, key: str, value: bytes) -> None:
    while True:
        try:
            producer.produce(topic, value, key)
            return
        except BufferError:
            time.sleep(0.005)


def main() -> None:
    """Run with words of the command line; print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--config", required=True, help="librdkafka properties as JSON")
    parser.add_argument("--topic_name", required=True)
    parser.add_argument("--chunk_size", type=int, required=True)
    words = parser.parse_args()
    show(run(words.folder, json.loads(words.config), words.topic_name, words.chunk_size))


if __name__ == "__main__":
    main()
