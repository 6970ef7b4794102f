"""A call that hangs is left behind, and told of when it comes back."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.waiting import wait_until
from tui.engine.patience import At, HangError, Patient


@pytest.fixture
def returned() -> list[str]:
    return []


@pytest.fixture
def patient(returned: list[str]) -> Iterator[Patient]:
    found = Patient("test", returned.append, patience_seconds=0.1)
    yield found
    found.stop()


def hanging(path: str, release: threading.Event, patient: Patient) -> None:
    """Leave a call behind with a path."""
    def call(at: At) -> None:
        at(path)
        release.wait(60)

    with pytest.raises(HangError) as caught:
        patient.run(call)
    assert caught.value.path == path


def test_results_and_errors_are_those_of_the_call(patient: Patient) -> None:
    assert patient.run(lambda at: 5) == 5
    with pytest.raises(ZeroDivisionError):
        patient.run(lambda at: 1 / 0)
    assert patient.run(lambda at: threading.current_thread().name) == "test-calls"


def test_a_call_that_hangs_does_not_keep_the_next_one(patient: Patient,
                                                      returned: list[str]) -> None:
    release = threading.Event()
    hanging("a/f", release, patient)
    assert patient.run(lambda at: "next") == "next"
    assert [path for path, _ in patient.hanging] == ["a/f"]
    release.set()
    wait_until(lambda: returned == ["a/f"], "it is told of")
    wait_until(lambda: patient.hanging == [], "nothing hangs any more")


def test_a_path_that_hangs_costs_no_second_thread(patient: Patient) -> None:
    release = threading.Event()
    hanging("a/f", release, patient)
    n_threads = threading.active_count()
    with pytest.raises(HangError):
        patient.run(lambda at: at("a/f"))
    assert threading.active_count() <= n_threads + 1
    patient.run(lambda at: at("a/g"))
    release.set()


def test_where_several_paths_of_a_folder_hang_the_others_are_not_tried(patient: Patient) -> None:
    release = threading.Event()
    for name in ("a/1", "a/2", "a/3"):
        hanging(name, release, patient)
    with pytest.raises(HangError):
        patient.run(lambda at: at("a/4"))
    patient.run(lambda at: at("b/4"))
    release.set()


def test_a_call_that_gets_on_is_not_given_up(patient: Patient) -> None:
    pause = threading.Event()

    def slow(at: At) -> int:
        for i in range(10):
            at(str(i))
            pause.wait(0.04)
        return 10

    assert patient.run(slow) == 10


def test_a_call_that_was_left_behind_goes_no_further(patient: Patient,
                                                     returned: list[str]) -> None:
    release = threading.Event()
    reached = []

    def call(at: At) -> None:
        at("first")
        release.wait(60)
        at("second")
        reached.append("second")

    with pytest.raises(HangError):
        patient.run(call)
    release.set()
    wait_until(lambda: returned == ["first"], "it has come back")
    assert reached == []
