"""Wrong words get one readable message and status 2; right ones become settings."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tui.arguments import parse_arguments
from tui.cli import main, make_settings
from tui.config.settings import Settings

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


def help_text(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        main(["--help"])
    return capsys.readouterr().out


def test_help_fits_a_terminal_whatever_its_width(
        monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for columns in ("40", "80", "200"):
        monkeypatch.setenv("COLUMNS", columns)
        assert max(map(len, help_text(capsys).splitlines())) <= 80


def test_help_is_grouped_and_names_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_text(capsys)
    for heading in ("where to:", "which files, and when:", "how:", "heartbeats and log messages:",
                    "what it shows:", "trying it:", "exit status:"):
        assert f"\n{heading}\n" in text
    for status in ("0    everything is uploaded", "1    something could not", "2    wrong usage",
                   "130  forced quit"):
        assert status in text
    assert "--topic-name" in text


def test_help_states_every_default(capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(help_text(capsys).split())
    options = re.split(r" (?=--\w+ )", text.partition("where to:")[2].partition("Every opt")[0])
    for option in options[1:]:
        assert "(default: " in option or option.startswith("--version")
    for name, default in {"config": "demo", "topic_name": "test", "n_threads": "2",
                          "chunk_size": "16384", "queue_max_size": "500",
                          "watchdog_lag_time": "3", "rescan_seconds": "60",
                          "update_seconds": "300", "heartbeat_interval_secs": "900",
                          "log_interval_secs": "60", "partitioning": "file",
                          "message_fields": "10", "logger_stream_level": "info",
                          "logger_file_level": "warning", "logger_file_path": "UPLOAD_DIR/LOGS",
                          "upload_existing": "off"}.items():
        assert any(option.startswith(f"--{name} ") and f"(default: {default})" in option
                   for option in options), name


def test_help_says_what_spreading_chunks_does_to_consumers(
        capsys: pytest.CaptureFixture[str]) -> None:
    assert "consumers that lag or read from the start may then mix versions" in " ".join(
        help_text(capsys).split())


def test_a_config_is_found_in_the_folder_that_the_environment_names(
        upload_dir: Path, good_config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENMSISTREAM_CONFIG_FILE_DIR", str(good_config.parent))
    for name in ("good", "good.config"):
        found = settings_of(upload_dir, "--config", name).producer_config
        assert found == settings_of(upload_dir, "--config", str(good_config)).producer_config


@pytest.mark.parametrize(("given", "folder", "name"), [
    ("new", "new", "upload_to_test.log"), ("new.d/", "new.d", "upload_to_test.log"),
    ("new/my.log", "new", "my.log"), ("old", "old", "upload_to_test.log"),
    ("old.d", "old.d", "upload_to_test.log"), ("old/plain", "old", "plain")])
def test_the_log_is_a_directory_or_a_file(upload_dir: Path, good_config: Path, tmp_path: Path,
                                          given: str, folder: str, name: str) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old.d").mkdir()
    (tmp_path / "old/plain").touch()
    settings = settings_of(upload_dir, "--config", str(good_config), "--logger_file_path",
                           f"{tmp_path}/{given}")
    assert settings.state_dir == tmp_path / folder
    assert settings.log_file == tmp_path / folder / name
    assert not (tmp_path / "new").exists()


def test_levels_are_names_or_numbers(upload_dir: Path, good_config: Path) -> None:
    settings = settings_of(upload_dir, "--config", str(good_config), "--logger_stream_level",
                           "DEBUG", "--logger_file_level", "35")
    assert (settings.stream_level, settings.file_level) == (10, 35)


def test_an_embedded_broker_has_no_use_for_a_place_to_keep_things(upload_dir: Path,
                                                                  tmp_path: Path) -> None:
    settings = settings_of(upload_dir, "--config", "demo", "--logger_file_path", str(tmp_path))
    assert settings.state_dir_is_temporary
    assert any("--logger_file_path is not used" in note for note in settings.notes)


def test_heartbeats_reach_the_brokers_cluster_as_the_producer_does(
        upload_dir: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.config"
    config.write_text("[broker]\nbootstrap.servers = h:1\n[producer]\nsecurity.protocol = "
                      "SASL_PLAINTEXT\nsasl.mechanism = PLAIN\nsasl.username = u\n"
                      "sasl.password = hunter2000\nbatch.size = 7\n[heartbeat]\n"
                      "prefer.separate.producer = true\nlinger.ms = 3\n[log]\n"
                      "bootstrap.servers = other:2\n")
    settings = settings_of(upload_dir, "--config", str(config), "--heartbeat_topic_name", "h",
                           "--log_topic_name", "l")
    assert settings.heartbeat.producer_config == {
        "bootstrap.servers": "h:1", "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN", "sasl.username": "u", "sasl.password": "hunter2000",
        "linger.ms": "3"}
    assert settings.log_messages.producer_config == {"bootstrap.servers": "other:2"}
    assert settings.heartbeat.program_id
