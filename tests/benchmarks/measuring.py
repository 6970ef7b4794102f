"""Figures of one run, and how they are taken: wall time, processor time, peak memory."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run took.

    Attributes:
        seconds: from the start until everything was acknowledged (and, by the program, recorded).
        n_files, n_bytes: payload.
        peak_rss_bytes: most memory that the process held.
        cpu_seconds: processor time of the process.
    """

    seconds: float
    n_files: int
    n_bytes: int
    peak_rss_bytes: int
    cpu_seconds: float = 0.0

    @property
    def megabytes_per_second(self) -> float:
        """Payload rate, 10^6 bytes a second."""
        return self.n_bytes / 1e6 / self.seconds

    @property
    def files_per_second(self) -> float:
        """Files a second."""
        return self.n_files / self.seconds


def peak_rss_bytes(process: int | str = "self") -> int:
    """Return the most memory that a process has held; of others on Linux only.

    Linux counts the memory of the process that started this one as well, but not in its status.
    """
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text("ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    n = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return n if sys.platform == "darwin" else n * 1024


def environment() -> dict[str, str]:
    """Return the environment of a command: it may keep its compiled modules, as when installed."""
    return {name: value for name, value in os.environ.items()
            if name != "PYTHONDONTWRITEBYTECODE"}


def in_process(module: str, *words: str, timeout_seconds: float = 1800,
               more: Mapping[str, str] | None = None) -> Figures:
    """Run ``python -m module words`` as a process of its own; return the figures it prints.

    Args:
        module: which prints its figures with :func:`show`.
        words: of its command line.
        timeout_seconds: after which it is given up.
        more: variables of its environment.

    Raises:
        RuntimeError: it failed; with the end of what it printed.
    """
    done = subprocess.run([sys.executable, "-m", module, *words], capture_output=True, text=True,
                          timeout=timeout_seconds, check=False,
                          env={**environment(), **(more or {})})
    if done.returncode:
        raise RuntimeError(f"{module} {' '.join(words)} failed: {done.stderr[-2000:]}")
    return Figures(**json.loads(done.stdout.splitlines()[-1]))


def show(figures: Figures) -> None:
    """Print figures as :func:`in_process` reads them."""
    print(json.dumps(asdict(figures)))


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and most of several values."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of at least one value."""
        return cls(statistics.median(values), min(values), max(values))
