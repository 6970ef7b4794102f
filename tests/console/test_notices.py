"""Notifications: errors and ends that matter, repeated ones merged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import fakes
from tests.console.conftest import app_of, console, painted, wait_done, wait_for
from tests.fakes import FakeEngine
from tui.console.notices import MERGE_SECONDS, Announcement, Notices
from tui.engine.model.snapshot import Counts, Notice, NoticeKind, Phase, Snapshot


def held(path: str) -> Notice:
    return Notice(NoticeKind.FILE_HELD, "Permission denied", path)


def backlog(n_files: int, **changes: object) -> Snapshot:
    return replace(fakes.idle(), counts=replace(Counts(waiting=n_files), **changes))  # type: ignore[arg-type]


def test_the_first_is_announced_at_once_with_its_path() -> None:
    assert Notices().told(held("a.raw"), 0.0) == Announcement(
        "file held", "a.raw: Permission denied", "warning")


def test_repeated_ones_are_one_announcement_with_a_count() -> None:
    notices = Notices()
    notices.told(held("a.raw"), 0.0)
    for number in range(4999):
        assert notices.told(held(f"{number}.raw"), 1.0) is None
    assert notices.due(fakes.idle(), MERGE_SECONDS - 1) == []
    found = notices.due(fakes.idle(), MERGE_SECONDS + 1)
    assert found == [Announcement(
        "file held", "4,999 more, the last one: 4998.raw: Permission denied", "warning")]
    assert notices.due(fakes.idle(), MERGE_SECONDS + 2) == []


def test_kinds_are_merged_apart_and_announced_anew_after_a_while() -> None:
    notices = Notices()
    assert notices.told(Notice(NoticeKind.BROKER_DOWN, "gone"), 0.0) is not None
    assert notices.told(Notice(NoticeKind.BROKER_UP, "back"), 0.1) is not None
    assert notices.told(Notice(NoticeKind.BROKER_DOWN, "gone"), 0.2) is None
    notices.due(fakes.idle(), 2 * MERGE_SECONDS)
    notices.due(fakes.idle(), 4 * MERGE_SECONDS)
    assert notices.told(Notice(NoticeKind.BROKER_DOWN, "gone"), 4.1 * MERGE_SECONDS) is not None


@pytest.mark.parametrize(("kind", "severity"), [
    (NoticeKind.FILE_HELD, "warning"), (NoticeKind.FILE_FAILED, "error"),
    (NoticeKind.BROKER_DOWN, "error"), (NoticeKind.THREAD_DIED, "error"),
    (NoticeKind.BROKER_UP, "information"), (NoticeKind.FILE_UPLOADED, "information")])
def test_severities(kind: NoticeKind, severity: str) -> None:
    found = Notices().told(Notice(kind, "text"), 0.0)
    assert found is not None
    assert found.severity == severity


def test_the_end_of_a_big_backlog_is_news() -> None:
    notices = Notices()
    notices.due(backlog(131), 0.0)
    notices.due(backlog(7), 5.0)
    assert notices.due(backlog(0), 9.0) == [
        Announcement("caught up", "everything found so far is uploaded")]
    assert notices.due(backlog(0), 10.0) == []


def test_the_end_of_a_long_wait_is_news() -> None:
    notices = Notices()
    notices.due(backlog(1), 0.0)
    assert notices.due(backlog(0, failed=2), 90.0) == [Announcement(
        "caught up", "everything is uploaded, except 2 files that could not be", "warning")]


def test_the_end_of_a_small_backlog_is_none() -> None:
    notices = Notices()
    notices.due(backlog(1), 0.0)
    assert notices.due(backlog(0), 1.0) == []
    notices.due(replace(backlog(500), phase=Phase.DRAINING), 2.0)
    assert notices.due(replace(backlog(0), phase=Phase.DRAINING), 3.0) == []


async def test_announcements_are_on_the_screen() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        for _ in range(50):
            engine.subscribers[0](Notice(NoticeKind.BROKER_DOWN, "the broker is gone"))
        await wait_for(pilot, "the broker is gone", "broker down")
        await painted(pilot)
        assert len(pilot.app._notifications) == 1


async def test_of_uploads_only_what_the_operator_asked_for_is_news() -> None:
    engine = FakeEngine(fakes.busy())
    async with console(engine) as pilot:
        await pilot.press("down", "down", "u")
        await wait_done(pilot, engine, "reupload 2026-11-23/scan_0425.h5")
        engine.subscribers[0](Notice(NoticeKind.FILE_UPLOADED, "uploaded", "other.raw"))
        engine.subscribers[0](
            Notice(NoticeKind.FILE_UPLOADED, "uploaded", "2026-11-23/scan_0425.h5"))
        await wait_for(pilot, "2026-11-23/scan_0425.h5: uploaded")
        texts = [n.message for n in app_of(pilot)._notifications]
        assert "other.raw: uploaded" not in texts
