"""The tables of unfinished files: what is sent, held and waiting, for people and for a rebuild."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from pathlib import Path

from tui.config.state_files import StateFiles, kept_name
from tui.engine.recording.tables.rows import (
    IN_PROGRESS_HEADER,
    InProgressRow,
    in_progress_cells,
    write_table,
)
from tui.engine.system.files import replace_file

logger = logging.getLogger(__name__)


class InProgressTable:
    """The table of unfinished files, and that of a longer queue.

    Args:
        state_dir: where they are.
        topic: whose they are.
    """

    def __init__(self, state_dir: Path, topic: str) -> None:
        files = StateFiles(state_dir, topic)
        self.path, self.waiting_path = files.in_progress, files.waiting
        self._said: set[Path] = set()

    def write(self, rows: Iterable[InProgressRow]) -> None:
        """Replace the table.

        Raises:
            OSError: the disk refuses.
        """
        self._write(self.path, rows)

    def write_waiting(self, rows: Iterable[InProgressRow] | None) -> None:
        """Replace the table of the rest of the queue; None removes it.

        Raises:
            OSError: the disk refuses.
        """
        if rows is None:
            with contextlib.suppress(FileNotFoundError, PermissionError):
                self.waiting_path.unlink()
        else:
            self._write(self.waiting_path, rows)

    def set_aside(self, why: str) -> None:
        """Rename both tables under a dated name.

        Raises:
            OSError: one cannot be renamed.
        """
        for path in (self.path, self.waiting_path):
            if path.exists():
                replace_file(path, kept_name(path, why))

    def _write(self, path: Path, rows: Iterable[InProgressRow]) -> None:
        if not write_table(path, IN_PROGRESS_HEADER, map(in_progress_cells, rows)) \
                and path not in self._said:
            self._said.add(path)
            logger.warning("%s is held open by another program, or may not be replaced; it is "
                           "written again later", path.name)
