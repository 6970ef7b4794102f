"""Where ledger, tables and log are kept: chosen without touching anything, made when needed."""

from __future__ import annotations

import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tui.config.checks import home_expanded
from tui.config.state_files import STATE_DIRECTORY_NAME, StateFiles, is_state_name
from tui.errors import StateDirectoryError

_OPTION = "--logger_file_path"
#: File names end at 255 bytes, and the longest of ours adds this much to the topic's name.
_MOST_NAME_BYTES, _LONGEST_ADDITION = 255, 65


@dataclass(frozen=True, slots=True)
class Place:
    """Where the state of one upload directory and topic is kept.

    Attributes:
        folder: the state directory. log_file: absolute path of the log file.
        is_temporary: it lives as long as the program.
    """

    folder: Path
    log_file: Path
    is_temporary: bool = False


def choose(given: str | None, upload_dir: Path, topic_name: str, *,
           is_embedded_broker: bool) -> Place:
    """Return where things are kept; creates nothing.

    Args:
        given: ``--logger_file_path``.
        upload_dir: absolute path.
        topic_name: legal.
        is_embedded_broker: no real ledger may hold what only that one acknowledged.

    Raises:
        StateDirectoryError: the place is refused.
    """
    if len(topic_name) + _LONGEST_ADDITION > _MOST_NAME_BYTES:
        raise StateDirectoryError(
            f"the names of ledger and tables would be too long for a file system: the topic's name "
            f"has {len(topic_name)} characters", where="--topic_name",
            remedy=f"Use a topic of at most {_MOST_NAME_BYTES - _LONGEST_ADDITION} characters")
    if is_embedded_broker:
        folder = Path(tempfile.gettempdir()).resolve() / f"upload-demo-{secrets.token_hex(6)}"
        return Place(folder, StateFiles(folder, topic_name).log, is_temporary=True)
    folder, name = _given(given) if given else (upload_dir / STATE_DIRECTORY_NAME, None)
    if folder == upload_dir or upload_dir.is_relative_to(folder):
        raise StateDirectoryError(
            f"the state directory {folder} is the upload directory or above it",
            where=_OPTION, remedy="Choose a directory below it, or beside it")
    return Place(folder, folder / name if name else StateFiles(folder, topic_name).log)


def _given(text: str) -> tuple[Path, str | None]:
    """Return the state directory that a path means, and the log file's name if it is one."""
    path = home_expanded(text)
    if text.startswith("~") and str(path).startswith("~"):
        raise StateDirectoryError(f"there is no home directory for {path.parts[0]}", where=_OPTION,
                                  remedy="Write the whole path, or ./~ for such a name")
    try:
        is_file = path.is_file() or (not path.exists() and path.suffix != ""
                                     and not text.endswith(("/", os.sep)))
        folder, name = (path.parent, path.name) if is_file else (path, None)
        folder = folder.resolve()
    except (OSError, ValueError, RuntimeError) as error:  # the last one: a loop of links
        raise StateDirectoryError(f"{text} cannot be looked at: "
                                  f"{getattr(error, 'strerror', error)}", where=_OPTION,
                                  remedy="Choose another") from error
    if name and is_state_name(name):
        raise StateDirectoryError(f"{name} is the name of a ledger or a table, not of a log",
                                  where=_OPTION, remedy="Name a directory, or a .log file")
    return folder, name
