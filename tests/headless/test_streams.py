"""Nothing that happens to stdin, stdout or stderr stops the program or silences it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import Program
from tests.waiting import wait_until

QUICK = ("--watchdog_lag_time", "0.1", "--upload_existing")


def start(upload_dir: Path, config: Path, redirections: str,
          *options: str) -> subprocess.Popen[bytes]:
    """Start the program by a shell that redirects its streams."""
    words = [sys.executable, "-m", "tui", str(upload_dir), "--config", str(config), *QUICK,
             *options]
    return subprocess.Popen(["sh", "-c", f'exec "$@" {redirections}', "sh", *words],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("redirections", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_it_works_with_closed_streams(upload_dir: Path, nowhere: Path, tmp_path: Path,
                                      redirections: str) -> None:
    log = tmp_path / "state" / "it.log"
    process = start(upload_dir, nowhere, redirections, "--logger_file_level", "info",
                    "--logger_file_path", str(log))
    try:
        wait_until(lambda: log.exists() and "not connected" in log.read_text(), "the log", 60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text()


def test_the_end_of_input_is_not_a_quit(upload_dir: Path, embedded: Path) -> None:
    with Program(upload_dir, "--config", str(embedded), *QUICK) as program:
        program.wait_for("connected to")
        assert program.process.stdin is not None
        program.process.stdin.close()
        (upload_dir / "late.dat").write_bytes(b"1")
        program.wait_for("late.dat uploaded")
        program.process.send_signal(signal.SIGTERM)
        assert program.wait() == 0


def test_a_reader_of_stdout_that_goes_away_stops_nothing(upload_dir: Path,
                                                         embedded: Path) -> None:
    log = upload_dir.with_name("log")
    words = [sys.executable, "-m", "tui", str(upload_dir), "--config", str(embedded), *QUICK,
             "--update_seconds", "0.02"]
    with log.open("wb") as stderr, subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            assert b"nothing is kept" in process.stdout.readline()
            process.stdout.close()
            (upload_dir / "late.dat").write_bytes(b"1")
            wait_until(lambda: "late.dat uploaded" in log.read_text(), "an upload", 60)
            process.stdin.write(b"check\nquit\n")
            process.stdin.close()
            assert process.wait(60) == 0
        finally:
            process.kill()
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("stuck", ["stderr", "stdout"])
def test_s41_a_stream_that_nobody_reads_stops_neither_uploads_nor_commands(
        upload_dir: Path, embedded: Path, tmp_path: Path, stuck: str) -> None:
    """As with Ctrl+S, or a pager that stands still: a pipe holds 64 KiB."""
    other = tmp_path / "other"
    n_files = 2000
    with other.open("wb") as file, subprocess.Popen(
            [sys.executable, "-m", "tui", str(upload_dir), "--headless", "--config", str(embedded),
             "--logger_stream_level", "debug", "--upload_existing", *QUICK],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if stuck == "stdout" else file,
            stderr=subprocess.PIPE if stuck == "stderr" else file) as process:
        try:
            assert process.stdin is not None
            if stuck == "stdout":
                process.stdin.write(b"help\n" * 200)
                process.stdin.flush()
            for i in range(n_files):
                (upload_dir / f"{'long' * 20}{i}").write_bytes(b"x")
            if stuck == "stderr":
                def all_are_sent() -> bool:
                    assert process.stdin is not None
                    process.stdin.write(b"check\n")
                    process.stdin.flush()
                    return f"{n_files:,} uploaded" in other.read_text()

                wait_until(all_are_sent, "all are sent", 120)
                process.stdin.write(b"quit\n")
                process.stdin.flush()
            else:
                wait_until(lambda: other.read_text().count(" is cut into ") == n_files,
                           "all are sent", 120)
                process.send_signal(signal.SIGTERM)
            assert process.wait(120) == 0
        finally:
            process.kill()


def test_a_terminal_that_knows_ascii_only_gets_escapes(upload_dir: Path, embedded: Path) -> None:
    (upload_dir / "größe ☃.dat").write_bytes(b"1")
    with Program(upload_dir, "--config", str(embedded), *QUICK,
                 environment={"PYTHONIOENCODING": "ascii", "LANG": "C"}) as program:
        program.wait_for(r"gr\\xf6\\xdfe \\u2603\.dat uploaded")
        program.type("why größe ☃.dat")
        program.wait_for(r"^gr\\xf6\\xdfe \\u2603\.dat: uploaded at")
        program.type("help")
        program.wait_for("List the commands")
        assert program.quit() == 0


@pytest.mark.parametrize("line", [b"why broken\xff", b"reupload \xff", b"retry \xff",
                                  b"files \xff", b"\xff\xfe", b"why a\x00b"])
def test_a_line_that_is_not_utf_8_is_answered_like_any_other(upload_dir: Path, embedded: Path,
                                                             line: bytes) -> None:
    with Program(upload_dir, "--config", str(embedded), *QUICK) as program:
        program.wait_for("connected to")
        assert program.process.stdin is not None
        program.process.stdin.write(line + b"\n")
        program.type("check")
        program.wait_for("^files ")
        assert "unexpectedly" not in program.text()
        assert program.quit() == 0


def test_signs_of_life(upload_dir: Path, nowhere: Path) -> None:
    with Program(upload_dir, "--config", str(nowhere), "--update_seconds", "0.05") as program:
        wait_until(lambda: program.lines.count(".") >= 3, "three dots")
        program.kill()


def test_answers_go_to_stdout_and_the_log_to_stderr(upload_dir: Path, embedded: Path) -> None:
    with Program(upload_dir, "--config", str(embedded), *QUICK) as program:
        program.wait_for("connected to")
        program.type("check")
        program.wait_for("^broker ")
        assert program.quit() == 0
    assert any(line.startswith("files  ") for line in program.lines)
    assert not any(line.startswith("files  ") for line in program.log)
    assert all(line[:2] == "20" for line in program.log)
    assert not any("INFO" in line for line in program.lines)


def test_an_embedded_broker_is_named_as_long_as_it_runs(upload_dir: Path, embedded: Path) -> None:
    with Program(upload_dir, "--config", str(embedded), "--update_seconds", "0.05") as program:
        wait_until(lambda: sum("nothing is kept" in line for line in program.lines) > 3, "dots")
        program.type("check")
        program.wait_for("^broker .*nothing is kept")
        assert program.quit() == 0
    assert "nothing is kept" in program.lines[-1]


def test_it_never_loads_a_terminal_library(upload_dir: Path, embedded: Path) -> None:
    code = ("import sys\nfrom tui.cli import main\nstatus = main(sys.argv[1:])\n"
            "found = {'textual', 'rich'} & set(sys.modules)\nsys.exit(str(found) if found else "
            "status)")
    done = subprocess.run(
        [sys.executable, "-c", code, str(upload_dir), "--headless", "--config", str(embedded)],
        input="check\nfiles\nhelp\nwhy a\nquit\n", text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", [b"broken\xff", b"two\nlines", "größe ☃ [red]".encode()])
def test_the_upload_directory_may_have_any_name(tmp_path: Path, nowhere: Path,
                                                name: bytes) -> None:
    upload_dir = tmp_path / os.fsdecode(name)
    upload_dir.mkdir()
    for directory in ("LOGS", "../beside"):  # a state directory below it, and one outside
        with Program(upload_dir, "--config", str(nowhere), "--logger_file_path",
                     str(upload_dir / directory)) as program:
            program.wait_for("uploading .* to topic test")
            program.type("check")
            program.wait_for("^files ")
            assert program.quit() == 0
            assert "Traceback" not in program.text()
