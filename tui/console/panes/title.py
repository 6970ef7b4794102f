"""The first line: what goes where, whether it is connected, and the time."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from tui import wording
from tui.console.panes.pane import Part
from tui.engine.model import BrokerState, Phase, Snapshot

_NAME = "DataFileUploadDirectory"


class Title(Static):
    """One line, always in sight."""

    def __init__(self) -> None:
        super().__init__("", id="title", markup=False)
        self._plain = ""

    def show(self, snapshot: Snapshot) -> None:
        """Show where the program stands."""
        right = self._right(snapshot)
        right_width = sum(wording.cell_width(p if isinstance(p, str) else p[0]) for p in right)
        room = max(10, self.size.width - 2)
        left = self._left(snapshot, room - right_width - 1)
        left_width = sum(wording.cell_width(p if isinstance(p, str) else p[0]) for p in left)
        gap = " " * max(1, room - left_width - right_width)
        content = Content.assemble(*left, gap, *right)
        if content.plain != self._plain:
            self._plain = content.plain
            self.update(content)

    def _left(self, snapshot: Snapshot, room: int) -> list[Part]:
        topic = wording.visible(snapshot.topic_name)
        folder = wording.visible(snapshot.upload_dir)
        name = _NAME if room >= 60 else "Upload"
        if len(topic) > room // 3:
            topic = wording.shorten(topic, max(8, room // 3))
        folder = wording.shorten(folder, max(8, room - len(name) - len(topic) - 8))
        parts: list[Part] = [("▲ ", "$accent"), (name, "bold"), "  ", (folder, "$secondary"),
                             " → ", (topic, "$secondary")]
        address = f"  on {snapshot.broker.address}"
        if room - sum(len(p if isinstance(p, str) else p[0]) for p in parts) > len(address) + 4:
            parts.append((address, "$quiet"))
        return parts

    def _right(self, snapshot: Snapshot) -> list[Part]:
        broker, wide = snapshot.broker, self.size.width >= 110
        since = wording.duration(snapshot.taken_at - broker.since)
        if snapshot.phase is not Phase.RUNNING:
            state: Part = (f"● {snapshot.phase.value}", "bold $warning")
        elif snapshot.is_paused:
            state = ("‖ paused", "bold $warning")
        elif broker.is_embedded:
            state = ("● embedded broker: nothing is kept" if wide else "● demo, nothing is kept",
                     "bold $warning")
        elif broker.state is BrokerState.CONNECTED:
            state = ("● connected" + (f" for {since}" if wide else ""), "$success")
        elif broker.state is BrokerState.UNREACHABLE:
            state = (f"✗ unreachable for {since}", "bold $error")
        else:
            state = (f"○ {broker.state.value}", "$warning")
        return [state, "   ", (wording.clock(snapshot.taken_at), "$quiet")]
