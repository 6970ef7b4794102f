"""A small tree of files that changes in all the ways in which people and instruments change one."""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_NAMES = ("a", "b.dat", "c d", "q'uo\"te", "se;mi", "new\nline", "[markup]", "\x1b[31mred", "é",
          "e\u0301", "-dash", "t\tab", "back\\slash", "a_b", "x" * 200)
_DIRECTORIES = ("", "", "d", "d/e", "a_b", "[/x]")
_SLICE = 4 * 1024 * 1024
_SMALL = (0, 1, 10, 16_383, 16_384, 16_385, 70_000, 300_000)
_LARGE = (_SLICE - 1, _SLICE, _SLICE + 1, 5_000_000, 9_000_000, 3 * _SLICE, 20_000_000)
_DAY_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class _Mapping:
    """A file that is written through memory; its number tells it wherever it is renamed to."""

    file: IO[bytes]
    view: mmap.mmap
    inode: int


class Tree:
    """The upload directory, and the memory of every content that it ever held.

    Attributes:
        root: the directory.
        aliases: for each size and time, the contents that files with them had: no program that
            looks at sizes and times can tell those apart.
        changed_at: when each path last changed, monotonic seconds.
        is_watched: whether a program that hears of events is at work.
        unseen: paths that were last written through a mapping, with nobody there to hear of its
            end: neither size nor times tell that they changed.

    Args:
        root: an existing directory.
        memory: an existing directory outside it, for the contents.
        rng: draws everything.
        follow_symlinks: whether links to files count as files.
        max_bytes: after so many bytes were written, only small files are.
    """

    def __init__(self, root: Path, memory: Path, rng: random.Random, *,
                 follow_symlinks: bool = False, max_bytes: int = 120_000_000) -> None:
        self.root = root
        self.changed_at: dict[str, float] = {}
        self.is_watched = True
        self.unseen: set[str] = set()
        self._mapping: _Mapping | None = None
        self._unmapped_at: dict[str, float] = {}
        self._follow_symlinks = follow_symlinks
        self.aliases: dict[tuple[int, int], set[bytes]] = {}
        self._memory = memory
        self._rng = rng
        self._n_bytes_left = max_bytes
        self._last: Path | None = None
        self._is_last_chosen = False
        self._steps: list[tuple[int, Callable[[], str]]] = [
            (14, self._write), (12, self._append), (7, self._truncate), (7, self._rewrite),
            (7, self._patch), (8, self._replace), (8, self._rename), (5, self._delete),
            (5, self._touch), (4, self._restore), (2, self._make_directory),
            (1, self._remove_directory), (2, self._link), (2, self._move_directory),
            (2, self._move_away), (2, self._move_back), (2, self._exchange_directories),
            (4, self._map), (3, self._open_and_close), (1, self._burst)]

    def step(self) -> str:
        """Change something; return what, in a few words."""
        weights, steps = zip(*self._steps, strict=True)
        change: Callable[[], str] = self._rng.choices(steps, weights)[0]
        return change()

    def write_large(self) -> str:
        """Write a file of several slices, while there are bytes left for it."""
        path = self._new_path()
        n_bytes = self._rng.choice(_LARGE[2:])
        if n_bytes > self._n_bytes_left:
            return self._write()
        self._n_bytes_left -= n_bytes
        path.write_bytes(self._rng.randbytes(n_bytes))
        self._remember(path)
        return f"written: {self._name(path)!r}, {n_bytes} bytes"

    def change_last(self) -> str:
        """Change the file that changed last, in one of the ways that are worst while it is sent."""
        if self._last is None or not self._last.exists():
            return self._write()
        steps = (self._patch, self._rewrite, self._truncate, self._append, self._replace,
                 self._delete, self._rename)
        self._is_last_chosen = True
        try:
            return self._rng.choice(steps)()
        finally:
            self._is_last_chosen = False

    def wanted(self) -> dict[str, tuple[os.stat_result, bytes]]:
        """Return each file that is to be uploaded, with its status and its SHA-512."""
        found = {}
        for path in [*self._files(), *self._links()]:
            status = path.stat()
            found[self._name(path)] = (status, hashlib.sha512(path.read_bytes()).digest())
        return found

    def content(self, sha512: bytes) -> bytes | None:
        """Return a content that a file once had."""
        path = self._memory / sha512.hex()
        return path.read_bytes() if path.exists() else None

    def indistinguishable(self, name: str, status: os.stat_result, sha512: bytes) -> set[bytes]:
        """Return the contents that may pass for the present one of a file.

        Only its own, unless nothing but its size and time could tell.
        """
        if name not in self.unseen:
            return {sha512}
        return self.aliases.get((status.st_size, status.st_mtime_ns), set())

    def leave_unwatched(self, seconds: float) -> None:
        """Note that the program has gone, and may not have heard of the last seconds."""
        self.is_watched = False
        since = time.monotonic() - seconds
        self.unseen |= {name for name, at in self._unmapped_at.items() if at >= since}

    def unmap(self) -> str:
        """Write once more through a mapping and end it; what tells of that is its end alone."""
        mapping, self._mapping = self._mapping, None
        if mapping is None:
            return "nothing is mapped"
        mapping.view[0] ^= 0xFF
        mapping.view.close()
        mapping.file.close()
        here = [path for path in self._files() if path.stat().st_ino == mapping.inode]
        for path in here:
            self._remember(path)
            self._unmapped_at[self._name(path)] = time.monotonic()
            if not self.is_watched:
                self.unseen.add(self._name(path))
        return f"written through a mapping, which ended: {[self._name(path) for path in here]}"

    # What steps need.

    def _files(self) -> list[Path]:
        found = []
        for directory, names, files in os.walk(self.root):
            if directory == str(self.root) and "LOGS" in names:
                names.remove("LOGS")
            names.sort()
            found += [Path(directory, name) for name in sorted(files)
                      if not name.startswith(".") and not Path(directory, name).is_symlink()]
        return found

    def _links(self) -> list[Path]:
        """Return the links that are followed to a file inside."""
        if not self._follow_symlinks:
            return []
        return sorted(path for path in self.root.iterdir() if path.is_symlink()
                      and path.is_file() and path.resolve().is_relative_to(self.root))

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _remember(self, path: Path) -> bytes:
        """Keep what a file holds now, and under which size and time."""
        self._last = path
        self.changed_at[self._name(path)] = time.monotonic()
        self.unseen.discard(self._name(path))
        self._unmapped_at.pop(self._name(path), None)
        content = path.read_bytes()
        digest = hashlib.sha512(content).digest()
        status = path.stat()
        self.aliases.setdefault((status.st_size, status.st_mtime_ns), set()).add(digest)
        kept = self._memory / digest.hex()
        if not kept.exists():
            kept.write_bytes(content)
        return digest

    def _bytes(self) -> bytes:
        n_bytes = self._rng.choice(_LARGE if self._rng.random() < 0.2 else _SMALL)
        if n_bytes > self._n_bytes_left:
            n_bytes = self._rng.choice(_SMALL)
        self._n_bytes_left -= n_bytes
        return self._rng.randbytes(n_bytes)

    def _new_path(self) -> Path:
        directory = self.root / self._rng.choice(_DIRECTORIES)
        with contextlib.suppress(FileExistsError, NotADirectoryError):
            directory.mkdir(parents=True, exist_ok=True)
        path = (directory if directory.is_dir() else self.root) / self._rng.choice(_NAMES)
        return path.with_name(path.name + "+") if path.is_dir() or path.is_symlink() else path

    def _some_file(self) -> Path | None:
        """Return a file, often the one that changed last: it may be on its way just now."""
        files = self._files()
        if not files:
            return None
        if self._last in files and (self._is_last_chosen or self._rng.random() < 0.4):
            return self._last
        return self._rng.choice(files)

    def _changed(self, path: Path, before: os.stat_result, what: str) -> str:
        """Restore the time now and then, as some writers do, and remember the content."""
        how = self._rng.random()
        if how < 0.25:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            what += ", its time restored"
        elif how < 0.35:
            self._redate(path)
            what += ", another time given"
        self._remember(path)
        return f"{what}: {self._name(path)!r}, {path.stat().st_size} bytes"

    def _redate(self, path: Path) -> None:
        """Give a file the time of a copy, of a clock that was never set, or of tomorrow."""
        now = path.stat()
        older = now.st_mtime_ns - self._rng.randrange(1, 100) * _DAY_NS
        mtime_ns = self._rng.choice((older, older, 0, -_DAY_NS, now.st_mtime_ns + _DAY_NS))
        os.utime(path, ns=(now.st_atime_ns, mtime_ns))

    # The steps.

    def _write(self) -> str:
        path = self._new_path()
        path.write_bytes(self._bytes())
        self._remember(path)
        return f"written: {self._name(path)!r}, {path.stat().st_size} bytes"

    def _burst(self) -> str:
        directory = self.root / f"burst-{self._rng.randrange(2)}"
        directory.mkdir(exist_ok=True)
        for number in range(200):
            path = directory / f"n{number}"
            path.write_bytes(self._rng.randbytes(self._rng.randrange(3000)))
            self._remember(path)
        return f"200 small files written below {self._name(directory)!r}"

    def _append(self) -> str:
        path = self._some_file()
        if path is None:
            return self._write()
        before = path.stat()
        with path.open("ab") as file:
            file.write(self._bytes()[:2_000_000] or b"+")
        return self._changed(path, before, "appended to")

    def _truncate(self) -> str:
        path = self._some_file()
        if path is None or not path.stat().st_size:
            return self._write()
        before = path.stat()
        os.truncate(path, self._rng.choice((0, before.st_size // 2, before.st_size - 1)))
        return self._changed(path, before, "truncated")

    def _rewrite(self) -> str:
        """Write all of it again, into the same file and as many bytes."""
        path = self._some_file()
        if path is None:
            return self._write()
        before = path.stat()
        with path.open("r+b") as file:
            file.write(self._rng.randbytes(before.st_size))
        return self._changed(path, before, "rewritten in place")

    def _patch(self) -> str:
        path = self._some_file()
        if path is None or not path.stat().st_size:
            return self._write()
        before = path.stat()
        with path.open("r+b") as file:
            file.seek(self._rng.randrange(before.st_size))
            file.write(self._rng.randbytes(self._rng.choice((1, 5000))))
        return self._changed(path, before, "patched")

    def _replace(self) -> str:
        path = self._some_file()
        if path is None:
            return self._write()
        before = path.stat()
        hidden = path.with_name(".part")
        hidden.write_bytes(self._bytes())
        hidden.replace(path)
        return self._changed(path, before, "replaced by renaming")

    def _rename(self) -> str:
        path, target = self._some_file(), self._new_path()
        if path is None or path == target:
            return self._write()
        path.rename(target)
        self._remember(target)
        return f"renamed: {self._name(path)!r} to {self._name(target)!r}"

    def _delete(self) -> str:
        path = self._some_file()
        if path is None:
            return self._write()
        path.unlink()
        return f"deleted: {self._name(path)!r}"

    def _touch(self) -> str:
        path = self._some_file()
        if path is None:
            return self._write()
        path.touch()
        self._remember(path)
        return f"touched: {self._name(path)!r}"

    def _restore(self) -> str:
        """Put a content back that some file once had, as from a backup, with another time."""
        path, kept = self._some_file(), sorted(self._memory.iterdir())
        if path is None or not kept:
            return self._write()
        before = path.stat()
        path.write_bytes(self._rng.choice(kept).read_bytes())
        return self._changed(path, before, "restored from a backup")

    def _make_directory(self) -> str:
        """Move a directory in that was filled elsewhere."""
        outside = self._memory.parent / "outside"
        outside.mkdir()
        for number in range(self._rng.randrange(1, 6)):
            (outside / f"m{number}").write_bytes(self._rng.randbytes(self._rng.choice(_SMALL)))
        target = self.root / f"moved-{self._rng.randrange(5)}"
        if target.exists():
            shutil.rmtree(target)
        outside.rename(target)
        self._remember_below(target)
        return f"directory moved in: {self._name(target)!r}"

    def _remember_below(self, directory: Path) -> None:
        for path in sorted(directory.rglob("*")):
            if path.is_file() and not path.is_symlink():
                self._remember(path)

    def _directories(self) -> list[Path]:
        return sorted(p for p in self.root.iterdir()
                      if p.is_dir() and p.name != "LOGS" and not p.is_symlink())

    def _remove_directory(self) -> str:
        directories = self._directories()
        if not directories:
            return self._write()
        shutil.rmtree(path := self._rng.choice(directories))
        return f"directory removed: {self._name(path)!r}"

    def _move_directory(self) -> str:
        directories = self._directories()
        target = self.root / f"renamed-{self._rng.randrange(3)}"
        if not directories or target.exists():
            return self._write()
        path = self._rng.choice(directories)
        path.rename(target)
        self._remember_below(target)
        return f"directory renamed: {self._name(path)!r} to {self._name(target)!r}"

    def _move_away(self) -> str:
        """Move a directory out of the tree, as an archive does with finished runs."""
        directories = self._directories()
        away = self._memory.parent / f"away-{self._rng.randrange(2)}"
        if not directories or away.exists():
            return self._write()
        path = self._rng.choice(directories)
        path.rename(away)
        if self._rng.random() < 0.5:  # its name is taken, and given back, at once
            path.mkdir()
            path.rmdir()
        return f"directory moved away: {self._name(path)!r}"

    def _move_back(self) -> str:
        away = self._memory.parent / f"away-{self._rng.randrange(2)}"
        target = self.root / f"back-{self._rng.randrange(2)}"
        if not away.exists() or target.exists():
            return self._write()
        away.rename(target)
        self._remember_below(target)
        return f"directory moved back: {self._name(target)!r}"

    def _exchange_directories(self) -> str:
        directories = self._directories()
        if len(directories) < 2:
            return self._write()
        one, other = self._rng.sample(directories, 2)
        between = self._memory.parent / "between"
        one.rename(between)
        other.rename(one)
        between.rename(other)
        for path in (one, other):
            self._remember_below(path)
        return f"directories exchanged: {self._name(one)!r} and {self._name(other)!r}"

    def _map(self) -> str:
        """Write through a mapping that stays open, so that later writes change no time."""
        if self._mapping is not None:
            return self.unmap()
        path = self._some_file()
        if path is None or not path.stat().st_size:
            return self._write()
        file = path.open("r+b")
        view = mmap.mmap(file.fileno(), 0)
        view[0] ^= 0xFF
        self._mapping = _Mapping(file, view, path.stat().st_ino)
        self._remember(path)
        return f"mapped: {self._name(path)!r}"

    def _open_and_close(self) -> str:
        """Open a file for writing and close it, again and again, without a change."""
        path = self._some_file()
        if path is None:
            return self._write()
        for _ in range(self._rng.randrange(1, 20)):
            with path.open("ab"):
                pass
        return f"opened and closed: {self._name(path)!r}"

    def _link(self) -> str:
        path = self.root / f"link-{self._rng.randrange(4)}"
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self.changed_at[self._name(path)] = time.monotonic()
        path.symlink_to(self._rng.choice(("a", "nowhere", ".", "../..", "/etc/hostname")))
        return f"linked: {self._name(path)!r}"
