"""`--show_events` tells what a workflow does to the observer, and what the program makes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import wait_until


class Events:
    """The program at work, its output in a file."""

    def __init__(self, upload_dir: Path, config: Path, *options: str) -> None:
        self._output = config.with_name("output")
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tui", str(upload_dir), "--config", str(config),
                 "--show_events", *options], stdin=subprocess.DEVNULL, stdout=output,
                stderr=output)

    def text(self) -> str:
        return self._output.read_text()

    def wait_for(self, *words: str) -> None:
        def is_there() -> bool:
            assert self.process.poll() is None, self.text()
            return any(all(word in line for word in words) for line in self.text().splitlines())

        wait_until(is_there, f"a line with {words} in\n{self.text()}", 60)


@pytest.fixture(params=[(), ("--use_polling_observer",)], ids=["native", "polling"])
def events(request: pytest.FixtureRequest, upload_dir: Path, nowhere: Path) -> Iterator[Events]:
    events = Events(upload_dir, nowhere, *request.param)
    yield events
    events.process.kill()
    events.process.wait()


def test_each_event_is_read_as_the_program_reads_it(events: Events, upload_dir: Path) -> None:
    events.wait_for("watching", "Ctrl+C ends it")
    # It comes whole: between its creation and its content it could be seen with 0 bytes.
    (whole := upload_dir.parent / "whole").write_bytes(b"1234")
    os.link(whole, upload_dir / "a.dat")
    events.wait_for("created", "a.dat: 4 B, queued if unchanged for 3.0 s")
    (upload_dir / "a.log").write_bytes(b"1")
    events.wait_for("a.log: ignored: names ending in .log")
    (upload_dir / "a.dat").rename(upload_dir / "two\nlines.dat")
    events.wait_for("moved", r"two\nlines.dat: 4 B")
    (upload_dir / os.fsdecode(b"broken\xff")).write_bytes(b"1")
    events.wait_for(r"broken\xff: ignored: its name is not valid UTF-8")
    events.process.send_signal(signal.SIGINT)
    assert events.process.wait(60) == 0
    assert "Traceback" not in events.text()
    assert not (upload_dir / "LOGS").exists()


def test_a_short_lived_file_is_forgotten(upload_dir: Path, nowhere: Path) -> None:
    events = Events(upload_dir, nowhere)
    try:
        events.wait_for("watching")
        for number in range(50):  # some are gone by the time that their event is looked at
            (upload_dir / f"t{number}").write_bytes(b"")
            (upload_dir / f"t{number}").unlink()
        events.wait_for("forgotten: there is no file any more")
        events.process.send_signal(signal.SIGTERM)
        assert events.process.wait(60) == 0
    finally:
        events.process.kill()
        events.process.wait()
