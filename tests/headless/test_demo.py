"""The demo shows everything at work, and leaves nothing behind however it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import wait_until


class Demo:
    """The demo at work, with a directory for all that is temporary."""

    def __init__(self, tmp_path: Path) -> None:
        self.temporary = tmp_path / "temporary"
        self.temporary.mkdir()
        self._log = tmp_path / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tui", "--demo"], stdin=subprocess.PIPE, stdout=log,
                stderr=log, cwd=tmp_path, env={**os.environ, "TMPDIR": str(self.temporary)})

    def log(self) -> str:
        return self._log.read_text()

    def wait_for(self, pattern: str) -> None:
        wait_until(lambda: re.search(pattern, self.log()) or self.process.poll() is not None,
                   f"{pattern} in the log", 120)
        assert re.search(pattern, self.log()), self.log()

    def left_behind(self) -> list[str]:
        return [path.name for path in self.temporary.iterdir() if path.name.startswith("upload")]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path)
    yield demo
    demo.process.kill()
    demo.process.wait()
    if demo.process.stdin is not None:
        demo.process.stdin.close()


def test_files_of_several_sizes_arrive_and_are_uploaded(demo: Demo) -> None:
    demo.wait_for(r"\d+ files uploaded, [\d,]+ bytes")
    assert len(demo.left_behind()) == 2  # the sample files, and the state directory
    assert demo.process.stdin is not None
    demo.process.stdin.write(b"why gr\xc3\xb6\xc3\x9fe/na\xc3\xafve \xe2\x98\x83.csv\n")
    demo.process.stdin.flush()
    demo.wait_for("größe/naïve ☃.csv: uploaded at")
    assert "nothing is kept" in demo.log()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_nothing_is_left_behind_after_two_signals(demo: Demo, number: signal.Signals) -> None:
    demo.wait_for("nothing is kept")
    demo.process.send_signal(number)
    demo.wait_for("quit again to leave now")
    for _ in range(3):  # impatience must not interrupt the clean-up
        if demo.process.poll() is None:
            demo.process.send_signal(number)
    assert demo.process.wait(60) == 130
    assert demo.left_behind() == []
    assert "Traceback" not in demo.log()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_behind_by_a_signal_while_it_starts(demo: Demo,
                                                            number: signal.Signals) -> None:
    wait_until(lambda: demo.left_behind() or demo.process.poll() is not None, "sample files")
    def has_ended() -> bool:
        demo.process.send_signal(number)
        return demo.process.poll() is not None

    # Of two that come at once Python may notice one only, which is a quit that drains.
    wait_until(has_ended, "it ends")
    assert demo.process.wait() == 130
    assert demo.left_behind() == []
    assert "Traceback" not in demo.log()
