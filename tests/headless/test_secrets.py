"""The value of no secret and of no variable is shown anywhere, at any level of the log."""

from __future__ import annotations

from pathlib import Path

from tests.program import Program

SECRETS = {"LAB_SERVERS": "kafka-secret.invalid:9093,localhost:19", "LAB_USER": "user-of-the-lab",
           "LAB_PASSWORD": "p%ss #w;rd\"'=$x", "LAB_ACKS": "all"}
CONFIG = """
[broker]
bootstrap.servers = $LAB_SERVERS
security.protocol = SASL_PLAINTEXT
sasl.mechanism = SCRAM-SHA-256
sasl.username = $LAB_USER
sasl.password = $LAB_PASSWORD
debug = security,broker,conf
[producer]
acks = $LAB_ACKS
[heartbeat]
sasl.password = written-in-the-file
"""


def test_nothing_shows_a_secret(upload_dir: Path, tmp_path: Path) -> None:
    (upload_dir / "a.dat").write_bytes(b"1")
    config = tmp_path / "secret.config"
    config.write_text(CONFIG)
    with Program(upload_dir, "--config", str(config), "--upload_existing", "--watchdog_lag_time",
                 "0.1", "--logger_stream_level", "debug", "--logger_file_level", "debug",
                 "--heartbeat_topic_name", "beats", environment=SECRETS) as program:
        program.wait_for("not connected to ")
        for line in ("check", "files", "why a.dat", "quit"):
            program.type(line)
        program.wait_for("quit again to leave now")
        program.quit()
    kept = "".join(path.read_text("utf-8", "replace")
                   for path in (upload_dir / "LOGS").iterdir() if path.suffix != ".sqlite3")
    for text in (program.text(), kept):
        assert "$LAB_SERVERS" in text or text is kept
        for secret in ("kafka-secret", "user-of-the-lab", SECRETS["LAB_PASSWORD"],
                       "written-in-the-file", "localhost:19"):
            assert secret not in text
    assert "uploading " in program.text()
    assert "on $LAB_SERVERS (+1)" in program.text()
