"""Makes the files that are sent; as a program, from outside the one that is measured."""

from __future__ import annotations

import atexit
import os
import sys
import tempfile
from pathlib import Path

SMALL_BYTES = 4096
_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []
_BLOCK_BYTES = 1 << 22


def new_folder() -> Path:
    """Return a new folder that is removed as the program ends, and not before.

    ext4 without a journal gives the number of a file that was removed to no other for minutes, and
    looks for a free one past all of these: making files is then ten times slower, for everybody.
    """
    folder = tempfile.TemporaryDirectory()
    if not _FOLDERS:
        atexit.register(_remove_folders)
    _FOLDERS.append(folder)
    return Path(folder.name)


def _remove_folders() -> None:
    for folder in _FOLDERS:
        folder.cleanup()


def fill_large(folder: Path, n_bytes: int) -> None:
    """Make one file of bytes that do not compress."""
    block = os.urandom(_BLOCK_BYTES)
    with (folder / "large.raw").open("wb") as file:
        while n_bytes > 0:
            n_bytes -= file.write(block[:n_bytes])


def fill_small(folder: Path, n_files: int) -> None:
    """Make files of 4 KiB, a thousand in a directory."""
    for number in range(n_files):
        path = folder / f"d{number // 1000:03}" / f"f{number:06}.dat"
        if number % 1000 == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(SMALL_BYTES))


if __name__ == "__main__":
    fill_small(Path(sys.argv[1]), int(sys.argv[2]))
