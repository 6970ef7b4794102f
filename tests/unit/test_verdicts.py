"""May I close it, may I empty the disk: two answers, each true in every state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import fakes
from tui import answers
from tui.engine.model.snapshot import BrokerState, Counts, Freshness, Phase, Snapshot
from tui.engine.model.verdicts import left_behind, may_close, only_here

LOOKED = Freshness(last_scan_age=9.0)
CLEAN = replace(fakes.idle(), counts=Counts(uploaded=4))


def test_all_that_was_found_is_uploaded() -> None:
    assert may_close(CLEAN)
    assert answers.close_words(CLEAN) == "yes: everything found so far is uploaded"
    assert answers.disk_words(CLEAN) == "not answered yet: 4 files uploaded"


@pytest.mark.parametrize(("snapshot", "words"), [
    (replace(CLEAN, freshness=Freshness()),
     "not yet: the upload directory is still being looked through"),
    (replace(CLEAN, freshness=replace(LOOKED, source_offline="it is gone")),
     "not yet: the upload directory cannot be seen"),
    (replace(CLEAN, counts=Counts(settling=2, n_bytes_settling=5000)),
     "not yet: 2 files (5 kB) still being written; remembered for the next start"),
    (replace(CLEAN, counts=Counts(growing=1, n_bytes_settling=5)),
     "not yet: 1 file (5 B) still being written"),
    (replace(CLEAN, n_heard=1), "not yet: 1 change not looked at yet"),
    (replace(CLEAN, counts=Counts(held=300, n_bytes_stuck=7)),
     "not yet: 300 files (7 B) cannot be uploaded just now; remembered for the next start"),
    (replace(CLEAN, counts=Counts(failed=1, n_bytes_stuck=7)), "not yet: 1 file (7 B) needs you"),
    (replace(CLEAN, counts=Counts(failed=5, held=1, n_bytes_stuck=7)),
     "not yet: 1 file cannot be uploaded just now, 5 files need you"),
    (replace(CLEAN, freshness=replace(LOOKED, n_unreadable=1)),
     "not yet: 1 file or directory cannot be read"),
    (replace(CLEAN, counts=Counts(in_doubt=2)),
     "not yet: 2 files read again to see whether they have changed"),
    (replace(CLEAN, n_rebuild_uncertain=1),
     "not yet: 1 file that consumers may be unable to rebuild"),
    (replace(CLEAN, n_unrecorded=3),
     "not yet: 3 files cannot be recorded, and must be found again"),
    (replace(fakes.busy(), counts=Counts(reading=1)),
     "not yet: 1 file (34.3 GB) not uploaded yet; quit uploads them first"),
    (replace(fakes.broker_down(), counts=Counts(waiting=1)),
     "not yet: 1 file (34.3 GB) not uploaded yet; the broker cannot be reached, and quit gives up "
     "after 15 s: they are uploaded at the next start"),
    (replace(CLEAN, phase=Phase.STARTING), "not yet: it is just starting")])
def test_whatever_would_be_left_is_a_no_and_said(snapshot: Snapshot, words: str) -> None:
    assert not may_close(snapshot)
    assert answers.close_words(snapshot).startswith(words)


def test_a_file_that_is_not_taken_keeps_the_disk_and_not_the_program() -> None:
    snapshot = replace(CLEAN, counts=Counts(uploaded=4, not_taken=20_001,
                                            n_bytes_not_taken=3_200_000_000))
    assert may_close(snapshot)
    assert answers.disk_words(snapshot) == (
        "not answered yet: 4 files uploaded, 20,001 files (3.2 GB) only on this disk")


def test_what_is_only_on_this_disk_is_all_that_is_not_uploaded() -> None:
    counts = Counts(not_taken=1, settling=2, growing=3, waiting=4, reading=5, uploading=6,
                    stalled=7, uploaded=8, held=9, failed=10, gone=11, n_bytes_not_taken=100,
                    n_bytes_settling=20, n_bytes_stuck=3)
    snapshot = replace(CLEAN, counts=counts, n_unrecorded=12,
                       traffic=replace(CLEAN.traffic, n_bytes_waiting=4000))
    assert only_here(snapshot) == (counts.found - 8 - 11 + 12, 4123)


def test_nothing_is_kept_by_the_embedded_broker() -> None:
    assert answers.disk_words(fakes.embedded()) == "no: nothing is kept, this is a try"
    assert "nothing is kept" in answers.close_words(fakes.embedded())


def test_an_unreachable_broker_keeps_nothing_from_being_closed_where_nothing_waits() -> None:
    down = replace(CLEAN.broker, state=BrokerState.UNREACHABLE)
    assert may_close(replace(CLEAN, broker=down))


def test_nothing_is_left_behind_twice() -> None:
    kinds = [left.kind for left in left_behind(fakes.busy())]
    assert len(kinds) == len(set(kinds)) >= 3


def test_check_answers_both_questions_first() -> None:
    lines = answers.check_lines(CLEAN)
    assert lines[0] == "close?   yes: everything found so far is uploaded"
    assert lines[1] == "disk?    not answered yet: 4 files uploaded"
