"""Config files are read as they are written, and what is wrong is said with file and line."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config.config_file import find_config, installed_configs, read_config
from tui.config.producer_config import producer_properties
from tui.errors import ConfigError


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
                       TEXT.filter(lambda v: not v.startswith("$") and "%(" not in v), min_size=1))
def test_any_key_and_value_is_read_back(tmp_path_factory: pytest.TempPathFactory,
                                        values: dict[str, str]) -> None:
    path = tmp_path_factory.mktemp("config") / "c.config"
    path.write_text("[broker]\n" + "".join(f"{k} = {v}\n" for k, v in values.items()), "utf-8")
    assert read_config(path).values("broker") == {
        key: value.replace("%%", "%") for key, value in values.items()}


LINE = st.one_of(
    st.sampled_from(["[a]", "[b]", "", "   ", "# c", "; c", "  # c", "k", "= v"]),
    st.builds(lambda indent, key, mark, value: f"{indent}{key}{mark}{value}",
              st.sampled_from(["", "", "  ", "\t"]),
              st.sampled_from(["k1", "K2", "k.3.pem", "k4.pem", "k5.pem"]),
              st.sampled_from(["=", " = ", ":", " : "]),
              st.sampled_from(["v", "", "a = b", "a:b", "'q'", "x # y", "x;y", "50%", "a%(b)s"])),
    st.builds(str.__add__, st.sampled_from(["  ", "    "]), st.sampled_from(["more", "of it=="])))


@given(st.lists(LINE, max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_files_mean_what_configparser_makes_of_them(
        tmp_path_factory: pytest.TempPathFactory, lines: list[str], ending: str) -> None:
    path = tmp_path_factory.mktemp("config") / "c.config"
    path.write_bytes(ending.join(lines).encode())
    expected = configparser.ConfigParser(interpolation=None, default_section="none")
    try:
        expected.read_string("\n".join(lines))
    except configparser.Error:
        with pytest.raises(ConfigError):
            read_config(path)
        return
    try:
        found = read_config(path)
    except ConfigError as error:
        # Stricter, and says so.
        assert "continues the value" in str(error) or "value of another key" in str(error)
        return
    assert {name: found.values(name) for name in found.sections} == {
        name: dict(expected[name]) for name in expected.sections()}


@pytest.mark.parametrize("password", [
    "a #b", "a ;b", "a=b:c", "50%", "%(x)s", "p$HOME", "'quoted'", '"q"', "#hash", "a\tb", "é☃"])
def test_no_password_is_ever_cut_or_changed(tmp_path: Path, password: str) -> None:
    path = config_of(tmp_path, f"[broker]\nsasl.password = {password}\n")
    config = read_config(path, {"HOME": "/home"})
    assert config.values("broker")["sasl.password"] == password
    assert len(config.remarks) == (password == "%(x)s")  # that one may be meant otherwise


def test_a_doubled_percent_sign_is_one_and_that_is_said(tmp_path: Path) -> None:
    config = read_config(config_of(tmp_path, "[broker]\nsasl.password = a%%b\n"))
    assert config.values("broker")["sasl.password"] == "a%b"
    assert "line 2, [broker] sasl.password: each %% is read as one %" in config.remarks[0]


def test_a_value_may_go_on_in_indented_lines(tmp_path: Path) -> None:
    config = read_config(config_of(
        tmp_path, "[broker]\nssl.ca.pem = -----BEGIN\n  abc=\n\n  -----END\nacks = 1\n"))
    assert config.values("broker") == {"ssl.ca.pem": "-----BEGIN\nabc=\n\n-----END", "acks": "1"}


def test_a_key_that_is_indented_by_mistake_is_no_part_of_the_value_before(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"line 3: the line is indented.*bootstrap\.servers"):
        read_config(config_of(tmp_path, "[broker]\nbootstrap.servers = h:1\n  acks = all\n"))


@pytest.mark.parametrize("line", ["acks = all  # wait for all", "batch.size = many ; large",
                                  "ssl.ca.location = /x # our own\nsecurity.protocol = ssl"])
def test_a_comment_behind_a_value_is_the_likeliest_reason_for_an_objection(
        tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match="Put the comment on a line of its own") as caught:
        producer_properties(read_config(config_of(tmp_path, GOOD + line)))
    assert "line 4" in str(caught.value)


def test_a_secret_that_looks_like_another_keys_value_is_taken_and_remarked(
        tmp_path: Path) -> None:
    config = read_config(config_of(tmp_path, GOOD + "sasl.password = %(pw)s\n"))
    assert config.values("producer")["sasl.password"] == "%(pw)s"
    (remark,) = config.remarks
    assert "line 4, [producer] sasl.password: %(key)s is taken as it stands" in remark
    assert "%(pw)s" not in remark


def test_a_comment_behind_a_value_that_is_accepted_is_warned_of(tmp_path: Path) -> None:
    config = read_config(config_of(tmp_path, GOOD + "client.id = x # me\n"))
    assert config.values("producer")["client.id"] == "x # me"
    assert "line 4, [producer] client.id: what follows # or ;" in config.remarks[0]


@pytest.mark.parametrize(("value", "says", "hides"), [
    ("$NOPE", "the environment variable is not set", "NOPE"),  # it may be a password
    ("$PW # secret", "a comment stands behind the variable", "secret"),
    ("$!tr0ng", "no variable's name follows", "tr0ng"),
    ("$", "no variable's name follows", "***"),
])
def test_a_dollar_sign_without_a_variable(tmp_path: Path, value: str, says: str,
                                          hides: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        read_config(config_of(tmp_path, f"[broker]\nsasl.password = {value}\n"), {"PW": "x"})
    assert "line 2, [broker] sasl.password" in str(caught.value)
    assert not hides or hides not in str(caught.value)


def test_variables_in_a_value_that_begins_with_one(tmp_path: Path) -> None:
    text = "[broker]\nbootstrap.servers = $HOST:9092,${OTHER}:9093\nclient.id = a$HOST\n"
    config = read_config(config_of(tmp_path, text), {"HOST": "kafka.lab", "OTHER": "k2.lab"})
    assert config.values("broker") == {
        "bootstrap.servers": "kafka.lab:9092,k2.lab:9093", "client.id": "a$HOST"}
    assert config.shown("broker", "bootstrap.servers") == "$HOST:9092,${OTHER}:9093"
    shown = config.redact("kafka.lab:9092/bootstrap: Failed to resolve 'k2.lab:9093'")
    assert "kafka.lab" not in shown
    assert "k2.lab" not in shown


@pytest.mark.parametrize("line", ["acks = $V", "security.protocol = $V", "key.serializer = $V",
                                  "linger.ms = $V", "no.such.property = $V"])
def test_the_value_of_a_variable_is_in_no_error(tmp_path: Path, line: str) -> None:
    config = read_config(config_of(tmp_path, GOOD + line), {"V": "wrong-value"})
    with pytest.raises(ConfigError) as caught:
        producer_properties(config)
    assert "wrong-value" not in str(caught.value)


@pytest.mark.parametrize("acks", ["0", "00", "0x0", "0 # none", "-0"])
def test_no_spelling_of_acks_0_passes(tmp_path: Path, acks: str) -> None:
    with pytest.raises(ConfigError, match="nothing is ever acknowledged"):
        producer_properties(read_config(config_of(tmp_path, GOOD + f"acks = {acks}\n")))


@pytest.mark.parametrize(("line", "key"), [
    ("sasl.mechanism = FOO\nsecurity.protocol = sasl_ssl", "sasl.mechanism"),
    ("compression.type = bzip", "compression.type"),
    ("ssl.ca.location = /no/such/file\nsecurity.protocol = ssl", "ssl.ca.location"),
    ("message.max.bytes = 5", "message.max.bytes"),
    ("ack = all", "Did you mean acks?"),
])
def test_an_objection_names_the_key_and_its_line(tmp_path: Path, line: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        producer_properties(read_config(config_of(tmp_path, GOOD + line)))
    assert key in str(caught.value)
    assert "my.config, line 4" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_keys_may_be_written_in_any_case(tmp_path: Path) -> None:
    config = read_config(config_of(tmp_path, "[broker]\nBootstrap.Servers = h:1\n"))
    assert config.values("broker") == {"bootstrap.servers": "h:1"}


def test_a_directory_and_an_unreadable_file_are_no_configs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a directory"):
        find_config(str(tmp_path), {})
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_config(tmp_path / "gone.config")
