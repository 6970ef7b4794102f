"""The console in a real pseudo-terminal on Apache Kafka, from its start to a terminal restored."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.consumer import make_topic, read_topic, rebuild
from tests.kafka_broker import KafkaBroker
from tests.terminal import Terminal, last_lines
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("kafka")]
QUICK = ("--watchdog_lag_time", "0.3", "--rescan_seconds", "2")


def on_topic(kafka: KafkaBroker, topic: str) -> dict[str, bytes]:
    return {path: contents[-1] for path, contents in rebuild(
        read_topic(kafka.bootstrap, topic)).items()}


def fill(upload_dir: Path, n_files: int = 5) -> dict[str, bytes]:
    """Write files, one of them large; return what they hold."""
    files = {f"run {i}/scan.dat": os.urandom(200_000) for i in range(n_files - 1)}
    files["large [red].raw"] = os.urandom(5_000_000)
    for name, content in files.items():
        path = upload_dir / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return files


def test_files_that_are_dropped_in_complete_on_the_screen(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap, 2)
    with Terminal(str(upload_dir), "--config", str(config), "--topic_name", topic,
                  *QUICK) as terminal:
        terminal.wait_for("connected", "watching for new files", "may I close this? yes")
        files = fill(upload_dir)
        terminal.wait_for("5 uploaded", "4 Uploaded 5", "watching for new files")
        terminal.press("4")
        terminal.wait_for("run 0/scan.dat", "large [red].raw")
        terminal.press("c")
        terminal.wait_for("5 uploaded (5 now)", "esc closes")
        terminal.press("\x1b")
        terminal.wait_for("4 Uploaded 5")
        terminal.resize(80, 24)
        terminal.wait_for("5 uploaded", "may I close this? yes")
        terminal.press("q")
        terminal.wait_for("Everything found so far is uploaded. New files")
        terminal.press("\r")
        assert terminal.wait() == 0
        terminal.assert_restored()
        assert "5 files uploaded" in last_lines(terminal)
    assert on_topic(kafka, topic) == files


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_drains_and_restores_the_terminal(
        kafka: KafkaBroker, config: Path, upload_dir: Path, number: signal.Signals) -> None:
    topic = make_topic(kafka.bootstrap)
    with Terminal(str(upload_dir), "--config", str(config), "--topic_name", topic,
                  "--upload_existing", "--logger_file_level", "info", *QUICK) as terminal:
        terminal.wait_for("watching for new files")
        terminal.press("p")
        terminal.wait_for("paused")
        files = fill(upload_dir, 40)
        terminal.wait_for("40 waiting")
        terminal.signal(number)
        assert terminal.wait() == 0
        terminal.assert_restored()
        assert "40 files uploaded" in last_lines(terminal)
    assert on_topic(kafka, topic) == files


def test_ctrl_c_asks_drains_and_restores_the_terminal(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    with Terminal(str(upload_dir), "--config", str(config), "--topic_name", topic,
                  *QUICK) as terminal:
        terminal.wait_for("watching for new files")
        terminal.press("p")
        terminal.wait_for("paused")
        files = fill(upload_dir)
        terminal.wait_for("5 waiting")
        terminal.press("\x03")
        terminal.wait_for("5 files not uploaded yet", "Uploading is paused")
        terminal.press("\x03")
        assert terminal.wait() == 0
        terminal.assert_restored()
    assert on_topic(kafka, topic) == files


def test_a_lost_terminal_loses_no_data(kafka: KafkaBroker, config: Path,
                                       upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    with Terminal(str(upload_dir), "--config", str(config), "--topic_name", topic,
                  *QUICK) as terminal:
        terminal.wait_for("watching for new files")
        terminal.press("p")
        terminal.wait_for("paused")
        files = fill(upload_dir)
        terminal.wait_for("5 waiting")
        terminal.hang_up()
        wait_until(lambda: not terminal.child.isalive(), "it has drained and ended", 60)
        assert terminal.child.exitstatus == 0
    assert on_topic(kafka, topic) == files
