"""Locales with another encoding than UTF-8: names go out as they are, and what is shown is true."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.consumer import make_topic
from tests.faults.steps import judged, options
from tests.kafka_broker import KafkaBroker
from tests.program import Program
from tests.terminal import Terminal

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are UTF-8")

#: What Python itself would make of the locale C, without its own remedies.
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(scope="module")
def latin1(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a locale in Latin-1."""
    folder = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef") is None:
        pytest.skip("no locale can be made here")
    made = subprocess.run(["localedef", "-i", "en_US", "-f", "ISO-8859-1",
                           str(folder / "en_US.ISO-8859-1")], capture_output=True, check=False)
    if not (folder / "en_US.ISO-8859-1").exists():
        pytest.skip(f"no locale can be made here: {made.stderr!r}")
    return {"LC_ALL": "en_US.ISO-8859-1", "LOCPATH": str(folder)}


def upload(kafka: KafkaBroker, config: Path, upload_dir: Path,
           environment: dict[str, str]) -> Program:
    """Upload a file whose name is not ASCII in a locale; return the program that did, ended."""
    topic = make_topic(kafka.bootstrap)
    (upload_dir / "größe ☃").write_bytes(b"x")
    with Program(upload_dir, *options(config, topic), environment=environment) as program:
        program.wait_uploaded(1)
        assert program.quit() == 0
    assert judged(kafka.bootstrap, topic).files == {"größe ☃": b"x"}
    return program


def test_names_in_ascii(kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    program = upload(kafka, config, upload_dir, ASCII)
    assert r"gr\xf6\xdfe \u2603 uploaded" in program.text()


def test_s44_names_in_latin_1(kafka: KafkaBroker, config: Path, upload_dir: Path,
                              latin1: dict[str, str]) -> None:
    program = upload(kafka, config, upload_dir, latin1)
    # The test reads UTF-8, and what the program wrote is Latin-1.
    assert r"gr��e \u2603 uploaded" in program.text()


def test_a_terminal_in_latin_1_gets_the_plain_program_and_is_understood(
        upload_dir: Path, latin1: dict[str, str]) -> None:
    (upload_dir / "größe").write_bytes(b"x")
    with Terminal(str(upload_dir), "--config", "demo", environment=latin1) as terminal:
        terminal.wait_for("cannot show the console", "connected to")
        terminal.child.send("why größe\r".encode("latin-1"))
        terminal.wait_for("not taken: it was here before")
        terminal.press("quit\r")
        assert terminal.wait() == 0
