"""Every benchmark row runs at a tiny size, so that it cannot rot; its figures are not judged."""

from __future__ import annotations

import pytest

from tests.benchmarks import clusters
from tests.benchmarks.__main__ import measures
from tests.benchmarks.clusters import Cluster
from tests.benchmarks.measuring import Spread
from tests.benchmarks.rows import TINY, Row, table
from tests.kafka_broker import GivenBroker, KafkaBroker

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("benchmarks")]
NAMES = list(measures(clusters.embedded(), TINY))


@pytest.fixture(scope="module")
def cluster(kafka: KafkaBroker | GivenBroker) -> Cluster:
    """Apache Kafka, as the other tests use it."""
    return clusters.given(kafka.bootstrap)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_measured(cluster: Cluster, name: str) -> None:
    found = measures(cluster, TINY)[name]()
    for row in found if isinstance(found, list) else [found]:
        assert row.ours.median > 0
        assert row.beside is None or row.beside.median > 0


def test_the_table_says_what_was_missed() -> None:
    row = Row("large", "Kafka", Spread(90.0, 80.0, 95.0), "MB/s", ">= 95 %", False,
              Spread(100.0, 99.0, 101.0), 0.9)
    assert table([row]).splitlines()[-1] == (
        "| large | Kafka | 90 MB/s (80-95) | 100 MB/s (99-101) | 0.90 | >= 95 % | MISSED |")
