"""The words of the command line: their names, defaults and help."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from tui.errors import UsageError

_DESCRIPTION = """\
Uploads files from a directory to an Apache Kafka topic, in chunks, as they
appear, and shows the progress. Try it without Kafka:
DataFileUploadDirectory --demo
"""
_EPILOG = """\
Every option may be written with - for _ (--topic-name).

exit status:
  0    everything is uploaded
  1    something could not be uploaded, and is recorded for the next run
  2    wrong usage or config, or the program could not start
  130  forced quit
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        known = [name for action in self._actions for name in action.option_strings]
        word = next((w for w in message.split() if w.startswith("--")), "").partition("=")[0]
        close = difflib.get_close_matches(word, known, 1) if "unrecognized" in message else []
        remedy = f"Did you mean {close[0]}?" if close else "See --help"
        raise UsageError(message, remedy=remedy)

    def _print_message(self, message: str, file: Any = None) -> None:
        """Write the help or the version; a reader that has gone is no error, a full disk is."""
        stream = file or sys.stdout
        try:
            if stream is not None:
                stream.write(message)
                stream.flush()
        except BrokenPipeError:
            sys.stdout = None
        except OSError as error:
            sys.stdout = None  # or its rest would be tried again at the end
            raise UsageError(f"it cannot be written to the standard output: {error.strerror}",
                             remedy="Send it elsewhere") from error


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Shows one spelling of each option, so that the help fits 80 columns."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=79)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings:
            return super()._format_action_invocation(action)
        names = [n for n in action.option_strings if "-" not in n.lstrip("-")]
        value = f" {action.metavar}" if action.nargs != 0 else ""
        return ", ".join(names) + value


class _PrintVersion(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        parser._print_message(f"DataFileUploadDirectory {program_version()}\n", sys.stdout)
        parser.exit()


def program_version() -> str:
    """Return the version of the installed program."""
    # Only here: it takes as long as a fifth of all other modules together.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("datafile-upload-directory")
    except PackageNotFoundError:
        return "unknown"


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line.

    Raises:
        UsageError: it cannot be understood.
    """
    parser = _Parser(prog="DataFileUploadDirectory", description=_DESCRIPTION, epilog=_EPILOG,
                     usage="%(prog)s UPLOAD_DIR --config CONFIG [options]",
                     allow_abbrev=False, formatter_class=_Formatter)
    parser.add_argument("upload_dir", metavar="UPLOAD_DIR", nargs="?",
                        help="existing directory to watch, with everything below it")
    _add_where(parser)
    _add_which(parser)
    _add_how(parser)
    _add_periodic(parser)
    _add_showing(parser)
    _add_trying(parser)
    return parser.parse_args(argv)


def _option(group: argparse._ArgumentGroup, name: str, help_text: str, default: str | None,
            metavar: str, shown_default: str = "") -> None:
    group.add_argument(*_spellings(name), dest=name, default=default, metavar=metavar,
                       help=f"{help_text} (default: {shown_default or default})")


def _flag(group: argparse._ArgumentGroup, name: str, help_text: str,
          shown_default: str = "off") -> None:
    group.add_argument(*_spellings(name), dest=name, action="store_true",
                       help=f"{help_text} (default: {shown_default})")


def _spellings(name: str) -> list[str]:
    return [f"--{name}"] + ([f"--{name.replace('_', '-')}"] if "_" in name else [])


def _add_where(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where to")
    _option(group, "config", "config file: a path, or the name, with or without .config, of a "
            "file in $OPENMSISTREAM_CONFIG_FILE_DIR or of an installed one; demo is a broker "
            "inside this program, which keeps nothing", "demo", "CONFIG")
    _option(group, "topic_name", "topic to produce to", "test", "TOPIC")
    _option(group, "partitioning", "file: all chunks and versions of a path go to one partition, "
            "so that every consumer sees them in order. chunk: chunks are spread over all "
            "partitions by key, so that one file can use several brokers; consumers that lag or "
            "read from the start may then mix versions of a file that was sent more than once, "
            "and not rebuild it", "file", "file|chunk")
    _option(group, "message_fields", "fields of a message; 9 leaves out the modification time, "
            "for consumers up to 1.8.6", "10", "9|10")
    _flag(group, "new_cluster", "if the ledger belongs to another Kafka cluster or topic, set it "
                                "and "
          "its tables aside and start a new one; otherwise no effect")


def _add_which(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("which files, and when")
    _option(group, "upload_regex", "upload only paths, relative to UPLOAD_DIR and with /, that "
            "match this regular expression from their start", None, "REGEX",
            "all but names beginning with . or ending in .log, at any depth")
    _flag(group, "upload_existing", "also upload files that already exist at start")
    _option(group, "watchdog_lag_time", "seconds, fractions allowed, that a file must stay "
            "unchanged before it is queued", "3", "SECONDS")
    _option(group, "max_settle_seconds", "upload a file that never stops changing after this many "
            "seconds; 0 means never", "0", "SECONDS")
    _flag(group, "use_polling_observer", "poll for changes instead of using file-system events, "
                                         "for "
          "network drives that deliver none")
    _option(group, "rescan_seconds", "seconds between two scans, which find what the events "
                                     "missed; 0 "
            "turns them off", "60", "SECONDS")
    _flag(group, "follow_symlinks", "upload what symbolic links lead to, under the path of the "
          "link, unless it is outside UPLOAD_DIR")


def _add_how(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how")
    _option(group, "n_threads", "upload threads", "2", "N")
    _option(group, "chunk_size", "bytes of a chunk, a power of two", "16384", "BYTES")
    _option(group, "queue_max_size", "most megabytes (10^6 bytes) of payload on their way to the "
            "broker", "500", "MB")
    _option(group, "logger_file_path", "directory for ledger, tables and log; or a log file, whose "
            "directory is used for all of them", None, "PATH", "UPLOAD_DIR/LOGS")
    _option(group, "state_group", "group that may read ledger, tables and log; nobody else "
            "may", None, "GROUP", "none")


def _add_periodic(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("heartbeats and log messages")
    for word, noun, seconds in (("heartbeat", "heartbeats", "900"), ("log", "log messages", "60")):
        _option(group, f"{word}_topic_name", f"topic for {noun}", None, "TOPIC", "none are sent")
        _option(group, f"{word}_program_id", f"name of this program in the key of {noun}", None,
                "ID", "generated")
        _option(group, f"{word}_interval_secs", f"seconds between two {noun}", seconds,
                "SECONDS")


def _add_showing(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what it shows")
    _flag(group, "headless", "plain console: commands on stdin, answers on stdout, log on stderr",
          "off, on where stdin or stdout is no terminal")
    _option(group, "update_seconds", "headless: seconds between two dots", "300",
            "SECONDS")
    _option(group, "refresh_hz", "console: screen updates per second; fewer for slow lines", None,
            "HZ", "4, or refresh_hz in [console]")
    _option(group, "logger_stream_level", "minimum level of log lines to show: debug, info, "
            "warning, error, critical, or a number", "info", "LEVEL")
    _option(group, "logger_file_level", "minimum level of log lines to write to the log "
                                        "file", "warning",
            "LEVEL")


def _add_trying(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("trying it")
    _flag(group, "dry_run", "list which files would be uploaded, and why the others would not, "
                            "then "
          "exit; creates, writes and contacts nothing")
    _flag(group, "show_events", "print each file event and what it means here, until interrupted; "
          "sends and writes nothing")
    _flag(group, "demo", "upload sample files from a scratch directory to a broker inside this "
          "program; needs no other argument, and keeps nothing")
    group.add_argument("--version", action=_PrintVersion, nargs=0, default=argparse.SUPPRESS,
                       help="print the version and exit")
