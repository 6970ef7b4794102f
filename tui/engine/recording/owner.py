"""Who holds a ledger: only for the message to whoever else wants it; the lock alone decides."""

from __future__ import annotations

import datetime
import json
import logging
import os
import socket
from pathlib import Path

from tui.config.state_files import owner_of
from tui.engine.system.files import replace_with
from tui.errors import AlreadyRunningError

logger = logging.getLogger(__name__)


def write_owner(path: Path) -> None:
    """Name this process as the one that holds a ledger."""
    start = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    owner = {"pid": os.getpid(), "host": socket.gethostname(), "start": start}
    try:
        replace_with(owner_of(path), lambda file: file.write(json.dumps(owner) + "\n"))
    except OSError as error:
        logger.warning("%s cannot be written: %s", owner_of(path).name, error.strerror)


def already_running(path: Path) -> AlreadyRunningError:
    """Return the error that names the owner of a ledger; the lock has shown that there is one."""
    try:
        owner = json.loads(owner_of(path).read_text("utf-8"))
        who = f": process {owner['pid']} on {owner['host']}, started {owner['start']}"
    except (OSError, ValueError, KeyError, TypeError):
        who = ""  # the file only helps the message; the lock alone decides
    return AlreadyRunningError(
        f"another instance uploads this directory to this topic{who}", where=str(path),
        remedy="Stop it first (quit, or SIGTERM to its process), or leave it at work")
