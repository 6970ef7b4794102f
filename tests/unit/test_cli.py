"""Wrong words get one readable message and status 2; right ones become settings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tui.arguments import parse_arguments
from tui.cli import main, make_settings
from tui.settings import Settings

GOOD = "[broker]\nbootstrap.servers = 127.0.0.1:1\n[producer]\n"


@pytest.fixture
def good_config(tmp_path: Path) -> Path:
    path = tmp_path / "good.config"
    path.write_text(GOOD)
    return path


def settings_of(upload_dir: Path, *words: str) -> Settings:
    return make_settings(parse_arguments([str(upload_dir), *words]), upload_dir)


def test_defaults(upload_dir: Path, good_config: Path) -> None:
    settings = settings_of(upload_dir, "--config", str(good_config))
    assert (settings.topic_name, settings.n_threads, settings.chunk_size) == ("test", 2, 16384)
    assert settings.queue_max_bytes == 500_000_000
    assert (settings.lag_seconds, settings.rescan_seconds) == (3, 60)
    assert settings.state_dir == upload_dir / "LOGS"
    assert settings.headless  # the tests have no terminal
    assert not settings.is_embedded_broker


def test_dashed_spellings_are_the_same(upload_dir: Path, good_config: Path) -> None:
    settings = settings_of(upload_dir, "--config", str(good_config), "--topic-name", "t",
                           "--chunk-size", "1024", "--upload-existing")
    assert (settings.topic_name, settings.chunk_size, settings.upload_existing) == (
        "t", 1024, True)


def test_the_embedded_broker_never_touches_a_real_state_directory(upload_dir: Path) -> None:
    settings = settings_of(upload_dir, "--config", "demo")
    assert settings.state_dir_is_temporary
    assert not settings.state_dir.is_relative_to(upload_dir)


def test_encryption_is_refused_and_unknown_sections_are_noted(
        upload_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "c.config"
    config.write_text(GOOD + "[kafkacrypto]\nnode_id = x\n")
    assert main([str(upload_dir), "--config", str(config)]) == 2
    assert "kafkacrypto" in capsys.readouterr().err
    config.write_text(GOOD + "[consumer]\ngroup.id = x\n[mine]\n")
    settings = settings_of(upload_dir, "--config", str(config))
    assert [note for note in settings.notes if "consumer" in note or "mine" in note]
    assert len(settings.notes) == 2


def test_a_log_file_names_the_state_directory(upload_dir: Path, good_config: Path,
                                              tmp_path: Path) -> None:
    settings = settings_of(upload_dir, "--config", str(good_config), "--logger_file_path",
                           str(tmp_path / "state" / "my.log"))
    assert settings.state_dir == tmp_path / "state"
    assert settings.log_file == tmp_path / "state" / "my.log"


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    printed = capsys.readouterr().out
    for name in ("config", "topic_name", "n_threads", "upload_regex", "upload_existing",
                 "chunk_size", "queue_max_size", "watchdog_lag_time", "use_polling_observer",
                 "update_seconds", "heartbeat_topic_name", "heartbeat_program_id",
                 "heartbeat_interval_secs", "log_topic_name", "log_program_id",
                 "log_interval_secs", "logger_stream_level", "logger_file_level",
                 "logger_file_path", "headless", "rescan_seconds", "follow_symlinks", "dry_run",
                 "show_events", "partitioning", "message_fields", "new_cluster", "demo"):
        assert f"--{name}" in printed


def test_headless_loads_no_terminal_library() -> None:
    code = ("import sys, tui.headless, tui.cli, tui.commands, tui.demo, tui.dry_run, "
            "tui.show_events\n"
            "found = {'textual', 'rich'} & set(sys.modules)\n"
            "sys.exit(str(found) if found else 0)")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_import_contracts_hold() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    root = Path(__file__).parent.parent.parent
    done = subprocess.run([lint, "--no-cache"], cwd=root, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout
