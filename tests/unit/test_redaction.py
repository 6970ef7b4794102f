"""Secrets are hidden wherever they can be told from ordinary text."""

from __future__ import annotations

import pytest

from tui.config.redaction import Redaction


def hidden(text: str, *values: str, shown: str = "***") -> str:
    redact = Redaction()
    for value in values:
        redact.add(value, shown)
    return redact(text)


def test_a_long_value_is_hidden_anywhere() -> None:
    assert hidden("xhunter2000y: hunter2000", "hunter2000") == "x***y: ***"


def test_a_longer_value_is_hidden_before_one_that_it_contains() -> None:
    assert hidden("pass-word-2", "pass-word", "pass-word-2") == "***"


@pytest.mark.parametrize("value", ["all", "raw", "ssl"])
def test_a_short_value_is_hidden_as_a_word_only(value: str) -> None:
    text = f"{value}ways, x{value} and user:{value}@host ({value})"
    assert hidden(text, value) == f"{value}ways, x{value} and user:***@host (***)"


@pytest.mark.parametrize("value", ["1", "ab", " "])
def test_a_value_of_a_character_or_two_leaves_ordinary_text_alone(value: str) -> None:
    text = "1 file uploaded, ab 12 of 1 chunks"
    assert hidden(text, value) == text


def test_a_value_of_a_character_or_two_is_hidden_where_it_is_cited() -> None:
    assert hidden('Invalid value "ab" for a property', "ab") == 'Invalid value "***" for a property'


def test_each_line_of_a_key_is_hidden() -> None:
    assert hidden("MIIabcdefgh at line 2", "-----BEGIN\nMIIabcdefgh\n-----END") == "*** at line 2"


def test_the_servers_of_a_variable_are_shown_by_its_name() -> None:
    redact = Redaction()
    redact.add("kafka-1.lab:9093, kafka-2.lab:9093", "$SERVERS", is_list=True)
    assert redact("kafka-2.lab:9093/2: Connect to kafka-1.lab failed") == \
        "$SERVERS/2: Connect to $SERVERS failed"
