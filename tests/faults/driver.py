"""Drives the program, its files and its broker through faults that a seed chooses."""

from __future__ import annotations

import random
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.consumer import make_topic, read_topic, remake_topic
from tests.faults.judging import Evidence, judge, read_unfinished, read_uploaded, read_versions
from tests.faults.ledger_faults import SmallDisk, damage
from tests.faults.tree import Tree
from tests.program import Program, write_config
from tests.proxy import ProxiedBroker
from tests.waiting import wait_until

_REST_SECONDS = 420.0
_AT_REST = re.compile(r"files +0 settling, 0 waiting, 0 uploading")
_NONE_HELD = re.compile(r" 0 retrying, 0 need you")
_PRODUCERS = ("", "", "", "message.timeout.ms = 4000\n", "acks = 1\n")
#: What came so shortly before a stop may not have been noticed.
_UNNOTICED_SECONDS = 5.0
#: Room for the ledger, its log, the tables and the log of a round.
_SMALL_DISK_BYTES = 24_000_000
_PAUSES = (0.0, 0.0, 0.05, 0.3, 0.7, 1.5)


class ModelError(AssertionError):
    """A round ended with something wrong; tells the seed and what was done."""


@dataclass(frozen=True, slots=True)
class Round:
    """What stays the same in one round.

    Attributes:
        options: words of the command line.
        producer: lines of the section ``[producer]``.
        is_existing_wanted: whether files that came while the program was away are sent.
        loses_ledgers: whether ledgers are damaged, or removed.
        remakes_topics: whether the topic is deleted and recreated.
        has_small_disk: whether the disk of the ledger is full at times.
    """

    options: tuple[str, ...]
    producer: str
    is_existing_wanted: bool
    loses_ledgers: bool
    remakes_topics: bool
    has_small_disk: bool

    @staticmethod
    def drawn(rng: random.Random) -> Round:
        """Draw one."""
        is_existing_wanted, loses_ledgers = rng.random() < 0.75, rng.random() < 0.15
        options = ["--rescan_seconds", "1", "--watchdog_lag_time", "0.3"]
        if is_existing_wanted:
            options.append("--upload_existing")
        if rng.random() < 0.25:
            options.append("--follow_symlinks")
        if rng.random() < 0.15:
            options.append("--use_polling_observer")
        if rng.random() < 0.1:
            options += ["--partitioning", "chunk"]
        remakes_topics = is_existing_wanted and rng.random() < 0.2
        if loses_ledgers or remakes_topics:
            # What a lost ledger knew of chunk sizes, nobody knows.
            options += ["--chunk_size", "16384"]
        return Round(tuple(options), rng.choice(_PRODUCERS), is_existing_wanted, loses_ledgers,
                     remakes_topics, SmallDisk.can_be_made() and rng.random() < 0.3)


