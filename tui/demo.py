"""`--demo`: sample files arrive in a scratch directory and go to an embedded broker."""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import shutil
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path

from tui.config.settings import Settings
from tui.engine.system.signals import ignoring_stop_signals
from tui.engine.system.workers import Worker
from tui.errors import EXIT_UNFINISHED

_KB, _MB = 1000, 1_000_000
_PIECE_BYTES = 4 * _MB
#: Beyond this the oldest files are deleted, so that a demo left open does not fill the disk.
_MOST_BYTES = 2000 * _MB
_SHARE_OF_DISK = 0.2


def run(make_settings: Callable[[Path], Settings], front_end: Callable[[Settings], int]) -> int:
    """Upload sample files until asked to quit; return the exit status.

    Some of the samples cannot be uploaded, so that this is seen, too: no reason for status 1.

    Args:
        make_settings: settings for an upload directory.
        front_end: shows them at work.
    """
    scratch = Path(tempfile.gettempdir()) / f"upload-demo-files-{secrets.token_hex(6)}"
    instrument = Instrument(scratch)
    try:
        scratch.mkdir(mode=0o700)
        settings = make_settings(scratch)
        instrument.start()
        status = front_end(settings)
        return 0 if status == EXIT_UNFINISHED else status
    finally:
        with ignoring_stop_signals():
            instrument.end()
            shutil.rmtree(scratch, ignore_errors=True)


class Instrument(Worker):
    """Writes files as an instrument does: logs that grow, frames, and big runs.

    Args:
        folder: where it writes.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__("demo instrument")
        self._folder = folder
        self._random = random.Random()
        self._block = self._random.randbytes(_PIECE_BYTES)
        free = shutil.disk_usage(folder.parent).free
        self._room = min(_MOST_BYTES, int(free * _SHARE_OF_DISK))
        self._big = min(400 * _MB, self._room // 4)
        self._written: deque[tuple[Path, int]] = deque()

    def end(self) -> None:
        """Stop and join, where it was started."""
        self.stop()
        if self.ident is not None:
            self.join(10)

    def work(self) -> None:
        # The scratch directory may vanish under it at the end.
        with contextlib.suppress(FileNotFoundError):
            self._write("notes [draft].txt", 3 * _KB)
            self._write("größe/naïve ☃.csv", 42 * _KB)
            self._write("run 1/markers/start", 0)
            self._write_what_cannot_be_sent()
            for number in range(12):
                self._write(f"spectra/scan_{number:03}.csv", self._random.randint(4, 90) * _KB)
            self._write("run 1/detector/frames.raw", self._big)
            number = 0
            while not self.stopping.wait(self._random.uniform(0.4, 1.4)):
                number += 1
                self._go_on(number)

    def _go_on(self, number: int) -> None:
        self._write(f"spectra/scan_{number + 11:03}.csv", self._random.randint(4, 900) * _KB)
        if number % 2 == 0:
            self._append("run 1/instrument_status.txt", 200)
        if number % 5 == 2:
            self._write(f"run {1 + number // 10}/detector/image_{number:04}.tif",
                        self._random.randint(20, 90) * self._big // 400)
        if number % 19 == 10:
            self._write(f"run {1 + number // 10}/detector/long_run.h5", self._big * 7 // 8)
        if number % 19 == 14:
            # In place, while it is likely to be on its way.
            self._overwrite(f"run {1 + (number - 4) // 10}/detector/long_run.h5")

    def _write_what_cannot_be_sent(self) -> None:
        """Write a file that nobody may read, and one whose name no message can carry."""
        self._write("calibration/locked.raw", 9 * _KB)
        locked = self._folder / "calibration/locked.raw"
        locked.chmod(0)
        with contextlib.suppress(OSError, ValueError):  # not every file system takes such a name
            (self._folder / os.fsdecode(b"calibration/dark \xff.raw")).write_bytes(self._block[:9])

    def _write(self, rel_path: str, n_bytes: int) -> None:
        path = self._folder / rel_path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._written.append((path, n_bytes))
        while sum(n for _, n in self._written) > self._room and len(self._written) > 1:
            self._written.popleft()[0].unlink(missing_ok=True)
        with path.open("wb") as file:
            while n_bytes > 0 and not self.stopping.is_set():
                n_bytes -= file.write(self._block[:min(n_bytes, _PIECE_BYTES)])

    def _append(self, rel_path: str, n_bytes: int) -> None:
        with (self._folder / rel_path).open("ab") as file:
            file.write(self._block[:n_bytes])

    def _overwrite(self, rel_path: str) -> None:
        path = self._folder / rel_path
        if path.exists() and path.stat().st_size > 1000:
            with path.open("r+b") as file:
                file.seek(-1000, 2)
                file.write(self._random.randbytes(1000))
