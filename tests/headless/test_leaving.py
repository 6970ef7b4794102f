"""Quitting and signals: what is queued is sent first, and a second one does not wait for it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import Program
from tests.waiting import wait_until

QUICK = ("--watchdog_lag_time", "0.1", "--upload_existing")
SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_does_what_quit_does(upload_dir: Path, embedded: Path,
                                      number: signal.Signals) -> None:
    with Program(upload_dir, "--config", str(embedded), *QUICK) as program:
        program.wait_for("connected to")
        program.type("pause")
        program.wait_for("^paused")
        (upload_dir / "a.dat").write_bytes(b"1")
        wait_until(lambda: _check(program, "1 waiting"), "a queued file")
        program.process.send_signal(number)
        assert program.wait() == 0
        assert "a.dat uploaded" in program.text()
        assert "what is queued is uploaded although uploading is paused" in program.text()
        assert "1 file uploaded, 1 B in 1 chunk" in program.text()


def test_signals_that_were_ignored_stay_so(upload_dir: Path, embedded: Path) -> None:
    """A shell that starts a program with & makes it deaf to the Ctrl+C of its terminal."""
    with Program(upload_dir, "--config", str(embedded), *QUICK,
                 wrapper=("sh", "-c", 'trap "" INT; exec "$@"', "sh")) as program:
        program.wait_for("connected to")
        program.process.send_signal(signal.SIGINT)
        program.process.send_signal(signal.SIGINT)
        (upload_dir / "a.dat").write_bytes(b"1")
        program.wait_for("a.dat uploaded")
        program.process.send_signal(signal.SIGTERM)
        assert program.wait() == 0


def _check(program: Program, words: str) -> bool:
    program.type("check")
    return any(words in line for line in program.lines)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_leaves_at_once(upload_dir: Path, nowhere: Path,
                                        number: signal.Signals) -> None:
    (upload_dir / "a.dat").write_bytes(b"1")
    with Program(upload_dir, "--config", str(nowhere), *QUICK) as program:
        wait_until(lambda: _check(program, "1 waiting"), "a queued file")
        program.process.send_signal(number)
        program.wait_for("^1 file left, 1 B; .*127.0.0.1:1")  # the progress of the draining
        program.process.send_signal(number)
        assert program.wait() == 130
        assert "1 file left, 1 B: uploaded at the next start" in program.lines


def test_two_quits_leave_at_once_and_the_next_start_sends(upload_dir: Path, nowhere: Path) -> None:
    (upload_dir / "a.dat").write_bytes(b"1")
    with Program(upload_dir, "--config", str(nowhere), *QUICK) as program:
        wait_until(lambda: _check(program, "1 waiting"), "a queued file")
        program.type("quit")
        program.wait_for("quit again to leave now")
        assert program.quit() == 130
    with Program(upload_dir, "--config", str(nowhere), "--rescan_seconds", "0") as program:
        wait_until(lambda: _check(program, "1 waiting"), "the same queued file")
        program.kill()


def test_a_hang_up_means_nothing_to_a_program_that_was_started_to_survive_it(
        upload_dir: Path, embedded: Path) -> None:
    process = subprocess.Popen(
        ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh", sys.executable, "-m", "tui",
         str(upload_dir), "--config", str(embedded), *QUICK],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        assert b"nothing is kept" in process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        (upload_dir / "a.dat").write_bytes(b"1")
        process.stdin.write(b"files\n")
        process.stdin.flush()
        assert process.stdout.readline()
        process.stdin.write(b"quit\n")
        process.stdin.close()
        assert process.wait(60) == 0
        process.stdout.close()
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_starts_leaves_no_traceback(upload_dir: Path, nowhere: Path,
                                                      number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", str(upload_dir), "--config", str(nowhere)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: (upload_dir / "LOGS").exists() or process.poll() is not None,
                   "the state directory")
        process.send_signal(number)
        process.send_signal(number)
        _, printed = process.communicate(timeout=60)
        assert process.returncode in (0, 130, -number)
        assert b"Traceback" not in printed
    finally:
        process.kill()
        process.wait()
