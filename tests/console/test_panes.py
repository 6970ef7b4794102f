"""What each pane shows: pure functions of a picture, and the whole screen in each state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import fakes
from tests.console.conftest import console, squeezed, wait_for
from tests.fakes import NOW, FakeEngine
from tui.console.bridge import Bridge
from tui.console.panes.broker import Broker
from tui.console.panes.chunks import Chunks, chunk_cells
from tui.console.panes.detail import Detail
from tui.console.panes.freshness import FreshnessLine
from tui.console.panes.heartbeats import Heartbeats
from tui.console.panes.history import History
from tui.console.panes.in_flight import InFlight
from tui.console.panes.listing import Bar
from tui.console.panes.pane import Drawing, Pane
from tui.console.panes.queue import Queue
from tui.console.panes.throughput import Throughput, sparkline
from tui.console.panes.title import Clock, Title
from tui.console.panes.totals import Totals
from tui.console.panes.uploading import row_cells
from tui.console.panes.verdict import Verdict
from tui.console.view import View, Wish
from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.snapshot import (
    BrokerState,
    Counts,
    Freshness,
    Page,
    PageKind,
    PeriodicStatus,
    Phase,
    Snapshot,
)
from tui.engine.model.versions import ChunkMap


def view(snapshot: Snapshot, path: str = "") -> View:
    """Return the picture that the bridge makes of a scripted engine."""
    engine = FakeEngine(snapshot)
    wish = Wish(path=path)
    page = engine.page(PageKind.QUEUE, 0, 50)
    status = next((s for s in (*snapshot.uploading, *page.rows)
                   if isinstance(s, FileStatus) and s.rel_path == path), None)
    return View(snapshot, page, wish, status, engine.versions(path) if path else (), path,
                engine.chunk_map(path) if path else None)


def shown(drawing: Drawing) -> str:
    """Return everything that a pane shows, as text."""
    lines = ["".join(part if isinstance(part, str) else part[0] for part in line)
             for line in drawing.lines]
    return "\n".join([drawing.beside, *lines, drawing.subtitle])


def style_of(drawing: Drawing, text: str) -> str:
    """Return the style of the part that holds a text."""
    for line in drawing.lines:
        for part in line:
            if not isinstance(part, str) and text in part[0]:
                return part[1]
    raise AssertionError(f"{text!r} is not in {drawing}")


def draw(pane: type[Pane], snapshot: Snapshot, width: int = 34, height: int = 3,
         path: str = "") -> Drawing:
    return pane.draw(view(snapshot, path), width, height)


# Totals.

@pytest.mark.parametrize("words", ["3 uploading", "128 waiting", "4,812 uploaded", "1 stuck",
                                   "2 settling", "0 reading"])
def test_totals_count_files_in_each_state(words: str) -> None:
    assert words in shown(draw(Totals, fakes.busy()))


def test_totals_say_bytes_and_chunks_sent_or_what_is_no_rule() -> None:
    assert "sent 56.6 GB in 3.46M chunks" in shown(draw(Totals, fakes.idle()))
    assert "1 retrying, 312 not taken" in shown(draw(Totals, fakes.busy()))
    counts = Counts(failed=1, stalled=2, reading=3, gone=4)
    assert "1 needs you, 2 stalled, 4 gone" in shown(
        draw(Totals, replace(fakes.busy(), counts=counts)))


def test_totals_of_millions_do_not_touch() -> None:
    counts = Counts(settling=4_000_000, waiting=99_999, uploading=1000, uploaded=12_345_678,
                    held=5000, failed=999_999)
    text = shown(draw(Totals, replace(fakes.busy(), counts=counts), 29))
    assert "12.3M uploaded" in text
    assert "1,000 uploading 100k waiting" in " ".join(text.split())


# In flight.

@pytest.mark.parametrize("words", ["28.4 MB", "1,733 chunks", "of 32.4 MB", "34.3 GB to send",
                                   "done about"])
def test_in_flight_is_shown_against_its_limit_with_the_time_left(words: str) -> None:
    assert words in shown(draw(InFlight, fakes.busy()))
    assert draw(InFlight, fakes.busy()).subtitle == "at most 500 MB"


def test_an_empty_backlog_is_said() -> None:
    assert "nothing waits to be sent" in shown(draw(InFlight, fakes.idle()))


# Throughput.

def test_throughput_is_now_and_peak_and_files() -> None:
    snapshot = replace(fakes.busy(), traffic=replace(fakes.busy().traffic, files_per_second=82.4))
    text = shown(draw(Throughput, snapshot, 48))
    for words in ("212 MB/s", "peak 268 MB/s", "82 files/s", "last minute"):
        assert words in text


@pytest.mark.parametrize("width", [1, 18, 32, 60, 97, 200])
@pytest.mark.parametrize("n_rows", [1, 2, 9])
def test_the_sparkline_fills_its_room(width: int, n_rows: int) -> None:
    rows = sparkline(tuple(float(i) for i in range(1, 61)), width, n_rows)
    assert len(rows) == n_rows
    assert {len(row) for row in rows} == {width}
    assert " " not in rows[-1]
    assert rows[0][-1] != " "


def test_the_sparkline_of_nothing_is_empty() -> None:
    assert sparkline((0.0,) * 60, 10, 2) == [" " * 10] * 2
    assert sparkline((), 10, 1) == [""]


# Broker.

@pytest.mark.parametrize("words", [
    "kafka.lab:9093", "connected since", "3 brokers", "acks=all", "round trip 1.8 ms",
    "p99 4.2 ms", "0 retries", "0 errors", "unthrottled"])
def test_the_broker_is_told_as_librdkafka_sees_it(words: str) -> None:
    assert words in shown(draw(Broker, fakes.busy()))


def test_an_unreachable_broker_says_since_when_and_why() -> None:
    text = " ".join(shown(draw(Broker, fakes.broker_down())).split())
    assert "unreachable since" in text
    assert "Connection refused" in text


@pytest.mark.parametrize(("change", "words"), [
    ({"throttle_avg_ms": 120.0}, "throttled 120 ms"), ({"n_brokers_up": 2}, "2 of 3 brokers up"),
    ({"n_retries": 7}, "7 retries"), ({"n_errors": 14}, "14 errors"),
    ({"is_embedded": True}, "embedded: nothing is kept")])
def test_what_is_not_well_with_the_broker_is_in_a_warning_colour(
        change: dict[str, object], words: str) -> None:
    broker = replace(fakes.busy().broker, **change)  # type: ignore[arg-type]
    drawing = draw(Broker, replace(fakes.busy(), broker=broker))
    assert any(colour in style_of(drawing, words) for colour in ("$warning", "$error"))


# Freshness.

def test_fresh_ages_are_all_there() -> None:
    text = shown(draw(FreshnessLine, fakes.idle(), 220))
    for words in ("may I empty the disk? not answered yet: 4,812 files uploaded",
                  "last change 1 min", "last check 10 s", "last acknowledgement 1 min",
                  "longest wait none", "observer native"):
        assert words in text
    assert "!" not in text


@pytest.mark.parametrize(("fresh", "words"), [
    (Freshness(last_scan_age=400, last_scan_seconds=1, next_scan_seconds=9), "last check"),
    (Freshness(last_acknowledgement_age=40), "last acknowledgement"),
    (Freshness(oldest_unsent_age=130), "longest wait")])
def test_what_is_too_old_is_marked_and_in_the_warning_colour(fresh: Freshness, words: str) -> None:
    drawing = draw(FreshnessLine, replace(fakes.busy(), freshness=fresh), 220)
    assert f"! {words}" in shown(drawing)
    assert "$warning" in style_of(drawing, "! ")


@pytest.mark.parametrize("fresh", [
    Freshness(last_scan_age=200, last_scan_seconds=1, next_scan_seconds=9),
    Freshness(last_scan_age=900, last_scan_seconds=400, next_scan_seconds=9),
    Freshness(last_acknowledgement_age=20), Freshness(oldest_unsent_age=110)])
def test_what_is_not_too_old_is_not_marked(fresh: Freshness) -> None:
    text = shown(draw(FreshnessLine, replace(fakes.busy(), freshness=fresh), 220))
    assert "!" not in text


@pytest.mark.parametrize(("fresh", "words"), [
    (Freshness(last_scan_age=1, last_scan_n_missed=3, next_scan_seconds=9),
     "found 3 that events had missed"),
    (Freshness(last_scan_age=1, n_overflows=2, next_scan_seconds=9), "events lost 2 times"),
    (Freshness(), "scans are off")])
def test_what_events_missed_is_told(fresh: Freshness, words: str) -> None:
    drawing = draw(FreshnessLine, replace(fakes.busy(), freshness=fresh), 220)
    assert "$warning" in style_of(drawing, words)


# Verdict.

@pytest.mark.parametrize(("snapshot", "sentence", "answer"), [
    (fakes.idle(), "Everything found so far is uploaded", "may I close this? yes"),
    (fakes.busy(), "Uploading 131 files, 34.3 GB, done about", "not yet, q uploads the rest"),
    (replace(fakes.idle(), counts=Counts(held=1)), "Everything else is uploaded   ~ 1 retrying",
     "not yet"),
    (fakes.paused(), "Pausing: 28.4 MB still on their way", "not yet"),
    (replace(fakes.paused(), traffic=fakes.idle().traffic), "Paused: 131 files waiting", "not yet"),
    (fakes.broker_down(), "Broker unreachable since", "not yet"),
    (fakes.broker_down(), "your files are safe on this disk", ""),
    (fakes.draining(), "Quitting when all is uploaded: 42 files left", ""),
    (replace(fakes.idle(), counts=Counts(settling=2)), "2 files are still being written",
     "not yet"),
    (replace(fakes.idle(), counts=Counts(failed=7)), "! 7 files need you: press 3", "not yet"),
    (replace(fakes.idle(), counts=Counts(reading=1), uploading=(
        FileStatus("big", FileState.READING, 3_150_000_000, n_bytes_hashed=5),)),
     "Reading 1 file, 3.15 GB, before the upload", "not yet"),
    (replace(fakes.idle(), counts=Counts(not_taken=20_001, uploaded=1,
                                         n_bytes_not_taken=3_200_000_000)),
     "20,001 files (3.2 GB) here before, not taken: press 5", "yes"),
    (replace(fakes.idle(), freshness=Freshness()), "Looking through the upload directory",
     "not yet"),
    (replace(fakes.idle(), counts=Counts()), "Nothing found yet", "yes"),
    (replace(fakes.busy(), counts=Counts(stalled=2)), "Nothing acknowledged for", "not yet"),
    (replace(fakes.idle(), phase=Phase.STOPPED), "Stopped", ""),
    (replace(fakes.idle(), freshness=Freshness(
        source_offline="it is gone", last_scan_age=9.0)),
     "It is gone. Uploading resumes when it is back", "not yet"),
    (replace(fakes.idle(), problems=("the thread scanning ended", "b", "c")),
     "the thread scanning ended (and 2 more: check)", "yes"),
    (replace(fakes.busy(), freshness=Freshness(last_acknowledgement_age=90)),
     "Nothing acknowledged for 1 min, though files wait", "not yet"),
    (replace(fakes.busy(), broker=replace(fakes.busy().broker, state=BrokerState.REFUSED,
                                          reason="wrong password")),
     "The broker refuses: wrong password", "not yet"),
    (replace(fakes.busy(), broker=replace(fakes.busy().broker, state=BrokerState.CONNECTING)),
     "Connecting to kafka.lab:9093", "not yet")])
def test_one_sentence_says_how_it_stands(snapshot: Snapshot, sentence: str, answer: str) -> None:
    text = shown(draw(Verdict, snapshot, 146, 1))
    assert sentence in text
    assert answer in text


@pytest.mark.parametrize("width", [36, 56, 76, 106, 146])
def test_what_is_stuck_is_in_its_own_colour_at_any_width(width: int) -> None:
    counts = Counts(waiting=128, uploading=3, held=12, failed=7000)
    drawing = draw(Verdict, replace(fakes.busy(), counts=counts), width, 1)
    assert len(shown(drawing).split("\n")[1]) <= width
    if width >= 70:
        assert style_of(drawing, "! 7,000 files need you") == "bold $error"


def test_what_is_wrong_is_not_said_by_colour_alone() -> None:
    for snapshot in (fakes.broker_down(), fakes.paused(), replace(
            fakes.idle(), counts=Counts(held=1))):
        assert any(sign in shown(draw(Verdict, snapshot, 146, 1)) for sign in "×!‖~")


# Title.

@pytest.mark.parametrize(("snapshot", "words"), [
    (fakes.idle(), "/data/xrd → xrd-raw  on kafka.lab:9093"),
    (fakes.idle(), "● connected since"), (fakes.paused(), "‖ paused"),
    (fakes.broker_down(), "× unreachable since"), (fakes.draining(), "draining"),
    (fakes.embedded(), "embedded broker: nothing is kept")])
def test_the_title_says_what_goes_where(snapshot: Snapshot, words: str) -> None:
    assert words in shown(draw(Title, snapshot, 138, 1))


def test_an_embedded_broker_is_in_the_warning_colour_in_the_title() -> None:
    assert "$warning" in style_of(draw(Title, fakes.embedded(), 138, 1), "nothing is kept")


def test_the_clock_shows_the_time_of_the_picture() -> None:
    assert shown(draw(Clock, replace(fakes.idle(), taken_at=0.0), 8, 1)).strip().endswith(":00")


# Uploading.

def test_a_row_of_uploading_says_everything() -> None:
    path, size, bar, done, chunks, rate, left = row_cells(fakes.busy().uploading[0])
    assert (path[0], size[0], done[0]) == (  # type: ignore[index]
        "2026-11-23/scan_0421.h5", "268 MB", "57 %")
    assert (chunks[0], rate[0], left[0]) == (  # type: ignore[index]
        "9,412 / 16,384", "121 MB/s", "0.9 s")
    assert bar == Bar(9412 / 16384)


def test_a_file_that_is_hashed_says_so() -> None:
    file = fakes.busy().uploading[0]
    status = replace(file, state=FileState.READING, n_bytes_hashed=file.n_bytes // 4, n_chunks=0,
                     n_chunks_delivered=0)
    cells = row_cells(status)
    assert cells[2] == Bar(0.25)
    assert [cell[0] for cell in cells[3:6] if not isinstance(cell, Bar)] == [
        "25 %", "reading", "121 MB/s"]


def test_a_file_that_has_stalled_says_so_and_no_time() -> None:
    status = replace(fakes.busy().uploading[0], state=FileState.STALLED, seconds_left=None,
                     bytes_per_second=0.0, stalled_seconds=40.0)
    assert row_cells(status)[5:] == [("stalled", "listing--plain"), ("", "listing--quiet")]


# Queue and history.

@pytest.mark.parametrize(("status", "state", "words"), [
    (FileStatus("a", FileState.SETTLING, 1, settles_in_seconds=1.2), "settling",
     "uploads in 1.2 s if unchanged"),
    (FileStatus("a", FileState.GROWING, 1, settles_in_seconds=12, changing_since=NOW - 240),
     "growing", "since 10:38:07 (4 min); uploads once it stops"),
    (FileStatus("a", FileState.WAITING, 1, n_bytes_ahead=3_400_000_000), "waiting",
     "behind 3.4 GB"),
    (FileStatus("a", FileState.WAITING, 1, n_bytes_ahead=0), "waiting", "next"),
    (FileStatus("a", FileState.HELD, 1, reason="Permission denied", next_attempt_seconds=40),
     "retrying", "next attempt in 40 s; Permission denied"),
    (FileStatus("a", FileState.FAILED, 1, reason="the name is not UTF-8"), "needs you",
     "the name is not UTF-8")])
def test_a_row_of_the_queue_says_what_happens_next(status: FileStatus, state: str,
                                                   words: str) -> None:
    queue = Queue()
    queue.now = NOW
    cells = [cell[0] for cell in queue.row_cells(status) if not isinstance(cell, Bar)]
    assert cells[2] == state
    assert words in cells[3]


def test_a_row_of_the_history_says_when_and_how_long() -> None:
    cells = History().row_cells(fakes.record(1, "a/b.h5"))
    texts = [cell[0] for cell in cells if not isinstance(cell, Bar)]
    assert texts[0] == "a/b.h5"
    assert texts[1:3] == ["268 MB", "uploaded"]
    assert texts[4:] == ["2.0 s", "16,384"]


def test_a_version_that_may_not_rebuild_is_no_plain_success() -> None:
    cells = History().row_cells(replace(fakes.record(1, "a"), rebuild_uncertain=True))
    assert cells[2] == ("unsure", "listing--warn")


# Chunks.

def test_gaps_in_the_chunk_map_show_at_any_scale() -> None:
    bitmap = bytearray(b"\xff" * 125_000)
    bitmap[62_500] = 0xFE
    cells, per_cell = chunk_cells(ChunkMap(1_000_000, 1_000_000, bytes(bitmap)), 280)
    assert len(cells) <= 280
    assert per_cell == 3572
    assert cells.count("□") == 1
    assert chunk_cells(ChunkMap(3, 1, b"\x01"), 280) == ("■··", 1)


def test_the_map_fills_its_room_and_tells_its_scale() -> None:
    drawing = draw(Chunks, fakes.busy(), 40, 6, "2026-11-23/scan_0421.h5")
    assert len(drawing.lines) == 6
    assert drawing.beside == "2026-11-23/scan_0421.h5"
    assert drawing.subtitle == "1 cell = 82 chunks"
    for words in ("■ acknowledged", "□ in flight", "· to send"):
        assert words in shown(drawing)


async def test_the_map_is_of_the_selected_file_or_else_of_one_that_is_being_sent() -> None:
    async with console(FakeEngine(fakes.busy())) as pilot:
        await wait_for(pilot, "Chunks  2026-11-23/scan_0421.h5")
        pilot.app.query_one("#uploading").focus()
        await pilot.press("down")
        await wait_for(pilot, "Chunks  2026-11-23/scan_0422.h5")


# File.

def test_the_file_pane_tells_version_and_offsets() -> None:
    text = shown(draw(Detail, fakes.busy(), 60, 8, "2026-11-23/scan_0421.h5"))
    for words in ("uploading, 57 % acknowledged", "268 MB, 16,384 chunks of 16.4 kB",
                  bytes(range(16)).hex(), "0, offsets 81920 to 98303", "2, uploaded 2026-"):
        assert words in text


def test_the_reason_of_a_stuck_file_is_broken_where_there_is_room() -> None:
    snapshot = fakes.busy()
    stuck = fakes.held_rows()[0]
    picture = replace(view(snapshot, stuck.rel_path), status=stuck, versions=())
    lines = shown(Detail.draw(picture, 44, 8)).split("\n")
    assert "Permission denied" in " ".join(" ".join(lines).split())
    assert "xrd-upload" in " ".join(lines)
    assert len(lines) <= 10
    assert "…" in shown(Detail.draw(picture, 44, 2))


# Heartbeats.

@pytest.mark.parametrize("words", ["41 heartbeats", "12,804, 210 MB", "lab-heartbeats", "xrd-pc-2",
                                   "delivered", "7 s", "190 log messages", "4 lines", "lab-logs",
                                   "31 s"])
def test_heartbeats_tell_counters_last_and_next(words: str) -> None:
    assert words in shown(draw(Heartbeats, fakes.busy(), 46, 8))


def test_failed_heartbeats_are_said() -> None:
    beat = replace(fakes.busy().heartbeat, last_outcome="Topic authorization failed", n_failed=3)
    drawing = draw(Heartbeats, replace(fakes.busy(), heartbeat=beat), 60, 8)
    assert "3 failed" in shown(drawing)
    assert "$error" in style_of(drawing, "Topic auth")


def test_what_is_off_says_how_to_switch_it_on() -> None:
    off = replace(fakes.busy(), heartbeat=PeriodicStatus(), log_messages=PeriodicStatus())
    text = shown(draw(Heartbeats, off, 60, 1))
    assert "both are off: --heartbeat_topic_name, --log_topic_name" in text
    beat = replace(fakes.busy(), log_messages=PeriodicStatus())
    assert "--log_topic_name TOPIC" in shown(draw(Heartbeats, beat, 46, 8))


# The whole screen.

@pytest.mark.parametrize(("snapshot", "texts"), [
    (fakes.idle(), ("● connected since", "nothing is being sent just now", "4,812",
                    "both are off", "may I close this? yes")),
    (fakes.busy(), ("212 MB/s", "2026-11-23/scan_0424.h5", "57 %", "9,412 / 16,384", "34.3 GB",
                    "of 32.4 MB", "at most 500 MB",
                    "lab-heartbeats", "in line behind 340 MB", "s sort: in line")),
    (fakes.broker_down(), ("× unreachable since", "Connection refused",
                           "× Broker unreachable since")),
    (fakes.paused(), ("‖ paused", "p Resume", "paused: what is begun waits")),
    (fakes.embedded(), ("embedded broker: nothing is kept",)),
])
async def test_states_can_be_read_from_the_screen(snapshot: Snapshot,
                                                  texts: tuple[str, ...]) -> None:
    async with console(FakeEngine(snapshot)) as pilot:
        await wait_for(pilot, *texts)


async def test_thousands_of_failures_are_counted_and_listed() -> None:
    snapshot = replace(fakes.busy(), counts=Counts(failed=7000, uploaded=3))
    async with console(FakeEngine(snapshot, held=7000, queue=[])) as pilot:
        await wait_for(pilot, "7,000 files need you: press 3", "3 Needs you 7,000")
        await pilot.press("3")
        await wait_for(pilot, "7,000 files: many/file_0000000.dat")
        assert "retrying next attempt in 12 s; scripted" in squeezed(pilot)
        await pilot.press("enter", "end")
        await wait_for(pilot, "many/file_0006999.dat")
        await pilot.press("escape")
        await wait_for(pilot, "7,000 files: many/file_0000000.dat")


def test_the_bridge_looks_for_no_more_rows_than_are_wished() -> None:
    engine = FakeEngine(fakes.busy(), queue=1_000_000)
    bridge = Bridge(engine, None, 4)  # type: ignore[arg-type]
    bridge.wish = Wish(n_rows=30, offset=999_000)
    page: Page = bridge.look().page
    assert len(page.rows) == 30
    assert page.offset == 999_000
