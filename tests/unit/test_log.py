"""The log shows no secret and lets no name forge a line."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders import settings_for
from tui.config.settings import PeriodicMessages
from tui.engine.log import Log

LOGGER = logging.getLogger("tui.test")


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(tmp_path: Path, stream: io.StringIO) -> Iterator[Log]:
    log = Log(replace(settings_for(tmp_path), max_log_lines_per_message=3,
                      log_messages=PeriodicMessages("logs", "me", 1)), stream)
    log.open()
    yield log
    log.close()


def test_secrets_and_control_characters_appear_nowhere(log: Log, stream: io.StringIO,
                                                       tmp_path: Path) -> None:
    LOGGER.warning("%s: the password hunter2 is wrong", "a\nb\x1b[31m")
    try:
        raise ValueError("hunter2")
    except ValueError:
        LOGGER.exception("it failed")
    for text in (stream.getvalue(), (tmp_path / "LOGS" / "upload_to_t.log").read_text(),
                 "\n".join(line.text for line in log.lines(0))):
        assert "hunter2" not in text
        assert "a\\nb\\x1b[31m: the password *** is wrong" in text
        assert "ValueError: ***" in text


def test_lines_are_numbered_and_had_once(log: Log) -> None:
    for number in range(5):
        LOGGER.info("line %d", number)
    first = log.lines(0)
    assert [line.text for line in first] == [f"line {i}" for i in range(5)]
    LOGGER.info("last")
    assert [line.text for line in log.lines(first[-1].number)] == ["last"]
    assert [line.text for line in log.lines(0, 2)] == ["line 4", "last"]


def test_lines_for_messages_are_bounded(log: Log) -> None:
    for number in range(5):
        LOGGER.info("line %d", number)
    assert log.take_for_message(10_000) == [
        "2 earlier log lines were dropped", "line 2", "line 3", "line 4"]
    assert log.take_for_message(10_000) == []


def test_a_broken_log_file_stops_nothing(tmp_path: Path, stream: io.StringIO) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    log = Log(replace(settings_for(tmp_path), log_file=blocked / "x.log"), stream)
    log.open()
    log.close()
    assert "the log file cannot be written" in stream.getvalue()


@pytest.mark.parametrize(("level", "n_lines"), [(logging.DEBUG, 1), (logging.INFO, 0)])
def test_the_client_says_for_debugging_what_it_says_and_repeats_itself_once_a_minute(
        tmp_path: Path, stream: io.StringIO, level: int, n_lines: int) -> None:
    log = Log(replace(settings_for(tmp_path), stream_level=level), stream)
    log.open()
    for number in range(50):
        logging.getLogger("tui.kafka").error("Connection refused (after %dms)", number)
    log.close()
    assert len(log.lines(0)) == n_lines
    assert stream.getvalue().count("DEBUG") == n_lines


def test_a_log_message_takes_what_fits_and_leaves_the_rest(tmp_path: Path) -> None:
    log = Log(replace(settings_for(tmp_path), log_messages=PeriodicMessages("logs", "me", 1)), None)
    log.open()
    for number in range(100):
        LOGGER.info("%02d é", number)
    log.close()
    taken = []
    while lines := log.take_for_message(200):
        assert len(json.dumps(lines)) <= 200
        taken += lines
    assert taken == [f"{number:02d} é" for number in range(100)]


def test_a_huge_line_is_cut_for_messages_only(log: Log) -> None:
    LOGGER.info("x" * 100_000)
    (line,) = log.take_for_message(1_000_000)
    assert line.endswith("... (100000 characters)")
    assert len(line) < 11_000
    assert len(log.lines(0)[0].text) == 100_000


def test_lines_that_were_lost_are_told(log: Log) -> None:
    log.lost(7)
    LOGGER.info("after")
    assert log.take_for_message(1000) == ["7 earlier log lines were dropped", "after"]


def test_log_messages_carry_lines_of_their_own_level(tmp_path: Path) -> None:
    log = Log(replace(settings_for(tmp_path), log_message_level=logging.WARNING,
                      log_messages=PeriodicMessages("logs", "me", 1)), None)
    log.open()
    LOGGER.info("not this")
    LOGGER.warning("this")
    log.close()
    assert log.take_for_message(1000) == ["this"]


def test_what_no_thread_caught_is_logged_without_secrets(log: Log, stream: io.StringIO) -> None:
    def fail() -> None:
        raise ValueError("hunter2")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    assert "an unexpected error" in stream.getvalue()
    assert "ValueError: ***" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_a_disk_that_fills_is_said_once_and_not_for_every_line(
        log: Log, stream: io.StringIO, capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("logging.handlers.RotatingFileHandler.shouldRollover", full)
    for number in range(20):
        LOGGER.warning("line %d", number)
    assert stream.getvalue().count("the log file cannot be written") == 1
    assert stream.getvalue().count("line ") == 20
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(sys.platform != "linux", reason="it needs a disk that is always full")
def test_a_log_on_a_full_disk_is_closed_like_any_other(tmp_path: Path,
                                                       stream: io.StringIO) -> None:
    log = Log(replace(settings_for(tmp_path), log_file=Path("/dev/full")), stream)
    log.open()
    LOGGER.warning("one line")
    log.close()
    assert "the log file cannot be written: [Errno 28]" in stream.getvalue()
    assert "one line" in stream.getvalue()
