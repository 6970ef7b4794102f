"""The program's engine at work in a process of its own, without a front end."""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.measuring import Figures, peak_rss_bytes, show
from tests.waiting import wait_until
from tui.arguments import parse_arguments
from tui.cli import spare_the_collector
from tui.engine.log import Log
from tui.engine.model.snapshot import BrokerState
from tui.engine.uploader import Uploader
from tui.make_settings import make_settings

_LOOK_SECONDS = 0.05


@contextlib.contextmanager
def started(words: Sequence[str]) -> Iterator[Uploader]:
    """Start an uploader for words of the program's command line; end it at once afterwards."""
    arguments = parse_arguments(words)
    settings = make_settings(arguments, Path(arguments.upload_dir))
    log = Log(settings, sys.stderr)
    log.open()
    uploader = Uploader(settings, log)
    spare_the_collector()
    try:
        uploader.start()
        yield uploader
    finally:
        uploader.force_quit()
        uploader.wait(60)
        log.close()


def wait_for_uploads(uploader: Uploader, n_files: int) -> None:
    """Return once so many uploads of this run are recorded."""
    while uploader.snapshot().counts.n_versions_this_run < n_files:
        if uploader.wait(_LOOK_SECONDS):
            raise SystemExit("the program ended too early")


def wait_for_broker(uploader: Uploader) -> None:
    """Return once the program is connected and the first scan is done."""
    def ready() -> bool:
        snapshot = uploader.snapshot()
        return snapshot.broker.state is BrokerState.CONNECTED \
            and snapshot.freshness.last_scan_age is not None

    wait_until(ready, "connected and scanned", 120)


def existing(words: Sequence[str], n_files: int, n_bytes: int) -> Figures:
    """Upload what is there; return what it took until the last of it was recorded."""
    began, cpu_began = time.monotonic(), time.process_time()
    with started(words) as uploader:
        wait_for_uploads(uploader, n_files)
        return Figures(time.monotonic() - began, n_files, n_bytes, peak_rss_bytes(),
                       time.process_time() - cpu_began)


def created(words: Sequence[str], folder: Path, n_files: int, n_bytes: int) -> Figures:
    """Make files while the program runs; the clock starts when the first has rested."""
    with started(words) as uploader:
        wait_for_broker(uploader)
        began = time.monotonic() + uploader.settings.lag_seconds
        cpu_began = time.process_time()
        subprocess.run([sys.executable, "-m", "tests.benchmarks.filling", str(folder),
                        str(n_files)], check=True)
        wait_for_uploads(uploader, n_files)
        return Figures(time.monotonic() - began, n_files, n_bytes, peak_rss_bytes(),
                       time.process_time() - cpu_began)


def main() -> None:
    """Run with the words of the command line; print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--n_files", type=int, required=True)
    parser.add_argument("--n_bytes", type=int, required=True)
    parser.add_argument("--create", action="store_true")
    own, words = parser.parse_known_args()
    if own.create:
        show(created(words, Path(words[0]), own.n_files, own.n_bytes))
    else:
        show(existing(words, own.n_files, own.n_bytes))


if __name__ == "__main__":
    main()
