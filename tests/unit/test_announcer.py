"""What is said of files that get stuck: each cause once, with how many there are."""

from __future__ import annotations

import logging

import pytest

from tui.engine.announcer import Announcer
from tui.engine.model.files import FileState


def test_files_with_one_cause_are_two_lines(monkeypatch: pytest.MonkeyPatch,
                                            caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now = [100.0]
    monkeypatch.setattr("tui.engine.announcer.time.monotonic", lambda: now[0])
    told: list[str] = []
    announcer = Announcer(lambda kind, text, path: told.append(path))
    for number in range(300):
        announcer.stuck(f"f{number}", FileState.HELD, "no room")
    announcer.stuck("bad", FileState.FAILED, "no room")
    announcer.tick()
    assert caplog.messages == ["f0 is held: no room", "bad cannot be uploaded: no room"]
    now[0] += 6.0
    announcer.tick()
    assert caplog.messages[2:] == ["299 more files are held for the same reason: no room"]
    announcer.stuck("f0", FileState.HELD, "no room")  # again: that is none more
    announcer.stuck("f300", FileState.HELD, "no room")
    now[0] += 6.0
    announcer.tick()
    assert caplog.messages[3:] == ["1 more file is held for the same reason: no room"]
    now[0] += 6.0
    announcer.tick()
    announcer.stuck("f301", FileState.HELD, "no room")  # long after: by its name again
    assert caplog.messages[4:] == ["f301 is held: no room"]
    assert len(told) == 304
