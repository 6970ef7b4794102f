"""An engine with scripted, frozen snapshots, for the front ends' tests and pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tui.engine.model.files import FileState, FileStatus
from tui.engine.model.snapshot import (
    BrokerState,
    BrokerStatus,
    Cause,
    Counts,
    Explanation,
    Freshness,
    LogLine,
    Notice,
    NoticeKind,
    Page,
    PageKind,
    PageOrder,
    PathState,
    PeriodicStatus,
    Phase,
    Snapshot,
    Traffic,
)
from tui.engine.model.versions import ChunkMap, OffsetRange, VersionRecord, VersionState

NOW = 1_795_516_927.0
NOTICE = Notice(NoticeKind.BROKER_DOWN, "gone")
HOSTILE = ("x[/oops].bin", "[red]a\nb\x1b[31m.txt", "\u202eevil.exe", "ü" * 120, "-rf *",
           "tab\there;'\".csv", "$quiet]{}.dat")


def uploading(rel_path: str, n_done: int, n_chunks: int, rate: float = 121e6) -> FileStatus:
    """Return a version being uploaded."""
    return FileStatus(
        rel_path=rel_path, state=FileState.UPLOADING, n_bytes=n_chunks * 16384, n_chunks=n_chunks,
        n_chunks_delivered=n_done, n_chunks_in_flight=60, bytes_per_second=rate,
        seconds_left=(n_chunks - n_done) * 16384 / rate, since=NOW - 9)


def idle() -> Snapshot:
    """Return a program that has nothing to do."""
    return Snapshot(
        taken_at=NOW, started_at=NOW - 11520, upload_dir="/data/xrd", topic_name="xrd-raw",
        phase=Phase.RUNNING,
        counts=Counts(uploaded=4812, uploaded_this_run=211, n_versions_this_run=211),
        traffic=Traffic(n_bytes_sent=56_600_000_000, n_chunks_sent=3_455_000,
                        in_flight_limit_bytes=524_288, queue_max_bytes=500_000_000,
                        peak_bytes_per_second=268e6,
                        history=(0.0,) * 60),
        broker=BrokerStatus(BrokerState.CONNECTED, "kafka.lab:9093", since=NOW - 11520,
                            cluster_id="abc", n_brokers=3, n_brokers_up=3, round_trip_avg_ms=1.8,
                            round_trip_p99_ms=4.2, acks="all"),
        freshness=Freshness(last_event_age=95.0, last_scan_age=14.0, last_scan_seconds=0.2,
                            next_scan_seconds=46.0, last_acknowledgement_age=93.0,
                            observer="native"))


def busy() -> Snapshot:
    """Return a program at work."""
    history = tuple(2.1e8 * (0.35 + 0.65 * abs(((i * 7) % 30) / 15 - 1)) for i in range(60))
    return replace(
        idle(),
        counts=Counts(not_taken=312, settling=1, growing=1, waiting=128, uploading=3,
                      uploaded=4812, held=1, uploaded_this_run=211, n_versions_this_run=211,
                      n_bytes_not_taken=312_000_000, n_bytes_settling=536_870_912,
                      n_bytes_stuck=268_435_456),
        traffic=replace(idle().traffic, n_bytes_waiting=34_300_000_000,
                        n_bytes_in_flight=28_400_000, n_chunks_in_flight=1_733,
                        in_flight_limit_bytes=32_400_000, line_bytes_per_second=231e6,
                        round_trip_seconds=0.006,
                        bytes_per_second=212e6, files_per_second=0.8, history=history,
                        seconds_left=161.0),
        freshness=replace(idle().freshness, last_event_age=2.0, last_acknowledgement_age=0.1,
                          oldest_unsent_age=160.0),
        heartbeat=PeriodicStatus("lab-heartbeats", "xrd-pc-2", 7.0, NOW - 53, "delivered", 41, 0,
                                 12_804, 209_715_200),
        log_messages=PeriodicStatus("lab-logs", "xrd-pc-2", 31.0, NOW - 29, "delivered", 190, 0, 4,
                                    300),
        uploading=(uploading("2026-11-23/scan_0421.h5", 9412, 16384),
                   uploading("2026-11-23/scan_0422.h5", 5080, 16384, 91e6),
                   uploading("cal/dark_frames.tiff", 77, 2560, 4e5)))


def broker_down() -> Snapshot:
    """Return a program that cannot reach its broker."""
    reason = "kafka.lab:9093/bootstrap: Connect to ipv4#10.0.0.7:9093 failed: Connection refused"
    return replace(
        busy(), problems=(f"the broker is unreachable: {reason}",),
        broker=replace(busy().broker, state=BrokerState.UNREACHABLE, reason=reason,
                       since=NOW - 252, n_brokers_up=0, n_errors=14),
        traffic=replace(busy().traffic, bytes_per_second=0.0, seconds_left=None,
                        files_per_second=0.0,
                        history=(*busy().traffic.history[:20], *(0.0,) * 40)),
        uploading=tuple(replace(s, bytes_per_second=0.0, seconds_left=None)
                        for s in busy().uploading),
        freshness=replace(busy().freshness, last_acknowledgement_age=252.0))


def paused() -> Snapshot:
    """Return a paused program."""
    return replace(busy(), is_paused=True)


def draining() -> Snapshot:
    """Return a program that leaves, and has sent most of what was queued."""
    return replace(
        busy(), phase=Phase.DRAINING,
        counts=replace(busy().counts, waiting=39, uploaded=4901, uploaded_this_run=300),
        traffic=replace(busy().traffic, n_bytes_waiting=10_900_000_000, seconds_left=51.0))


def embedded() -> Snapshot:
    """Return a program with the embedded broker."""
    return replace(busy(), broker=replace(busy().broker, is_embedded=True,
                                          address="embedded broker"))


def record(number: int, rel_path: str) -> VersionRecord:
    """Return an uploaded version."""
    return VersionRecord(
        version_id=number, rel_path=rel_path, state=VersionState.COMPLETE, n_bytes=268_435_456,
        mtime_ns=int((NOW - 3000) * 1e9), sha512=bytes(range(64)), chunk_size=16384,
        n_chunks=16384, n_chunks_delivered=16384, partition=0, acks="all", started=NOW - 1003,
        completed=NOW - 1000 - number,
        offsets=(OffsetRange(0, 81_920 - 16384 * number, 98_303 - 16384 * number),))


def queue_rows() -> list[FileStatus]:
    """Return a queue of all kinds of files."""
    rows = [
        FileStatus("2026-11-23/scan_0424.h5", FileState.SETTLING, 268_435_456,
                   settles_in_seconds=1.2),
        FileStatus("2026-11-23/maxima_run7.nmd", FileState.GROWING, 268_435_456,
                   settles_in_seconds=12.0, changing_since=NOW - 240)]
    rows += [FileStatus(f"2026-11-23/scan_{425 + i:04}.h5", FileState.WAITING, 268_435_456,
                        n_bytes_ahead=340_000_000 + i * 268_435_456) for i in range(128)]
    return rows


def held_rows() -> list[FileStatus]:
    """Return a file that is stuck."""
    return [FileStatus("cal/locked.raw", FileState.HELD, 268_435_456,
                       reason="it cannot be read: Permission denied. Make it readable for "
                       "xrd-upload", next_attempt_seconds=40.0, n_attempts=3)]


LOG = tuple(LogLine(i + 1, NOW - 515 + 60 * i, level, text) for i, (level, text) in enumerate((
    (20, "uploading /data/xrd to topic xrd-raw on kafka.lab:9093"),
    (20, "312 files were here already and are not taken, 14 of them new since the last run; "
     "the command take uploads them"),
    (20, "2026-11-23/scan_0418.h5 is resumed: 7,264 of 16,384 chunks were acknowledged before"),
    (30, "cal/flat.tiff: its bytes changed in place near offset 8388608; the version is abandoned "
     "after 512 of 2560 chunks; the new one is uploaded once it stops changing"),
    (30, "cal/locked.raw is held: it cannot be read: Permission denied"),
    (20, "2026-11-23/scan_0420.h5 uploaded: 268,435,456 bytes, 16,384 chunks in 1.3 s"))))


def many(kind: PageKind, offset: int, n_rows: int,
         sources: tuple[list[FileStatus] | int, ...]) -> Page:
    """Return a page of lists of which some are too long to be made."""
    rows: list[FileStatus] = []
    n_total = 0
    for source in sources:
        n = source if isinstance(source, int) else len(source)
        state = FileState.HELD if kind is PageKind.HELD else FileState.WAITING
        for i in range(max(0, offset - n_total), min(n, offset + n_rows - n_total)):
            rows.append(FileStatus(f"many/file_{i:07}.dat", state, 1000, reason="scripted")
                        if isinstance(source, int) else source[i])
        n_total += n
    return Page(kind, offset, n_total, tuple(rows))


def causes(held: list[FileStatus] | int) -> tuple[FileStatus | Cause, ...]:
    """Return stuck files, those with one reason as one row."""
    if isinstance(held, int):
        return (Cause(FileState.HELD, "scripted", held, held * 1000, NOW - 60, NOW - 9, 12.0,
                      ("many/file_0000000.dat",)),) if held else ()
    by_reason: dict[tuple[FileState, str], list[FileStatus]] = {}
    for row in held:
        by_reason.setdefault((row.state, row.reason), []).append(row)
    return tuple(
        rows[0] if len(rows) == 1 else Cause(
            state, reason, len(rows), sum(r.n_bytes for r in rows), NOW - 60, NOW - 9, None,
            tuple(r.rel_path for r in rows[:3]))
        for (state, reason), rows in by_reason.items())


class FakeEngine:
    """Answers from what it was given, and notes what it was told to do.

    Args:
        snapshot: what it shows. queue, held, uploaded: rows of the lists, or how many.
    """

    def __init__(self, snapshot: Snapshot, *, queue: list[FileStatus] | int | None = None,
                 held: list[FileStatus] | int | None = None,
                 uploaded: int = 4812, log: tuple[LogLine, ...] = LOG) -> None:
        self.shown = snapshot
        self.queue = queue_rows() if queue is None else queue
        self.held = held_rows() if held is None else held
        self._n_uploaded = uploaded
        self.not_taken = [FileStatus(f"before/old_{i:03}.h5", FileState.NOT_TAKEN, 1_000_000)
                          for i in range(min(snapshot.counts.not_taken, 312))]
        self.log = log
        self.done: list[str] = []
        self.n_rows_asked: list[int] = []
        self.n_log_lines_asked: list[int] = []
        self.subscribers: list[Callable[[Notice], None]] = []
        self.exit_status = 0
        self.broken = False

    def snapshot(self) -> Snapshot:
        if self.broken:
            raise RuntimeError("scripted failure")
        return self.shown

    def quit(self) -> bool:
        self.done.append("quit")
        phase = Phase.DRAINING if self.shown.counts.unfinished else Phase.STOPPED
        self.shown = replace(self.shown, phase=phase)
        return True

    def cancel_quit(self) -> bool:
        self.done.append("cancel_quit")
        self.shown = replace(self.shown, phase=Phase.RUNNING)
        return True

    def force_quit(self) -> None:
        self.done.append("force_quit")
        self.shown = replace(self.shown, phase=Phase.STOPPED)
        self.exit_status = 130

    def wait(self, timeout_seconds: float | None) -> bool:
        return self.shown.phase is Phase.STOPPED

    def page(self, kind: PageKind, offset: int, n_rows: int, pattern: str = "",
             order: PageOrder = PageOrder.LINE, reason: str = "") -> Page:
        self.n_rows_asked.append(n_rows)
        if kind is PageKind.UPLOADED:
            return self._history_page(offset, n_rows, pattern)
        if kind is PageKind.HELD and not pattern and not reason:
            stuck = causes(self.held)
            return Page(kind, offset, len(stuck), stuck[offset:offset + n_rows])
        sources = {PageKind.QUEUE: (self.queue,), PageKind.WAITING: (self.queue,),
                   PageKind.HELD: (self.held,), PageKind.NOT_TAKEN: (self.not_taken,)}[kind]
        if any(isinstance(source, int) for source in sources):
            return many(kind, offset, n_rows, sources)
        rows = [row for source in sources if isinstance(source, list) for row in source]
        settling = [row for row in rows if row.state is FileState.SETTLING]
        rest = [row for row in rows if row.state is not FileState.SETTLING]
        keys: dict[PageOrder, Callable[[FileStatus], object]] = {
            PageOrder.NAME: lambda row: row.rel_path,
            PageOrder.SIZE: lambda row: (-row.n_bytes, row.rel_path)}
        if order in keys:
            rest.sort(key=keys[order])  # type: ignore[arg-type]
        shown = rest if kind is PageKind.WAITING else [*settling, *rest]
        shown = [r for r in shown if pattern.lower() in r.rel_path.lower()]
        return Page(kind, offset, len(shown), tuple(shown[offset:offset + n_rows]))

    def _history_page(self, offset: int, n_rows: int, pattern: str) -> Page:
        names = [f"2026-11-22/scan_{4812 - i:04}.h5" for i in range(self._n_uploaded)]
        wanted = [(i, name) for i, name in enumerate(names) if pattern.lower() in name]
        return Page(PageKind.UPLOADED, offset, len(wanted), tuple(
            record(i, name) for i, name in wanted[offset:offset + n_rows]))

    def subscribe(self, callback: Callable[[Notice], None]) -> Callable[[], None]:
        self.subscribers.append(callback)
        return lambda: self.subscribers.remove(callback)

    def explain(self, rel_path: str) -> Explanation:
        for status in self.shown.uploading:
            if status.rel_path == rel_path:
                return Explanation(rel_path, PathState.UPLOADING, status)
        return Explanation(rel_path, PathState.WAITING, FileStatus(
            rel_path, FileState.WAITING, 5, n_bytes_ahead=3_400_000_000))

    def versions(self, rel_path: str) -> tuple[VersionRecord, ...]:
        return (replace(record(0, rel_path), state=VersionState.BEGUN, completed=None,
                        n_chunks_delivered=9412), record(1, rel_path))

    def chunk_map(self, rel_path: str) -> ChunkMap | None:
        if all(s.rel_path != rel_path for s in self.shown.uploading):
            return None
        bitmap = bytearray(b"\xff" * 1176 + bytes(872))
        for gap in (1030, 1090, 1130, 1131):
            bitmap[gap] = 0
        return ChunkMap(16384, 12_400, bytes(bitmap))

    def retry(self, rel_path: str | None, reason: str = "") -> int:
        self.done.append(f"retry {rel_path or reason}".strip())
        return 1

    def take(self, pattern: str) -> int:
        self.done.append(f"take {pattern}".strip())
        return 1

    def pause(self) -> bool:
        if self.shown.phase is not Phase.RUNNING:
            return False
        self.done.append("pause")
        self.shown = replace(self.shown, is_paused=True)
        return True

    def resume(self) -> bool:
        self.done.append("resume")
        was_paused = self.shown.is_paused
        self.shown = replace(self.shown, is_paused=False)
        return was_paused

    def reupload(self, rel_path: str) -> None:
        self.done.append(f"reupload {rel_path}")

    def log_lines(self, after: int, n_max: int = 1000) -> tuple[LogLine, ...]:
        self.n_log_lines_asked.append(n_max)
        return tuple(line for line in self.log if line.number > after)[-n_max:]
