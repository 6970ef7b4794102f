"""Previews what a start would do with each file: the first scan itself, on a ledger in memory."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from tui.config.settings import Settings
from tui.engine.finding.changes import Comparison, is_as_settled
from tui.engine.finding.selection import NOT_UTF8, Selection
from tui.engine.finding.walk import walk
from tui.engine.model.files import FileState, Observation, WaitingFile
from tui.engine.recording.ledger import Ledger
from tui.engine.sending.version_plan import is_sent_already
from tui.engine.system.file_status import is_link
from tui.engine.system.guarded_calls import GuardedCalls
from tui.engine.system.paths import is_utf8

_ALL = 1 << 40


@dataclass(frozen=True, slots=True)
class Decision:
    """What would become of a path.

    Attributes:
        rel_path: of a file, or of a directory or link that is left out as a whole.
        why_not: why it would not be uploaded; empty where it would.
        n_bytes: size.
    """

    rel_path: str
    why_not: str
    n_bytes: int = 0


class Preview:
    """Judges every path, after scanning the directory once.

    Args:
        settings: the program's.
        ledger: in memory; it is changed.
        new_since_ns: what changed after this is new, although no instance was at work; None where
            the ledger itself tells.
    """

    def __init__(self, settings: Settings, ledger: Ledger, new_since_ns: int | None) -> None:
        self._settings = settings
        self._ledger = ledger
        self._selection = Selection(settings)
        self._settled = set(ledger.files.settling_paths())
        self._held = {file.rel_path for file in ledger.files.in_line(FileState.HELD)}
        self._touched: set[str] = set()
        self._entered = {""}
        self._unreadable: dict[str, str] = {}
        self._scan(time.time_ns() if new_since_ns is None else new_since_ns)
        self._waiting: dict[str, WaitingFile] = {
            file.rel_path: file for file in ledger.files.next_in_line(-1, _ALL)}

    def _scan(self, start_ns: int) -> None:
        comparison = Comparison(self._settings, self._selection, self._ledger.files, start_ns)
        calls = GuardedCalls("dry-run", lambda _path: None)
        try:
            for batch in walk(self._selection, calls):
                changes = comparison.compare(batch, is_first=True)
                changes.record(self._ledger.files)
                self._touched.update(rel_path for rel_path, _ in changes.touched)
                self._entered.update(directory.rel_path for directory in batch.below)
                self._unreadable.update(batch.unreadable)
        finally:
            calls.stop()

    def judgements(self) -> Iterator[Decision]:
        """Yield every path below the upload directory, in order."""
        pending = [""]
        while pending:
            directory = pending.pop()
            if directory in self._unreadable:
                yield Decision(directory or ".", f"it cannot be read: "
                               f"{self._unreadable[directory]}")
                continue
            with os.scandir(self._settings.upload_dir / directory) as found:
                entries = sorted(found, key=lambda entry: entry.name)
            below = []
            for entry in entries:
                rel_path = f"{directory}/{entry.name}" if directory else entry.name
                if rel_path in self._entered:
                    below.append(rel_path)
                else:
                    yield self._judge(rel_path, is_directory=entry.is_dir())
            pending.extend(reversed(below))

    def _judge(self, rel_path: str, *, is_directory: bool) -> Decision:
        if rel_path in self._unreadable:
            return Decision(rel_path, f"it cannot be looked at: {self._unreadable[rel_path]}")
        if is_directory:
            return Decision(rel_path, self._why_not_entered(rel_path))
        reason = self._selection.why_not_name(rel_path)
        if not reason and not is_utf8(rel_path):
            reason = NOT_UTF8
        if reason:
            return Decision(rel_path, reason)
        try:
            found, reason = self._selection.observe(rel_path)
        except OSError as error:
            return Decision(rel_path, f"it cannot be looked at: {error.strerror}")
        if found is None:
            return Decision(rel_path, reason or "there is nothing, or a link to nothing")
        return Decision(rel_path, self._why_not(found), found.n_bytes)

    def _why_not_entered(self, rel_path: str) -> str:
        reason = self._selection.why_not_directory(rel_path)
        if not reason and is_link(os.lstat(self._settings.upload_dir / rel_path)):
            reason = self._selection.why_not_link(rel_path) \
                or "it is a link to a directory above it"
        return reason or "it came while this was looked at"

    def _why_not(self, found: Observation) -> str:
        """Return why a regular file would not be sent; empty where it would."""
        rel_path = found.rel_path
        known = self._ledger.files.known(rel_path)
        if rel_path in self._settled and rel_path not in self._touched and known is not None \
                and is_as_settled(known, found):
            return "it is as it was when it was uploaded, or not taken"
        if rel_path in self._touched or rel_path in self._settled or rel_path in self._held \
                or rel_path in self._waiting:
            if not os.access(self._settings.upload_dir / rel_path, os.R_OK):
                return "it cannot be read: permission denied"
            return "its content was uploaded before" if self._is_sent_already(found) else ""
        if known is None:
            return "it came while this was looked at"
        if known.state is FileState.UPLOADED:
            return "it was uploaded and has not changed"
        if known.state is FileState.FAILED:
            status = self._ledger.files.status(rel_path)
            return f"it failed, and retry tries it again: {status.reason if status else ''}"
        return "it is here already; --upload_existing sends it"

    def _is_sent_already(self, found: Observation) -> bool:
        """Return whether its content is what was sent last; only then is it read."""
        waiting = self._waiting.get(found.rel_path)
        file_id = self._ledger.files.file_id(found.rel_path)
        if file_id is None or (waiting is not None and waiting.must_send):
            return False
        history = self._ledger.versions.of_file(file_id, found.rel_path)
        if not history or history[0].version.n_bytes != found.n_bytes:
            return False
        try:
            with (self._settings.upload_dir / found.rel_path).open("rb") as file:
                return is_sent_already(history, hashlib.file_digest(file, "sha512").digest())
        except OSError:
            return False
