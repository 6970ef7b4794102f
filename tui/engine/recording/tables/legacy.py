"""Reads the tables that OpenMSIStream left, so that a directory moves over without being resent.

The dialect: ``;`` between fields; text and times in quotes as Python's ``repr`` writes them; times
as ``%a %b %d, %Y at %H:%M:%S`` in local time; chunk sets as ``{1, 2, 3}`` or ``set()``; no newline
at the end, so that files joined by hand have a header glued to the row before it.
"""

from __future__ import annotations

import ast
import datetime
import logging
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from tui.config.state_files import StateFiles, kept_name
from tui.engine.recording.tables.rows import BadRow, is_ours

logger = logging.getLogger(__name__)

_TIME = "%a %b %d, %Y at %H:%M:%S"
_UPLOADED = "filename;rel_filepath;n_chunks;started;completed"
_IN_PROGRESS = ("filename;rel_filepath;n_chunks;n_chunks_delivered;n_chunks_to_send;started;"
                "chunks_delivered;chunks_to_send")
_PART_END = re.compile(r"_p\d+(_\d[\dATZatz:.+_-]*)?")
_HEADERS = re.compile(f"{re.escape(_IN_PROGRESS)}|{re.escape(_UPLOADED)}")
_N_FIELDS = (_UPLOADED.count(";") + 1, _IN_PROGRESS.count(";") + 1)
_FIELD = re.compile(r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|[^;'"\n]*""")


@dataclass(frozen=True, slots=True)
class LegacyUploaded:
    """A file that was uploaded; times are seconds since the epoch."""

    rel_path: str
    n_chunks: int
    started: float
    completed: float


@dataclass(frozen=True, slots=True)
class LegacyInProgress:
    """A file that was not finished; it is sent again, whole."""

    rel_path: str
    n_chunks: int
    n_chunks_delivered: int


def find_legacy_tables(state_dir: Path, topic: str) -> list[Path]:
    """Return OpenMSIStream's tables of a topic: exactly its names, and not in our dialect.

    A part of one topic's table may have the name of another topic's table: ``uploaded_to_x_p0.csv``
    is taken for that of a topic only where nothing speaks for the other one. Files that are sent
    once more do less harm than files that count as sent to a topic that never saw them.
    """
    try:
        names = {p.name for p in state_dir.iterdir() if p.is_file()}
    except OSError:
        return []
    files = StateFiles(state_dir, topic)
    wanted = {files.in_progress.name, files.uploaded.name}
    parts = re.compile(rf"uploaded_to_{re.escape(topic)}{_PART_END.pattern}\.csv")
    found = []
    for name in sorted(names):
        if name not in wanted and not parts.fullmatch(name) or is_ours(state_dir / name):
            continue
        rival = _rival(name, topic, names)
        if rival:
            logger.warning("%s may be a table of the topic %s: it is not imported", name, rival)
        else:
            found.append(state_dir / name)
    return found


def _rival(name: str, topic: str, names: set[str]) -> str:
    """Return the other topic whose table this may be; empty where there is no sign of one."""
    whole = name.removeprefix("uploaded_to_").removesuffix(".csv")
    if name.startswith("upload_to_"):
        return ""
    if whole != topic:
        rivals = [whole]  # as a part it is ours; it may be all of the other one's
    else:
        rivals = [whole[:match.start()] for match in re.finditer(r"_p\d+", whole)
                  if _PART_END.fullmatch(whole[match.start():])]
    if whole == topic and f"upload_to_{topic}_in_progress.csv" in names:
        return ""
    ends = ("_in_progress.csv", ".sqlite3", ".log")
    return next((rival for rival in rivals
                 if any(f"upload_to_{rival}{end}" in names for end in ends)), "")


def read_legacy(path: Path) -> Iterator[LegacyUploaded | LegacyInProgress | BadRow]:
    """Yield the rows of one table; what cannot be read is yielded as it stands."""
    header = ""
    text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        for piece in _pieces(line):
            if piece in (_UPLOADED, _IN_PROGRESS):
                header = piece
                continue
            try:
                yield _row(header, piece)
            except (ValueError, SyntaxError, TypeError) as error:
                shown = piece.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
                yield BadRow(path, number, str(error), shown)


def _pieces(line: str) -> Iterator[str]:
    """Split a line before and after headers that were glued to it."""
    if _is_row(line):
        yield line  # and if it speaks of a file that is named like a header
        return
    start = 0
    for match in _HEADERS.finditer(line):
        if line[start:match.start()].strip():
            yield line[start:match.start()].strip()
        yield match.group()
        start = match.end()
    if line[start:].strip():
        yield line[start:].strip()


def _is_row(line: str) -> bool:
    try:
        return len(_fields(line)) in _N_FIELDS and line[:1] in ("'", '"')
    except ValueError:
        return False


def _row(header: str, text: str) -> LegacyUploaded | LegacyInProgress:
    fields = _fields(text)
    names = header.split(";")
    if not header or len(fields) != len(names):
        raise ValueError(f"it has {len(fields)} fields, its header {len(names) if header else 0}")
    values = dict(zip(names, fields, strict=True))
    rel_path = PurePath(_text(values["rel_filepath"])).as_posix()
    if not rel_path or rel_path.startswith("/") or ".." in rel_path.split("/"):
        raise ValueError("its path is not inside the directory")
    rel_path.encode()
    n_chunks = int(values["n_chunks"])
    if header == _IN_PROGRESS:
        return LegacyInProgress(rel_path, n_chunks, int(values["n_chunks_delivered"]))
    return LegacyUploaded(rel_path, n_chunks, _time(values["started"]),
                          _time(values["completed"]))


def _fields(text: str) -> list[str]:
    found, position = [], 0
    while True:
        match = _FIELD.match(text, position)
        if match is None:
            raise ValueError("a quote is not closed")
        found.append(match.group())
        position = match.end()
        if position == len(text):
            return found
        if text[position] != ";":
            raise ValueError(f"no ; after field {len(found)}")
        position += 1


def _text(field: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old tables write backslashes as later Pythons would not
        value = ast.literal_eval(field) if field[:1] in ("'", '"') else field
    if not isinstance(value, str):
        raise ValueError("it is no text")
    return value


def _time(field: str) -> float:
    return datetime.datetime.strptime(_text(field), _TIME).timestamp()


def is_held_by(row: LegacyUploaded, n_bytes: int, mtime_seconds: float) -> bool:
    """Return whether a file on the disk can be the one that a row says was uploaded.

    The rows know no size and no hash: the file must be older than the upload's start, and its
    size must give the chunk count for some power of two.
    """
    if mtime_seconds >= row.started or row.n_chunks < 1:
        return False
    if n_bytes == 0:
        return row.n_chunks == 1
    return any(-(-n_bytes // (1 << power)) == row.n_chunks
               for power in range(n_bytes.bit_length() + 1))


def set_aside(path: Path) -> Path:
    """Rename a table that was taken over, whole, so that no row of it is lost.

    Raises:
        OSError: it cannot be renamed.
    """
    return path.rename(kept_name(path, "taken-over"))
