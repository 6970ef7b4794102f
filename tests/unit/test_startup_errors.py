"""Whatever is wrong at start: one message that says what, where and what to do; status 2."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tui.cli import main

GOOD = "[broker]\nbootstrap.servers = 127.0.0.1:1\nsasl.password = hunter2000\n[producer]\n"


def refused(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """Return the one message for words that are refused."""
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("DataFileUploadDirectory: error: ")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err
    assert "hunter2000" not in captured.err
    return captured.err


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "my.config"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(("text", "where", "what", "remedy"), [
    ("[producer]\n", "my.config", "the section [broker] is missing", "Add a line [broker]"),
    ("[broker]\nbootstrap.servers = h:1\n", "my.config", "[producer] is missing", "Add a line"),
    ("[broker]\n[producer]\n", "[broker]", "no broker is named", "bootstrap.servers = host:port"),
    ("[broker]\nbootstrap.servers = $NOT_SET\n[producer]\n",
     "my.config, line 2, [broker] bootstrap.servers", "NOT_SET is not set", "Set NOT_SET"),
    (GOOD + "linger.msec = 1\n", "line 5, [producer] linger.msec", "No such configuration property",
     "Did you mean linger.ms?"),
    (GOOD + "linger.ms = soon\n", "line 5, [producer] linger.ms", "Invalid value", "Correct"),
    (GOOD + "sasl.mechanism = hunter2000\nsecurity.protocol = sasl_ssl\n",
     "line 5, [producer] sasl.mechanism", "Unsupported SASL mechanism", "Correct"),
    (GOOD + "acks = 0\n", "line 5, [producer] acks", "nothing is ever acknowledged", "acks = all"),
    (GOOD + "acks = 1\nenable.idempotence = true\n", "line 5, [producer] acks",
     "enable.idempotence = true and acks = 1 exclude each other", "Remove acks"),
    (GOOD + "transactional.id = x\n", "line 5", "transactions are not supported",
     "Remove transactional.id"),
    (GOOD + "delivery.report.only.error = true\n", "line 5", "without delivery reports",
     "Remove delivery.report.only.error"),
    (GOOD + "value.serializer = StringSerializer\n", "line 5, [producer] value.serializer",
     "StringSerializer is not supported", "DataFileChunkSerializer"),
    (GOOD + "[kafkacrypto]\nnode_id = x\n", "[kafkacrypto]", "encryption is not supported",
     "Remove the section only if"),
    (GOOD + "[console]\ncolour = red\n", "line 6, [console] colour", "unknown key",
     "theme, refresh_hz"),
    (GOOD + "[log]\nlog.level = loud\n", "line 6, [log] log.level", "loud is no log level",
     "debug, info"),
    (GOOD + "[log]\nmax.logs.per.message = few\n", "line 6, [log] max.logs.per.message",
     "not a whole number", "Correct"),
    (GOOD + "nonsense\n", "my.config, line 5", "neither a section nor key = value", "key = value"),
    (GOOD.encode("utf-16"), "my.config", "not a text file in UTF-8", "Save it as UTF-8"),
])
def test_config_files(upload_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                      text: str | bytes, where: str, what: str, remedy: str) -> None:
    message = refused(capsys, upload_dir, "--config", write(tmp_path, text))
    for part in (where, what, remedy):
        assert part in message
    assert not (upload_dir / "LOGS").exists()


def test_properties_of_heartbeats_and_log_messages(upload_dir: Path, tmp_path: Path,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    for section in ("heartbeat", "log"):
        config = write(tmp_path, GOOD + f"[{section}]\nlinger.msec = 1\n")
        message = refused(capsys, upload_dir, "--config", config, f"--{section}_topic_name", "t")
        assert f"line 6, [{section}] linger.msec: No such configuration property" in message


def test_configs_that_are_not_there(upload_dir: Path, tmp_path: Path,
                                    capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, upload_dir, "--config", "nowhere")
    assert "--config: there is no config file nowhere" in message
    assert "demo, heartbeats, local, sasl_ssl" in message
    assert "is a directory" in refused(capsys, upload_dir, "--config", tmp_path)


def test_a_config_that_may_not_be_read(upload_dir: Path, tmp_path: Path,
                                       monkeypatch: pytest.MonkeyPatch,
                                       capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(_path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    config = write(tmp_path, GOOD)
    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    message = refused(capsys, upload_dir, "--config", config)
    assert f"{config}: it cannot be read: Permission denied. Check the path" in message


@pytest.mark.parametrize(("words", "says"), [
    (["--chunk_size", "0"], ("--chunk_size", "power of two", "16384")),
    (["--chunk_size", "1000"], ("--chunk_size", "power of two")),
    (["--chunk_size", "-16384"], ("--chunk_size",)),
    (["--chunk_size", "many"], ("--chunk_size", "whole number")),
    (["--chunk_size", str(1 << 50)], ("--chunk_size", "up to")),
    (["--n_threads", "0"], ("--n_threads", "at least 1")),
    (["--n_threads", "1.5"], ("--n_threads",)),
    (["--n_threads", "1000000"], ("--n_threads", "up to 256")),
    (["--queue_max_size", "-1"], ("--queue_max_size", "at least")),
    (["--queue_max_size", "0"], ("--queue_max_size", "at least")),
    (["--watchdog_lag_time", "soon"], ("--watchdog_lag_time",)),
    (["--watchdog_lag_time", "nan"], ("--watchdog_lag_time",)),
    (["--rescan_seconds", "inf"], ("--rescan_seconds", "up to")),
    (["--update_seconds", "0"], ("--update_seconds",)),
    (["--topic_name", "no spaces"], ("--topic_name", "no legal topic name", "up to 249")),
    (["--topic_name", "../up"], ("--topic_name", "no legal topic name")),
    (["--topic_name", ""], ("--topic_name", "no legal topic name")),
    (["--topic_name", ".."], ("--topic_name",)),
    (["--topic_name", "x" * 250], ("--topic_name",)),
    (["--topic_name", "x" * 249], ("--topic_name", "too long for a file system")),
    (["--upload_regex", "("], ("--upload_regex", "does not compile")),
    (["--partitioning", "random"], ("--partitioning", "file or chunk")),
    (["--message_fields", "8"], ("--message_fields", "10 or 9")),
    (["--logger_stream_level", "loud"], ("--logger_stream_level", "debug, info")),
    (["--logger_file_level", "-1"], ("--logger_file_level",)),
    (["--heartbeat_topic_name", "a b"], ("--heartbeat_topic_name",)),
    (["--log_interval_secs", "0"], ("--log_interval_secs",)),
    (["--refresh_hz", "0"], ("--refresh_hz",)),
    (["--chunk_sise", "1"], ("unrecognized arguments", "Did you mean --chunk_size?")),
    (["--chunk-sise=1"], ("Did you mean --chunk-size?",)),
    (["--chunk_size"], ("--chunk_size", "expected one argument")),
    (["--chunk", "1"], ("unrecognized arguments",)),
    (["--dry_run", "--show_events"], ("exclude each other",)),
    (["--demo"], ("UPLOAD_DIR has no meaning with --demo",)),
    (["another"], ("unrecognized arguments: another",)),
])
def test_wrong_words(upload_dir: Path, tmp_path: Path, words: list[str], says: tuple[str, ...],
                     capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, upload_dir, "--config", write(tmp_path, GOOD), *words)
    for part in says:
        assert part in message
    assert not (upload_dir / "LOGS").exists()


def test_upload_directories_that_cannot_be(tmp_path: Path,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    config = write(tmp_path, GOOD)
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "fifo")
    for words, says in (([tmp_path / "missing"], "there is no directory"),
                        ([tmp_path / "file"], "is a file"),
                        ([tmp_path / "fifo"], "is no directory"),
                        ([tmp_path / "two\nlines"], "two\\nlines"),
                        ([tmp_path / ("x" * 300)], "UPLOAD_DIR"),
                        ([], "UPLOAD_DIR is missing")):
        assert says in refused(capsys, *words, "--config", config)


def test_state_directories_that_cannot_be(upload_dir: Path, tmp_path: Path,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    config = write(tmp_path, GOOD)
    (upload_dir / "link").symlink_to(upload_dir.parent)
    (tmp_path / "file").touch()
    for path, says in ((upload_dir, "or above it"), (tmp_path, "or above it"),
                       (upload_dir / "..", "or above it"), (upload_dir / "link", "or above it"),
                       (tmp_path / "file" / "below", "cannot be"),
                       (Path("/proc/nowhere"), "cannot be written"),
                       (upload_dir / "LOGS" / "upload_to_t.sqlite3", "name of a ledger")):
        message = refused(capsys, upload_dir, "--config", config, "--logger_file_path", path)
        assert "--logger_file_path" in message
        assert says in message
    (upload_dir / "LOGS").touch()
    assert "is no directory" in refused(capsys, upload_dir, "--config", config)


@pytest.mark.parametrize(("limit", "fits"), [
    (16384, False), (16384 + 200, False), (16384 + 230, True), (1_000_000, True)])
def test_a_chunk_has_to_fit_with_key_and_overhead(
        upload_dir: Path, tmp_path: Path, limit: int, fits: bool,
        capsys: pytest.CaptureFixture[str]) -> None:
    config = write(tmp_path, GOOD + f"message.max.bytes = {limit} # bytes\n")
    words = (upload_dir, "--config", config, "--dry_run")
    if fits:
        assert main([str(word) for word in words]) == 0
        return
    message = refused(capsys, *words)
    for part in ("--chunk_size", "message.max.bytes", "line 5", "key and overhead", "smaller"):
        assert part in message


@pytest.mark.parametrize("n_path_bytes", [1, 50])
def test_the_size_that_is_counted_is_the_one_that_the_client_judges(
        upload_dir: Path, tmp_path: Path, n_path_bytes: int) -> None:
    from confluent_kafka import KafkaException, Producer

    from tests.engine.in_process import settings_for
    from tui.engine.model import FileVersion
    from tui.engine.sending.messages import MessageMaker

    config = write(tmp_path, GOOD + f"message.max.bytes = {16384 + 246 + 2 * n_path_bytes}\n")
    settings = settings_for(upload_dir, tmp_path / "s", "--config", str(config))
    (warning,) = settings.warnings
    longest = int(warning.split("longer than ")[1].split()[0])
    client = Producer({"message.max.bytes": settings.producer_config["message.max.bytes"]})

    def produce(n_bytes_of_path: int) -> None:
        maker = MessageMaker(FileVersion(
            version_id=0, file_id=0, rel_path="x" * n_bytes_of_path, n_bytes=16384 * 1000,
            mtime_ns=0, mtime_seconds=1.5, inode=0, sha512=bytes(64), chunk_size=16384,
            n_chunks=1000, partition=0, acks="all"))
        client.produce("t", maker.value(998, bytes(16384)), maker.key(998))

    produce(longest)
    with pytest.raises(KafkaException, match="MSG_SIZE_TOO_LARGE"):
        produce(longest + 30)
    client.purge()
    client.flush(10)
