"""Brokers that tests of faults may do anything to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TypeVar

import pytest

from tests.kafka_broker import KafkaBroker, KafkaUnavailableError
from tests.proxy import ProxiedBroker
from tests.secured_broker import SecuredBroker

Broker = TypeVar("Broker", KafkaBroker, ProxiedBroker, SecuredBroker)


def _own(kind: type[Broker]) -> Broker:
    try:
        return kind()
    except KafkaUnavailableError as error:
        if os.environ.get("CI"):
            pytest.fail(f"Apache Kafka is required here: {error}")
        pytest.skip(str(error))


@pytest.fixture
def own_kafka() -> Iterator[KafkaBroker]:
    """A broker that the test may kill."""
    broker = _own(KafkaBroker)
    yield broker
    broker.close()


@pytest.fixture(scope="module")
def proxied_kafka() -> Iterator[ProxiedBroker]:
    """A broker behind a proxy, which the tests of a module may cut off, slow down and kill."""
    broker = _own(ProxiedBroker)
    yield broker
    broker.close()


@pytest.fixture(scope="module")
def secured_kafka() -> Iterator[SecuredBroker]:
    """A broker that asks for passwords, rights and TLS."""
    broker = _own(SecuredBroker)
    yield broker
    broker.close()
