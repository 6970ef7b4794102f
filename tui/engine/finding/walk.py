"""Walks the upload directory, some entries at a time, entering no loop and nothing outside."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from tui.engine.finding.selection import NOT_UTF8, TOO_LONG, Selection, kind_of
from tui.engine.system.file_status import is_link
from tui.engine.system.guarded_calls import GuardedCalls, Touching
from tui.engine.system.paths import is_utf8
from tui.errors import FileSystemHangError

_BATCH_ENTRIES = 900  # the ledger asks for all of them at once; SQLite may take 999


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory to be entered: its path, POSIX and relative, and who is above it.

    Attributes:
        rel_path: empty for the upload directory itself.
        above: device and file number of each directory above; kept only where links are followed.
    """

    rel_path: str = ""
    above: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class Batch:
    """Some entries of one directory.

    Attributes:
        directory: its path. inode: its file number; 0 unless this is its first batch.
        files: name and ``stat`` of regular files that are wanted.
        below: directories to be entered.
        unreadable: path and reason, where something is there and cannot be looked at.
        refused: paths that can never be uploaded, and why.
        left_out: directories that are not entered, because a ledger seems to be in them.
    """

    directory: str
    inode: int = 0
    files: list[tuple[str, os.stat_result]] = field(default_factory=list)
    below: list[Directory] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


class _Listing:
    """One directory that is being read."""

    def __init__(self, directory: Directory, selection: Selection) -> None:
        self._directory = directory
        self._selection = selection
        self._path = os.path.join(selection.upload_dir, directory.rel_path)  # noqa: PTH118
        self._entries: Iterator[os.DirEntry[str]] | None = None
        self.is_over = False
        self.close: Callable[[], None] = lambda: None

    def read_some(self, touching: Touching) -> Batch:
        """Read some hundred entries and ``stat`` each; never by a listing's cached stat."""
        rel_path = self._directory.rel_path
        batch = Batch(rel_path)
        touching(rel_path)
        try:
            if self._entries is None:
                scan = os.scandir(self._path)
                self._entries, self.close = scan, scan.close
                batch.inode = os.stat(self._path).st_ino  # noqa: PTH116
            n_read = 0
            for entry in islice(self._entries, _BATCH_ENTRIES):
                n_read += 1
                self._look(entry, batch, touching)
            self.is_over = n_read < _BATCH_ENTRIES
        except FileNotFoundError:
            self.is_over = True  # deleted while we looked
        except OSError as error:
            self.is_over = True
            batch.unreadable.append((rel_path, error.strerror or str(error)))
        except BaseException:
            self.close()  # nobody else does, where this thread was left behind
            raise
        return batch

    def _look(self, entry: os.DirEntry[str], batch: Batch, touching: Touching) -> None:
        directory = self._directory.rel_path
        rel_path = f"{directory}/{entry.name}" if directory else entry.name
        try:
            touching(rel_path)
            if entry.is_dir(follow_symlinks=False):
                self._look_at_directory(entry, rel_path, batch)
            elif not (reason := self._selection.why_not_file_name(rel_path)):
                self._look_at_file(entry, rel_path, batch)
            elif reason == TOO_LONG:
                batch.refused.append((rel_path, reason))
            elif self._selection.follow_symlinks and entry.is_symlink() and entry.is_dir():
                self._look_at_directory(entry, rel_path, batch)
        except FileNotFoundError:
            pass  # deleted while we looked, or a link to nothing
        except OSError as error:
            batch.unreadable.append((rel_path, error.strerror or str(error)))
        except FileSystemHangError as error:
            batch.unreadable.append((rel_path, error.what))

    def _look_at_file(self, entry: os.DirEntry[str], rel_path: str, batch: Batch) -> None:
        if not is_utf8(rel_path):
            batch.refused.append((rel_path, NOT_UTF8))
            return
        status = os.lstat(entry.path)
        if is_link(status):
            reason = self._selection.why_not_link(rel_path)
            if reason:
                self._selection.say_once(rel_path, reason)
                return
            try:
                status = os.stat(entry.path)  # noqa: PTH116
            except FileNotFoundError:
                self._selection.say_once(rel_path, "it is a link to nothing")
                return
            if stat.S_ISDIR(status.st_mode):
                self._look_at_directory(entry, rel_path, batch)
                return
        if stat.S_ISREG(status.st_mode):
            batch.files.append((entry.name, status))
        elif not stat.S_ISDIR(status.st_mode):
            self._selection.say_once(rel_path, f"it is {kind_of(status)}")

    def _look_at_directory(self, entry: os.DirEntry[str], rel_path: str, batch: Batch) -> None:
        if is_link(os.lstat(entry.path)):
            reason = self._selection.why_not_link(rel_path)
            if reason:
                self._selection.say_once(rel_path, reason)
                return
        if self._selection.why_not_directory(rel_path):
            if not self._selection.why_not_ours(rel_path):
                batch.left_out.append(rel_path)
            return
        if not self._selection.follow_symlinks:
            batch.below.append(Directory(rel_path))
            return
        status = os.stat(entry.path)  # noqa: PTH116
        identity = (status.st_dev, status.st_ino)
        if identity in self._directory.above:
            self._selection.say_once(rel_path, "it is a link to a directory above it")
            return
        batch.below.append(Directory(rel_path, (*self._directory.above, identity)))


def walk(selection: Selection, calls: GuardedCalls, start: str = "") -> Iterator[Batch]:
    """Yield everything below the upload directory, or below a directory in it, in batches.

    Args:
        selection: judges names and links.
        calls: makes the calls to the file system.
        start: POSIX path relative to the upload directory.
    """
    try:
        pending = [calls.run(lambda touching: _starting_at(selection, start))]
    except (OSError, FileSystemHangError):
        return  # said by whoever looks after the upload directory
    while pending:
        directory = pending.pop()
        entered: set[str] = set()
        for batch in _batches_of(directory, selection, calls):
            pending += [below for below in batch.below if below.rel_path not in entered]
            entered.update(below.rel_path for below in batch.below)
            yield batch


def _batches_of(directory: Directory, selection: Selection, calls: GuardedCalls) -> Iterator[Batch]:
    """Yield the entries of a directory; all over again, but for it, after one that hangs."""
    is_over = False
    while not is_over:
        listing = _Listing(directory, selection)
        try:
            while not listing.is_over:
                yield calls.run(listing.read_some)
            is_over = True
        except FileSystemHangError as error:
            listing = _Listing(directory, selection)  # the call that hangs closes the other
            yield Batch(directory.rel_path, unreadable=[(error.path, error.what)])
            is_over = error.path == directory.rel_path
        finally:
            listing.close()


def _starting_at(selection: Selection, start: str) -> Directory:
    if not selection.follow_symlinks:
        return Directory(start)
    path, above = selection.upload_dir, []
    for part in ("", *start.split("/")) if start else ("",):
        path = path / part
        status = path.stat()
        above.append((status.st_dev, status.st_ino))
    return Directory(start, tuple(above))
