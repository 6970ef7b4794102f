"""How the next version of a path is sent, so that no consumer is confused by the one before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.engine.model.versions import FileVersion, PastVersion, VersionState
from tui.engine.sending.version_plan import Cut, cut, is_sent_already, resumable

OLD, NEW = b"o" * 64, b"n" * 64
BEGUN, COMPLETE = VersionState.BEGUN, VersionState.COMPLETE
ABANDONED, REFUSED = VersionState.ABANDONED, VersionState.REFUSED


def past(state: VersionState, n_chunks: int, sha512: bytes = OLD, chunk_size: int = 1024, *,
         sent_twice: bool = False, rebuild_uncertain: bool = False) -> PastVersion:
    version = FileVersion(1, 1, "a", n_chunks * chunk_size, 0, 0.0, sha512, chunk_size,
                          n_chunks, 0, "all", sent_twice=sent_twice,
                          rebuild_uncertain=rebuild_uncertain)
    return PastVersion(version, state, 0.0, 0, b"", ())


def test_a_path_without_a_past_is_cut_as_asked() -> None:
    assert cut([], NEW, 10_000, 1024) == Cut(1024, 10)


def test_after_a_clean_version_nothing_is_special() -> None:
    history = [past(COMPLETE, 50), past(ABANDONED, 900)]
    assert cut(history, NEW, 10_000, 1024) == Cut(1024, 10)


@pytest.mark.parametrize("state", [ABANDONED, BEGUN])
def test_after_an_abandoned_version_there_are_more_chunks_and_the_first_goes_twice(
        state: VersionState) -> None:
    assert cut([past(state, 5)], NEW, 10_000, 1024) == Cut(1024, 10, is_recovery=True)
    assert cut([past(state, 10)], NEW, 10_000, 1024) == Cut(512, 20, is_recovery=True)
    assert cut([past(state, 5), past(state, 19)], NEW, 10_000, 1024) == Cut(
        512, 20, is_recovery=True)


def test_a_refused_version_left_nothing_on_the_topic() -> None:
    assert cut([past(REFUSED, 10)], NEW, 10_000, 1024) == Cut(1024, 10)


def test_after_a_version_that_may_have_gone_twice_there_is_a_recovery() -> None:
    assert cut([past(COMPLETE, 10, sent_twice=True)], NEW, 10_000, 1024).is_recovery
    assert not cut([past(COMPLETE, 1, sent_twice=True)], NEW, 10_000, 1024).is_recovery


def test_a_content_once_sent_keeps_its_chunk_size() -> None:
    history = [past(COMPLETE, 3), past(COMPLETE, 20, NEW, 512)]
    assert cut(history, NEW, 10_000, 1024) == Cut(512, 20)
    # Even where that is too few chunks to be sure of every consumer.
    assert cut([past(ABANDONED, 30), past(COMPLETE, 20, NEW, 512)], NEW, 10_000, 1024) == Cut(
        512, 20, rebuild_uncertain=True)


def test_content_too_small_for_more_chunks_is_sent_and_doubted() -> None:
    assert cut([past(ABANDONED, 30)], NEW, 20, 1024) == Cut(1024, 1, rebuild_uncertain=True)
    assert cut([past(COMPLETE, 1, rebuild_uncertain=True), past(ABANDONED, 30)], NEW, 100, 1024) \
        == Cut(2, 50, is_recovery=True)


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=5), st.integers(0, 10**6),
       st.integers(0, 20))
def test_a_recovery_always_has_strictly_more_chunks(counts: list[int], n_bytes: int,
                                                    power: int) -> None:
    how = cut([past(ABANDONED, n) for n in counts], NEW, n_bytes, 1 << power)
    assert how.is_recovery is not how.rebuild_uncertain
    if how.is_recovery:
        assert how.n_chunks > max(counts)
    assert how.n_chunks == max(1, -(-n_bytes // how.chunk_size))


def test_only_the_last_begun_version_goes_on() -> None:
    begun = past(BEGUN, 5, NEW)
    assert resumable([begun], NEW) is begun
    assert resumable([past(REFUSED, 5), begun], NEW) is begun
    assert resumable([past(COMPLETE, 5), begun], NEW) is None
    assert resumable([begun], OLD) is None


def test_content_is_sent_already_only_if_it_is_the_last_on_the_topic() -> None:
    assert is_sent_already([past(COMPLETE, 5, NEW)], NEW)
    assert not is_sent_already([past(ABANDONED, 5), past(COMPLETE, 5, NEW)], NEW)
    assert not is_sent_already([past(COMPLETE, 5, NEW, rebuild_uncertain=True)], NEW)
    assert not is_sent_already([], NEW)
