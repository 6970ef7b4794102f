"""The wheel works in an environment of its own, from any folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tui.config.config_file import installed_configs

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.xdist_group("wheel")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution, so that both are shown to be whole."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--outdir", folder, ROOT], check=True,
                   capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has the wheel and what it asks for, and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([programs / "python", "-m", "pip", "install", "--quiet",
                    "--disable-pip-version-check", wheel], check=True)
    return programs


def run(words: list[str | Path], folder: Path, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run the installed program in a folder that has nothing to do with the project."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(words, cwd=folder, env=environment, input=typed, text=True,
                          capture_output=True, check=False)


def test_it_holds_the_configs_the_licence_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
    assert {f"tui/configs/{path.name}" for path in installed_configs().glob("*.config")} \
        <= set(names)
    assert any(name.endswith("LICENSE") for name in names)
    assert not any(name.startswith(("tests", "configs")) for name in names)


def test_the_command_says_its_version(environment: Path, tmp_path: Path) -> None:
    done = run([environment / "DataFileUploadDirectory", "--version"], tmp_path)
    assert done.stdout == "DataFileUploadDirectory 1.0.0\n"


@pytest.mark.parametrize("name", ["demo", "demo.config"])
def test_installed_configs_are_found_by_name(environment: Path, tmp_path: Path, upload_dir: Path,
                                             name: str) -> None:
    (upload_dir / "a.dat").write_bytes(b"1")
    done = run([environment / "python", "-m", "tui", upload_dir, "--config", name,
                "--upload_existing", "--watchdog_lag_time", "0"], tmp_path, "check\nquit\n")
    assert done.returncode == 0, done.stderr
    assert "nothing is kept" in done.stdout
    assert not (upload_dir / "LOGS").exists()


def test_a_name_that_is_unknown_lists_the_installed_ones(environment: Path, tmp_path: Path,
                                                         upload_dir: Path) -> None:
    done = run([environment / "DataFileUploadDirectory", upload_dir, "--config", "x"], tmp_path)
    assert done.returncode == 2
    assert "demo, heartbeats, local, sasl_ssl" in done.stderr


def test_the_console_can_be_imported(environment: Path, tmp_path: Path) -> None:
    done = run([environment / "python", "-c", "import tui.console.run"], tmp_path)
    assert done.returncode == 0, done.stderr
