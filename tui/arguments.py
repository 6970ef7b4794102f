"""The words of the command line: their names, defaults and help."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

from tui.errors import UsageError

_EPILOG = """\
exit status:
  0 all done; 1 something could not be uploaded and stays recorded for the next run;
  2 wrong usage or config, or it could not start; 130 forced quit
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        known = [name for action in self._actions for name in action.option_strings]
        word = next((w for w in message.split() if w.startswith("--")), "")
        close = difflib.get_close_matches(word, known, 1) if "unrecognized" in message else []
        remedy = f"Did you mean {close[0]}?" if close else "See --help"
        raise UsageError(message, remedy=remedy)


def program_version() -> str:
    """Return the version of the installed program."""
    try:
        return version("datafile-upload-directory")
    except PackageNotFoundError:
        return "unknown"


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line.

    Raises:
        UsageError: it cannot be understood.
    """
    parser = _Parser(
        prog="DataFileUploadDirectory", epilog=_EPILOG, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Uploads the files of a directory to an Apache Kafka topic in chunks, and "
        "shows how it is going. Try it without Kafka: DataFileUploadDirectory --demo")
    parser.add_argument("upload_dir", metavar="UPLOAD_DIR", nargs="?",
                        help="existing directory to watch, with everything below it")
    _add_where(parser)
    _add_which(parser)
    _add_how(parser)
    _add_periodic(parser)
    _add_showing(parser)
    return parser.parse_args(argv)


def _option(group: argparse._ArgumentGroup, name: str, help_text: str,
            default: str | None = None, metavar: str | None = None) -> None:
    names = [f"--{name}"]
    if "_" in name:
        names.append(f"--{name.replace('_', '-')}")
    shown = help_text + (f" (default: {default})" if default not in (None, "") else "")
    group.add_argument(*names, dest=name, default=default, metavar=metavar or name.upper(),
                       help=shown)


def _flag(group: argparse._ArgumentGroup, name: str, help_text: str) -> None:
    names = [f"--{name}"]
    if "_" in name:
        names.append(f"--{name.replace('_', '-')}")
    group.add_argument(*names, dest=name, action="store_true", help=help_text)


def _add_where(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where to")
    _option(group, "config", "config file: a path, or the name of an installed one", "demo",
            "CONFIG")
    _option(group, "topic_name", "topic to produce to", "test", "TOPIC")
    _option(group, "partitioning", "`file` keeps all of a path in one partition; `chunk` spreads "
            "its chunks, and consumers that lag may then mix versions", "file", "file|chunk")
    _option(group, "message_fields", "fields of a message; 9 for consumers up to 1.8.6", "10",
            "9|10")
    _flag(group, "new_cluster", "where the ledger speaks of another Kafka cluster, set it aside "
          "and begin anew")


def _add_which(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("which files, and when")
    _option(group, "upload_regex", "upload only paths, relative to UPLOAD_DIR, that match this "
            "from their start (default: all but hidden names and *.log)", None, "REGEX")
    _flag(group, "upload_existing", "also upload what is there at start")
    _option(group, "watchdog_lag_time", "seconds a file must rest before it is queued", "3",
            "SECONDS")
    _option(group, "max_settle_seconds", "send a file that never rests after this time; 0 = "
            "never", "0", "SECONDS")
    _flag(group, "use_polling_observer", "poll instead of listening to the file system, for "
          "network drives")
    _option(group, "rescan_seconds", "period of the scan that finds what events missed; 0 = off",
            "60", "SECONDS")
    _flag(group, "follow_symlinks", "upload what links inside UPLOAD_DIR lead to")


def _add_how(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how")
    _option(group, "n_threads", "upload threads", "2", "N")
    _option(group, "chunk_size", "bytes of a chunk, a power of two", "16384", "BYTES")
    _option(group, "queue_max_size", "megabytes on their way to the broker at most", "500", "MB")
    _option(group, "logger_file_path", "directory of ledger, tables and log, or a log file in it "
            "(default: UPLOAD_DIR/LOGS)", None, "PATH")


def _add_periodic(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("heartbeats and log messages")
    for word, noun, seconds in (("heartbeat", "heartbeats", "900"), ("log", "log messages", "60")):
        _option(group, f"{word}_topic_name", f"topic for {noun} (default: none are sent)", None,
                "TOPIC")
        _option(group, f"{word}_program_id", f"name in the key of {noun} (default: generated)",
                None, "ID")
        _option(group, f"{word}_interval_secs", f"seconds between two {noun}", seconds,
                "SECONDS")


def _add_showing(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what it shows")
    _flag(group, "headless", "plain console; on by itself where stdin or stdout is no terminal")
    _option(group, "update_seconds", "headless: seconds between two `.` lines", "300", "SECONDS")
    _option(group, "refresh_hz", "console: screen updates a second; lower it over slow lines", "",
            "HZ")
    _option(group, "logger_stream_level", "level of what is shown", "info", "LEVEL")
    _option(group, "logger_file_level", "level of the log file", "warning", "LEVEL")
    _flag(group, "dry_run", "say what would be uploaded and why the rest would not, then exit")
    _flag(group, "show_events", "print each file event and what it means here; sends nothing")
    _flag(group, "demo", "try it: sample files arrive in a scratch directory and go to an "
          "embedded broker")
    group.add_argument("--version", action="version",
                       version=f"DataFileUploadDirectory {program_version()}")
