"""Strikes a producer with a fatal error, as librdkafka's own tests do."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, Producer


def strike(client: Producer) -> None:
    """Have a producer fail for good, as after an answer out of order."""
    library = _librdkafka()
    library.rd_kafka_test_fatal_error.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p]
    # The client's object begins with the header of every Python object; its handle comes next.
    handle = ctypes.c_void_p.from_address(id(client) + object.__basicsize__)
    code = KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert library.rd_kafka_test_fatal_error(handle, code, b"struck by a test") == 0


def _librdkafka() -> ctypes.CDLL:
    if sys.platform != "linux":
        pytest.skip("the client's library is found by its mapping into memory, on Linux only")
    for line in Path("/proc/self/maps").read_text().splitlines():
        path = line.rpartition(" ")[2]
        if "librdkafka" in path:
            return ctypes.CDLL(path)
    pytest.skip("the client's library is linked in another way here")
