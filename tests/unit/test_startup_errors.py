"""Whatever is wrong at start: one message that says what, where and what to do; status 2."""

from __future__ import annotations

import os
import subprocess
import sys
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
    (GOOD + "default.topic.config = x\n", "line 5, [producer] default.topic.config",
     "not a text", "one by one"),
    (GOOD + "logger = x\n", "line 5, [producer] logger", "not a text", "Remove logger"),
    (GOOD + "test.mock.num.brokers = -1\n", "line 5, [producer] test.mock.num.brokers",
     "-1 is not a whole number", "number of brokers"),
    (GOOD + "test.mock.num.brokers = x\n", "line 5", "x is not a whole number", "number of"),
    (GOOD + "test.mock.num.brokers =\n", "line 5", "nothing is not a whole number", "number of"),
    (GOOD + "internal.termination.signal = 9\n", "line 5", "by a signal of its own", "Remove"),
    pytest.param(GOOD + "client.id = " + "x" * 1_000_001 + "\n", "line 5, [producer] client.id",
                 "1000001 characters", "Shorten", id="a client.id of a megabyte"),
    (GOOD + "sasl.mechanism = OAUTHBEARER\n", "line 5, [producer] sasl.mechanism",
     "needs a method to get a token by", "sasl.oauthbearer.method = oidc"),
    (GOOD + "client.id = lab-%(name)s\n", "line 5, [producer] client.id",
     "the value of another key, is not supported", "$NAME"),
    (GOOD.replace("hunter2000", "$hunter2000"), "line 3, [broker] sasl.password",
     "the environment variable is not set", "Set it"),
    (GOOD.replace("hunter2000", "$1hunter2000"), "line 3, [broker] sasl.password",
     "no variable's name follows", "write $NAME here"),
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


def test_a_token_of_heartbeats_needs_a_method_as_well(
        upload_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write(tmp_path, GOOD + "[heartbeat]\nbootstrap.servers = h:1\n"
                   "sasl.mechanism = OAUTHBEARER\n")
    message = refused(capsys, upload_dir, "--config", config, "--heartbeat_topic_name", "t")
    assert "line 7, [heartbeat] sasl.mechanism: sasl.mechanism = OAUTHBEARER needs" in message


def test_a_config_that_is_far_too_large_is_not_read(upload_dir: Path, tmp_path: Path,
                                                    capsys: pytest.CaptureFixture[str]) -> None:
    config = write(tmp_path, GOOD)
    os.truncate(config, 3 << 30)
    message = refused(capsys, upload_dir, "--config", config)
    assert f"{config}: it has {3 << 30} bytes: that is no config file" in message


@pytest.mark.parametrize("word", ["heartbeat", "log"])
def test_messages_of_its_own_do_not_go_among_the_files(
        upload_dir: Path, tmp_path: Path, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--topic_name", "data", f"--{word}_topic_name", "data", "--dry_run")
    config = write(tmp_path, GOOD)
    message = refused(capsys, upload_dir, "--config", config, *words)
    assert f"--{word}_topic_name: data is the topic of the files" in message
    write(tmp_path, GOOD + f"[{word}]\nbootstrap.servers = 127.0.0.1:1\n")
    assert "data is the topic of the files" in refused(
        capsys, upload_dir, "--config", config, *words)
    write(tmp_path, GOOD + f"[{word}]\nbootstrap.servers = another:1\n")
    assert main([str(upload_dir), "--config", str(config), *words]) == 0


def test_paths_of_a_home_that_is_not_there(upload_dir: Path, tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert "there is no config file ~my.config" in refused(
        capsys, upload_dir, "--config", "~my.config")
    config = write(tmp_path, GOOD)
    assert "there is no home directory for ~nosuchuser. Write the whole path" in refused(
        capsys, upload_dir, "--config", config, "--logger_file_path", "~nosuchuser/x")
    assert not Path("~nosuchuser").exists()
    config.rename("~my.config")  # the name of a file may begin so
    monkeypatch.setenv("OPENMSISTREAM_CONFIG_FILE_DIR", "~nosuchuser")
    for name in ("~my.config", str(tmp_path / "~my.config")):
        assert main([str(upload_dir), "--config", name, "--dry_run"]) == 0


def test_a_home_that_nothing_tells(upload_dir: Path, tmp_path: Path,
                                   monkeypatch: pytest.MonkeyPatch,
                                   capsys: pytest.CaptureFixture[str]) -> None:
    def unknown(path: str) -> str:
        return path  # as os.path.expanduser does without HOME and an entry of the user

    monkeypatch.setattr("os.path.expanduser", unknown)
    assert "there is no home directory for ~. Write" in refused(
        capsys, upload_dir, "--config", write(tmp_path, GOOD), "--logger_file_path", "~/x")


def test_loops_of_links(upload_dir: Path, tmp_path: Path,
                        capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    config = write(tmp_path, GOOD)
    for path in (tmp_path / "a", tmp_path / "a" / "below"):
        assert "--logger_file_path" in refused(
            capsys, upload_dir, "--config", config, "--logger_file_path", path)
        refused(capsys, path, "--config", config)
        refused(capsys, upload_dir, "--config", path)


def test_a_regex_that_a_later_python_reads_otherwise_is_no_noise(
        upload_dir: Path, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tui", str(upload_dir), "--config", str(write(tmp_path, GOOD)),
         "--dry_run", "--upload_regex", "[a||b]"], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="it needs a disk that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_help_that_cannot_be_written(unbuffered: str) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run([sys.executable, "-m", "tui", "--help"], stdout=full,
                             stderr=subprocess.PIPE, text=True, timeout=60,
                             env={**os.environ, "PYTHONUNBUFFERED": unbuffered})
    assert ran.returncode == 2
    assert ran.stderr == "DataFileUploadDirectory: error: it cannot be written to the standard " \
        "output: No space left on device. Send it elsewhere\n"


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
    from tui.engine.model.versions import FileVersion
    from tui.engine.sending.messages import MessageMaker

    config = write(tmp_path, GOOD + f"message.max.bytes = {16384 + 246 + 2 * n_path_bytes}\n")
    settings = settings_for(upload_dir, tmp_path / "s", "--config", str(config))
    (warning,) = settings.warnings
    longest = int(warning.split("longer than ")[1].split()[0])
    client = Producer({"message.max.bytes": settings.producer_config["message.max.bytes"]})

    def produce(n_bytes_of_path: int) -> None:
        maker = MessageMaker(FileVersion(
            version_id=0, file_id=0, rel_path="x" * n_bytes_of_path, n_bytes=16384 * 1000,
            mtime_ns=0, mtime_seconds=1.5, sha512=bytes(64), chunk_size=16384,
            n_chunks=1000, partition=0, acks="all"))
        client.produce("t", maker.value(998, bytes(16384)), maker.key(998))

    produce(longest)
    with pytest.raises(KafkaException, match="MSG_SIZE_TOO_LARGE"):
        produce(longest + 30)
    client.purge()
    client.flush(10)
