"""The demo in a terminal opens the console, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pexpect
import pytest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_it_opens_the_console_and_cleans_up_after_two_signals(tmp_path: Path,
                                                              number: signal.Signals) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    child = pexpect.spawn(
        sys.executable, ["-m", "tui", "--demo"], cwd=str(tmp_path), dimensions=(40, 120),
        timeout=120, env={**os.environ, "TMPDIR": str(temporary), "TERM": "xterm-256color"})
    try:
        child.expect("nothing is kept")
        child.expect("uploaded")
        assert len(list(temporary.glob("upload*"))) == 2
        child.kill(number)
        child.expect("(?i)leav|drain|left")
        child.kill(number)
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus in (0, 130)  # it may have been done before the second one
        assert list(temporary.glob("upload*")) == []
    finally:
        child.close(force=True)
