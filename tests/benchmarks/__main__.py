"""Measures the program beside its yardstick, and prints one table: ``make bench``."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.benchmarks import (
    clusters,
    distance,
    flow,
    scale,
    starting,
    throughput,
    whole_command,
)
from tests.benchmarks.acknowledging import acknowledgement
from tests.benchmarks.clusters import Cluster
from tests.benchmarks.console import console_beside_headless
from tests.benchmarks.latency import one_small_file
from tests.benchmarks.rows import TINY, Row, Size, table

_Measure = Callable[[], Row | list[Row]]


def measures(kafka: Cluster, size: Size) -> dict[str, _Measure]:
    """Return what can be measured, by name, in the order of the table."""
    found: dict[str, _Measure] = {}
    for cluster, end in ((kafka, ""), (clusters.embedded(), "_embedded")):
        found |= {
            f"large_16k{end}": partial(throughput.large_file, cluster, size, 16_384, 0.85),
            f"large_512k{end}": partial(throughput.large_file, cluster, size, 524_288, 0.90),
            f"small{end}": partial(throughput.small_files, cluster, size),
            f"created{end}": partial(throughput.created_files, cluster, size)}
    found |= {
        "whole_16k": partial(whole_command.whole_large, kafka, size, 16_384),
        "whole_512k": partial(whole_command.whole_large, kafka, size, 524_288),
        "whole_small": partial(whole_command.whole_small, kafka, size),
        "flow_1": partial(flow.small_behind_large, size, 1.0),
        "flow_10": partial(flow.small_behind_large, size, 10.0),
        "flow_100": partial(flow.small_behind_large, size, 100.0),
        "first_message": partial(starting.first_message, kafka, size),
        "first_frame": partial(starting.first_frame, kafka, size),
        "latency": partial(one_small_file, kafka, size),
        "console": partial(console_beside_headless, kafka, size),
        "acknowledgement": partial(acknowledgement, size)}
    found |= {f"start_{n}": partial(scale.start, kafka, n) for n in size.uploaded_counts}
    found |= {
        "waiting": partial(scale.waiting, size),
        "huge": partial(scale.huge_file, kafka, size),
        "idle": partial(scale.idle, kafka, size),
        "distance": partial(distance.distant_broker, size, None),
        "distance_large": partial(distance.distant_broker, size, 8_000_000)}
    return found


def measured(size: Size, names: list[str]) -> Iterator[Row]:
    """Yield the rows with these names, or all of them, as they come."""
    with clusters.kafka() as kafka:
        known = measures(kafka, size)
        for name in names or list(known):
            print(f"{name} ...", file=sys.stderr, flush=True)
            rows = known[name]()
            yield from rows if isinstance(rows, list) else [rows]


def main() -> int:
    """Run; return 0 where every target was reached."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help="rows to measure; all without any")
    parser.add_argument("--tiny", action="store_true", help="seconds for all; figures mean nothing")
    parser.add_argument("--rounds", type=int, default=Size().n_rounds)
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"))
    words = parser.parse_args()
    size = TINY if words.tiny else Size(n_rounds=words.rounds)
    rows = list(measured(size, words.names))
    print(table(rows))
    words.json.parent.mkdir(parents=True, exist_ok=True)
    words.json.write_text(json.dumps(
        {"machine": f"{platform.machine()}, Python {platform.python_version()}",
         "rows": [row.as_json() for row in rows]}, indent=2) + "\n")
    return 0 if all(row.reached for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