class Driver:
    """One round: a fresh directory and topic, steps that the seed draws, rest, and judgement.

    Args:
        seed: chooses everything but the timing.
        broker: Apache Kafka behind a proxy.
        n_steps: how much happens.
        say: told of each step as it happens.
    """

    def __init__(self, seed: int, broker: ProxiedBroker, n_steps: int,
                 say: Callable[[str], None] = lambda text: None) -> None:
        self.seed = seed
        self.directory = Path(tempfile.mkdtemp(prefix=f"soak-{seed}-"))
        self._rng = random.Random(seed)
        self._broker = broker
        self._n_steps = n_steps
        self._say = say
        self._done: list[str] = []
        self._began = time.monotonic()
        self._problems: list[str] = []
        self._logs: list[str] = []
        self._n_kills = 0
        self._is_down = False
        upload, memory = self.directory / "upload", self.directory / "memory"
        upload.mkdir()
        memory.mkdir()
        self._round = Round.drawn(self._rng)
        self._tree = Tree(upload, memory, self._rng,
                          follow_symlinks="--follow_symlinks" in self._round.options)
        self._n_partitions = self._rng.choice((1, 3))
        self._topic = make_topic(broker.kafka.bootstrap, self._n_partitions)
        self._config = write_config(self.directory / "soak.config", broker.bootstrap,
                                    self._round.producer)
        self._note(f"topic {self._topic}, {self._round}")
        self._state_dir, self._disk = upload / "LOGS", None
        if self._round.has_small_disk:
            self._state_dir = self.directory / "small disk"
            self._state_dir.mkdir()
            self._disk = SmallDisk(self._state_dir, _SMALL_DISK_BYTES)
        self._away: list[tuple[float, float]] = []
        self._stopped_at = 0.0
        self._program = self._start()
        self._steps: list[tuple[int, Callable[[], None]]] = [
            (70, lambda: self._note(self._tree.step())), (4, self._quit), (6, self._kill),
            (1, self._quit_twice), (3, self._change_on_its_way),
            (3, self._stop_and_continue), (3, self._pause), (3, self._reupload), (5, self._cut),
            (3, self._refuse), (4, self._slow), (2, self._broker_dies), (3, self._retry)]
        if self._round.remakes_topics:
            self._steps.append((3, self._remake_topic))
        if self._round.loses_ledgers:
            self._steps.append((3, self._remove_state))
        if self._disk is not None:
            self._steps.append((6, partial(self._fill, self._disk)))

    def run(self) -> None:
        """Do it all.

        Raises:
            ModelError: something is wrong; the round's directory is kept.
        """
        try:
            weights, steps = zip(*self._steps, strict=True)
            for _ in range(self._n_steps):
                self._rng.choices(steps, weights)[0]()
                self._see_that_it_lives()
                time.sleep(self._rng.choice(_PAUSES))
            self._rest()
            self._judge()
        except AssertionError as error:
            self._problems.append(str(error))
        finally:
            self._mend_broker()
            self._hurry()
            self._leave()
            if self._disk is not None:
                self._disk.close()
        if self._problems:
            (self.directory / "program.log").write_text("\n".join(self._logs), "utf-8")
            raise ModelError("\n".join([
                f"seed {self.seed}, {self._n_steps} steps, kept in {self.directory}:",
                *self._problems, "what was done:", *self._done]))
        shutil.rmtree(self.directory)

    @property
    def _ledger(self) -> Path:
        return self._state_dir / f"upload_to_{self._topic}.sqlite3"

    def _note(self, text: str) -> None:
        line = f"  {time.monotonic() - self._began:6.1f} {text}"
        self._done.append(line)
        self._say(line)

    # The program.

    def _start(self, *more: str) -> Program:
        words = [*more, "--chunk_size", str(self._rng.choice((4096, 16384, 16384, 65536, 262144))),
                 "--n_threads", str(self._rng.choice((1, 2, 4))),
                 "--queue_max_size", str(self._rng.choice((0.05, 0.3, 3)))]
        self._note(f"started with {' '.join(words)}")
        program = Program(
            self._tree.root, "--config", str(self._config), "--topic_name", self._topic,
            "--logger_file_path", str(self._state_dir), *words, *self._round.options)
        program.wait_for("uploading .* to topic", 120)
        if self._stopped_at:
            self._away.append((self._stopped_at - _UNNOTICED_SECONDS, time.monotonic()))
        # Who only polls does not hear of the end of a mapping.
        self._tree.is_watched = "--use_polling_observer" not in self._round.options
        return program

    def _see_that_it_lives(self) -> None:
        status = self._program.process.poll()
        assert status is None, f"the program ended by itself with status {status}"

    def _leave(self) -> None:
        """End the present process, and look through what it logged."""
        self._stopped_at = time.monotonic()
        self._tree.leave_unwatched(_UNNOTICED_SECONDS)
        self._program.__exit__(None, None, None)
        text = self._program.text()
        self._logs.append(text)
        for wrong in ("Traceback", "ended by an unexpected error", "did not end in time"):
            if wrong in text:
                self._problems.append(f"{wrong!r} is in the log:\n" + "\n".join(
                    self._program.log[-60:]))

    def _quit_well(self) -> None:
        """Quit with a broker that answers: the status must fit what was said."""
        status = self._program.quit(_REST_SECONDS)
        text = self._program.text()
        self._leave()
        is_excused = any(words in text for words in (
            "may not rebuild", "could not be uploaded yet", "you: see the log"))
        assert status == 0 or (status == 1 and is_excused), \
            f"quit ended with status {status}:\n" + "\n".join(text.splitlines()[-30:])

    def _quit(self) -> None:
        self._mend_broker()
        self._note("quit")
        if self._rng.random() < 0.3:
            self._program.type("pause")
        self._quit_well()
        for _ in range(self._rng.randrange(4)):
            self._note("while it is away, " + self._tree.step())
        self._program = self._start()

    def _kill(self) -> None:
        self._note("killed")
        self._n_kills += 1
        self._program.kill()
        self._leave()
        if self._round.loses_ledgers and self._rng.random() < 0.5:
            self._note(f"the ledger is damaged: {damage(self._ledger, self._rng)}")
        for _ in range(self._rng.randrange(4)):
            self._note("while it is away, " + self._tree.step())
        self._program = self._start()

    def _remove_state(self) -> None:
        """Remove ledger, tables and log under a program at work, which may end of it."""
        self._note("the state directory is removed")
        for path in list(self._state_dir.iterdir()):
            path.unlink(missing_ok=True)
        self._n_kills += 1
        for _ in range(self._rng.randrange(4)):
            self._note("with nothing there, " + self._tree.step())
            time.sleep(self._rng.choice(_PAUSES))
        wait_until(lambda: self._ledger.exists() or self._program.process.poll() is not None,
                   "a ledger is recreated, or the program ends")
        if self._program.process.poll() is not None:
            assert self._program.process.returncode == 1, "it ended, and not with status 1"
            self._leave()
            self._program = self._start()

    def _fill(self, disk: SmallDisk) -> None:
        """Let the disk be full for a while, or until after a stop."""
        self._note("the disk of the ledger is full")
        disk.fill()
        for _ in range(self._rng.randrange(6)):
            self._note("with a full disk, " + self._tree.step())
            time.sleep(self._rng.choice(_PAUSES))
        how = self._rng.choice(("quit", "killed", "", ""))
        if how:
            time.sleep(self._rng.choice((0.0, _UNNOTICED_SECONDS + 1.0)))
            self._note(f"{how}, the disk still full")
            self._n_kills += 1
            if how == "quit":
                self._program.quit(_REST_SECONDS)
            else:
                self._program.kill()
            self._leave()
        disk.free()
        self._note("the disk has room again")
        if how:
            self._program = self._start()

    def _quit_twice(self) -> None:
        self._note("quit, and quit again at once")
        self._program.type("quit")
        status = self._program.quit(_REST_SECONDS)
        self._leave()
        self._n_kills += 1
        assert status in (0, 1, 130), f"a forced quit ended with status {status}"
        self._program = self._start()

    def _stop_and_continue(self) -> None:
        self._note("SIGSTOP")
        self._program.process.send_signal(signal.SIGSTOP)
        for _ in range(self._rng.randrange(6)):
            self._note("while it stands, " + self._tree.step())
        time.sleep(self._rng.choice(_PAUSES))
        self._program.process.send_signal(signal.SIGCONT)

    def _pause(self) -> None:
        self._note("pause")
        self._program.type("pause")
        for _ in range(self._rng.randrange(4)):
            self._note("while it is paused, " + self._tree.step())
            time.sleep(self._rng.choice(_PAUSES))
        self._program.type("resume")

    def _reupload(self) -> None:
        names = [name for name in self._tree.wanted() if "\n" not in name]
        if names:
            name = self._rng.choice(names)
            self._note(f"reupload {name!r}")
            self._program.type(f"reupload {name}")

    def _retry(self) -> None:
        self._program.type("retry")

    def _change_on_its_way(self) -> None:
        """Change a large file when it has rested, and is most likely being sent."""
        self._broker.proxy.bytes_per_second = self._rng.choice((2e6, 8e6))
        for step in (self._tree.write_large, self._tree.change_last, self._tree.change_last):
            self._note(f"with a large file: {step()}")
            time.sleep(0.4 + self._rng.choice(_PAUSES))

    # The broker.

    def _cut(self) -> None:
        for _ in range(self._rng.randrange(1, 5)):
            self._note(f"{self._broker.proxy.cut()} connections cut")
            time.sleep(self._rng.choice(_PAUSES) / 4)

    def _refuse(self) -> None:
        self._note("connections refused")
        self._broker.proxy.refuse()
        self._broker.proxy.cut()
        for _ in range(self._rng.randrange(3)):
            self._note("meanwhile, " + self._tree.step())
            time.sleep(self._rng.choice(_PAUSES))
        if self._rng.random() < 0.7:
            self._mend_broker()

    def _slow(self) -> None:
        proxy = self._broker.proxy
        proxy.delay_seconds = self._rng.choice((0.0, 0.0, 0.02, 0.15))
        proxy.bytes_per_second = self._rng.choice((0.0, 2e6, 8e6))
        self._note(f"delay of {proxy.delay_seconds} s, {proxy.bytes_per_second:.0f} bytes/s")

    def _broker_dies(self) -> None:
        self._note("the broker is killed")
        self._broker.kafka.kill()
        self._is_down = True
        for _ in range(self._rng.randrange(3)):
            self._note("meanwhile, " + self._tree.step())
        self._mend_broker()

    def _remake_topic(self) -> None:
        """Delete the topic and create it again; the program has to notice, and to end."""
        self._mend_broker()
        self._hurry()
        # Of a topic that it never saw a program cannot know that there was another one.
        self._program.wait_for("connected to .*: cluster", 120)
        self._note("the topic is recreated")
        remake_topic(self._broker.kafka.bootstrap, self._topic, self._n_partitions)
        status = self._program.wait(120)
        assert status == 2, f"the topic was recreated, and the program ended with status {status}"
        self._leave()
        self._n_kills += 1
        self._program = self._start("--new_cluster")
        self._program.wait_for("connected to .*: cluster", 120)  # the next start does not say it

    def _mend_broker(self) -> None:
        if self._is_down:
            self._broker.kafka.start()
            self._is_down = False
        self._broker.proxy.accept()

    def _hurry(self) -> None:
        self._broker.proxy.delay_seconds = self._broker.proxy.bytes_per_second = 0.0

    # The end.

    def _rest(self) -> None:
        """Wait until the program says that nothing is unfinished and the tables agree."""
        self._mend_broker()
        self._hurry()
        self._note(f"everything rests; {self._tree.unmap()}")
        self._program.type("resume")
        try:
            wait_until(self._is_at_rest, "all files are uploaded in their present content",
                       _REST_SECONDS)
        except AssertionError as error:
            for name in self._not_uploaded():
                self._program.type(f"why {name}")
            self._program.type("check")
            time.sleep(2)
            raise AssertionError(f"{error}: {self._not_uploaded()}") from None
        self._note("at rest")

    def _is_at_rest(self) -> bool:
        self._see_that_it_lives()
        n_before = len(self._program.lines)
        self._program.type("check")
        time.sleep(0.5)
        said = "\n".join(self._program.lines[n_before:])
        return bool(_AT_REST.search(said) and _NONE_HELD.search(said)) \
            and not self._not_uploaded()

    def _not_uploaded(self) -> list[str]:
        latest = dict(read_uploaded(self._state_dir, self._topic))
        return [name for name, (status, sha512) in self._tree.wanted().items()
                if latest.get(name) not in self._tree.indistinguishable(name, status, sha512)
                and not self._may_be_not_taken(name)]

    def _may_be_not_taken(self, name: str) -> bool:
        """Return whether a path came while the program was away, and such are not wanted."""
        when = self._tree.changed_at.get(name, 0.0)
        return not self._round.is_existing_wanted and any(
            since <= when <= until for since, until in self._away)

    def _judge(self) -> None:
        self._quit_well()
        state_dir = self._state_dir
        evidence = Evidence(
            messages=read_topic(self._broker.kafka.bootstrap, self._topic),
            versions=read_versions(self._ledger),
            rows=read_uploaded(state_dir, self._topic),
            unfinished=read_unfinished(state_dir, self._topic),
            tree=self._tree, n_kills=self._n_kills,
            may_be_not_taken=frozenset(filter(self._may_be_not_taken, self._tree.wanted())),
            is_ledger_lost=self._round.loses_ledgers or self._round.remakes_topics,
            is_spread="chunk" in self._round.options)
        self._note(f"{len(evidence.messages)} messages, {len(evidence.versions)} versions, "
                   f"{sum(v.is_recovery for v in evidence.versions)} recoveries, "
                   f"{sum(v.rebuild_uncertain for v in evidence.versions)} may not rebuild, "
                   f"{sum(v.state == 2 for v in evidence.versions)} abandoned")
        self._problems += judge(evidence, self._rng)
