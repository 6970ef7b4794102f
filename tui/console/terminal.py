"""A terminal driver that outlives its terminal.

Textual writes on a thread that ends with the first failed write; the app then waits for ever to
hand it more. When a terminal hangs up, that would keep the program from ever ending.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, cast

from textual.driver import Driver

if TYPE_CHECKING:
    from textual.app import App


class LossyFile:
    """A terminal's file that takes everything, and says once that it was lost.

    Args:
        file: the real one.
        on_loss: called with the error on the writing thread.
    """

    def __init__(self, file: IO[str], on_loss: Callable[[OSError], None]) -> None:
        self._file = file
        self._on_loss = on_loss
        self._is_lost = False
        self.n_written = 0  #: characters so far

    def write(self, text: str) -> int:
        """Write, or drop what cannot be written any more."""
        self.n_written += len(text)
        self._try(lambda: self._file.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush, where there is still somewhere to."""
        self._try(self._file.flush)

    def fileno(self) -> int:
        """Return the real file's number."""
        return self._file.fileno()

    def isatty(self) -> bool:
        """Return whether the real file is a terminal."""
        return self._file.isatty()

    def _try(self, write: Callable[[], object]) -> None:
        if self._is_lost:
            return
        try:
            write()
        except OSError as error:
            self._is_lost = True
            self._on_loss(error)


def lasting_driver(base: type[Driver], on_loss: Callable[[OSError], None]) -> type[Driver]:
    """Return a platform's driver, made to survive the loss of its terminal.

    Args:
        base: the driver.
        on_loss: called once, on another thread.
    """
    class LastingDriver(base):  # type: ignore[valid-type, misc]
        def __init__(self, app: App[Any], **options: Any) -> None:
            super().__init__(app, **options)
            file = getattr(self, "_file", None)
            if file is not None:
                self._file = LossyFile(file, on_loss)

    return cast(type[Driver], LastingDriver)
