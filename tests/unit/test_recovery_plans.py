"""Whatever was begun, abandoned and doubled before: what is not doubted reaches every consumer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.consumer import Received
from tests.deployed_consumer import DeployedConsumer
from tui.engine.model.versions import FileVersion, PastVersion, VersionState
from tui.engine.sending.messages import MessageMaker
from tui.engine.sending.version_plan import cut, is_sent_already, resumable


@dataclass(frozen=True)
class Attempt:
    """One try to send a content.

    Attributes:
        content, chunk_size, mtime: what is sent, and how it is asked to be cut.
        n_sent: messages that reach the topic, if there are so many.
        n_recorded: of those, the acknowledgements that were recorded.
        end: complete; abandoned, because the bytes went; or a crash.
        must_send: whether it goes even if it was the last.
    """

    content: bytes
    chunk_size: int
    mtime: float
    n_sent: int
    n_recorded: int
    end: str
    must_send: bool


attempts = st.builds(
    Attempt, st.binary(max_size=12) | st.sampled_from([b"a" * 7, b"b" * 7, b"c" * 12, b""]),
    st.sampled_from([1, 2, 4, 8]), st.integers(0, 3).map(float), st.integers(0, 14),
    st.integers(0, 14), st.sampled_from(["complete", "complete", "abandoned", "crash"]),
    st.booleans())


@dataclass
class Path:
    """One path: its versions in the ledger, newest first, and its consumer.

    What is done here is what the uploading threads do with the plans.
    """

    consumer: DeployedConsumer = field(default_factory=DeployedConsumer)
    history: list[PastVersion] = field(default_factory=list)
    is_in_doubt: bool = False  #: something may have been sent that no version tells of

    def send(self, attempt: Attempt) -> None:
        sha512 = hashlib.sha512(attempt.content).digest()
        if is_sent_already(self.history, sha512) and not attempt.must_send \
                and not self.is_in_doubt:
            return
        past = resumable(self.history, sha512)
        if past is None:
            past = self._begin(attempt, sha512)
        else:
            past = replace(past, version=past.version._replace(sent_twice=True))
            self.history[0] = past
        version = past.version
        order = [i for i in range(version.n_chunks) if not _has(past.delivered, i)]
        if version.is_recovery and order[:1] == [0]:
            order.insert(0, 0)
        n_sent = len(order) if attempt.end == "complete" else attempt.n_sent
        for index in order[:n_sent]:
            self._feed(version, attempt.content, index)
        self._end(past, order, attempt)

    def _begin(self, attempt: Attempt, sha512: bytes) -> PastVersion:
        self.history = [replace(p, state=VersionState.ABANDONED)
                        if p.state == VersionState.BEGUN else p for p in self.history]
        how = cut(self.history, sha512, len(attempt.content), attempt.chunk_size)
        version = FileVersion(
            0, 1, "a", len(attempt.content), int(attempt.mtime * 1e9), attempt.mtime, sha512,
            how.chunk_size, how.n_chunks, 0, "all", is_recovery=how.is_recovery,
            rebuild_uncertain=how.rebuild_uncertain, sent_twice=how.sent_twice)
        past = PastVersion(version, VersionState.BEGUN, 0.0, 0, b"", ())
        if version.n_chunks > 1:  # the only chunk is recorded once it is acknowledged
            self.history.insert(0, past)
        return past

    def _feed(self, version: FileVersion, content: bytes, index: int) -> None:
        maker = MessageMaker(version, 10)
        data = content[index * version.chunk_size:(index + 1) * version.chunk_size]
        self.consumer.feed(Received(maker.key(index), maker.value(index, data), 0, 0))

    def _end(self, past: PastVersion, order: list[int], attempt: Attempt) -> None:
        if attempt.end == "complete":
            ended = replace(past, state=VersionState.COMPLETE, delivered=b"")
            self.history = [ended, *(p for p in self.history if p is not past)]
            self.is_in_doubt = False
        elif past.version.n_chunks == 1:
            self.is_in_doubt = True
        else:
            bits = int.from_bytes(past.delivered, "little")
            acknowledged = order[:min(attempt.n_sent, attempt.n_recorded)]
            for index in acknowledged:
                if acknowledged.count(index) == order.count(index):
                    bits |= 1 << index
            n_bytes = (past.version.n_chunks + 7) // 8
            delivered = bits.to_bytes(n_bytes, "little")
            state = VersionState.BEGUN if attempt.end == "crash" else VersionState.ABANDONED
            self.history[0] = replace(past, state=state, delivered=delivered)


def _has(delivered: bytes, index: int) -> bool:
    return bool(int.from_bytes(delivered, "little") >> index & 1)


@given(st.lists(attempts, max_size=7), attempts)
@settings(max_examples=600, deadline=None)
def test_what_is_not_doubted_is_rebuilt_whatever_went_before(before: list[Attempt],
                                                             last: Attempt) -> None:
    path = Path()
    for attempt in before:
        path.send(attempt)
    path.send(replace(last, end="complete"))
    version = path.history[0].version
    assert path.history[0].state == VersionState.COMPLETE
    assert version.sha512 == hashlib.sha512(last.content).digest()
    if not version.rebuild_uncertain:
        assert path.consumer.finished["a"] == version.sha512
        assert bytes(path.consumer.files["a"][:len(last.content)]) == last.content
