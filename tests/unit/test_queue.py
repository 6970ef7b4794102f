"""Who goes next, and what is known of a path whose last version was still on its way."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.builders import version_of
from tui.engine.model.files import WaitingFile
from tui.engine.sending.connection import Connection, Obstacle
from tui.engine.sending.in_flight import InFlightLimit
from tui.engine.sending.messages import MessageMaker
from tui.engine.sending.queue import UploadQueue
from tui.engine.sending.transfer import Transfer


class ListedFiles:
    """A line of files that somebody wrote down."""

    def __init__(self, *files: WaitingFile) -> None:
        self.files = list(files)

    def next_of_size(self, after_position: int, n_rows: int, least_bytes: int,
                     most_bytes: int) -> tuple[list[WaitingFile], int]:
        found = [f for f in self.files if f.position > after_position
                 and least_bytes <= f.n_bytes <= most_bytes][:n_rows]
        last = max((f.position for f in self.files), default=0)
        return found, found[-1].position if len(found) == n_rows else last


def waiting(position: int, rel_path: str = "a", n_bytes: int = 10) -> WaitingFile:
    return WaitingFile(1, rel_path, n_bytes, 0, position, None, "all", False, 0)


def verified() -> Connection:
    connection = Connection()
    assert connection.verify()
    return connection


def queue_on(line: ListedFiles, connection: Connection | None = None,
             max_bytes: int = 10**6) -> UploadQueue:
    """Return the queue of two workers on a line."""
    connection = connection or verified()
    return UploadQueue(line, 2, InFlightLimit(max_bytes, connection), connection)


def take(queue: UploadQueue, timeout_seconds: float = 0.1,
         taker: int = 1) -> list[WaitingFile]:
    work = queue.take(taker, timeout_seconds)
    return work if isinstance(work, list) else []


def test_a_second_version_waits_for_the_first_and_asks_the_ledger_again() -> None:
    line = ListedFiles(waiting(1))
    queue = queue_on(line)
    first, = take(queue)
    line.files.append(waiting(2))
    queue.wake()
    assert take(queue) == []
    queue.release(["a"])
    second, = take(queue)
    assert (first.is_stale, second.is_stale) == (False, True)
    assert second.position == 2


def test_a_row_read_together_with_an_older_one_of_its_path_is_stale() -> None:
    queue = queue_on(ListedFiles(waiting(1), waiting(2)))
    first, = take(queue)
    queue.release(["a"])
    second, = take(queue)
    assert (first.is_stale, second.is_stale) == (False, True)


class SlowLine(ListedFiles):
    """A line that is read only once :attr:`may_answer` is set."""

    def __init__(self, *files: WaitingFile) -> None:
        super().__init__(*files)
        self.is_asked, self.may_answer = threading.Event(), threading.Event()

    def next_of_size(self, after_position: int, n_rows: int, least_bytes: int,
                     most_bytes: int) -> tuple[list[WaitingFile], int]:
        found = super().next_of_size(after_position, n_rows, least_bytes, most_bytes)
        self.is_asked.set()
        assert self.may_answer.wait(60)
        return found


def test_what_is_released_while_the_line_is_read_is_read_again() -> None:
    line = SlowLine(waiting(1))
    queue = queue_on(line)
    line.may_answer.set()
    take(queue)
    line.may_answer.clear()
    line.is_asked.clear()
    line.files.append(waiting(2))
    queue.wake()
    with ThreadPoolExecutor() as pool:
        second = pool.submit(take, queue)
        assert line.is_asked.wait(60)
        queue.release(["a"])  # with its partition, which the row that is being read does not have
        line.may_answer.set()
        assert [(f.position, f.is_stale) for f in second.result(60)] == [(2, True)]


def test_small_files_are_one_thread_s_work_unless_it_takes_long(
        monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("tui.engine.sending.queue.time.monotonic", lambda: now)
    queue, _ = queue_of(*(waiting(i, f"f{i}") for i in range(1, 300)),
                        waiting(300, "large", 10**9))
    with ThreadPoolExecutor(1) as pool:
        def other() -> list[WaitingFile]:
            return pool.submit(take, queue, 0, 2).result(60)

        mine = take(queue, 0)
        assert len(mine) == 64
        assert [file.rel_path for file in other()] == ["large"]
        assert other() == []
        now += 1.0
        assert len(other()) == 64  # the first one waits for a disk, as it seems
        assert take(queue, 0) == []
        assert len(other()) == 64
        now += 1.0
        assert len(take(queue, 0)) == 64
        now += 1.0
        assert len(other()) == 43


def test_versions_count_as_uploading_until_they_have_ended() -> None:
    queue = queue_on(ListedFiles(waiting(1), waiting(2, "b")))
    for file in take(queue):
        version = version_of(b"x", file.rel_path, 10, 0.0)
        queue.begin([Transfer(version, file, MessageMaker(version), data=b"x")])
    assert queue.n_uploading == 2
    assert len(queue.transfers(1)) == 1
    queue.end("a")
    assert queue.n_uploading == 1


def queue_of(*files: WaitingFile, max_bytes: int = 10**6) -> tuple[UploadQueue, Connection]:
    connection = verified()
    return queue_on(ListedFiles(*files), connection, max_bytes), connection


def test_a_pause_stops_handing_out_at_once() -> None:
    queue, connection = queue_of(waiting(1))
    connection.block(Obstacle.PAUSED)
    assert connection.why_not() == "uploading is paused"
    assert take(queue) == []
    connection.unblock(Obstacle.PAUSED)
    assert len(take(queue)) == 1


def test_small_files_are_held_within_the_limit_of_bytes() -> None:
    queue, _ = queue_of(*(waiting(i, f"f{i}", 400) for i in range(1, 6)), max_bytes=1000)
    first = take(queue)
    assert len(first) == 2
    assert take(queue) == []
    queue.end(first[0].rel_path)
    assert [file.rel_path for file in take(queue)] == ["f3"]


def test_a_small_file_beyond_the_limit_goes_alone() -> None:
    queue, _ = queue_of(waiting(1, "a", 4000), waiting(2, "b", 1), max_bytes=1000)
    assert [file.rel_path for file in take(queue)] == ["a"]
    assert take(queue) == []


def test_empty_files_in_hand_are_bounded_in_number() -> None:
    queue, _ = queue_of(*(waiting(i, f"f{i}", 0) for i in range(1, 20_001)))
    n_in_hand = 0
    while batch := take(queue):
        n_in_hand += len(batch)
    assert 10_000 < n_in_hand < 20_000


def test_at_most_two_more_large_versions_than_threads_are_in_hand() -> None:
    large = 10**9
    queue, _ = queue_of(*(waiting(i, f"f{i}", large) for i in range(1, 10)))
    n_in_hand = 0
    while batch := take(queue):
        n_in_hand += len(batch)
    assert n_in_hand == 4
    queue.release(["f1"])
    assert len(take(queue)) == 1


def test_large_files_do_not_keep_small_ones_waiting() -> None:
    large = [waiting(i, f"large{i}", 10**9) for i in range(1, 10)]
    queue, _ = queue_of(*large, waiting(10, "small", 1))
    names: set[str] = set()
    while batch := take(queue):
        names |= {file.rel_path for file in batch}
    assert "small" in names


def test_a_small_file_is_seen_past_thousands_of_large_ones() -> None:
    large = [waiting(i, f"large{i}", 10**9) for i in range(1, 5001)]
    queue, _ = queue_of(*large, waiting(5001, "small", 1))
    assert queue.take(3, 1.0, only_small=True) == [waiting(5001, "small", 1)]


def test_who_takes_small_files_only_gets_no_large_one() -> None:
    queue, _ = queue_of(waiting(1, "large", 10**9), waiting(2, "small", 1))
    assert queue.take(3, 1.0, only_small=True) == [waiting(2, "small", 1)]
    assert queue.take(3, 0.0, only_small=True) is None
    assert [file.rel_path for file in take(queue)] == ["large"]


def test_while_everything_is_refused_one_version_goes_an_interval(
        monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("tui.engine.sending.queue.time.monotonic", lambda: now)
    queue, _ = queue_of(*(waiting(i, f"f{i}") for i in range(1, 6)))

    def hand_out() -> int:
        work = queue.take(1, 0.0)
        return len(work) if isinstance(work, list) else 0

    queue.throttle(30.0)
    assert hand_out() == 0
    now += 31
    assert [hand_out(), hand_out()] == [1, 0]
    now += 31
    assert [hand_out(), hand_out()] == [1, 0]
    queue.throttle(None)
    assert hand_out() == 3


def test_a_version_that_ended_in_line_is_passed_over_and_gives_up_its_bytes() -> None:
    queue, _ = queue_of(waiting(1, "dead", 10**9), waiting(2, "alive", 10**9))
    transfers = []
    for rel_path in ("dead", "alive"):
        file, = take(queue)
        version = version_of(b"x" * 30, rel_path, 10, 0.0)
        transfers.append(Transfer(version, file, MessageMaker(version), data=b"x" * 30))
    queue.begin(transfers)
    for transfer in transfers:
        queue.release_turn(transfer)
    dead, alive = transfers
    dead.hold("the broker will not have it", None)
    assert dead.end()
    assert not dead.end()  # that was noted before
    held = dead.data
    assert held  # a worker might have it
    assert queue.take(1, 0) is alive
    assert dead.data is None
    assert queue.take(1, 0) is None
