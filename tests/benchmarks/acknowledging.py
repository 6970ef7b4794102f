"""Row about the cost of one acknowledgement, which must not grow with a file's chunks."""

from __future__ import annotations

import time

from tests.benchmarks.measuring import Spread
from tests.benchmarks.rows import Row, Size
from tui.engine.model.files import WaitingFile
from tui.engine.model.versions import FileVersion
from tui.engine.sending.messages import MessageMaker
from tui.engine.sending.transfer import Transfer

_N_ACKNOWLEDGEMENTS = 200_000
_FLAT = 1.2


def acknowledgement(size: Size) -> Row:
    """Time acknowledgements in files of few and of many chunks."""
    rounds = range(max(3, size.n_rounds))
    # In turns, so that a neighbour's load strikes all counts alike.
    took = {n: [_nanoseconds(n)] for n in size.chunk_counts}
    for _ in rounds:
        for n_chunks, values in took.items():
            values.append(_nanoseconds(n_chunks))
    spreads = [Spread.of(values) for values in took.values()]
    fastest, slowest = (choose(s.median for s in spreads) for choose in (min, max))
    counts = " / ".join(f"{n:,}" for n in size.chunk_counts)
    return Row(f"one acknowledgement, {counts} chunks a file", "",
               Spread(spreads[-1].median, fastest, slowest), "ns", "flat within 20 %",
               slowest / fastest <= _FLAT, spreads[0], slowest / fastest)


def _nanoseconds(n_chunks: int) -> float:
    """Return the time for one acknowledgement of a file with so many chunks."""
    n_left, spent = _N_ACKNOWLEDGEMENTS, 0
    while n_left > 0:
        transfer = _transfer(n_chunks)
        n = min(n_left, n_chunks)
        stride = n_chunks // n
        indexes = range(0, n * stride, stride)
        for _ in indexes:
            transfer.launch()
        began = time.perf_counter_ns()
        for index in indexes:
            transfer.acknowledge(index, 0, index)
        spent += time.perf_counter_ns() - began
        n_left -= n
    return spent / _N_ACKNOWLEDGEMENTS


def _transfer(n_chunks: int) -> Transfer:
    version = FileVersion(
        version_id=1, file_id=1, rel_path="a", n_bytes=n_chunks, mtime_ns=0, mtime_seconds=0.0,
        sha512=bytes(64), chunk_size=1, n_chunks=n_chunks, partition=0, acks="all")
    file = WaitingFile(1, "a", n_chunks, 0, 1, 0, "all", False, 0)
    return Transfer(version, file, MessageMaker(version), data=b"")
