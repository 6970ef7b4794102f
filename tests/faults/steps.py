"""Steps that tests of several faults share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.consumer import make_topic, read_topic
from tests.deployed_consumer import DeployedConsumer
from tests.program import Program, write_config
from tests.waiting import wait_until

#: Words of the command line that keep tests short.
QUICK = ("--watchdog_lag_time", "0.3", "--rescan_seconds", "1")


def judged(bootstrap: str, topic: str) -> DeployedConsumer:
    """Return a deployed consumer that has read a topic."""
    consumer = DeployedConsumer()
    for message in read_topic(bootstrap, topic):
        consumer.feed(message)
    return consumer


def options(config: Path, topic: str, *more: str) -> tuple[str, ...]:
    """Return words of the command line for a program that also sends what is there."""
    return ("--config", str(config), "--topic_name", topic, "--upload_existing", *QUICK, *more)


def wait_for_chunks(program: Program) -> None:
    """Wait until some chunks of a large file are acknowledged."""
    def some() -> bool:
        program.type("files")
        return any("uploading, " in line and "uploading, 0 of" not in line
                   for line in program.lines)

    wait_until(some, "chunks are acknowledged")


@contextmanager
def having_uploaded_a(bootstrap: str, tmp_path: Path,
                      upload_dir: Path) -> Iterator[tuple[Program, Path, str]]:
    """Have a program at work that has uploaded the file "a"; give it, its config and its topic."""
    topic = make_topic(bootstrap)
    config = write_config(tmp_path / "c.config", bootstrap)
    (upload_dir / "a").write_bytes(b"a")
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_uploaded(1)
        yield program, config, topic
