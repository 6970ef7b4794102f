"""What a benchmark row is, how large the work is, and how the table is printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tests.benchmarks.measuring import Spread


@dataclass(frozen=True, slots=True)
class Size:
    """How much work each row does.

    Attributes:
        n_rounds: times that each side of a comparison runs, in turns.
        n_large_bytes: size of the large file.
        n_small_files: number of files of 4 KiB.
        rest_seconds: time that they have rested before the program starts: from ten seconds on they
            are sent without settling first.
        n_latency_files: files sent one by one.
        chunk_counts: chunks of a file whose acknowledgements are timed.
        uploaded_counts: files that the ledger holds at start.
        n_waiting_files: queued files.
        n_sparse_bytes: size of the sparse file that memory is measured with.
        n_idle_files: files watched by an idle program.
        idle_seconds: how long it is watched.
        n_distant_files: files of 32 MB sent to a broker that is far away.
        n_flow_bytes: size of the large file that is sent over a slow line.
        n_flow_files: small files that are sent beside it.
    """

    n_rounds: int = 5
    n_large_bytes: int = 1 << 30
    n_small_files: int = 20_000
    rest_seconds: float = 11.0
    n_latency_files: int = 40
    chunk_counts: tuple[int, ...] = (1_000, 100_000, 10_000_000)
    uploaded_counts: tuple[int, ...] = (100_000, 1_000_000)
    n_waiting_files: int = 1_000_000
    n_sparse_bytes: int = 20_000_000_000
    n_idle_files: int = 100_000
    idle_seconds: float = 150.0
    n_distant_files: int = 32
    n_flow_bytes: int = 2_000_000_000
    n_flow_files: int = 6


#: Seconds for everything, so that no row can rot; its figures mean nothing.
TINY = Size(n_rounds=1, n_large_bytes=1 << 22, n_small_files=200, rest_seconds=0.0,
            n_latency_files=3, chunk_counts=(1_000, 10_000), uploaded_counts=(1_000,),
            n_waiting_files=2_000, n_sparse_bytes=40_000_000, n_idle_files=200, idle_seconds=2.0,
            n_distant_files=1, n_flow_bytes=20_000_000, n_flow_files=1)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        name: what was done.
        cluster: ``Kafka``, ``embedded`` or empty where none took part.
        ours: what the program reached. unit: of it.
        beside: what it is compared with, in the same unit and the same run; None for nothing.
        ratio: ours to beside, as the target means it; None without a comparison.
        target: what is to be reached, in words.
        reached: whether it was.
    """

    name: str
    cluster: str
    ours: Spread
    unit: str
    target: str
    reached: bool
    beside: Spread | None = None
    ratio: float | None = None

    def as_json(self) -> dict[str, object]:
        """Return the row as JSON holds it."""
        return asdict(self)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _spread(spread: Spread | None, unit: str) -> str:
    if spread is None:
        return ""
    return (f"{_number(spread.median)} {unit} "
            f"({_number(spread.least)}-{_number(spread.most)})")


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table: medians, with the least and the most."""
    lines = ["| what | broker | the program | beside it | ratio | to reach | |",
             "| --- | --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        lines.append(
            f"| {row.name} | {row.cluster} | {_spread(row.ours, row.unit)} | "
            f"{_spread(row.beside, row.unit)} | {ratio} | {row.target} | "
            f"{'reached' if row.reached else 'MISSED'} |")
    return "\n".join(lines)
