"""Who goes next, and what is known of a path whose last version was still on its way."""

from __future__ import annotations

from tests.unit.test_messages import version_of
from tui.engine.model import WaitingFile
from tui.engine.sending.delivery import Sending
from tui.engine.sending.gate import Gate
from tui.engine.sending.messages import MessageMaker
from tui.engine.sending.queue import UploadQueue


class ListedFiles:
    """A line of files that somebody wrote down."""

    def __init__(self, *files: WaitingFile) -> None:
        self.files = list(files)

    def next_in_line(self, after_position: int, n_rows: int) -> list[WaitingFile]:
        return [f for f in self.files if f.position > after_position][:n_rows]


def waiting(position: int, rel_path: str = "a", n_bytes: int = 10) -> WaitingFile:
    return WaitingFile(1, rel_path, n_bytes, 0, position, None, "all", False, 0)


def take(queue: UploadQueue) -> list[WaitingFile]:
    work = queue.take(0.1)
    return work if isinstance(work, list) else []


def test_a_second_version_waits_for_the_first_and_asks_the_ledger_again() -> None:
    line = ListedFiles(waiting(1))
    queue = UploadQueue(line, 2, Gate(10**6))
    first, = take(queue)
    line.files.append(waiting(2))
    queue.wake()
    assert take(queue) == []
    queue.release("a")
    second, = take(queue)
    assert (first.is_stale, second.is_stale) == (False, True)
    assert second.position == 2


def test_a_row_read_together_with_an_older_one_of_its_path_is_stale() -> None:
    queue = UploadQueue(ListedFiles(waiting(1), waiting(2)), 2, Gate(10**6))
    first, = take(queue)
    queue.release("a")
    second, = take(queue)
    assert (first.is_stale, second.is_stale) == (False, True)


def test_versions_count_as_uploading_until_they_have_ended() -> None:
    queue = UploadQueue(ListedFiles(waiting(1), waiting(2, "b")), 2, Gate(10**6))
    for file in take(queue):
        version = version_of(b"x", file.rel_path, 10, 0.0)
        queue.hold(Sending(version, file, MessageMaker(version), data=b"x"))
    assert queue.n_uploading == 2
    assert len(queue.sendings(1)) == 1
    queue.ended("a")
    assert queue.n_uploading == 1
