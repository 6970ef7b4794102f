"""The clock of a file system, which may be that of another machine."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
from pathlib import Path

from tui.engine.system.file_status import last_change_ns

logger = logging.getLogger(__name__)

_LONGEST_STEP_SECONDS = 0.05


class FileClock:
    """Tells the time as the file system of the upload directory would write it on a file.

    Args:
        state_dir: a file is made there to read the clock.
        upload_dir: whose file system counts; where it is another one, its clock cannot be read.
    """

    def __init__(self, state_dir: Path, upload_dir: Path) -> None:
        self._state_dir = state_dir
        self._upload_dir = upload_dir

    def can_be_read(self) -> bool:
        """Return whether state and upload directory are on one file system."""
        try:
            return self._state_dir.stat().st_dev == self._upload_dir.stat().st_dev
        except OSError:
            return False

    def now_ns(self) -> int:
        """Return the time, nanoseconds since the epoch; this machine's where it cannot be read.

        The clock may move in steps. The next one is waited for, so that nothing that was there
        before bears the same time; at most some hundredths of a second.
        """
        try:
            with tempfile.NamedTemporaryFile(prefix=".clock-", dir=self._state_dir) as file:
                if self.can_be_read():
                    first = now = _last_change_ns(file.fileno())
                    deadline = time.monotonic() + _LONGEST_STEP_SECONDS
                    while now == first and time.monotonic() < deadline:
                        file.write(b".")
                        file.flush()
                        now = _last_change_ns(file.fileno())
                    return now
        except OSError as error:
            logger.debug("the file system's clock cannot be read: %s", error)
        return time.time_ns()


def _last_change_ns(descriptor: int) -> int:
    return last_change_ns(os.fstat(descriptor), sys.maxsize)
