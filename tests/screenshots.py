"""Draws the pictures of the README from scripted states: `make screenshots`."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest import mock

import resvg_py

from tests import fakes
from tests.console.conftest import painted
from tests.fakes import FakeEngine
from tui.config.settings import ConsoleSettings
from tui.console.app import ConsoleApp
from tui.engine.model.snapshot import Snapshot

FOLDER = Path(__file__).parent.parent / "screenshots"
_PICTURES: tuple[tuple[str, Callable[[], Snapshot], tuple[int, int], str, tuple[str, ...]], ...] = (
    ("main", fakes.busy, (150, 44), "", ()),
    ("broker_down", fakes.broker_down, (150, 44), "", ()),
    ("draining", fakes.draining, (150, 44), "", ()),
    ("help", fakes.busy, (150, 44), "", ("question_mark",)),
    ("file_detail", fakes.busy, (150, 44), "", ("enter",)),
    ("light", fakes.busy, (150, 44), "upload-light", ()),
    ("80x24", fakes.busy, (80, 24), "", ()),
)


async def _draw(snapshot: Snapshot, size: tuple[int, int], theme: str,
                keys: tuple[str, ...]) -> str:
    engine = FakeEngine(replace(snapshot, counts=fakes.busy().counts, traffic=replace(
        snapshot.traffic, n_bytes_waiting=fakes.busy().traffic.n_bytes_waiting)))
    app = ConsoleApp(engine, ConsoleSettings(theme=theme, refresh_hz=20))
    async with app.run_test(size=size) as pilot:
        await painted(pilot)
        # The selected file is one that is being sent, so that the map of chunks has something.
        app.query_one("#uploading").focus()
        engine.shown = snapshot
        await painted(pilot)
        await pilot.press(*keys)
        await painted(pilot)
        return app.export_screenshot(title="DataFileUploadDirectory")


def _png(svg: str) -> bytes:
    """Return the picture with the font of a package, so that it is the same everywhere."""
    import fontpkg_jetbrains_mono

    fonts = [str(p) for p in Path(fontpkg_jetbrains_mono.__file__).parent.rglob("*.ttf")]
    plain = re.sub(r"@font-face\s*{[^}]*}", "", svg)
    plain = plain.replace("Fira Code", "JetBrains Mono").replace("arial", "JetBrains Mono")
    return bytes(resvg_py.svg_to_bytes(svg_string=plain, font_files=fonts))


def main() -> None:
    """Write every picture."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    FOLDER.mkdir(exist_ok=True)
    for name, snapshot, size, theme, keys in _PICTURES:
        with mock.patch("time.time", lambda: fakes.NOW):
            svg = asyncio.run(_draw(snapshot(), size, theme, keys))
        svg = re.sub(r"terminal-\d+-", f"picture-{name}-", svg)
        (FOLDER / f"{name}.svg").write_text(svg, "utf-8")
        (FOLDER / f"{name}.png").write_bytes(_png(svg))
        print(name, file=sys.stderr)


if __name__ == "__main__":
    main()
