"""The upload directory itself: whether it can be seen, and is still the one it was."""

from __future__ import annotations

from pathlib import Path

from tui.engine.file_systems import mount_point


class UploadRoot:
    """Looks at the directory; remembers its number and where its file system is mounted.

    Args:
        path: absolute path of the upload directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
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

    def is_another(self) -> bool:
        """Return whether another directory has taken its name since this was last asked.

        Raises:
            OSError: it cannot be seen.
        """
        status = self.path.stat()
        before, self._identity = self._identity, (status.st_dev, status.st_ino)
        return before is not None and before != self._identity
