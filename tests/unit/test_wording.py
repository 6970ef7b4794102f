"""Numbers, sizes and times as people read them; names that cannot do harm."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import fakes
from tui import wording
from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.snapshot import Counts, Snapshot
from tui.text import cell_width, shorten, visible, wrapped


@pytest.mark.parametrize(("seconds", "words"), [
    (0, "0.0 s"), (1.23, "1.2 s"), (12.4, "12 s"), (60, "1 min"), (161, "2 min 41 s"),
    (11520, "3 h 12 min"), (187200, "2 d 4 h"), (-1, "0.0 s")])
def test_durations(seconds: float, words: str) -> None:
    assert wording.duration(seconds) == words


@pytest.mark.parametrize(("n_bytes", "words"), [
    (0, "0 Bytes"), (1000, "1 kB"), (268_435_456, "268 MB"), (3.4e9, "3.4 GB")])
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
    assert visible("a\udcffb") == "a\\udcffb"


@given(st.text(), st.integers(0, 60))
def test_shortened_text_fits(text: str, width: int) -> None:
    assert cell_width(shorten(text, width)) <= width


@given(st.text(st.characters(categories=["L", "Zs"])), st.integers(4, 60))
def test_wrapped_text_fits_and_loses_nothing(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert all(cell_width(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(("snapshot", "answer"), [
    (fakes.busy(), "131 files not sent yet; quit sends what is queued first"),
    (replace(fakes.idle(), counts=Counts(settling=2)),
     "2 files not at rest yet: remembered for the next start"),
    (replace(fakes.idle(), counts=Counts(held=1)),
     "all else is sent; held and failed files are remembered"),
    (fakes.idle(), "everything is sent")])
def test_check_answers_whether_one_may_leave(snapshot: Snapshot, answer: str) -> None:
    assert f"leaving  {answer}" in wording.check_lines(snapshot)
    assert wording.can_leave(snapshot) is not answer.startswith("131")


@pytest.mark.parametrize(("seconds", "words"), [
    (0.0, "now"), (4.9, "now"), (14.0, "10 s"), (59.9, "55 s"), (119.0, "1 min"),
    (3599.0, "59 min"), (11520.0, "3 h 10 min")])
def test_coarse_ages_change_rarely(seconds: float, words: str) -> None:
    assert wording.coarse(seconds) == words


def test_a_file_that_settles_longer_than_others_says_why() -> None:
    status = FileStatus("a", FileState.SETTLING, 5, settles_in_seconds=12.0,
                        reason="it grew after it had settled, so it must stay unchanged for 24 s")
    assert wording.status_words(status) == (
        "settling for 12 s more: it grew after it had settled, so it must stay unchanged for 24 s")


def test_a_large_file_that_is_hashed_says_how_far_it_has_come() -> None:
    status = FileStatus("a", FileState.UPLOADING, 200, n_bytes_hashed=50)
    assert wording.status_words(status).startswith("being read, 25 % of ")
    assert wording.done(status) == "25 %"


def test_a_held_file_says_how_often_it_was_tried_and_when_it_is_again() -> None:
    status = FileStatus("a", FileState.HELD, 5, reason="a reason", n_attempts=3,
                        next_attempt_seconds=16.0)
    assert wording.status_words(status) == "held: a reason (tried 3 times, next attempt in 16 s)"
