"""What the documents for contributors say of the code is so."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from tui.engine.model.files import FileState
from tui.engine.model.versions import VersionState
from tui.engine.recording.schema import SCHEMA
from tui.engine.sending.connection import ConnectionState, Obstacle
from tui.engine.sending.transfer import TransferState

ROOT = Path(__file__).parents[2]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def test_the_documents_are_short() -> None:
    assert len((ARCHITECTURE + CONTRIBUTING).splitlines()) < 300


@pytest.mark.parametrize("document", [ARCHITECTURE, CONTRIBUTING],
                         ids=["architecture", "contributing"])
def test_every_file_that_is_named_exists(document: str) -> None:
    names = {name for name in re.findall(r"`([\w./]+\.(?:py|md|toml|tcss))`", document)}
    assert len(names) > 15
    there = {path.relative_to(ROOT).as_posix() for folder in ("tui", "tests", "docs")
             for path in (ROOT / folder).rglob("*") if path.is_file()}
    there |= {path.name for path in ROOT.iterdir()}
    missing = {name for name in names
               if not any(path == name or path.endswith("/" + name) for path in there)}
    assert missing == set()


def test_the_threads_are_those_of_the_program() -> None:
    started = r"""(?:super\(\)\.__init__\(|name=)f?"([a-z][\w{} -]*)"(?:\)|, settings|,\s*daemon)"""
    found = set()
    for path in (ROOT / "tui").rglob("*.py"):
        text = path.read_text("utf-8")
        if "Worker" in text or "threading.Thread" in text:
            found |= set(re.findall(started, text))
    found = {name.replace("{number}", "N").replace("{name}", "NAME") for name in found}
    section = ARCHITECTURE.split("## Threads")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([a-zN].*?) \|", section, re.MULTILINE)
    named = {name for row in rows[1:] for name in row.split(", ")}
    assert found <= named, found - named
    # The calls of each, which have its name in theirs.
    assert named - found == {"NAME-calls"} - found


@pytest.mark.parametrize("states", [FileState, VersionState, TransferState, ConnectionState,
                                    Obstacle], ids=lambda states: str(states.__name__))
def test_every_state_is_drawn(states: type[FileState]) -> None:
    section = ARCHITECTURE.split("## States")[1].split("\n## ")[0]
    assert [state.name for state in states if not re.search(rf"\b{state.name}\b", section)] == []


def test_every_table_and_column_of_the_ledger_is_explained() -> None:
    connection = sqlite3.connect(":memory:")
    for statement in SCHEMA:
        connection.execute(statement)
    section = ARCHITECTURE.split("## The ledger")[1]
    for table, in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' "
                                     "AND name NOT LIKE 'sqlite_%'"):
        assert f"| `{table}` |" in section
        for row in connection.execute(f"PRAGMA table_info({table})"):
            assert f"`{row[1]}`" in section or row[1] in ("file_id", "version_id"), (table, row[1])
    connection.close()
