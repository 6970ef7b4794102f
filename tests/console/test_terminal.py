"""The program in a real pseudo-terminal, without a broker of the tests' own."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from tests.terminal import Terminal, last_lines
from tests.waiting import wait_until
from tui.console.terminal import LossyFile


@pytest.fixture
def upload_dir(tmp_path: Path) -> Path:
    path = tmp_path / "upload"
    path.mkdir()
    return path


def test_start_up_errors_are_printed_and_no_screen_is_opened(tmp_path: Path) -> None:
    with Terminal(str(tmp_path / "missing")) as terminal:
        assert terminal.wait() == 2
        assert b"there is no directory" in terminal.output
        assert b"\x1b[?1049h" not in terminal.output


def test_a_wrong_console_section_is_refused_with_file_and_line(tmp_path: Path,
                                                               upload_dir: Path) -> None:
    config = tmp_path / "a.config"
    config.write_text("[broker]\ntest.mock.num.brokers = 1\n[producer]\n[console]\ntheme = none\n")
    with Terminal(str(upload_dir), "--config", str(config), size=(200, 30)) as terminal:
        assert terminal.wait() == 2
        assert b"a.config, line 5, [console] theme: there is no theme none" in terminal.output
        assert b"\x1b[?1049h" not in terminal.output
    assert list(upload_dir.iterdir()) == []


def test_a_ledger_that_is_in_use_is_said_after_no_screen(upload_dir: Path, tmp_path: Path) -> None:
    config = tmp_path / "a.config"
    config.write_text("[broker]\nbootstrap.servers = localhost:1\n[producer]\n")
    words = (str(upload_dir), "--config", str(config))
    with Terminal(*words) as first:
        first.wait_for("Broker unreachable")
        with Terminal(*words, size=(200, 30)) as second:
            assert second.wait() == 2
            assert str(first.child.pid).encode() in second.output
        first.press("q")
        first.wait_for("Quit?")
        first.press("\r")
        assert first.wait() == 0, last_lines(first)


def test_an_idle_screen_sends_next_to_nothing(upload_dir: Path) -> None:
    def n_bytes_until_the_next_second() -> int:
        """Return how much comes until the clock in the title moves on."""
        n_before, clock = len(terminal.output), shown_clock()
        wait_until(lambda: terminal.read(0.05) and shown_clock() != clock, "the clock moves on")
        return len(terminal.output) - n_before

    def shown_clock() -> str:
        return terminal.text().split("\n")[0].split()[-2]

    with Terminal(str(upload_dir), "--config", "demo") as terminal:
        terminal.wait_for("watching for new files", "connected since")
        # However long the first screen takes: then there is nothing to show but ages.
        wait_until(lambda: n_bytes_until_the_next_second() < 500, "the screen is at rest")
        n_bytes = sum(n_bytes_until_the_next_second() for _ in range(10))
        assert n_bytes <= 10 * 500  # a whole screen is about 20,000
        terminal.press("q")
        terminal.wait_for("Quit?")
        terminal.press("q")
        assert terminal.wait() == 0


@pytest.mark.parametrize("keys", ["q", "\x03", "\x11"])
def test_the_terminal_is_restored(upload_dir: Path, keys: str) -> None:
    with Terminal(str(upload_dir), "--config", "demo") as terminal:
        terminal.wait_for("watching for new files")
        terminal.press(keys)
        terminal.wait_for("Quit?")
        terminal.press("\r")
        assert terminal.wait() == 0
        terminal.assert_restored()
        assert "0 files uploaded" in last_lines(terminal)
        assert "nothing is kept" in last_lines(terminal)


def test_a_second_signal_forces(tmp_path: Path, upload_dir: Path) -> None:
    config = tmp_path / "a.config"
    config.write_text("[broker]\nbootstrap.servers = localhost:1\n[producer]\n")
    (upload_dir / "a.dat").write_bytes(b"a")
    with Terminal(str(upload_dir), "--config", str(config), "--upload_existing",
                  "--watchdog_lag_time", "0") as terminal:
        terminal.wait_for("1 waiting")
        terminal.signal(signal.SIGTERM)
        terminal.wait_for("Quitting when everything queued is")
        terminal.signal(signal.SIGTERM)
        assert terminal.wait() == 130
        terminal.assert_restored()


def test_a_broken_console_is_reported_and_the_upload_is_finished(
        tmp_path: Path, upload_dir: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "if sys.argv[0] == '-m':\n"
        "    from tui.console.panes import totals\n"
        "    def broken(*arguments):\n"
        "        password = 'hunter2'\n"
        "        raise ZeroDivisionError('scripted')\n"
        "    totals.Totals.draw = staticmethod(broken)\n")
    (upload_dir / "a.dat").write_bytes(b"a" * 100_000)
    log = tmp_path / "state" / "our.log"
    with Terminal(str(upload_dir), "--config", "demo", "--upload_existing",
                  "--watchdog_lag_time", "0", size=(200, 30),
                  environment={"PYTHONPATH": os.pathsep.join((str(tmp_path), str(Path.cwd())))}) \
            as terminal:
        assert terminal.wait() == 1
        terminal.assert_restored()
        text = last_lines(terminal)
    assert "the console ended by an unexpected error: ZeroDivisionError: scripted" in text
    assert "hunter2" not in text
    assert "1 file uploaded" in text
    assert not log.exists()


def test_a_lost_terminal_ends_the_program(upload_dir: Path) -> None:
    with Terminal(str(upload_dir), "--config", "demo") as terminal:
        terminal.wait_for("watching for new files")
        terminal.hang_up()
        wait_until(lambda: not terminal.child.isalive(), "it has ended", 60)
        assert terminal.child.signalstatus is None
        assert terminal.child.exitstatus == 0


def test_a_lost_terminal_ends_the_program_also_where_hang_ups_are_ignored(
        upload_dir: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with Terminal(str(upload_dir), "--config", "demo") as terminal:
            terminal.wait_for("watching for new files")
            terminal.hang_up()
            wait_until(lambda: not terminal.child.isalive(), "it has ended", 60)
            assert terminal.child.exitstatus == 0
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("kind", ["dumb", "unknown", "a-kind-that-nobody-made"])
def test_a_terminal_that_cannot_show_the_console_gets_the_plain_program(
        upload_dir: Path, kind: str) -> None:
    with Terminal(str(upload_dir), "--config", "demo", environment={"TERM": kind}) as terminal:
        terminal.wait_for(f"TERM={kind} cannot show the console", "connected to")
        assert b"\x1b" not in terminal.output
        terminal.press("quit\r")
        assert terminal.wait() == 0


def test_the_demo_makes_everything_visible(tmp_path: Path) -> None:
    with Terminal("--demo", size=(200, 60), environment={"TMPDIR": str(tmp_path)}) as terminal:
        terminal.wait_for("embedded broker: nothing is kept", "demo-heartbeats", "demo-logs")
        terminal.wait_for("1 file needs you")  # a name that is not UTF-8
        terminal.wait_for("MB/s", "■ acknowledged")
        terminal.wait_for("growing")
        terminal.wait_for("delivered")
        terminal.press("3")
        terminal.wait_for("dark \\xff.raw")
        terminal.press("4")
        terminal.wait_for("größe/naïve ☃.csv")
        terminal.press("q")
        terminal.wait_for("Quit?", "nothing is kept")
        terminal.press("n")
        assert terminal.wait() == 130
        terminal.assert_restored()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith("upload")] == []


def test_the_file_of_a_lost_terminal_takes_everything_and_says_so_once() -> None:
    class Gone:
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

        def flush(self) -> None:
            raise OSError(5, "Input/output error")

    lost: list[OSError] = []
    file = LossyFile(Gone(), lost.append)  # type: ignore[arg-type]
    for _ in range(100):
        assert file.write("text") == 4
        file.flush()
    assert len(lost) == 1


def stands_alone(terminal: Terminal, text: str) -> bool:
    """Read on; return whether a line of the screen begins with a text."""
    terminal.read(0.05)
    return any(line.strip().startswith(text) for line in terminal.text().split("\n"))


@pytest.mark.parametrize(("keys", "shows"), [
    ("/quartz", "quartz"), (":pause\rresume\rwh", "wh"), (":xyz\x15quit now", "quit now"),
    ("/abc\x15quartz", "quartz")])
def test_keys_that_arrive_together_are_as_if_typed_slowly(
        upload_dir: Path, keys: str, shows: str) -> None:
    with Terminal(str(upload_dir), "--config", "demo") as terminal:
        terminal.wait_for("watching for new files", "connected since")
        for number in range(100):
            word = f"{number:02}"
            terminal.press(keys + word)  # one packet
            # It stands in the command line, from its beginning.
            wanted = shows + word
            wait_until(partial(stands_alone, terminal, wanted), keys)
            terminal.press("\x15\r")  # not escape: with what follows it would be another key
        assert terminal.child.isalive()
        assert "paused" not in terminal.text().split("\n")[0]
