"""What can happen to a ledger: it is damaged, or its disk is full."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
from pathlib import Path

_FILL_BYTES = (65536, 4096, 1)


def damage(ledger: Path, rng: random.Random) -> str:
    """Damage the ledger of a program that is gone; return how."""
    wal = ledger.with_name(ledger.name + "-wal")
    how = rng.choice(("no log", "short", "garbage", "zeros", "short log"))
    if how == "no log":
        wal.unlink(missing_ok=True)
    elif how == "short log" and wal.exists():
        os.truncate(wal, rng.randrange(wal.stat().st_size + 1))
    elif how == "short":
        os.truncate(ledger, rng.randrange(ledger.stat().st_size + 1))
    else:
        with ledger.open("r+b") as file:
            file.seek(rng.randrange(ledger.stat().st_size))
            file.write(bytes(4096) if how == "zeros" else rng.randbytes(5000))
    return how


class SmallDisk:
    """A file system in memory that can be filled; only where the user may mount one.

    Attributes:
        path: where it is mounted.

    Args:
        path: an empty directory.
        n_bytes: its size.
    """

    def __init__(self, path: Path, n_bytes: int) -> None:
        self.path = path
        self._filler = path / "filler"
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={n_bytes}", "tmpfs", str(path)],
                       check=True, capture_output=True)

    @staticmethod
    def can_be_made() -> bool:
        """Return whether this user may mount something."""
        return os.name == "posix" and os.geteuid() == 0

    def fill(self) -> None:
        """Leave no room."""
        with self._filler.open("ab", buffering=0) as file:
            for n_bytes in _FILL_BYTES:
                with contextlib.suppress(OSError):
                    while file.write(bytes(n_bytes)):
                        pass

    def free(self) -> None:
        """Give the room back."""
        self._filler.unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount it."""
        subprocess.run(["umount", "-l", str(self.path)], check=True, capture_output=True)
