"""Names beside a file: of what grows to take its place, and of what is no longer in use."""

from __future__ import annotations

import datetime
import re
import secrets
from pathlib import Path


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
