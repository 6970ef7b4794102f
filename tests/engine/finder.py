"""The real finding with a real ledger on a real directory, without Kafka."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.builders import settings_for
from tests.waiting import wait_until
from tui.engine.announcer import Announcer
from tui.engine.finding.finder import Finder
from tui.engine.model.files import FileState
from tui.engine.model.snapshot import NoticeKind
from tui.engine.recording.ledger import Ledger
from tui.engine.system.file_clock import FileClock


class RunningFinder:
    """Finds files until it is closed; nothing is sent.

    Args:
        upload_dir: the directory.
        clock: of the file system; None for the real one.
        changes: of the settings.
    """

    def __init__(self, upload_dir: Path, clock: FileClock | None = None, **changes: Any) -> None:
        self.settings = settings_for(upload_dir, **changes)
        self.ledger = Ledger(self.settings.state_dir, "t", upload_dir, "all")
        self.notices: list[tuple[NoticeKind, str]] = []
        self._log = _Lines()
        self._logger = logging.getLogger("tui")
        self._level = self._logger.level
        self._logger.addHandler(self._log)
        self._logger.setLevel(logging.INFO)
        self._announcer = Announcer(
            lambda kind, text, rel_path: self.notices.append((kind, rel_path)))
        self.finder = Finder(self.settings, self.ledger.files, self, clock=clock)

    def __enter__(self) -> RunningFinder:
        self.finder.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def files_queued(self) -> None:
        """Files were queued; nobody sends them here."""

    def stuck(self, rel_path: str, state: FileState, reason: str) -> None:
        """Note that a file is stuck, as the program does."""
        self._announcer.stuck(rel_path, state, reason)

    @property
    def deaths(self) -> list[str]:
        """The threads that an error has ended."""
        return [f"{t.name}: {t.error!r}" for t in self.finder.threads() if t.error is not None]

    @property
    def log(self) -> list[str]:
        """The lines logged so far."""
        return self._log.lines

    def stop(self, *, last_scan: bool = True) -> None:
        """Stop as a clean quit does."""
        self.finder.stop(last_scan=last_scan)
        self._logger.removeHandler(self._log)
        self._logger.setLevel(self._level)
        self.ledger.close()
        assert self.deaths == []

    def wait_scanned(self) -> None:
        """Wait for the first scan."""
        self.wait(lambda: self.finder.freshness().last_scan_age is not None, "the first scan")

    def scan(self) -> None:
        """Scan once more, and wait for its end."""
        def ended() -> float:
            age = self.finder.freshness().last_scan_age
            return 0.0 if age is None else time.monotonic() - age

        before = ended()
        self.finder.requests.scan("the test asks for it")
        wait_until(lambda: ended() > before + 0.001, "another scan")

    def states(self) -> dict[str, str]:
        """Return the state of each path in the ledger."""
        rows = self.ledger.database.query("SELECT directory, name, state FROM files")
        return {f"{d}/{n}".removeprefix("/"): FileState(s).name.lower() for d, n, s in rows}

    def queued(self) -> set[str]:
        """Return the paths in line."""
        return {path for path, state in self.states().items() if state == "waiting"}

    def upload(self, *rel_paths: str) -> None:
        """Record queued files as uploaded, as they are in line."""
        wanted = [f for f in self.ledger.files.next_in_line(0, 100_000)
                  if f.rel_path in rel_paths]
        assert {f.rel_path for f in wanted} == set(rel_paths)
        self.ledger.files.record_uploaded([(f, f.n_bytes, f.mtime_ns) for f in wanted])

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Wait for a condition; say what is known where it does not come."""
        try:
            wait_until(condition, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{str(self.states())[:2000]}\n"
                                 + "\n".join(self.log[-50:])) from None

    def wait_queued(self, *rel_paths: str) -> None:
        """Wait until just these paths are in line."""
        self.wait(lambda: self.queued() == set(rel_paths), f"{rel_paths} in line")

    def wait_log(self, pattern: str) -> None:
        """Wait for a log line that has the pattern in it."""
        self.wait(lambda: any(re.search(pattern, line) for line in self.log), f"{pattern!r}")

    def wait_settled(self) -> None:
        """Wait until nothing settles any more."""
        self.wait(lambda: not self.finder.n_heard and not self.finder.settling_page(0, 0, "")[0]
                  and "settling" not in self.states().values(), "all is settled")


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def left_from_before(upload_dir: Path, **changes: Any) -> None:
    """Run over the directory once, so that the ledger knows it."""
    with RunningFinder(upload_dir, **changes) as finder:
        finder.wait_scanned()
