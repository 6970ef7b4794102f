"""Names of files are UTF-8, whatever the locale says: in Latin-1 they would go out as mojibake."""

from __future__ import annotations

import locale
import os
import sys

from tui.errors import UsageError

_UTF8 = ("utf-8", "utf8")


def is_utf8_text(encoding: str | None) -> bool:
    """Return whether an encoding is UTF-8; of an unknown one that is believed."""
    return encoding is None or encoding.lower() in _UTF8


def ensure_utf8() -> None:
    """Restart the program in Python's UTF-8 mode where the locale is another one.

    The process stays the same. What is printed stays in the locale's encoding. Windows and macOS
    always take names as UTF-8.

    Raises:
        UsageError: it cannot be restarted.
    """
    if is_utf8_text(sys.getfilesystemencoding()):
        return
    encoding = locale.getencoding()
    environment = {"PYTHONIOENCODING": f"{encoding}:backslashreplace", **os.environ}
    try:
        # orig_argv[0] may be a bare name, to be searched for on the path.
        os.execve(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]], environment)
    except OSError as error:
        raise UsageError(f"the locale's encoding is {encoding}, and names of files are UTF-8",
                         remedy="Set LC_ALL=C.UTF-8") from error
