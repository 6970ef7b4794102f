"""The one tree of exceptions: each says what is wrong, where, and what to do about it.

* UploadError
  + StartupError: exit status 2
    - UsageError
    - ConfigError
    + StateDirectoryError
      - AlreadyRunningError
    - WrongClusterError
  + LedgerError
    - LedgerDamagedError
  + SourceError
    - SourceUnreadableError
    - SourceGoneError
    - SourceChangedError
    - SourceRefusedError
  - FileSystemHangError
  + NotConnectedError
    - TopicGoneError
"""

from __future__ import annotations

#: The exit statuses: something is left; it could not start, or must not go on; a quit was forced.
EXIT_UNFINISHED, EXIT_FAILED, EXIT_FORCED = 1, 2, 130


class UploadError(Exception):
    """Base of everything this program raises on purpose.

    Args:
        what: what is wrong, one sentence without a full stop, never with a secret in it.
        where: the option, config key, file or line that it is about; empty where there is none.
        remedy: what the reader can do about it.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}. {self.remedy}" if self.remedy else text


class StartupError(UploadError):
    """The program cannot start, or must not go on: exit status 2."""


class UsageError(StartupError):
    """A word on the command line is wrong."""


class ConfigError(StartupError):
    """The config file cannot be read, or a key in it is wrong."""


class StateDirectoryError(StartupError):
    """The state directory cannot be used: refused place, not writable, or owned by another."""


class AlreadyRunningError(StateDirectoryError):
    """Another instance uploads this directory to this topic."""


class WrongClusterError(StartupError):
    """The ledger speaks of another Kafka cluster, or another topic of the same name."""


class LedgerError(UploadError):
    """The ledger cannot be written just now; nothing is recorded as sent that is not in it."""


class LedgerDamagedError(LedgerError):
    """The ledger cannot be read back: it has to be set aside and rebuilt."""


class SourceError(UploadError):
    """A file cannot be read as the version that was asked for."""


class SourceUnreadableError(SourceError):
    """The file is there and cannot be opened or read; tried again later."""


class SourceGoneError(SourceError):
    """The file is no longer there."""


class SourceChangedError(SourceError):
    """The file's bytes are no longer those of the version."""


class SourceRefusedError(SourceError):
    """The file must not be uploaded: it leaves the directory, or is no regular file."""


class FileSystemHangError(UploadError):
    """A file system does not answer.

    Args:
        path: the one that was being looked at.
    """

    def __init__(self, path: str) -> None:
        super().__init__("the file system does not answer")
        self.path = path


class NotConnectedError(UploadError):
    """The cluster cannot be asked just now."""


class TopicGoneError(NotConnectedError):
    """No topic has that name just now."""
