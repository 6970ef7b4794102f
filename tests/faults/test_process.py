"""What may happen to the process and to its state directory; scenarios 12 to 18, and 32."""

from __future__ import annotations

import datetime
import os
import pty
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.consumer import make_topic, parse, read_topic
from tests.faults.steps import judged, options, wait_for_chunks
from tests.kafka_broker import KafkaBroker
from tests.program import Program, write_config
from tests.waiting import wait_until
from tui.config.state_files import StateFiles
from tui.engine.model.versions import VersionState
from tui.engine.recording.ledger import Ledger
from tui.engine.recording.schema import join

pytestmark = [pytest.mark.xdist_group("process")]

Recorded = set[tuple[str, bytes, int]]


def recorded(upload_dir: Path, topic: str, copy: Path) -> Recorded:
    """Return the chunks that a killed program's ledger holds as delivered.

    Args:
        upload_dir: with the state directory in it.
        topic: whose ledger.
        copy: where the state directory is copied to, since opening a ledger changes it.
    """
    shutil.copytree(upload_dir / "LOGS", copy)
    ledger = Ledger(copy, topic, upload_dir, "all")
    assert not ledger.damage
    found: Recorded = set()
    for directory, name, sha512, n_chunks in ledger.database.query(
            "SELECT f.directory, f.name, v.sha512, v.n_chunks FROM versions v "
            f"JOIN files f USING (file_id) WHERE v.state = {VersionState.COMPLETE:d}"):
        found |= {(join(directory, name), sha512, i + 1) for i in range(n_chunks)}
    for past in ledger.versions.all_begun():
        bits = int.from_bytes(past.delivered, "little")
        found |= {(past.version.rel_path, past.version.sha512, i + 1)
                  for i in range(past.version.n_chunks) if bits >> i & 1}
    shutil.rmtree(copy)
    return found


@pytest.mark.kafka
def test_s12_killed_many_times_every_file_is_rebuilt_and_nothing_recorded_goes_again(
        kafka: KafkaBroker, config: Path, upload_dir: Path, tmp_path: Path) -> None:
    rng = random.Random(4)
    files = {f"d{i % 7}/f{i}": rng.randbytes(rng.choice((0, 10, 40_000, 300_000)))
             for i in range(600)}
    files["large"] = rng.randbytes(30_000_000)
    for name, content in files.items():
        (upload_dir / name).parent.mkdir(exist_ok=True)
        (upload_dir / name).write_bytes(content)
    topic = make_topic(kafka.bootstrap, 2)
    must_not_come: list[tuple[dict[int, int], Recorded]] = []
    for number in range(6):
        with Program(upload_dir, *options(config, topic, "--queue_max_size", "1")) as program:
            n_files = rng.randrange(1, 90)
            wait_until(lambda: all_sent(program) or n_uploaded(program) >= n_files,  # noqa: B023
                       "so many files are uploaded", 60)
            program.kill()
        ends = dict.fromkeys(range(2), -1)
        for message in read_topic(kafka.bootstrap, topic):
            ends[message.partition] = max(ends[message.partition], message.offset)
        must_not_come.append((ends, recorded(upload_dir, topic, tmp_path / f"copy{number}")))
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_for("connected to")
        (upload_dir / "last").write_bytes(b"last")
        program.wait_for("INFO .*(last uploaded|files uploaded)")
        wait_until(lambda: all_sent(program), "all is sent", 120)
        assert program.quit() == 0
    files["last"] = b"last"
    for message in read_topic(kafka.bootstrap, topic):
        chunk = parse(message)
        for ends, known in must_not_come:
            assert chunk.position <= ends[chunk.partition] \
                or (chunk.rel_path, chunk.file_hash, chunk.index) not in known
    consumer = judged(kafka.bootstrap, topic)
    assert dict(consumer.completed) == files
    assert consumer.mismatches == []


def n_uploaded(program: Program) -> int:
    """Return how many files of this run the last answer to `check` counts."""
    counts = [m.group(1) for line in list(program.lines)
              if (m := re.search(r"uploaded \(([\d,]+) now\)", line))]
    return int(counts[-1].replace(",", "")) if counts else 0


