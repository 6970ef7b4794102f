"""The first line: what goes where, and whether it is connected."""

from __future__ import annotations

from tui import wording
from tui.console.panes.pane import Drawing, Pane, Part, cells
from tui.console.view import View
from tui.engine.model.snapshot import BrokerState, Phase, Snapshot
from tui.text import cell_width, shorten, visible

_NAME = "DataFileUploadDirectory"


class Title(Pane, can_focus=False):
    """One line, always in sight."""

    HAS_FRAME = False

    def __init__(self) -> None:
        super().__init__("title", "Title")

    @staticmethod
    def draw(view: View, width: int, height: int) -> Drawing:
        """Show where the program stands."""
        right = [_state(view.snapshot, width)]
        left = _left(view.snapshot, width - cells(right) - 2)
        gap = " " * max(1, width - cells(left) - cells(right))
        return Drawing(([*left, gap, *right],))


class Clock(Pane, can_focus=False):
    """The time of day and its zone: what changes every second, so it is painted alone."""

    HAS_FRAME = False

    def __init__(self) -> None:
        super().__init__("clock", "Clock")

    @staticmethod
    def draw(view: View, width: int, height: int) -> Drawing:
        """Show the time of the picture."""
        now = view.snapshot.taken_at
        zone = wording.zone(now)
        text = wording.clock(now) + (f" {zone}" if width >= 9 + len(zone) else "")
        return Drawing(([(text, "$quiet")],))


def _left(snapshot: Snapshot, room: int) -> list[Part]:
    topic = visible(snapshot.topic_name)
    folder = visible(snapshot.upload_dir)
    name = _NAME if room >= 60 else "Upload"
    topic = shorten(topic, max(8, room // 3))
    folder = shorten(folder, max(8, room - len(name) - cell_width(topic) - 8))
    parts: list[Part] = [("▲ ", "$accent"), (name, "bold"), "  ", (folder, "$secondary"), " → ",
                         (topic, "$secondary")]
    address = f"  on {visible(snapshot.broker.address)}"
    if room - cells(parts) > cell_width(address) + 2:
        parts.append((address, "$quiet"))
    return parts


def _state(snapshot: Snapshot, width: int) -> Part:
    broker, is_wide = snapshot.broker, width >= 100
    since = wording.since(broker.since, snapshot.taken_at)
    kept = ": nothing is kept" if broker.is_embedded else ""
    if snapshot.phase is not Phase.RUNNING:
        return f"● {snapshot.phase.value}{kept}", "bold $warning"
    if snapshot.is_paused:
        return f"‖ paused{kept}", "bold $warning"
    if broker.is_embedded:
        text = "embedded broker: nothing is kept" if is_wide else "demo: nothing is kept"
        return f"● {text}", "bold $warning"
    if broker.state is BrokerState.CONNECTED:
        return "● connected" + (f" since {since}" if is_wide else ""), "$success"
    if broker.state is BrokerState.UNREACHABLE:
        return f"× unreachable since {since}", "bold $error"
    return f"○ {broker.state.value}", "$warning"
