"""The README says what happens when something goes wrong, and every row of it has its test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.faults.scenarios import SCENARIOS, table

_ROOT = Path(__file__).parents[2]
_TEST_NAME = re.compile(r"test_((?:s\d\d_)+)")


def numbers_tested() -> set[int]:
    """Return the numbers in the names of tests, such as test_s02_s03_..."""
    found = set()
    for path in (_ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                match = _TEST_NAME.match(node.name)
                if match:
                    found |= {int(number) for number in re.findall(r"\d\d", match.group(1))}
    return found


def test_the_readme_holds_the_table_of_the_scenarios() -> None:
    assert table() in (_ROOT / "README.md").read_text("utf-8"), \
        "put the output of python -m tests.faults.scenarios into README.md"


def test_the_scenarios_are_numbered_without_a_gap() -> None:
    assert [scenario.number for scenario in SCENARIOS] == list(range(1, 46))


def test_every_scenario_has_a_test_or_says_why_not() -> None:
    numbers = numbers_tested()
    assert [s.number for s in SCENARIOS if s.number not in numbers and not s.untested] == []
