"""Config files are read as they are written, and what is wrong is said with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config_file import find_config, installed_configs, read_config
from tui.errors import ConfigError
from tui.producer_config import producer_properties


def config_of(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "my.config"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


GOOD = "[broker]\nbootstrap.servers = h:1\n[producer]\n"


def test_values_are_taken_as_they_stand(tmp_path: Path) -> None:
    text = ("\ufeff# first\r\n[broker]\r\nbootstrap.servers=h:1\r\n"
            "[producer]\r\nsasl.password = a%(x)s=b\r\n")
    config = read_config(config_of(tmp_path, text))
    assert config.values("producer") == {"sasl.password": "a%(x)s=b"}
    assert config.values("broker") == {"bootstrap.servers": "h:1"}


def test_a_variable_is_replaced_and_kept_secret(tmp_path: Path) -> None:
    config = read_config(config_of(tmp_path, "[broker]\nsasl.password = $PW\n"), {"PW": "s3cret"})
    assert config.values("broker")["sasl.password"] == "s3cret"
    assert "s3cret" in config.redact


@pytest.mark.parametrize(("text", "says"), [
    ("[broker]\na = $NOT_SET_ANYWHERE\n", ("line 2", "[broker]", "a", "NOT_SET_ANYWHERE")),
    ("a = 1\n", ("line 1", "before any section")),
    ("[broker\n", ("line 1", "bracket")),
    ("[broker]\nnonsense\n", ("line 2", "key = value")),
    ("[broker]\na = 1\na = 2\n", ("line 3", "twice")),
    ("[broker]\n[broker]\n", ("line 2", "twice")),
    (b"[broker]\na = \xff\n", ("UTF-8",)),
])
def test_what_cannot_be_read_is_said(tmp_path: Path, text: str | bytes,
                                     says: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(config_of(tmp_path, text), {})
    for word in (*says, "my.config"):
        assert word in str(caught.value)


@pytest.mark.parametrize(("producer", "says"), [
    ("acks = 0", "acks = 0"),
    ("transactional.id = x", "transactions"),
    ("delivery.report.only.error = true", "delivery reports"),
    ("no.such.property = 1", "no.such.property"),
    ("linger.ms = soon", "linger.ms"),
    ("enable.idempotence = true\nacks = 1", "exclude each other"),
    ("key.serializer = JSONSerializer", "JSONSerializer"),
])
def test_what_would_lose_files_is_refused(tmp_path: Path, producer: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        producer_properties(read_config(config_of(tmp_path, GOOD + producer + "\n")))
    assert "my.config, line" in str(caught.value)


@pytest.mark.parametrize("missing", ["broker", "producer"])
def test_a_missing_section_is_named(tmp_path: Path, missing: str) -> None:
    text = GOOD.replace(f"[{missing}]", "[other]")
    with pytest.raises(ConfigError, match=missing):
        producer_properties(read_config(config_of(tmp_path, text)))


def test_defaults_make_the_producer_safe(tmp_path: Path) -> None:
    text = GOOD + "key.serializer = StringSerializer\nvalue.serializer = DataFileChunkSerializer\n"
    properties, warnings = producer_properties(read_config(config_of(tmp_path, text)))
    assert properties["enable.idempotence"] is True
    assert properties["message.timeout.ms"] == 0
    assert "key.serializer" not in properties
    assert warnings == []


@pytest.mark.parametrize("line", [
    "acks = 1", "retries = 0", "max.in.flight = 6", "queuing.strategy = lifo",
    "request.required.acks = 1"])
def test_idempotence_stays_off_where_the_config_forbids_it(tmp_path: Path, line: str) -> None:
    properties, warnings = producer_properties(read_config(config_of(tmp_path, GOOD + line)))
    assert properties["enable.idempotence"] is False
    assert len(warnings) == 1


def test_a_secret_in_a_bad_value_is_not_shown(tmp_path: Path) -> None:
    text = GOOD + "ssl.key.password = hunter2\nssl.key.location = /does/not/exist\n" \
        "security.protocol = ssl\nssl.certificate.location = /neither\n"
    with pytest.raises(ConfigError) as caught:
        producer_properties(read_config(config_of(tmp_path, text)))
    assert "hunter2" not in str(caught.value)


def test_configs_are_found_by_path_by_name_and_in_the_folder_of_the_user(tmp_path: Path) -> None:
    path = config_of(tmp_path, GOOD)
    assert find_config(str(path), {}) == path
    assert find_config("demo", {}) == find_config("demo.config", {})
    assert find_config("my", {"OPENMSISTREAM_CONFIG_FILE_DIR": str(tmp_path)}) == path
    with pytest.raises(ConfigError, match="demo, heartbeats, local, sasl_ssl"):
        find_config("nowhere", {})


@pytest.mark.parametrize("path", sorted(installed_configs().glob("*.config")),
                         ids=lambda p: p.stem)
def test_every_installed_config_works(path: Path) -> None:
    environment = {name: "x:1" for name in (
        "KAFKA_BOOTSTRAP_SERVERS", "KAFKA_USERNAME", "KAFKA_PASSWORD")}
    properties, _ = producer_properties(read_config(path, environment))
    assert properties


TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1)


@given(st.dictionaries(st.from_regex(r"[a-z][a-z.]{0,20}", fullmatch=True),
                       TEXT.filter(lambda v: not v.startswith("$")), min_size=1))
def test_any_key_and_value_is_read_back(tmp_path_factory: pytest.TempPathFactory,
                                        values: dict[str, str]) -> None:
    path = tmp_path_factory.mktemp("config") / "c.config"
    path.write_text("[broker]\n" + "".join(f"{k} = {v}\n" for k, v in values.items()), "utf-8")
    assert read_config(path).values("broker") == values
