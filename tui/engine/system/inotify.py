"""What Linux reports about a process's inotify watches; see ``proc(5)``."""

from __future__ import annotations

import contextlib
from pathlib import Path


def watched_inodes(descriptors: Path = Path("/proc/self/fdinfo")) -> set[int] | None:
    """Return the numbers of the directories that this process watches with inotify.

    Args:
        descriptors: Linux's table of what is open (proc(5), fdinfo).

    Returns:
        None where the system does not tell.
    """
    found: set[int] = set()
    try:
        for entry in descriptors.iterdir():
            with contextlib.suppress(FileNotFoundError):
                for line in entry.read_text("ascii", "replace").splitlines():
                    if line.startswith("inotify wd:"):
                        found.add(int(line.split("ino:")[1].split()[0], 16))
    except OSError:
        return None
    return found
