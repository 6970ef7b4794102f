"""The yardstick: what the format alone costs, with no ledger, no watching and no care.

SHA-512 of the file, then read, SHA-512 of each chunk, MessagePack, produce. One file goes by two
threads with a producer each, small ones by a single thread: what is fastest in each case. Whatever
the program takes beyond it is what finding, checking, recording and showing cost.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import threading
import time
from pathlib import Path

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from tests.benchmarks.measuring import Figures, peak_rss_bytes, show

_N_THREADS = 2
#: Polled after so many messages: each poll costs as much as one of them.
_POLL_EVERY = 64
#: What sends fastest to a near cluster.
FAST = {"linger.ms": "100", "batch.size": "2000000", "queue.buffering.max.kbytes": "1048576",
        "queue.buffering.max.messages": "1000000"}


class Sender:
    """A producer of one thread, and what was acknowledged to it."""

    def __init__(self, config: dict[str, str], topic: str) -> None:
        self._producer = Producer(config)
        self._topic = topic
        self._encode = msgspec.msgpack.Encoder().encode
        self._n_sent = 0
        self.n_acknowledged = 0

    def send(self, key: str, value: tuple[object, ...]) -> None:
        """Produce one message, waiting for room."""
        encoded = self._encode(value)
        while True:
            try:
                self._producer.produce(self._topic, encoded, key, on_delivery=self._count)
                break
            except BufferError:
                self._producer.poll(0.05)
        self._n_sent += 1
        if self._n_sent % _POLL_EVERY == 0:
            self._producer.poll(0)

    def end(self) -> None:
        """Wait for all acknowledgements."""
        self._producer.flush()
        if self.n_acknowledged != self._n_sent:
            raise SystemExit("something was not acknowledged")

    def _count(self, error: KafkaError | None, _message: Message) -> None:
        self.n_acknowledged += error is None


def send_large(path: Path, config: dict[str, str], topic: str, chunk_size: int) -> None:
    """Send one file, half of it by each thread."""
    with path.open("rb", buffering=0) as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    status = path.stat()
    n_chunks = max(1, -(-status.st_size // chunk_size))

    def work(number: int) -> None:
        sender = Sender(config, topic)
        descriptor = os.open(path, os.O_RDONLY)
        for index in range(n_chunks * number // _N_THREADS, n_chunks * (number + 1) // _N_THREADS):
            data = os.pread(descriptor, chunk_size, index * chunk_size)
            sender.send(f"_{path.name}_chunk_{index + 1}_of_{n_chunks}", (
                path.name, digest, hashlib.sha512(data).digest(), index * chunk_size, index + 1,
                n_chunks, "", "", data, status.st_mtime))
        os.close(descriptor)
        sender.end()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(_N_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def send_small(folder: Path, config: dict[str, str], topic: str, chunk_size: int) -> None:
    """Send the files of a folder, each small enough for one chunk or read chunk by chunk."""
    sender = Sender(config, topic)
    for base, _, names in os.walk(folder):
        parent = os.path.relpath(base, folder)
        for name in names:
            path = os.path.join(base, name)  # noqa: PTH118 (this is the fast loop)
            with open(path, "rb") as file:  # noqa: PTH123
                data = file.read()
            digest = hashlib.sha512(data).digest()
            n_chunks = max(1, -(-len(data) // chunk_size))
            for index in range(n_chunks):
                chunk = data[index * chunk_size:(index + 1) * chunk_size]
                own = digest if n_chunks == 1 else hashlib.sha512(chunk).digest()
                sender.send(f"{parent}_{name}_chunk_{index + 1}_of_{n_chunks}", (
                    name, digest, own, index * chunk_size, index + 1, n_chunks, parent, "", chunk,
                    os.stat(path).st_mtime))  # noqa: PTH116
    sender.end()


def run(folder: Path, config: dict[str, str], topic: str, chunk_size: int) -> Figures:
    """Send every file of a folder; return what it took until the last acknowledgement.

    Args:
        folder: where the files are.
        config: librdkafka properties.
        topic: where they go.
        chunk_size: bytes.
    """
    paths = [p for p in folder.rglob("*") if p.is_file()]
    n_bytes = sum(path.stat().st_size for path in paths)
    began, cpu_began = time.monotonic(), time.process_time()
    if len(paths) == 1:
        send_large(paths[0], config, topic, chunk_size)
    else:
        send_small(folder, config, topic, chunk_size)
    return Figures(time.monotonic() - began, len(paths), n_bytes, peak_rss_bytes(),
                   time.process_time() - cpu_began)


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
