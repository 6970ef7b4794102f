"""Judges what a topic, a ledger and its tables hold against what the directory held."""

from __future__ import annotations

import csv
import hashlib
import json
import random
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.consumer import Chunk, Received, parse
from tests.deployed_consumer import ChunkCountError, DeployedConsumer
from tests.faults.tree import Tree

#: What one kill may cost: what was acknowledged in the second that was not yet recorded.
_CHUNKS_OF_A_SECOND = 4000
_COMPLETE, _BEGUN, _REFUSED = 1, 0, 3


@dataclass(frozen=True, slots=True)
class Version:
    """A version as the ledger's file tells it, by ``state`` 0 begun, 1 complete, 2 abandoned."""

    rel_path: str
    state: int
    n_bytes: int
    sha512: bytes
    n_chunks: int
    is_recovery: bool
    rebuild_uncertain: bool
    delivered: bytes
    offsets: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is looked at.

    Attributes:
        messages: of the topic, partition by partition.
        versions: of the ledger, in the order in which they were made.
        rows: of the uploaded tables: path and SHA-512.
        unfinished: rows of the table of unfinished files.
        tree: what the directory holds, and held.
        n_kills: how often the program had no chance to record what it knew.
        may_be_not_taken: paths that came while the program was away, where such are not wanted.
        is_ledger_lost: whether the ledger was damaged on the way: what it knew and the tables did
            not is gone, and sending again, or more to consumers than they bear, may follow.
        is_spread: whether the chunks of a file go to several partitions, as they may.
    """

    messages: Sequence[Received]
    versions: Sequence[Version]
    rows: Sequence[tuple[str, bytes]]
    unfinished: Sequence[str]
    tree: Tree
    n_kills: int
    may_be_not_taken: frozenset[str] = frozenset()
    is_ledger_lost: bool = False
    is_spread: bool = False


@dataclass
class _Generation:
    """What of one content of one path is on the topic."""

    counts: set[int] = field(default_factory=set)
    parts: dict[int, bytes] = field(default_factory=dict)
    n_messages: int = 0
    n_runs: int = 0


def read_versions(ledger: Path) -> list[Version]:
    """Return the versions in the file of a ledger that no program holds."""
    connection = sqlite3.connect(ledger)
    try:
        rows = connection.execute(
            "SELECT directory, name, v.state, v.n_bytes, sha512, n_chunks, is_recovery, "
            "may_not_rebuild, delivered, offsets FROM versions v LEFT JOIN files USING (file_id) "
            "ORDER BY version_id").fetchall()
    finally:
        connection.close()
    assert all(row[1] is not None for row in rows), "a version belongs to no path"
    return [Version(f"{r[0]}/{r[1]}" if r[0] else r[1], r[2], r[3], r[4], r[5], bool(r[6]),
                    bool(r[7]), r[8] or b"", tuple(tuple(o) for o in json.loads(r[9] or "[]")))
            for r in rows]


def read_uploaded(state_dir: Path, topic: str) -> list[tuple[str, bytes]]:
    """Return path and SHA-512 of each row of the uploaded tables, oldest first."""
    found: list[tuple[str, str, bytes]] = []
    for path in (state_dir / f"uploaded_to_{topic}.csv",
                 *state_dir.glob(f"uploaded_to_{topic}@*.csv")):
        if path.exists():
            with path.open(encoding="utf-8", newline="") as file:
                found += [(row["completed"], row["rel_filepath"], bytes.fromhex(row["sha512"]))
                          for row in csv.DictReader(file)]
    return [(name, sha512) for _, name, sha512 in sorted(found, key=lambda row: row[0])]


def read_unfinished(state_dir: Path, topic: str) -> list[str]:
    """Return the paths in the table of unfinished files."""
    path = state_dir / f"upload_to_{topic}_in_progress.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [row["rel_filepath"] for row in csv.DictReader(file)]


def judge(evidence: Evidence, rng: random.Random) -> list[str]:
    """Return everything that is wrong, one sentence each."""
    chunks = [parse(message) for message in evidence.messages]
    generations = _generations(chunks)
    found = [*_mixed(generations, evidence.tree),
             *_untrue_ledger(evidence, generations, chunks), *_untrue_tables(evidence),
             *_not_uploaded(evidence)]
    if not evidence.is_spread:
        found += _scattered(chunks)
    if not evidence.is_ledger_lost and not evidence.is_spread:
        found += [*_duplicates(evidence, generations), *_not_rebuilt(evidence, rng)]
    return found


def _generations(chunks: Sequence[Chunk]) -> dict[tuple[str, bytes], _Generation]:
    found: dict[tuple[str, bytes], _Generation] = defaultdict(_Generation)
    last: dict[str, bytes] = {}
    for chunk in chunks:
        generation = found[chunk.rel_path, chunk.file_hash]
        generation.counts.add(chunk.n_chunks)
        generation.n_messages += 1
        generation.n_runs += last.get(chunk.rel_path) != chunk.file_hash
        last[chunk.rel_path] = chunk.file_hash
        assert generation.parts.setdefault(chunk.index, chunk.data) == chunk.data, \
            f"{chunk.rel_path!r}: chunk {chunk.index} came with two contents"
    return dict(found)


def _mixed(generations: Mapping[tuple[str, bytes], _Generation], tree: Tree) -> Iterator[str]:
    """One hash, one content, cut in one way; true also of what never became whole."""
    for (name, sha512), generation in generations.items():
        if len(generation.counts) > 1:
            yield f"{name!r}: one content was cut into {sorted(generation.counts)} chunks"
            continue
        known = tree.content(sha512)
        n_chunks = next(iter(generation.counts))
        size = max(len(part) for part in generation.parts.values())
        if len(generation.parts) == n_chunks:
            whole = b"".join(generation.parts[i] for i in range(1, n_chunks + 1))
            if hashlib.sha512(whole).digest() != sha512:
                yield f"{name!r}: a complete version does not hash to its hash"
        elif known is not None and any(
                known[(i - 1) * size:][:len(part)] != part
                for i, part in generation.parts.items() if i < n_chunks):
            yield f"{name!r}: an incomplete version holds bytes that are not its own"


def _scattered(chunks: Sequence[Chunk]) -> Iterator[str]:
    partitions = defaultdict(set)
    for chunk in chunks:
        partitions[chunk.rel_path].add(chunk.partition)
    for name, found in partitions.items():
        if len(found) > 1:
            yield f"{name!r} is spread over the partitions {sorted(found)}"


def _untrue_ledger(evidence: Evidence, generations: Mapping[tuple[str, bytes], _Generation],
                   chunks: Sequence[Chunk]) -> Iterator[str]:
    """What the ledger says to be delivered is on the topic, where it says it is."""
    at = {(chunk.partition, chunk.position): chunk for chunk in chunks}
    for version in evidence.versions:
        there = generations.get((version.rel_path, version.sha512), _Generation())
        delivered = int.from_bytes(version.delivered, "little")
        wanted = {i + 1 for i in range(version.n_chunks)
                  if version.state == _COMPLETE or delivered >> i & 1}
        if wanted - set(there.parts):
            yield (f"{version.rel_path!r}: {len(wanted - set(there.parts))} chunks count as "
                   "delivered and are not on the topic")
        if version.state == _BEGUN:
            yield f"{version.rel_path!r}: a version was begun and neither finished nor given up"
        for partition, first, last in version.offsets:
            for offset in {first, last}:
                chunk = at.get((partition, offset))
                if chunk is None or (chunk.rel_path, chunk.file_hash) != (
                        version.rel_path, version.sha512):
                    yield f"{version.rel_path!r}: offset {offset} is not of that version"


def _untrue_tables(evidence: Evidence) -> Iterator[str]:
    complete = Counter((v.rel_path, v.sha512) for v in evidence.versions if v.state == _COMPLETE)
    rows = Counter(evidence.rows)
    if rows != complete:
        yield (f"the uploaded tables differ from the ledger: more {_names(rows - complete)}, "
               f"fewer {_names(complete - rows)}")
    if evidence.unfinished:
        yield f"the table of unfinished files holds {list(evidence.unfinished)!r}"


def _names(counter: Counter[tuple[str, bytes]]) -> list[str]:
    return [f"{name!r} {sha512.hex()[:8]} x{n}" for (name, sha512), n in counter.items()]


def _duplicates(evidence: Evidence,
                generations: Mapping[tuple[str, bytes], _Generation]) -> Iterator[str]:
    """Messages beyond what the versions of the ledger explain come only from kills."""
    sent: Counter[tuple[str, bytes]] = Counter()
    runs: Counter[tuple[str, bytes]] = Counter()
    for version in evidence.versions:
        key = version.rel_path, version.sha512
        sent[key] += version.n_chunks + version.is_recovery
        runs[key] += 1
    n_more = 0
    for key, generation in generations.items():
        n_more += max(0, generation.n_messages - sent[key])
        if generation.n_runs > runs[key] + evidence.n_kills:
            yield f"{key[0]!r}: the chunks of two versions are interleaved"
    if n_more > evidence.n_kills * _CHUNKS_OF_A_SECOND:
        yield f"{n_more} messages are duplicates, after {evidence.n_kills} kills"


def _not_uploaded(evidence: Evidence) -> Iterator[str]:
    last = _last_complete(evidence.versions)
    newest = {v.rel_path: v for v in evidence.versions if v.state != _REFUSED}
    for name, (status, sha512) in evidence.tree.wanted().items():
        if name in evidence.may_be_not_taken:
            continue
        if name in last and newest[name] is not last[name]:
            yield f"{name!r}: its newest version was given up, and none followed"
        if name not in last:
            yield f"{name!r} was never uploaded"
        elif last[name].sha512 not in evidence.tree.indistinguishable(
                name, status, sha512):
            yield f"{name!r} was not uploaded in its present content"


def _last_complete(versions: Sequence[Version]) -> dict[str, Version]:
    return {version.rel_path: version for version in versions if version.state == _COMPLETE}


def _not_rebuilt(evidence: Evidence, rng: random.Random) -> Iterator[str]:
    """Feed consumers that follow, and that lag, and compare their files with what was sent."""
    most: dict[str, int] = defaultdict(int)
    for version in evidence.versions:
        most[version.rel_path] = max(most[version.rel_path], version.n_bytes)
    for order in (evidence.messages, interleaved(evidence.messages, rng)):
        consumer = DeployedConsumer()
        try:
            for message in order:
                consumer.feed(message)
        except ChunkCountError as error:
            yield f"{error}: a consumer stops, for one content was cut in two ways"
            return
        last = _last_complete(evidence.versions)
        # Of what was deleted, more may have come than was recorded.
        for name in evidence.tree.wanted().keys() & last.keys():
            if not last[name].rebuild_uncertain:
                yield from _consumer_differs(last[name], consumer, evidence.tree, most[name])


def _consumer_differs(version: Version, consumer: DeployedConsumer, tree: Tree,
                      n_bytes_most: int) -> Iterator[str]:
    name, content = version.rel_path, tree.content(version.sha512)
    if content is None:
        return  # read between two writes of one step; the next version followed
    if consumer.finished.get(name) != version.sha512:
        yield f"{name!r}: a consumer did not finish the newest version"
        return
    there = bytes(consumer.files[name])
    # A consumer never shortens a file: what an older, longer version left behind stays.
    if there != content and (n_bytes_most <= len(content) or there[:len(content)] != content):
        yield f"{name!r}: a consumer's file differs from the newest version"


def interleaved(messages: Sequence[Received], rng: random.Random) -> Iterator[Received]:
    """Yield messages as a lagging consumer may get them: only each partition is in order."""
    lines: dict[int, list[Received]] = defaultdict(list)
    for message in reversed(messages):
        lines[message.partition].append(message)
    while lines:
        number = rng.choice(sorted(lines))
        for _ in range(rng.randrange(1, 50)):
            yield lines[number].pop()
            if not lines[number]:
                del lines[number]
                break
