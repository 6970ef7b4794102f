"""In the background of a terminal it keeps working, and listens again in the foreground."""

from __future__ import annotations

import sys
from pathlib import Path

import pexpect


def test_it_is_not_stopped_in_the_background_of_a_terminal(upload_dir: Path,
                                                           embedded: Path) -> None:
    shell = pexpect.spawn("sh", ["-i"], timeout=90, encoding="utf-8", dimensions=(40, 200))
    try:
        shell.sendline("set -m")
        shell.sendline(f"{sys.executable} -m tui {upload_dir} --headless --config {embedded} "
                       "--update_seconds 0.2 --watchdog_lag_time 0 &")
        shell.expect("nothing is kept")
        shell.expect(r"\. \(embedded")
        (upload_dir / "late.dat").write_bytes(b"1")
        shell.expect("late.dat uploaded")
        shell.sendline("fg")
        shell.sendline("check")
        shell.expect("1 uploaded")
        shell.sendline("quit")
        shell.expect("1 file uploaded, 1 B")
    finally:
        shell.close(force=True)
