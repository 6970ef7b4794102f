"""A config with an embedded broker that answers at once."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def embedded(tmp_path: Path) -> Path:
    """A config whose broker is inside the program."""
    path = tmp_path / "embedded.config"
    path.write_text("[broker]\ntest.mock.num.brokers = 1\n[producer]\n")
    return path


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    """A config whose broker does not exist."""
    path = tmp_path / "nowhere.config"
    path.write_text("[broker]\nbootstrap.servers = 127.0.0.1:1\n[producer]\n")
    return path
