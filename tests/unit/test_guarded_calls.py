"""A call that hangs is left behind, and told of when it comes back."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.waiting import wait_until
from tui.engine.system.guarded_calls import GuardedCalls, Touching
from tui.errors import FileSystemHangError


@pytest.fixture
def returned() -> list[str]:
    return []


@pytest.fixture
def calls(returned: list[str]) -> Iterator[GuardedCalls]:
    found = GuardedCalls("test", returned.append, patience_seconds=0.1)
    yield found
    found.stop()


def hanging(path: str, release: threading.Event, calls: GuardedCalls) -> None:
    """Leave a call behind with a path."""
    def call(touching: Touching) -> None:
        touching(path)
        release.wait(60)

    with pytest.raises(FileSystemHangError) as caught:
        calls.run(call)
    assert caught.value.path == path


def test_results_and_errors_are_those_of_the_call(calls: GuardedCalls) -> None:
    assert calls.run(lambda touching: 5) == 5
    with pytest.raises(ZeroDivisionError):
        calls.run(lambda touching: 1 / 0)
    assert calls.run(lambda touching: threading.current_thread().name) == "test-calls"


def test_a_call_that_hangs_does_not_keep_the_next_one(calls: GuardedCalls,
                                                      returned: list[str]) -> None:
    release = threading.Event()
    hanging("a/f", release, calls)
    assert calls.run(lambda touching: "next") == "next"
    assert [path for path, _ in calls.hanging] == ["a/f"]
    release.set()
    wait_until(lambda: returned == ["a/f"], "it is told of")
    wait_until(lambda: calls.hanging == [], "nothing hangs any more")


def n_threads() -> int:
    """Return how many threads make calls, or hang in them; others come and go in this process."""
    return sum(thread.name == "test-calls" for thread in threading.enumerate())


def test_a_path_that_hangs_costs_no_second_thread(calls: GuardedCalls) -> None:
    release = threading.Event()
    hanging("a/f", release, calls)
    n_before = n_threads()
    with pytest.raises(FileSystemHangError):
        calls.run(lambda touching: touching("a/f"))
    assert n_threads() <= n_before + 1
    calls.run(lambda touching: touching("a/g"))
    release.set()


def test_where_several_paths_of_a_folder_hang_the_others_are_not_tried(calls: GuardedCalls) -> None:
    release = threading.Event()
    for name in ("a/1", "a/2", "a/3"):
        hanging(name, release, calls)
    with pytest.raises(FileSystemHangError):
        calls.run(lambda touching: touching("a/4"))
    calls.run(lambda touching: touching("b/4"))
    release.set()


def test_a_call_that_gets_on_is_not_given_up(calls: GuardedCalls) -> None:
    pause = threading.Event()

    def slow(touching: Touching) -> int:
        for i in range(10):
            touching(str(i))
            pause.wait(0.04)
        return 10

    assert calls.run(slow) == 10


def test_a_call_that_was_left_behind_goes_no_further(calls: GuardedCalls,
                                                     returned: list[str]) -> None:
    release = threading.Event()
    reached = []

    def call(touching: Touching) -> None:
        touching("first")
        release.wait(60)
        touching("second")
        reached.append("second")

    with pytest.raises(FileSystemHangError):
        calls.run(call)
    release.set()
    wait_until(lambda: returned == ["first"], "it has come back")
    assert reached == []