def all_sent(program: Program) -> bool:
    program.type("check")
    assert program.process.poll() is None, program.text()
    return any("0 settling, 0 waiting, 0 uploading" in line for line in program.lines[-12:])


SPOILT: dict[str, Callable[[Path], object]] = {
    "garbage": lambda path: path.write_bytes(random.Random(1).randbytes(50_000)),
    "no log": lambda path: Path(f"{path}-wal").unlink(),
    "nothing": lambda path: path.unlink(),
}


@pytest.mark.kafka
@pytest.mark.parametrize("how", SPOILT)
def test_s13_a_damaged_ledger_is_rebuilt_and_nothing_is_skipped(
        kafka: KafkaBroker, config: Path, upload_dir: Path, how: str) -> None:
    rng = random.Random(13)
    (upload_dir / "done").write_bytes(b"done")
    (upload_dir / "large").write_bytes(rng.randbytes(60_000_000))
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(config, topic, "--queue_max_size", "0.2")) as program:
        program.wait_uploaded(1)
        wait_for_chunks(program)
        program.type("pause")
        table = upload_dir / "LOGS" / f"upload_to_{topic}_in_progress.csv"
        wait_until(lambda: ",large,large,3663," in table.read_text(), "the table tells of it")
        program.kill()
    SPOILT[how](StateFiles(upload_dir / "LOGS", topic).ledger)
    new = rng.randbytes(70_000_000)
    (upload_dir / "large").write_bytes(new)
    (upload_dir / "arrived meanwhile").write_bytes(b"new")
    # Without --upload_existing: only what the tables tell of, and what is newer than they, goes.
    with Program(upload_dir, "--config", str(config), "--topic_name", topic,
                 "--watchdog_lag_time", "0.3") as program:
        program.wait_for(
            r"ERROR.*the ledger is (damaged|missing).* the ledger is rebuilt from the CSV")
        program.wait_uploaded(2)
        assert program.quit() == 0
    kept = list((upload_dir / "LOGS").glob("*.damaged-*"))
    assert kept
    completed = judged(kafka.bootstrap, topic).completed
    assert ("large", new) in completed
    assert ("arrived meanwhile", b"new") in completed
    assert completed.count(("done", b"done")) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MB."""
    path = tmp_path / "small"
    path.mkdir()
    result = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(path)],
                            capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.skip(f"a small file system cannot be mounted: {result.stderr.strip()}")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def fill(disk: Path) -> Path:
    """Leave no byte free on a file system; return the file that takes the room."""
    path = disk / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return path


@pytest.mark.kafka
def test_s14_a_disk_that_fills_up_stops_sending_until_there_is_room(
        kafka: KafkaBroker, config: Path, upload_dir: Path, small_disk: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    words = options(config, topic, "--logger_file_path", str(small_disk / "state"))
    with Program(upload_dir, *words) as program:
        (upload_dir / "before").write_bytes(b"before")
        program.wait_uploaded(1)
        filler = fill(small_disk)
        for number in range(2000):
            (upload_dir / f"{number}{'x' * 200}").write_bytes(bytes(3))
        program.wait_for("ERROR.*the ledger cannot be written.*nothing more is sent")
        filler.unlink()
        program.wait_for("the ledger can be written again")
        program.wait_uploaded(2001)
        assert program.quit() == 0
        assert sum("Traceback" in line for line in program.log) == 0, program.text()
    assert len(judged(kafka.bootstrap, topic).files) == 2001
    n_messages = len(read_topic(kafka.bootstrap, topic))
    with Program(upload_dir, *words) as program:
        (upload_dir / "after").write_bytes(b"after")
        program.wait_uploaded(1)
        assert program.quit() == 0
    assert len(read_topic(kafka.bootstrap, topic)) == n_messages + 1  # all that was told is known


@pytest.mark.kafka
def test_s14_a_disk_that_stays_full_ends_with_status_1(
        kafka: KafkaBroker, config: Path, upload_dir: Path, small_disk: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    words = options(config, topic, "--logger_file_path", str(small_disk / "state"))
    with Program(upload_dir, *words) as program:
        program.wait_for("connected to")
        filler = fill(small_disk)
        for number in range(2000):
            (upload_dir / f"{number}{'x' * 200}").write_bytes(bytes(3))
        program.wait_for("the ledger cannot be written")
        program.wait_uploaded(0)
        n_recorded = n_uploaded(program)
        assert program.quit(90) == 1
    filler.unlink()
    with Program(upload_dir, *words) as program:
        assert not any("damaged" in line for line in program.log)
        program.wait_uploaded(2000 - n_recorded, 120)
        assert program.quit() == 0
    assert len(judged(kafka.bootstrap, topic).files) == 2000


def test_s14_a_state_directory_that_cannot_be_written_is_refused_at_start(
        upload_dir: Path, small_disk: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path / "c.config", "127.0.0.1:9")
    words = ("--config", str(config), "--topic_name", "t", "--logger_file_path")
    (small_disk / "state").mkdir()
    fill(small_disk)
    with Program(upload_dir, *words, str(small_disk / "state")) as program:
        assert program.wait() == 2
        assert "Traceback" not in program.text()
        program.wait_for("(cannot be written|full).*--logger_file_path")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with Program(upload_dir, *words, str(small_disk / "state")) as program:
        assert program.wait() == 2
        program.wait_for("cannot be written: Read-only file system")


@pytest.mark.kafka
def test_s15_a_second_instance_is_refused_and_a_dead_one_is_not_in_the_way(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(config, topic)) as first:
        first.wait_for("connected to")
        with Program(upload_dir, *options(config, topic)) as second:
            assert second.wait() == 2
            second.wait_for(f"another instance .*: process {first.process.pid} on "
                            f"{socket.gethostname()}, started 20")
        first.kill()
    assert (upload_dir / "LOGS" / f"upload_to_{topic}.owner.json").exists()
    (upload_dir / "a").write_bytes(b"a")
    with Program(upload_dir, *options(config, topic)) as third:
        third.wait_uploaded(1)
        assert third.quit() == 0


def test_s17_a_thread_that_dies_ends_the_program_with_status_1_and_a_traceback(
        upload_dir: Path) -> None:
    code = ("import sys\nfrom tui.cli import main\n"
            "from tui.engine.sending.throughput import ThroughputMeter\n"
            "def fail(self, **_): raise RuntimeError('injected')\n"
            "ThroughputMeter.tick = fail\nsys.exit(main())")
    result = subprocess.run(
        [sys.executable, "-c", code, str(upload_dir), "--config", "demo", "--headless"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 1
    assert "RuntimeError: injected" in result.stderr
    assert "cannot continue without its thread producing" in result.stderr


@pytest.mark.kafka
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_s18_a_signal_drains(kafka: KafkaBroker, config: Path, upload_dir: Path,
                             number: signal.Signals) -> None:
    content = random.Random(18).randbytes(20_000_000)
    (upload_dir / "large").write_bytes(content)
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(config, topic, "--queue_max_size", "1")) as program:
        wait_for_chunks(program)
        program.process.send_signal(number)
        assert program.wait() == 0
    assert judged(kafka.bootstrap, topic).completed == [("large", content)]


@pytest.mark.kafka
def test_s18_a_closed_stdin_is_no_quit(kafka: KafkaBroker, config: Path,
                                       upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(config, topic)) as program:
        assert program.process.stdin is not None
        program.process.stdin.close()
        program.wait_for("connected to")
        (upload_dir / "a").write_bytes(b"a")
        program.wait_for("a uploaded: 1 bytes")
        program.process.send_signal(signal.SIGTERM)
        assert program.wait() == 0


@pytest.mark.kafka
def test_s18_a_closed_terminal_drains(kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    content = random.Random(19).randbytes(20_000_000)
    (upload_dir / "large").write_bytes(content)
    topic = make_topic(kafka.bootstrap)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [
            sys.executable, "-m", "tui", str(upload_dir), "--headless",
            *options(config, topic, "--queue_max_size", "1")])
    shown = bytearray()

    def is_on_its_way() -> bool:
        os.write(terminal, b"files\n")
        while select.select([terminal], [], [], 0.1)[0]:
            shown.extend(os.read(terminal, 65536))
        return re.search(rb"uploading, [1-9][\d,]* of", shown) is not None

    wait_until(is_on_its_way, "it is on its way", 60)
    os.close(terminal)
    status: list[int] = []

    def has_ended() -> bool:
        ended, raw = os.waitpid(pid, os.WNOHANG)
        status.append(os.waitstatus_to_exitcode(raw) if ended else -1)
        return bool(ended)

    wait_until(has_ended, "it drains and ends", 60)
    assert status[-1] == 0
    assert judged(kafka.bootstrap, topic).completed == [("large", content)]


@pytest.mark.kafka
def test_s18_a_suspended_process_goes_on(kafka: KafkaBroker, config: Path,
                                         upload_dir: Path) -> None:
    content = random.Random(20).randbytes(40_000_000)
    (upload_dir / "large").write_bytes(content)
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(config, topic, "--queue_max_size", "1")) as program:
        wait_for_chunks(program)
        program.process.send_signal(signal.SIGSTOP)
        # While it sleeps the broker takes and acknowledges what is on its way; then nothing comes.
        seen: list[int] = []

        def is_quiet() -> bool:
            seen.append(len(read_topic(kafka.bootstrap, topic)))
            return len(seen) > 4 and len(set(seen[-4:])) == 1

        wait_until(is_quiet, "nothing comes from a suspended process", 60)
        (upload_dir / "meanwhile").write_bytes(b"m")
        program.process.send_signal(signal.SIGCONT)
        program.wait_uploaded(2)
        assert program.quit() == 0
    consumer = judged(kafka.bootstrap, topic)
    assert sorted(consumer.completed) == [("large", content), ("meanwhile", b"m")]


@pytest.mark.kafka
def test_s32_tables_of_openmsistream_are_taken_over_and_nothing_goes_twice(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    state_dir = upload_dir / "LOGS"
    state_dir.mkdir()
    names = ["plain.dat", "it's.dat", 'quo"te\'s.dat', "tab\t;semi.dat", "back\\slash.dat",
             "new\nline.dat", "größe.dat"]
    for name in [*names, "changed.dat", "half.dat", "other size.dat"]:
        (upload_dir / name).write_bytes(bytes(40_000))
    long_ago = datetime.datetime(2026, 1, 5, 12).timestamp()
    for path in upload_dir.glob("*.dat"):
        os.utime(path, (long_ago, long_ago))
    when = datetime.datetime(2026, 1, 6, 12)
    os.utime(upload_dir / "changed.dat", (when.timestamp() + 99, when.timestamp() + 99))
    text = repr(when.strftime("%a %b %d, %Y at %H:%M:%S"))
    head = "filename;rel_filepath;n_chunks;started;completed"
    rows = [f"{name!r};{name!r};3;{text};{text}" for name in [*names, "changed.dat"]]
    rows.append(f"'other size.dat';'other size.dat';7;{text};{text}")
    (state_dir / f"uploaded_to_{topic}.csv").write_text("\n".join([head, *rows[:4]]) + "\nbad row")
    (state_dir / f"uploaded_to_{topic}_p7.csv").write_text("\n".join([head, *rows[4:]]))
    (state_dir / f"upload_to_{topic}_in_progress.csv").write_text(
        "filename;rel_filepath;n_chunks;n_chunks_delivered;n_chunks_to_send;started;"
        f"chunks_delivered;chunks_to_send\n'half.dat';'half.dat';3;1;2;{text};{{2}};{{1, 3}}")
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_for(rf"uploaded_to_{topic}\.csv, line 6: the row cannot be used")
        program.wait_uploaded(3)
        program.type("why it's.dat")
        program.wait_for("it's.dat: uploaded")
        assert program.quit() == 0
    assert set(judged(kafka.bootstrap, topic).files) == {
        "changed.dat", "half.dat", "other size.dat"}
    kept = sorted(p.name.partition(".csv.taken-over-20")[0]
                  for p in state_dir.glob("*.taken-over-*"))
    assert kept == [f"upload_to_{topic}_in_progress", f"uploaded_to_{topic}",
                    f"uploaded_to_{topic}_p7"]
    assert "bad row" in next(state_dir.glob(f"uploaded_to_{topic}.csv.taken*")).read_text()
