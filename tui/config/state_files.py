"""The names of all files in a state directory: ledger, tables, log, and their copies."""

from __future__ import annotations

import datetime
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

#: The state directory's name where none is given; a directory of this name is never uploaded.
STATE_DIRECTORY_NAME = "LOGS"
#: Files that SQLite may keep beside a database; https://www.sqlite.org/tempfiles.html.
SQLITE_SUFFIXES = ("-wal", "-shm", "-journal")

_LEDGER_PREFIX, _LEDGER_SUFFIX = "upload_to_", ".sqlite3"
_LEDGER_NAME = re.compile(rf"{_LEDGER_PREFIX}.+\.sqlite3")
_STATE_NAME = re.compile(r"\.?upload(ed)?_to_.+\.(sqlite3|csv|json)\b.*")


@dataclass(frozen=True, slots=True)
class StateFiles:
    """The files of one topic.

    Attributes:
        folder: the state directory.
        topic_name: the topic.
    """

    folder: Path
    topic_name: str

    @property
    def ledger(self) -> Path:
        """What has been sent, and what is to be: an SQLite database."""
        return self._upload_to(_LEDGER_SUFFIX)

    @property
    def log(self) -> Path:
        """The log, where no other name is given."""
        return self._upload_to(".log")

    @property
    def in_progress(self) -> Path:
        """The table of unfinished files."""
        return self._upload_to("_in_progress.csv")

    @property
    def waiting(self) -> Path:
        """The table of the rest of a long queue."""
        return self._upload_to("_in_progress@waiting.csv")

    @property
    def uploaded(self) -> Path:
        """The table of uploaded files."""
        return self.folder / f"uploaded_to_{self.topic_name}.csv"

    def uploaded_part(self, number: int) -> Path:
        """Return a part of the uploaded table, as it is written while the program runs."""
        return self.folder / f"uploaded_to_{self.topic_name}@{number}.csv"

    def uploaded_parts(self) -> list[Path]:
        """Return the parts that are there, the oldest first.

        Raises:
            OSError: the directory cannot be read.
        """
        pattern = re.compile(rf"uploaded_to_{re.escape(self.topic_name)}@(\d+)\.csv")
        found = [(int(match[1]), path) for path in self.folder.iterdir()
                 if (match := pattern.fullmatch(path.name))]
        return [path for _, path in sorted(found)]

    def names(self) -> re.Pattern[str]:
        """Return what matches all these names but the log's, and those of SQLite's files."""
        topic = re.escape(self.topic_name)
        return re.compile(
            rf"upload_to_{topic}(\.sqlite3({'|'.join(SQLITE_SUFFIXES)})?|\.owner\.json"
            rf"|_in_progress(@waiting)?\.csv)|uploaded_to_{topic}(@\d+)?\.csv")

    def growing_names(self) -> re.Pattern[str]:
        """Return what matches the names under which these files grow; see :func:`growing_name`."""
        return re.compile(rf"\.({self.names().pattern})(\..+)?\.new")

    def _upload_to(self, suffix: str) -> Path:
        return self.folder / f"{_LEDGER_PREFIX}{self.topic_name}{suffix}"


def owner_of(ledger: Path) -> Path:
    """Return where it stands which process holds a ledger."""
    return ledger.with_name(ledger.name.removesuffix(_LEDGER_SUFFIX) + ".owner.json")


def may_be_ledger_name(name: str) -> bool:
    """Return whether a name begins as that of a ledger does; quick, for long directories."""
    return name.startswith(_LEDGER_PREFIX)


def is_ledger_name(name: str) -> bool:
    """Return whether a file name is that of a ledger of this program."""
    return _LEDGER_NAME.fullmatch(name) is not None


def is_state_name(name: str) -> bool:
    """Return whether a file name is that of a ledger or a table, whatever the topic."""
    return _STATE_NAME.fullmatch(name) is not None


def growing_name(path: Path) -> Path:
    """Return the hidden name under which a file grows that is to take another's place.

    Nobody can foresee it, and so have laid a link under it.
    """
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.new")


def kept_name(path: Path, why: str) -> Path:
    """Return the name under which a file is set aside; nothing has it yet.

    Args:
        path: of the file.
        why: a word or two for the name, such as ``damaged``; what a file name could not hold of
            it is left out.
    """
    stamp = datetime.datetime.now().strftime("%Y-%m-%dT%H%M%S")
    base = f"{path.name}.{re.sub('[^A-Za-z0-9_-]', '', why)}-{stamp}"
    target, number = path.with_name(base), 1
    while target.exists() or target.with_name(target.name + "-wal").exists():
        number += 1
        target = path.with_name(f"{base}-{number}")
    return target
