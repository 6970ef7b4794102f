"""A broker that refuses: rights, passwords, certificates and protocols; on Apache Kafka."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, not re-exported
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from tests.consumer import make_topic, read_topic, rebuild
from tests.faults.steps import judged, options
from tests.program import Program
from tests.secured_broker import PASSWORD, USER, SecuredBroker, sasl_config

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("broker")]


def write_broker_config(path: Path, broker: str, producer: str = "") -> Path:
    path.write_text(f"[broker]\n{broker}\n[producer]\n{producer}\n")
    return path


def grant(broker: SecuredBroker, topic: str, operation: AclOperation) -> None:
    """Give the user a right on a topic."""
    binding = AclBinding(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, f"User:{USER}",
                         "*", operation, AclPermissionType.ALLOW)
    admin = broker.admin()
    for future in admin.create_acls([binding]).values():
        future.result(30)


def test_s06_without_the_right_to_write_files_are_held_until_it_is_granted(
        secured_kafka: SecuredBroker, tmp_path: Path, upload_dir: Path) -> None:
    topic = make_topic(secured_kafka.kafka.bootstrap)
    grant(secured_kafka, topic, AclOperation.DESCRIBE)
    files = {f"f{i}": b"x" * i for i in range(300)}
    for name, content in files.items():
        (upload_dir / name).write_bytes(content)
    config = write_broker_config(tmp_path / "c.config", sasl_config(secured_kafka.sasl))
    missing = f"principal User:{USER} lacks the ACL Write on the topic {topic}"
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_for("denies the IdempotentWrite right")
        program.wait_for(f"is held: .*{missing}")
        program.type("check")
        program.wait_for("PROBLEM .*the broker refuses")
        grant(secured_kafka, topic, AclOperation.WRITE)
        program.wait_uploaded(300, 150)
        assert program.quit() == 0
        assert sum("is held" in line for line in program.log) < 20
        assert PASSWORD not in program.text()
    assert judged(secured_kafka.kafka.bootstrap, topic).files == files


def test_s06_quit_does_not_wait_for_a_right_that_nobody_grants(
        secured_kafka: SecuredBroker, tmp_path: Path, upload_dir: Path) -> None:
    topic = make_topic(secured_kafka.kafka.bootstrap)
    grant(secured_kafka, topic, AclOperation.DESCRIBE)
    for number in range(300):
        (upload_dir / f"f{number}").write_bytes(b"x")
    config = write_broker_config(tmp_path / "c.config", sasl_config(secured_kafka.sasl))
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_for("is held: ")
        assert program.quit() == 1
        program.wait_for("see the log")
    assert read_topic(secured_kafka.kafka.bootstrap, topic) == []


def test_s06_without_any_right_on_the_topic_the_missing_one_is_named(
        secured_kafka: SecuredBroker, tmp_path: Path, upload_dir: Path) -> None:
    topic = make_topic(secured_kafka.kafka.bootstrap)
    (upload_dir / "a").write_bytes(b"a")
    config = write_broker_config(tmp_path / "c.config", sasl_config(secured_kafka.sasl))
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_for(f"User:{USER} lacks the ACL Write on the topic {topic}")
        grant(secured_kafka, topic, AclOperation.WRITE)
        program.wait_uploaded(1)
        assert program.quit() == 0
    assert judged(secured_kafka.kafka.bootstrap, topic).files == {"a": b"a"}


def test_s06_a_user_with_the_right_to_write_is_served_without_doubles(
        secured_kafka: SecuredBroker, tmp_path: Path, upload_dir: Path) -> None:
    topic = make_topic(secured_kafka.kafka.bootstrap)
    grant(secured_kafka, topic, AclOperation.WRITE)
    (upload_dir / "a").write_bytes(b"a" * 100_000)
    config = write_broker_config(tmp_path / "c.config", sasl_config(secured_kafka.sasl))
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_uploaded(1)
        assert program.quit() == 0
        # A broker that has just started may say first that it is not ready.
        assert [line for line in program.log if "WARNING" in line
                and "Coordinator load in progress" not in line] == []
    messages = read_topic(secured_kafka.kafka.bootstrap, topic)
    assert rebuild(messages) == {"a": [b"a" * 100_000]}
    assert len(messages) == 7


def tls(address: str, ca: Path) -> str:
    return f"bootstrap.servers = {address}\nsecurity.protocol = SSL\nssl.ca.location = {ca}\n"


@pytest.mark.parametrize(("broker_lines", "words"), [
    (lambda b: sasl_config(b.sasl, "wr0ng-s3cret"),
     "refuses the user name or the password .*Check sasl.username and sasl.password"),
    (lambda b: tls(b.tls, b.other_ca),
     "signed by an authority that is not trusted here .*Check ssl.ca.location"),
    (lambda b: tls(b.expired, b.ca), "the broker's certificate has expired"),
    (lambda b: tls(b.kafka.bootstrap, b.ca),
     "the port does not speak TLS, but the config asks for it .*Check security.protocol"),
    (lambda b: f"bootstrap.servers = {b.tls}\n",
     "the port speaks TLS, but security.protocol is PLAINTEXT"),
    (lambda b: sasl_config(b.kafka.bootstrap),
     "the port asks for no password, but the config has one .*Check security.protocol"),
    (lambda b: sasl_config(b.sasl).replace("PLAIN\n", "SCRAM-SHA-256\n"),
     "does not offer this SASL mechanism .*Check sasl.mechanism"),
], ids=["password", "authority", "expired", "tls to plain", "plain to tls", "no password asked",
        "mechanism"])
def test_s07_what_keeps_the_client_out_is_said_in_words_without_secrets(
        secured_kafka: SecuredBroker, tmp_path: Path, upload_dir: Path,
        broker_lines: Callable[[SecuredBroker], str], words: str) -> None:
    config = write_broker_config(tmp_path / "c.config", broker_lines(secured_kafka))
    with Program(upload_dir, *options(config, "t")) as program:
        program.wait_for(f"not connected to .*{words}")
        program.type("check")
        program.wait_for("broker .*unreachable")
        program.type("quit")
        assert program.wait() == 0
        assert "s3cret" not in program.text()
