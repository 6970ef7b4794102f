"""Names under which files are kept that are no longer in use: dated, and never over another."""

from __future__ import annotations

import datetime
import re
from pathlib import Path


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
