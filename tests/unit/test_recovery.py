"""Whatever became of a path's versions, deployed consumers end with its newest content.

The producer's rules are acted out on a list that stands for the path's partition, with every fate
that a version can have and every order in which its chunks can reach the topic. One limit is left
out: of a version of one chunk the ledger knows nothing before its acknowledgement is recorded, so
when a crash hides one, and the file is then put back to what it was before, nothing is sent.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.consumer import Received
from tests.deployed_consumer import DeployedConsumer
from tui.engine.model.versions import FileVersion, PastVersion, VersionState
from tui.engine.sending.messages import MessageMaker
from tui.engine.sending.version_plan import cut, is_sent_already, resumable

FATES = ("complete", "complete", "crash", "abandon", "refused")
BEGUN, COMPLETE = VersionState.BEGUN, VersionState.COMPLETE


def content_of(seed: int, n_bytes: int) -> bytes:
    return random.Random(seed).randbytes(n_bytes)


@dataclass
class Path:
    """One path, its versions in the ledger (newest first), and its partition."""

    rng: random.Random
    content: bytes = b""
    mtime: float = 0.0
    history: list[PastVersion] = field(default_factory=list)
    topic: list[Received] = field(default_factory=list)
    is_hidden: bool = False  #: the topic has a version that the ledger does not know

    def write(self, content: bytes) -> None:
        self.content = content
        self.mtime += self.rng.choice((-5.0, 0.0, 1.0))

    def send(self, fate: str, chunk_size: int, *, must_send: bool = False) -> FileVersion | None:
        """Send the content as it is, and let the version meet its fate; None if nothing went."""
        sha512 = hashlib.sha512(self.content).digest()
        if is_sent_already(self.history, sha512) and not must_send and not self.is_hidden:
            return None
        self.is_hidden = False
        going_on = resumable(self.history, sha512)
        self.history = [
            replace(p, state=VersionState.ABANDONED) if p.state == BEGUN and p is not going_on
            else p for p in self.history]
        if going_on is not None:
            self.history.remove(going_on)
            past = replace(going_on, version=going_on.version._replace(sent_twice=True))
            delivered = {i for i in range(past.version.n_chunks)
                         if int.from_bytes(past.delivered, "little") >> i & 1}
        else:
            past, delivered = self._new(sha512, chunk_size), set[int]()
        self._produce(past, delivered, fate, is_new=going_on is None)
        return past.version

    def _new(self, sha512: bytes, chunk_size: int) -> PastVersion:
        how = cut(self.history, sha512, len(self.content), chunk_size)
        return PastVersion(FileVersion(
            1, 1, "a", len(self.content), 0, self.mtime, sha512, how.chunk_size, how.n_chunks,
            0, "all", is_recovery=how.is_recovery, rebuild_uncertain=how.rebuild_uncertain,
            sent_twice=how.sent_twice), BEGUN, 0.0, 0, b"", ())

    def _produce(self, past: PastVersion, delivered: set[int], fate: str, *,
                 is_new: bool) -> None:
        version = past.version
        if fate == "refused":
            if not is_new:
                self.history.insert(0, past)  # parts of it may be there: it stays begun
            elif version.n_chunks > 1:
                self.history.insert(0, replace(past, state=VersionState.REFUSED))
            return
        order = self._order(version, delivered)
        n_sent = len(order) if fate == "complete" else self.rng.randint(0, len(order))
        maker = MessageMaker(version)
        for index in order[:n_sent]:
            data = self.content[index * version.chunk_size:(index + 1) * version.chunk_size]
            self.topic.append(Received(maker.key(index), maker.value(index, data), 0, 0))
        if len(set(order[:n_sent])) < n_sent - (version.is_recovery and 0 in order):
            version = version._replace(sent_twice=True)
        if fate == "complete":
            self.history.insert(0, replace(past, version=version, state=COMPLETE))
        elif version.n_chunks > 1:
            recorded = delivered | self._recorded(version, order[:n_sent])
            state = BEGUN if fate == "crash" else VersionState.ABANDONED
            bits = sum(1 << index for index in recorded).to_bytes(
                version.n_chunks // 8 + 1, "little")
            self.history.insert(0, replace(past, version=version, state=state,
                                           n_delivered=len(recorded), delivered=bits))
        else:
            self.is_hidden = n_sent > 0

    def _order(self, version: FileVersion, delivered: set[int]) -> list[int]:
        """Return the chunks in an order in which they may reach the topic, doubles included."""
        first = []
        left = [i for i in range(version.n_chunks) if i not in delivered]
        if version.is_recovery and 0 in left:
            left.remove(0)
            first = [0] * self.rng.choice((2, 2, 3))  # a lost answer makes it three
        if self.rng.random() < 0.5:
            self.rng.shuffle(left)
        if left and self.rng.random() < 0.3:
            double = self.rng.choice(left)
            left.insert(self.rng.randint(left.index(double) + 1, len(left)), double)
        return first + left

    def _recorded(self, version: FileVersion, sent: list[int]) -> set[int]:
        """Return what a crash leaves recorded of what was sent: all but its last part."""
        known = sent[:self.rng.randint(0, len(sent))]
        if version.is_recovery and 0 in known and known.count(0) < 2:
            return set()
        return set(known)

    def consumed(self) -> DeployedConsumer:
        consumer = DeployedConsumer()
        for message in self.topic:
            consumer.feed(message)
        return consumer


contents = st.tuples(st.integers(0, 5), st.integers(0, 90))
steps = st.lists(st.tuples(st.sampled_from(FATES), st.sampled_from((1, 2, 8, 16, 32)),
                           st.one_of(st.none(), contents), st.booleans()), max_size=8)


@settings(max_examples=600, deadline=None)
@given(st.integers(0, 2**32), contents, steps, contents)
def test_consumers_end_with_the_newest_content_unless_it_was_said_that_they_may_not(
        seed: int, first: tuple[int, int],
        history: list[tuple[str, int, tuple[int, int] | None, bool]],
        last: tuple[int, int]) -> None:
    path = Path(random.Random(seed))
    path.write(content_of(*first))
    for fate, chunk_size, new_content, must_send in history:
        path.send(fate, chunk_size, must_send=must_send)
        if new_content is not None:
            path.write(content_of(*new_content))
    path.write(content_of(*last))
    sent = path.send("complete", 16)
    version = sent or next(p.version for p in path.history if p.state == COMPLETE)
    consumer = path.consumed()  # one content cut in two ways would raise
    if not version.rebuild_uncertain:
        # Bytes of a longer older file may be left behind it: no producer can cure that.
        assert consumer.finished["a"] == version.sha512 == hashlib.sha512(path.content).digest()


@pytest.mark.parametrize("n_recorded", range(12))
def test_a_recovery_that_a_crash_interrupts_goes_on_and_rebuilds(n_recorded: int) -> None:
    for n_on_topic in range(n_recorded, 12):
        path = Path(random.Random(1))
        path.write(b"o" * 40)
        path.send("abandon", 8)
        path.write(b"n" * 80)
        recovery = path._new(hashlib.sha512(path.content).digest(), 8)
        assert recovery.version.is_recovery
        maker = MessageMaker(recovery.version)
        order = [0, 0, *range(1, 10), 9][:n_on_topic]
        for index in order:
            path.topic.append(Received(
                maker.key(index), maker.value(index, path.content[index * 8:index * 8 + 8]), 0, 0))
        known = set(order[:n_recorded]) if n_recorded > 1 else set()
        path.history.insert(0, replace(recovery, n_delivered=len(known), delivered=sum(
            1 << index for index in known).to_bytes(2, "little")))
        version = path.send("complete", 8)
        assert version is not None
        assert path.consumed().completed[-1:] == [("a", path.content)]
        path.write(b"later" * 30)
        path.send("complete", 8)
        assert path.consumed().completed[-1] == ("a", path.content)
