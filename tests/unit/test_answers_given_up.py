"""A call that answers in the very moment it is given up has answered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine.finder import RunningFinder
from tests.engine.in_process import RunningEngine, settings_for
from tui.engine.system.guarded_calls import GuardedCalls
from tui.errors import FileSystemHangError


def test_a_look_that_answers_as_it_is_given_up_ends_nothing(
        upload_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (upload_dir / name).write_bytes(b"x")
    finder = RunningFinder(upload_dir)
    settling = finder.finder.settling

    def given_up(call: Callable[[Callable[[str], None]], Any]) -> None:
        call(lambda _path: None)
        raise FileSystemHangError("b")

    monkeypatch.setattr(settling.calls, "run", given_up)
    found = settling.look_at(["a", "b"])
    assert [look[0] for look in found] == ["a", "b"]
    assert all(look[1] is not None for look in found)
    finder.ledger.close()


def test_a_preparation_that_answers_as_it_is_given_up_ends_nothing(
        upload_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is dealt with, and none is held for a hang that was none."""
    from tui.engine.sending import worker

    class Answering(GuardedCalls):
        def run(self, work: Callable[[Callable[[str], None]], Any]) -> None:
            work(lambda _path: None)
            raise FileSystemHangError("b")

    monkeypatch.setattr(worker, "GuardedCalls", Answering)
    for name in ("a", "b"):
        (upload_dir / name).write_bytes(name.encode())
    with RunningEngine(settings_for(upload_dir, tmp_path / "state")) as engine:
        engine.wait_uploaded(2)
        assert engine.quit() == 0
    assert "held" not in engine.log
