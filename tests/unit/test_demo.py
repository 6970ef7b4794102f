"""What the demo ends with."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.builders import settings_for
from tui import demo


@pytest.mark.parametrize(("ends_with", "status"), [(0, 0), (1, 0), (2, 2), (130, 130)])
def test_samples_that_cannot_be_uploaded_are_no_failure_of_the_demo(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends_with: int, status: int) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert demo.run(settings_for, lambda _settings: ends_with) == status
    assert list(tmp_path.iterdir()) == []
