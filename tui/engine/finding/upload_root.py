"""The upload directory itself: whether it can be seen, and is still the one it was."""

from __future__ import annotations

import os
from pathlib import Path

from tui.engine.system.file_clock import FileClock
from tui.engine.system.mounts import mount_point


class UploadRoot:
    """Looks at the directory; remembers its number and where its file system is mounted.

    Args:
        path: absolute path of the upload directory, without links.
        given: the path that it was named by, which may go through links.
        clock: of its file system.
    """

    def __init__(self, path: Path, given: Path, clock: FileClock) -> None:
        self.path = path
        self.clock = clock
        self._given = given
        self._mount = ""
        self._identity: tuple[int, int] | None = None

    def why_offline(self) -> str:
        """Look, and return why the directory cannot be seen; empty where it can.

        An empty directory where a file system was mounted is not the upload directory.
        """
        try:
            self.path.stat()
            mount = mount_point(self.path)
        except OSError as error:
            return f"source offline: {self.path} cannot be seen ({error.strerror or error})"
        if not self._mount:
            self._mount = mount
        if mount != self._mount and len(mount) < len(self._mount):
            return f"source offline: no file system is mounted at {self._mount} any more"
        self._mount = mount
        return ""

    def why_elsewhere(self) -> str:
        """Return what to say where the path that was given leads to another directory by now."""
        if self._given == self.path:
            return ""
        real = os.path.realpath(self._given)
        if real == str(self.path) or not os.path.isdir(real):  # noqa: PTH112 (never raises)
            return ""
        return f"{self._given} leads to {real} now; what is uploaded is {self.path}, where it " \
            "led when the program was started: start it again to upload the other"

    def is_another(self) -> bool:
        """Return whether another directory has taken its name since this was last asked.

        Raises:
            OSError: it cannot be seen.
        """
        status = self.path.stat()
        before, self._identity = self._identity, (status.st_dev, status.st_ino)
        return before is not None and before != self._identity
