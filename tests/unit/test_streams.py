"""Standard input and output, as services and people treat them."""

from __future__ import annotations

import subprocess
import sys

_WAIT_FOR_INPUT_AND_END = """
import threading
from tui.streams import typed_lines

is_reading = threading.Event()

def read():
    for line in typed_lines():
        print(ascii(line), flush=True)
        is_reading.set()

threading.Thread(target=read, daemon=True).start()
is_reading.wait()
"""


def test_the_program_ends_while_input_may_still_come() -> None:
    with subprocess.Popen([sys.executable, "-c", _WAIT_FOR_INPUT_AND_END], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr
        process.stdin.write(b"why caf\xe9\r\n")
        process.stdin.flush()
        assert process.stdout.read() == b"'why caf\\udce9'\n"
        assert (process.wait(60), process.stderr.read()) == (0, b"")
