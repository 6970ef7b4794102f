"""Decides how a content of a path is sent, given what of that path may be on the topic already.

Deployed consumers hold a partly received version until a newer one convinces them to let go. They
drop the very chunk that convinces them, they only let go for more chunks or for a newer time, and
one content cut in two ways stops them. Hence a content once sent keeps its chunk size, and what
follows a version that was abandoned, or partly sent twice, is a *recovery*: strictly more chunks,
the first of them twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.engine.model.versions import FileVersion, PastVersion, VersionState
from tui.engine.sending.messages import count_chunks


@dataclass(frozen=True, slots=True)
class Cut:
    """How a content is cut and sent.

    Attributes:
        chunk_size: bytes.
        n_chunks: number of chunks.
        is_recovery: the first chunk goes twice.
        rebuild_uncertain: it cannot be cut into enough chunks to be sure of every consumer.
        sent_twice: its chunks may meet copies of themselves on the topic.
    """

    chunk_size: int
    n_chunks: int
    is_recovery: bool = False
    rebuild_uncertain: bool = False
    sent_twice: bool = False


def resumable(history: Sequence[PastVersion], sha512: bytes) -> PastVersion | None:
    """Return the begun version that this content continues, if the last one is.

    Args:
        history: versions of the path, newest first.
        sha512: of the whole file as it is now.
    """
    last = _last(history)
    if last and last.state == VersionState.BEGUN and last.version.sha512 == sha512:
        return last
    return None


def is_sent_already(history: Sequence[PastVersion], sha512: bytes) -> bool:
    """Return whether the last thing that consumers saw of the path is this content, whole."""
    last = _last(history)
    return last is not None and last.state == VersionState.COMPLETE \
        and last.version.sha512 == sha512 and not last.version.rebuild_uncertain


def is_credible(version: FileVersion, n_partitions: int) -> bool:
    """Return whether a recorded version can be one of ours: its cut covers it, and it fits a topic.

    Args:
        version: as a ledger, or a table, has it.
        n_partitions: of the topic; they never become fewer.
    """
    size = version.chunk_size
    return size > 0 and not size & (size - 1) \
        and version.n_chunks == count_chunks(version.n_bytes, size) \
        and version.partition < n_partitions


def is_content_of_last(history: Sequence[PastVersion], sha512: bytes) -> bool:
    """Return whether the version that was completed last has this content, as far as is known.

    Of what another program uploaded only the name is known: that counts as the content it has.
    """
    last = next((p for p in history if p.state == VersionState.COMPLETE), None)
    return last is None or last.version.sha512 == sha512


def _last(history: Sequence[PastVersion]) -> PastVersion | None:
    """Return the newest version of which something may be on the topic."""
    return next((p for p in history if p.state != VersionState.REFUSED), None)


def cut(history: Sequence[PastVersion], sha512: bytes, n_bytes: int, chunk_size: int) -> Cut:
    """Return how to send a content as a new version.

    Args:
        history: versions of the path, newest first; begun ones count as abandoned.
        sha512: of the content.
        n_bytes: its size.
        chunk_size: the one that the user chose.
    """
    if not history:
        return Cut(chunk_size, count_chunks(n_bytes, chunk_size))
    n_to_exceed = _n_chunks_to_exceed(history)
    frozen = next((p.version.chunk_size for p in history
                   if p.version.sha512 == sha512 and p.state != VersionState.REFUSED), None)
    size = frozen or chunk_size
    n_chunks = count_chunks(n_bytes, size)
    last = _last(history)
    if last is not None and is_sent_already(history, sha512):
        # Consumers have it whole, and hold at most some chunks of this very content and cut.
        return Cut(size, n_chunks, sent_twice=last.version.sent_twice)
    if n_to_exceed == 0:
        return Cut(size, n_chunks)
    if n_chunks > n_to_exceed:
        return Cut(size, n_chunks, is_recovery=True)
    if frozen is None:
        smaller = size
        while smaller > 1:
            smaller //= 2
            if count_chunks(n_bytes, smaller) > n_to_exceed:
                return Cut(smaller, count_chunks(n_bytes, smaller), is_recovery=True)
    return Cut(size, n_chunks, rebuild_uncertain=True)


def _n_chunks_to_exceed(history: Sequence[PastVersion]) -> int:
    """Return the largest chunk count that a consumer may hold in part; 0 where it holds none."""
    most = 0
    for past in history:
        version = past.version
        if past.state == VersionState.REFUSED:
            continue
        if past.state == VersionState.COMPLETE:
            if not version.sent_twice and not version.rebuild_uncertain:
                break  # whoever received this one holds nothing older
            if version.n_chunks == 1 and not version.rebuild_uncertain:
                continue  # a second copy of the only chunk completes at once
        most = max(most, version.n_chunks)
    return most

