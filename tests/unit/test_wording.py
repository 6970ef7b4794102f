"""Numbers, sizes and times as people read them; names that cannot do harm."""

from __future__ import annotations

import datetime
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import fakes
from tui import wording
from tui.engine.model.files import FileState, FileStatus
from tui.text import cell_width, shorten, visible, wrapped


@pytest.mark.parametrize(("seconds", "words"), [
    (0, "0.0 s"), (1.23, "1.2 s"), (12.4, "12 s"), (60, "1 min"), (161, "2 min 41 s"),
    (11520, "3 h 12 min"), (187200, "2 d 4 h"), (-1, "0.0 s")])
def test_durations(seconds: float, words: str) -> None:
    assert wording.duration(seconds) == words


@pytest.mark.parametrize(("n_bytes", "words"), [
    (0, "0 B"), (9, "9 B"), (1000, "1 kB"), (268_435_456, "268 MB"), (3.4e9, "3.4 GB")])
def test_sizes(n_bytes: float, words: str) -> None:
    assert wording.size(n_bytes) == words


@pytest.mark.parametrize(("part", "whole", "words"), [
    (0, 5, "0 %"), (999_999, 1_000_000, "99 %"), (5, 5, "100 %"), (0, 0, "100 %")])
def test_a_hundred_percent_means_all(part: int, whole: int, words: str) -> None:
    assert wording.percent(part, whole) == words


@given(st.text())
def test_visible_text_holds_no_control_characters(text: str) -> None:
    shown = visible(text)
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in shown)
    assert not set(shown) & {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}
    shown.encode()


def test_lone_surrogates_of_broken_names_are_visible() -> None:
    assert visible("a\udcffb") == "a\\xffb"
    assert visible("\ud800") == "\\ud800"


@given(st.text(), st.integers(0, 60))
def test_shortened_text_fits(text: str, width: int) -> None:
    assert cell_width(shorten(text, width)) <= width


@given(st.text(st.characters(categories=["L", "Zs"])), st.integers(4, 60))
def test_wrapped_text_fits_and_loses_nothing(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert all(cell_width(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(("seconds", "words"), [
    (0.0, "now"), (4.9, "now"), (14.0, "10 s"), (59.9, "55 s"), (119.0, "1 min"),
    (3599.0, "59 min"), (11520.0, "3 h 10 min")])
def test_coarse_ages_change_rarely(seconds: float, words: str) -> None:
    assert wording.coarse(seconds) == words


def test_a_file_that_settles_longer_than_others_says_why() -> None:
    status = FileStatus("a", FileState.SETTLING, 5, settles_in_seconds=12.0,
                        reason="it grew after it had settled, so it must stay unchanged for 24 s")
    assert wording.status_words(status, fakes.NOW) == (
        "still being written? Uploads in 12 s if unchanged: it grew after it had settled, so it "
        "must stay unchanged for 24 s")


def test_a_large_file_that_is_hashed_says_how_far_it_has_come() -> None:
    status = FileStatus("a", FileState.READING, 200, n_bytes_hashed=50, bytes_per_second=10,
                        seconds_left=15.0)
    assert wording.status_words(status, fakes.NOW) == (
        "being read, 25 % of 200 B at 10 B/s, 15 s left; uploaded once its hash is known")
    assert wording.done(status) == "25 %"


def test_a_held_file_says_how_often_it_was_tried_and_when_it_is_again() -> None:
    status = FileStatus("a", FileState.HELD, 5, reason="a reason", n_attempts=3,
                        next_attempt_seconds=16.0)
    assert wording.status_words(status, fakes.NOW) == (
        "retrying: a reason (tried 3 times, next attempt in 16 s)")


@pytest.mark.parametrize(("changes", "words"), [
    ({"n_bytes_ahead": 0}, "waiting: next"),
    ({"n_bytes_ahead": 5_000_000}, "waiting: in line behind 5 MB"),
    ({"n_bytes_ahead": 5_000_000, "seconds_left": 9.0}, "waiting: starts in about 9 s")])
def test_a_waiting_file_says_when_its_turn_is(changes: dict[str, float], words: str) -> None:
    status = FileStatus("a", FileState.WAITING, 5, **changes)  # type: ignore[arg-type]
    assert wording.status_words(status, fakes.NOW) == words


def test_what_takes_longer_than_a_minute_is_told_by_the_clock() -> None:
    later = datetime.datetime.fromtimestamp(fakes.NOW + 3 * 86400)
    assert wording.until(0.2, fakes.NOW) == "1 s left"
    assert re.fullmatch(r"done about (\w{3} )?\d\d:\d\d", wording.until(61, fakes.NOW))
    assert wording.until(3 * 86400, fakes.NOW) == f"done about {later:%a %H:%M}"
    assert wording.until(1e15, fakes.NOW) == "done about in many years"


def test_a_blank_at_the_end_of_a_name_can_be_seen() -> None:
    assert wording.visible_path("a b  ") == "a b\\x20\\x20"
