"""Chunks are handed over request by request, the next ones shortly before the answer."""

from __future__ import annotations

from tui.engine.sending.partition_flow import UNKNOWN, PartitionFlow

_CHUNK, _REQUEST, _LINE = 10_000, 100_000, 10**9


def flow(linger_seconds: float = 0.010) -> PartitionFlow:
    found = PartitionFlow()
    found.by_request, found.request_bytes = True, _REQUEST
    found.linger_seconds = linger_seconds
    return found


def answered(found: PartitionFlow, n_messages: int, now: float) -> None:
    found.left({0: (n_messages * _CHUNK, n_messages)}, now, is_acknowledged=True)


def test_no_more_than_one_request_is_handed_over_at_first() -> None:
    found = flow()
    assert found.n_allowed(0, _CHUNK, _LINE, 0.0) == 10
    found.entered(0, 6 * _CHUNK, 6, 0.0)
    assert found.n_allowed(0, _CHUNK, _LINE, 0.001) == 4  # it is still gathering
    found.entered(0, 4 * _CHUNK, 4, 0.001)
    found.entered(0, 10 * _CHUNK, 10, 0.002)  # how long an answer takes is not known yet
    assert found.n_allowed(0, _CHUNK, _LINE, 0.003) == 0


def test_the_next_request_comes_shortly_before_the_answer() -> None:
    found = flow()
    found.entered(0, 10 * _CHUNK, 10, 0.0)
    answered(found, 10, 0.100)  # a request takes so long here
    found.entered(0, 10 * _CHUNK, 10, 1.0)
    assert found.n_allowed(0, _CHUNK, _LINE, 1.050) == 0
    wait = found.seconds_to_wait(0, 1.050)
    assert wait is not None
    assert 1.090 < 1.050 + wait < 1.100
    assert found.n_allowed(0, _CHUNK, _LINE, 1.093) == 10
    found.entered(0, 10 * _CHUNK, 10, 1.093)
    assert found.n_allowed(0, _CHUNK, _LINE, 1.095) == 0  # the next request is full
    answered(found, 10, 1.100)  # and goes now
    assert found.n_allowed(0, _CHUNK, _LINE, 1.150) == 0
    assert found.n_allowed(0, _CHUNK, _LINE, 1.195) == 10


def test_where_a_request_takes_less_than_linger_ms_nothing_is_held_back() -> None:
    found = flow(linger_seconds=0.050)
    found.entered(0, 10 * _CHUNK, 10, 0.0)
    answered(found, 10, 0.010)
    found.entered(0, 10 * _CHUNK, 10, 1.0)
    assert found.n_allowed(0, _CHUNK, _LINE, 1.001) == 10


def test_a_slow_line_gets_less_at_a_time() -> None:
    assert flow().n_allowed(0, _CHUNK, 3 * _CHUNK, 0.0) == 3


def test_of_chunks_with_a_request_each_five_are_on_their_way() -> None:
    found = flow()
    n_on_way = 0
    while n := found.n_allowed(0, _REQUEST, _LINE, 0.0):
        found.entered(0, n * _REQUEST, n, 0.0)
        n_on_way += n
    assert n_on_way == 5
    found.left({0: (_REQUEST, 1)}, 0.01, is_acknowledged=True)
    assert found.n_allowed(0, _REQUEST, _LINE, 0.01) == 1


def test_partitions_do_not_wait_for_each_other() -> None:
    found = flow()
    found.entered(0, 10 * _CHUNK, 10, 0.0)
    answered(found, 10, 0.100)
    found.entered(0, 10 * _CHUNK, 10, 1.0)
    assert found.n_allowed(0, _CHUNK, _LINE, 1.050) == 0
    assert found.n_allowed(1, _CHUNK, _LINE, 1.050) == 10
    assert not found.paces(UNKNOWN)
