"""What is acknowledged counts once the topic was seen, after that, to be the ledger's."""

from __future__ import annotations

import time
from pathlib import Path

from tests.engine.in_process import RunningEngine, settings_for
from tests.waiting import wait_until


def test_a_complete_version_waits_for_a_look_and_keeps_no_other_waiting(
        tmp_path: Path, upload_dir: Path) -> None:
    settings = settings_for(upload_dir, tmp_path / "state", queue_max_bytes=1000)
    with RunningEngine(settings) as engine:
        engine.wait_log("connected to")
        uploader, pipeline = engine.uploader, engine.uploader.pipeline
        pipeline.producer.proof.is_possible = True  # the embedded broker tells no id: nobody looks
        before = time.monotonic()
        for name in "abc":
            (upload_dir / name).write_bytes(bytes(900))  # two of them are more than may be in hand
        wait_until(lambda: uploader.snapshot().traffic.n_chunks_sent == 3, "all are acknowledged")
        pipeline.producer.proof.prove(before)
        for _ in range(2):
            assert pipeline.recorder.record_now()
        assert [uploader.versions(name) for name in "abc"] == [(), (), ()]
        assert uploader.n_left() == 3
        assert pipeline.producer.proof.is_wanted
        pipeline.producer.proof.prove(time.monotonic())
        engine.wait_uploaded(3)
        assert engine.quit() == 0
