"""What the README says of commands and options is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tui.cli import main
from tui.commands import COMMANDS

README = (Path(__file__).parent.parent.parent / "README.md").read_text("utf-8")


def test_every_command_is_in_its_table() -> None:
    table = README.partition("## Commands")[2].partition("\n## ")[0]
    rows = "\n".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))
    for command in COMMANDS:
        assert f"`{command.name}" in rows
        assert all(f"`{alias}`" in rows for alias in command.aliases)
        assert not command.argument or f"`{command.name} {command.argument}`" in rows


def test_every_option_that_it_names_exists(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    known = set(re.findall(r"--\w+", capsys.readouterr().out))
    named = set(re.findall(r"(?<!-)--[a-z]\w*", README)) - {"--dist"}
    assert named <= known
