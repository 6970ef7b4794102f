"""The engine in this process, with librdkafka's embedded broker, for tests that look inside."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.waiting import wait_until
from tui.arguments import parse_arguments
from tui.cli import make_settings
from tui.config.settings import Settings
from tui.engine.log import Log
from tui.engine.model.snapshot import Phase
from tui.engine.uploader import Uploader


def settings_for(upload_dir: Path, state_dir: Path, *options: str, **changes: Any) -> Settings:
    """Return settings with the embedded broker and a state directory that stays."""
    words = [str(upload_dir), "--config", "demo", "--topic_name", "t", "--upload_existing",
             "--watchdog_lag_time", "0.1", "--headless", *options]
    found = make_settings(parse_arguments(words), upload_dir)
    return replace(found, state_dir=state_dir, log_file=state_dir / "upload_to_t.log",
                   state_dir_is_temporary=False, **changes)


class RunningEngine:
    """An uploader at work, stopped at the end whatever happens.

    Args:
        settings: what it does.
    """

    def __init__(self, settings: Settings) -> None:
        self.stream = io.StringIO()
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        self._log = Log(settings, self.stream)
        self.uploader = Uploader(settings, self._log)

    def __enter__(self) -> RunningEngine:
        self._log.open()
        self.uploader.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        if self.uploader.phase is not Phase.STOPPED:
            self.uploader.force_quit()
            self.uploader.wait(60)
        self._log.close()

    @property
    def log(self) -> str:
        """Everything that was logged."""
        return self.stream.getvalue()

    def wait_log(self, text: str) -> None:
        """Wait until something is logged."""
        wait_until(lambda: text in self.log, f"{text!r} in\n{self.log}", 60)

    def wait_uploaded(self, n_files: int) -> None:
        """Wait until so many versions were uploaded in this run."""
        wait_until(lambda: self.uploader.snapshot().counts.n_versions_this_run >= n_files,
                   f"{n_files} files uploaded", 60)

    def ended(self) -> int:
        """Wait for the end and return the exit status."""
        assert self.uploader.wait(120), f"still running:\n{self.log}"
        return self.uploader.exit_status

    def quit(self) -> int:
        """Quit, wait for the end, and return the exit status."""
        self.uploader.quit()
        return self.ended()
