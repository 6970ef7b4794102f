"""No pattern that somebody gives stops the program, whatever names files have."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.finder import RunningFinder
from tests.program import Program
from tui.config.settings import DEFAULT_UPLOAD_REGEX
from tui.engine.finding import path_regex
from tui.engine.finding.path_regex import PathRegex, TooLongError, is_quick
from tui.engine.system.paths import matches

EXPLODING = "(a+)+$"
LONG = "a" * 40 + "!"


@pytest.mark.parametrize("pattern", [
    DEFAULT_UPLOAD_REGEX, "", "x", r".*\.csv$", r"(.*/)?[^/]*\.(tif|tiff|raw)$", "[a-z]+[0-9]*",
    r"^run \d{4}/", "(?i).*detector", r"(?!tmp/).*\.dat", "a|b|c", "(ab){3}c"])
def test_ordinary_expressions_are_matched_here(pattern: str) -> None:
    assert is_quick(re.compile(pattern))


@pytest.mark.parametrize("pattern", [
    EXPLODING, "(a|a)*$", "(a|aa)+$", "(a?){30}a{30}$", "(.*)*x", r"(a+)\1+$", "a*a*a*a*b",
    "a?" * 30 + "a" * 30, "(?=(a+)+$)a", "(?:(?:a*)b?)*$"])
def test_expressions_that_may_explode_are_matched_elsewhere(pattern: str) -> None:
    assert not is_quick(re.compile(pattern))


def test_a_helper_answers_as_re_does() -> None:
    for pattern, flags in ((r"(a+)+b?$", 0), (r"(?i)(é|ß+)*x$", 0)):
        compiled = re.compile(pattern, flags)
        regex = PathRegex(compiled)
        for path in ("aaa", "aab", "b", "ÉSSx", "ßßx", "a\nb", "dark \udcff.raw", "☃/aa"):
            assert regex.matches(path) == (compiled.match(path) is not None), path


def test_a_path_that_takes_too_long_is_given_up_and_the_next_ones_are_matched(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_regex, "_MOST_SECONDS", 0.2)
    regex = PathRegex(re.compile(EXPLODING))
    with pytest.raises(TooLongError):
        regex.matches(LONG)
    assert regex.matches("aaa")
    began = time.monotonic()
    for _ in range(100):  # it is remembered
        with pytest.raises(TooLongError):
            regex.matches(LONG)
    assert time.monotonic() - began < 10
    assert not regex.matches("b")


def test_where_no_process_can_be_started_it_is_matched_here_and_that_is_said(
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    for executable in ("/nowhere/python", "/bin/true"):
        monkeypatch.setattr("sys.executable", executable)
        regex = PathRegex(re.compile(EXPLODING))
        assert regex.matches("aaa")
        assert not regex.matches("b")
    assert caplog.text.count("cannot be matched in a process of its own") == 2


def test_files_whose_names_take_too_long_are_said_and_count_as_failed(
        upload_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_regex, "_MOST_SECONDS", 0.2)
    (upload_dir / LONG).write_bytes(b"x")
    (upload_dir / "aaa").write_bytes(b"x")
    with RunningFinder(upload_dir, upload_regex=EXPLODING, upload_existing=True) as finder:
        finder.wait_queued("aaa")
        finder.wait_log(f"{LONG} cannot be uploaded: it takes too long to see whether "
                        "--upload_regex matches its name")
        (upload_dir / (LONG + "!")).write_bytes(b"x")
        (upload_dir / "aaaa").write_bytes(b"x")
        finder.wait_queued("aaa", "aaaa")
        finder.wait(lambda: len(finder.finder.stuck.unsendable()) == 2, "both are refused")
        assert "too long" in finder.finder.why_excluded(LONG)


def test_s42_the_program_obeys_while_an_expression_explodes(upload_dir: Path,
                                                            tmp_path: Path) -> None:
    config = tmp_path / "c.config"
    config.write_text("[broker]\ntest.mock.num.brokers = 1\n[producer]\n")
    for i in range(20):
        (upload_dir / f"{LONG}{i}").write_bytes(b"x")
    with Program(upload_dir, "--config", str(config), "--upload_regex", EXPLODING,
                 "--upload_existing") as program:
        program.wait_for("cannot be uploaded: it takes too long")
        program.type("files *" + "a*" * 30 + "b")
        program.type("check")
        program.wait_for("^files ")
        assert program.quit() == 1  # they are not sent


def test_a_glob_takes_little_time_whatever_it_is() -> None:
    began = time.monotonic()
    assert not matches("*a" * 40 + "*b", "a" * 4000)
    assert time.monotonic() - began < 20


GLOB = st.text("ab*?./", max_size=12)


@given(GLOB.filter(lambda text: "*" in text or "?" in text), st.text("ab./*?\n", max_size=12))
def test_globs_mean_what_they_meant(pattern: str, path: str) -> None:
    expression = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    assert matches(pattern, path) == (
        re.fullmatch(f".*{expression}", "/" + path, re.DOTALL) is not None)
