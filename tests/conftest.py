"""Fixtures that several kinds of tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.kafka_broker import GivenBroker, KafkaBroker, KafkaUnavailableError
from tests.mock_broker import MockBroker
from tests.program import write_config


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
        item: pytest.Item, call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let captured text with names that are not UTF-8 reach the process that reports."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode())
                       for name, text in report.sections]
    return report


def pytest_configure() -> None:
    """Let the programs that are started hear SIGINT, also where a shell's & made us deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaBroker | GivenBroker]:
    """Apache Kafka, started once for each test worker; required where CI is set."""
    given = os.environ.get("KAFKA_BOOTSTRAP")
    try:
        broker = GivenBroker(given) if given else KafkaBroker()
    except KafkaUnavailableError as error:
        if os.environ.get("CI"):
            pytest.fail(f"Apache Kafka is required here: {error}")
        pytest.skip(str(error))
    yield broker
    broker.close()


@pytest.fixture
def mock_broker() -> MockBroker:
    """An embedded broker of its own, for a test that needs no more."""
    return MockBroker()


@pytest.fixture
def config(kafka: KafkaBroker | GivenBroker, tmp_path: Path) -> Path:
    """A config file for the broker."""
    return write_config(tmp_path / "test.config", kafka.bootstrap)


@pytest.fixture
def upload_dir(tmp_path: Path) -> Path:
    """An empty directory to upload."""
    path = tmp_path / "upload"
    path.mkdir()
    return path
