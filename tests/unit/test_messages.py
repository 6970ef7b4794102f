"""The messages are, byte for byte, what deployed consumers read."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import messages_of
from tests.consumer import Received, rebuild

GOLDEN = Path(__file__).parent.parent / "golden"
MESSAGES = [json.loads(line)
            for line in (GOLDEN / "messages.jsonl").read_text("utf-8").splitlines()]


def test_there_are_golden_messages() -> None:
    assert len(MESSAGES) == 12


@pytest.mark.parametrize("path", sorted({m["path"] for m in MESSAGES}))
def test_golden_messages_are_reproduced(path: str, tmp_path: Path) -> None:
    expected = [m for m in MESSAGES if m["path"] == path]
    copy = tmp_path / "file"
    shutil.copyfile(GOLDEN / "files" / path, copy)
    mtime_ns = expected[0]["mtime_ns"]
    os.utime(copy, ns=(mtime_ns, mtime_ns))
    made = messages_of(copy.read_bytes(), path, expected[0]["chunk_size"], copy.stat().st_mtime)
    assert [(k.decode(), base64.b64encode(v).decode()) for k, v in made] == [
        (m["key"], m["value"]) for m in expected]


def test_an_empty_file_is_one_message_with_one_empty_chunk() -> None:
    (key, value), = messages_of(b"", "a.txt", 16384, 1.5)
    fields = msgspec.msgpack.decode(value)
    assert key == b"_a.txt_chunk_1_of_1"
    assert fields[2] == hashlib.sha512(b"").digest()
    assert fields[3:6] == [0, 1, 1]
    assert fields[8] == b""


def test_nine_fields_leave_out_the_modification_time() -> None:
    (_, ten), = messages_of(b"x", "d/a", 16, 2.25)
    (_, nine), = messages_of(b"x", "d/a", 16, 2.25, n_fields=9)
    assert msgspec.msgpack.decode(ten) == [*msgspec.msgpack.decode(nine), 2.25]


@given(content=st.binary(max_size=5000), power=st.integers(0, 14),
       parts=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"),
                              min_size=1), min_size=1, max_size=4))
def test_any_content_under_any_name_is_rebuilt(content: bytes, power: int,
                                               parts: list[str]) -> None:
    rel_path = "/".join(parts)
    made = messages_of(content, rel_path, 1 << power, 0.0)
    received = [Received(k, v, 0, i) for i, (k, v) in enumerate(reversed(made))]
    assert rebuild(received) == {rel_path: [content]}
    assert all(len(msgspec.msgpack.decode(v)[8]) == 1 << power for _, v in made[:-1])
