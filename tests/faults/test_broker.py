"""A broker that is away, slow, frozen, full of objections, or another one; on Apache Kafka."""

from __future__ import annotations

import random
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.consumer import alter_topic, delete_topic, make_topic, read_topic, rebuild
from tests.engine.in_process import RunningEngine, settings_for
from tests.fatal_error import strike
from tests.faults.steps import having_uploaded_a, judged, options, wait_for_chunks
from tests.kafka_broker import KafkaBroker
from tests.program import Program, write_config
from tests.proxy import ProxiedBroker, Proxy
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("broker")]
#: So that a test does not wait for a client that has lost patience.
EAGER = "reconnect.backoff.ms = 20\nreconnect.backoff.max.ms = 200\n"


def peak_memory(program: Program) -> int:
    """Return the most bytes that a program has had in memory so far."""
    text = Path(f"/proc/{program.process.pid}/status").read_text()
    match = re.search(r"VmHWM:\s+(\d+) kB", text)
    assert match is not None
    return int(match.group(1)) * 1024


def test_s01_a_broker_that_is_down_at_start_is_waited_for(own_kafka: KafkaBroker, tmp_path: Path,
                                                          upload_dir: Path) -> None:
    topic = make_topic(own_kafka.bootstrap)
    config = write_config(tmp_path / "c.config", own_kafka.bootstrap)
    own_kafka.kill()
    (upload_dir / "a").write_bytes(b"a")
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_for("not connected to .*: nothing listens at that address .*; files are "
                         "watched and queued")
        program.type("check")
        program.wait_for("1 waiting")
        own_kafka.start()
        program.wait_uploaded(1)
        assert program.quit() == 0
        assert len(program.log) < 30
    assert judged(own_kafka.bootstrap, topic).completed == [("a", b"a")]


def test_s02_a_broker_away_for_longer_than_chunks_may_wait_costs_neither_chunks_nor_memory(
        own_kafka: KafkaBroker, tmp_path: Path, upload_dir: Path) -> None:
    topic = make_topic(own_kafka.bootstrap)
    rng = random.Random(2)
    files = {f"f{i}": rng.randbytes(100_000) for i in range(2500)}
    for name, content in files.items():
        (upload_dir / name).write_bytes(content)
    (upload_dir / "large").write_bytes(large := rng.randbytes(40_000_000))
    config = write_config(tmp_path / "c.config", own_kafka.bootstrap,
                          f"{EAGER}message.timeout.ms = 2000\n")
    with Program(upload_dir, *options(config, topic, "--queue_max_size", "2")) as program:
        program.wait_uploaded(5)
        before = peak_memory(program)
        own_kafka.kill()
        program.wait_for("chunks are resent: .*[Mm]essage timed out")
        own_kafka.start()
        program.wait_uploaded(2501, 200)
        assert peak_memory(program) - before < 100_000_000
        assert program.quit() == 0
    completed = dict(judged(own_kafka.bootstrap, topic).completed)
    assert completed == {**files, "large": large}


def test_s03_a_broker_that_restarts_in_the_middle_costs_nothing(
        own_kafka: KafkaBroker, tmp_path: Path, upload_dir: Path) -> None:
    topic = make_topic(own_kafka.bootstrap)
    (upload_dir / "large").write_bytes(content := random.Random(3).randbytes(60_000_000))
    config = write_config(tmp_path / "c.config", own_kafka.bootstrap, EAGER)
    with Program(upload_dir, *options(config, topic, "--queue_max_size", "2")) as program:
        wait_for_chunks(program)
        own_kafka.kill()
        program.wait_for("not connected to")
        own_kafka.start()
        program.wait_uploaded(1)
        assert program.quit() == 0
    assert judged(own_kafka.bootstrap, topic).completed == [("large", content)]


def test_s03_connections_cut_200_times_lose_nothing_and_send_nothing_twice(
        proxied_kafka: ProxiedBroker, tmp_path: Path, upload_dir: Path) -> None:
    rng = random.Random(200)
    topic = make_topic(proxied_kafka.kafka.bootstrap)
    config = write_config(tmp_path / "c.config", proxied_kafka.bootstrap,
                          "reconnect.backoff.ms = 10\nreconnect.backoff.max.ms = 20\n")
    proxy, files = proxied_kafka.proxy, dict[str, bytes]()
    with Program(upload_dir, *options(config, topic, "--queue_max_size", "1")) as program:
        program.wait_for("connected to")
        for number in range(200):
            name = f"d{number % 5}/f{number}"
            files[name] = rng.randbytes(rng.choice((0, 100, 50_000, 400_000)))
            (upload_dir / name).parent.mkdir(exist_ok=True)
            (upload_dir / name).write_bytes(files[name])
            n_before = proxy.n_accepted
            # After some traffic, wherever that is just then.
            wait_until(proxy.cut, "a connection to cut")
            wait_until(lambda n=n_before: proxy.n_accepted > n,  # type: ignore[misc]
                       "a new connection")
        program.wait_uploaded(200, 120)
        assert program.quit() == 0
    messages = read_topic(proxied_kafka.kafka.bootstrap, topic)
    assert {path: parts for path, (parts,) in rebuild(messages).items()} == files
    assert len(messages) == sum(max(1, -(-len(content) // 16384)) for content in files.values())


def test_s05_a_missing_topic_is_named_and_used_once_it_exists(tmp_path: Path,
                                                              upload_dir: Path) -> None:
    kafka = KafkaBroker(properties={"auto.create.topics.enable": "false"})
    try:
        (upload_dir / "a").write_bytes(b"a")
        config = write_config(tmp_path / "c.config", kafka.bootstrap)
        with Program(upload_dir, *options(config, "late")) as program:
            program.wait_for("the topic late does not exist. Create it")
            make_topic(kafka.bootstrap, name="late")
            program.wait_uploaded(1)
            assert program.quit() == 0
            assert sum("does not exist" in line for line in program.log) == 1
        assert judged(kafka.bootstrap, "late").files == {"a": b"a"}
    finally:
        kafka.close()


def test_s08_a_chunk_larger_than_the_topic_takes_holds_its_file_until_it_fits(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap, config={"max.message.bytes": "50000"})
    content = random.Random(8).randbytes(250_000)
    (upload_dir / "large").write_bytes(content)
    (upload_dir / "small").write_bytes(b"small")
    with Program(upload_dir, *options(config, topic, "--chunk_size", "65536")) as program:
        program.wait_for(r"large is held: .*max\.message\.bytes of the topic, message\.max\.bytes "
                         r"of the brokers and message\.max\.bytes of the producer")
        program.wait_uploaded(1)
        assert program.quit() == 1
    # Nothing of it is on the topic, so that it may be cut smaller.
    with Program(upload_dir, *options(config, topic, "--chunk_size", "32768")) as program:
        program.type("retry")
        program.wait_uploaded(1)
        assert program.quit() == 0
    consumer = judged(kafka.bootstrap, topic)
    assert sorted(consumer.completed) == [("large", content), ("small", b"small")]


def test_s37_a_limit_that_is_lowered_while_running_makes_the_requests_smaller(
        kafka: KafkaBroker, config: Path, upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    before, after = (random.Random(seed).randbytes(3_000_000) for seed in (1, 2))
    with Program(upload_dir, *options(config, topic)) as program:
        (upload_dir / "before").write_bytes(before)
        program.wait_uploaded(1)
        alter_topic(kafka.bootstrap, topic, max_message_bytes="50000")
        (upload_dir / "after").write_bytes(after)
        program.wait_for("the topic takes requests of at most 50000 bytes now")
        program.wait_uploaded(2)
        # A chunk that is too large by itself is held, as before.
        alter_topic(kafka.bootstrap, topic, max_message_bytes="10000")
        (upload_dir / "held").write_bytes(before)
        program.wait_for("held is held: .*choose a smaller --chunk_size")
        assert program.quit() == 1
    assert sorted(judged(kafka.bootstrap, topic).completed) == [
        ("after", after), ("before", before)]


def test_a_quit_does_not_wait_for_a_long_linger(kafka: KafkaBroker, tmp_path: Path,
                                                upload_dir: Path) -> None:
    topic = make_topic(kafka.bootstrap)
    config = write_config(tmp_path / "l.config", kafka.bootstrap, "linger.ms = 300000\n")
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_for("connected to")
        (upload_dir / "a").write_bytes(b"a")
        (upload_dir / "large").write_bytes(bytes(200_000))

        def are_produced() -> bool:
            program.type("files")
            return any("uploading, 0 of 13" in line for line in program.lines)

        wait_until(are_produced, "all is handed to the client, and waits there")
        assert program.quit() == 0
    assert judged(kafka.bootstrap, topic).files == {"a": b"a", "large": bytes(200_000)}


def test_s09_quit_with_the_broker_down_ends_and_remembers(own_kafka: KafkaBroker, tmp_path: Path,
                                                          upload_dir: Path) -> None:
    topic = make_topic(own_kafka.bootstrap)
    config = write_config(tmp_path / "c.config", own_kafka.bootstrap)
    own_kafka.kill()
    (upload_dir / "a").write_bytes(b"a")
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_for("not connected to")
        assert program.quit() == 1
        program.wait_for("uploaded at the next start")
    own_kafka.start()
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_uploaded(1)
        assert program.quit() == 0


def test_s09_a_second_quit_does_not_wait_for_a_full_queue(
        proxied_kafka: ProxiedBroker, tmp_path: Path, upload_dir: Path) -> None:
    topic = make_topic(proxied_kafka.kafka.bootstrap)
    (upload_dir / "large").write_bytes(bytes(20_000_000))
    config = write_config(tmp_path / "c.config", proxied_kafka.bootstrap, EAGER)
    with Program(upload_dir, *options(config, topic, "--queue_max_size", "0.2")) as program:
        wait_for_chunks(program)
        proxied_kafka.proxy.refuse()
        proxied_kafka.proxy.cut()
        try:
            program.wait_for("not connected to")
            program.type("quit")
            assert program.quit() == 130
            assert "did not end in time" not in program.text()
        finally:
            proxied_kafka.proxy.accept()


def test_s09_a_frozen_broker_counts_as_unreachable_and_does_not_keep_quit(
        own_kafka: KafkaBroker, tmp_path: Path, upload_dir: Path) -> None:
    topic = make_topic(own_kafka.bootstrap)
    config = write_config(tmp_path / "c.config", own_kafka.bootstrap)
    (upload_dir / "large").write_bytes(content := random.Random(9).randbytes(60_000_000))
    with Program(upload_dir, *options(config, topic, "--queue_max_size", "1")) as program:
        wait_for_chunks(program)
        own_kafka.freeze()
        try:
            program.wait_for("has answered nothing for")
            program.type("check")
            program.wait_for("unreachable since .*: it answers nothing")
            assert program.quit() == 1
        finally:
            own_kafka.thaw()
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_uploaded(1)
        assert program.quit() == 0
    assert ("large", content) in judged(own_kafka.bootstrap, topic).completed


def test_s09_an_idle_program_notices_a_frozen_broker_and_its_return(
        own_kafka: KafkaBroker, tmp_path: Path, upload_dir: Path) -> None:
    topic = make_topic(own_kafka.bootstrap)
    config = write_config(tmp_path / "c.config", own_kafka.bootstrap, EAGER)
    with Program(upload_dir, *options(config, topic)) as program:
        program.wait_for("connected to")
        own_kafka.freeze()
        try:
            program.wait_for("not connected to", 120)
        finally:
            own_kafka.thaw()
        wait_until(lambda: sum(" connected to" in line and "not connected" not in line
                               for line in program.log) == 2, "connected again", 120)
        assert program.quit() == 0


def test_s10_a_quota_is_shown_as_throttling(own_kafka: KafkaBroker, tmp_path: Path,
                                            upload_dir: Path) -> None:
    topic = make_topic(own_kafka.bootstrap)
    own_kafka.tool("kafka.admin.ConfigCommand", "--bootstrap-server",
                   own_kafka.bootstrap, "--alter", "--add-config", "producer_byte_rate=300000",
                   "--entity-type", "clients", "--entity-default")
    config = write_config(tmp_path / "c.config", own_kafka.bootstrap)
    content = bytes(1_500_000)
    names: list[str] = []
    began = time.monotonic()
    with Program(upload_dir, *options(config, topic, "--queue_max_size", "1")) as program:
        def throttled() -> bool:
            if time.monotonic() > began + 2 * len(names):  # the quota may take a while to hold
                names.append(f"large{len(names):02}")
                (upload_dir / names[-1]).write_bytes(content)
            program.type("check")
            return any("throttled by broker" in line for line in program.lines)

        wait_until(throttled, f"throttling is shown\n{program.text()}", 60)
        program.wait_uploaded(len(names), 120)
        assert program.quit() == 0
    assert sorted(judged(own_kafka.bootstrap, topic).completed) == [(n, content) for n in names]


def test_s10_a_long_and_narrow_line_delivers_every_chunk_once_and_tells_its_rate(
        proxied_kafka: ProxiedBroker, tmp_path: Path, upload_dir: Path) -> None:
    topic = make_topic(proxied_kafka.kafka.bootstrap)
    config = write_config(tmp_path / "c.config", proxied_kafka.bootstrap)
    content = random.Random(10).randbytes(2_500_000)
    (upload_dir / "large").write_bytes(content)
    proxy = proxied_kafka.proxy
    proxy.delay_seconds, proxy.bytes_per_second = 0.15, 125_000
    try:
        with Program(upload_dir, *options(config, topic)) as program:
            def rates() -> list[float]:
                program.type("check")
                return [float(found.group(1)) for line in program.lines
                        if (found := re.search(r"rate +([\d.]+) kB/s now", line))]

            def is_known() -> bool:
                return any(rates()) and any(" left" in line for line in program.lines
                                            if line.startswith("backlog"))

            wait_until(is_known, "a rate and the time left are shown", 120)
            program.wait_uploaded(1, 240)
            assert max(rates()) < 500
            assert program.quit() == 0
    finally:
        proxy.delay_seconds = proxy.bytes_per_second = 0
    messages = read_topic(proxied_kafka.kafka.bootstrap, topic)
    assert len(messages) == -(-len(content) // 16384)
    assert rebuild(messages) == {"large": [content]}


def test_s11_another_cluster_gets_nothing(kafka: KafkaBroker, own_kafka: KafkaBroker,
                                          tmp_path: Path, upload_dir: Path) -> None:
    (upload_dir / "a").write_bytes(b"a")
    first = write_config(tmp_path / "first.config", kafka.bootstrap)
    other = write_config(tmp_path / "other.config", own_kafka.bootstrap)
    topic = make_topic(kafka.bootstrap)
    with Program(upload_dir, *options(first, topic)) as program:
        program.wait_uploaded(1)
        assert program.quit() == 0
    (upload_dir / "b").write_bytes(b"b")
    with Program(upload_dir, *options(other, topic)) as program:
        assert program.wait() == 2
        program.wait_for("the ledger belongs to the cluster .* --new_cluster")
    assert read_topic(own_kafka.bootstrap, topic) == []
    with Program(upload_dir, *options(other, topic, "--new_cluster")) as program:
        program.wait_uploaded(2)
        assert program.quit() == 0
    assert judged(own_kafka.bootstrap, topic).files == {"a": b"a", "b": b"b"}


@pytest.mark.parametrize("more", [(), ("--new_cluster",)])
def test_s11_another_cluster_that_answers_in_the_middle_counts_for_nothing(
        tmp_path: Path, upload_dir: Path, more: tuple[str, ...]) -> None:
    (upload_dir / "large").write_bytes(content := random.Random(11).randbytes(30_000_000))
    with Proxy() as proxy:
        brokers = [KafkaBroker(proxy_port=proxy.port) for _ in range(2)]
        try:
            proxy.target_port = brokers[0].behind_proxy_port
            topic = make_topic(brokers[0].bootstrap)
            make_topic(brokers[1].bootstrap, name=topic)
            config = write_config(tmp_path / "c.config", proxy.bootstrap, EAGER)
            words = options(config, topic, "--queue_max_size", "0.5", *more)
            with Program(upload_dir, *words) as program:
                wait_for_chunks(program)
                proxy.target_port = brokers[1].behind_proxy_port
                proxy.cut()
                assert program.wait() == 2
                program.wait_for("the ledger belongs to the cluster .*: nothing that it took "
                                 "counts")
            proxy.target_port = brokers[0].behind_proxy_port
            with Program(upload_dir, *words) as program:
                program.wait_uploaded(1)
                assert program.quit() == 0
            assert ("large", content) in judged(brokers[0].bootstrap, topic).completed
        finally:
            for broker in brokers:
                broker.close()


def test_s11_a_topic_that_was_made_anew_is_another_one(own_kafka: KafkaBroker, tmp_path: Path,
                                                       upload_dir: Path) -> None:
    with having_uploaded_a(own_kafka.bootstrap, tmp_path, upload_dir) as (program, config, topic):
        program.process.send_signal(signal.SIGTERM)
        assert program.wait() == 0
    delete_topic(own_kafka.bootstrap, topic)
    make_topic(own_kafka.bootstrap, name=topic)
    with Program(upload_dir, *options(config, topic)) as program:
        assert program.wait() == 2
        program.wait_for("the ledger belongs to the topic")


def test_s04_after_a_fatal_error_only_what_was_not_acknowledged_goes_again(
        kafka: KafkaBroker, config: Path, tmp_path: Path, upload_dir: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Producer] = []

    def build(*arguments: Any, **more: Any) -> Producer:
        made.append(Producer(*arguments, **more))
        return made[-1]

    monkeypatch.setattr("tui.engine.sending.producer_pool.Producer", build)
    rng = random.Random(4)
    (upload_dir / "large").write_bytes(old := rng.randbytes(40_000_000))
    topic = make_topic(kafka.bootstrap)
    settings = settings_for(upload_dir, tmp_path / "state", "--config", str(config),
                            "--topic_name", topic, "--queue_max_size", "1")
    with RunningEngine(settings) as engine:
        wait_until(lambda: any(s.n_chunks_delivered > 100
                               for s in engine.uploader.snapshot().uploading), "chunks are sent")
        strike(made[-1])
        engine.wait_log("the producer has failed")
        engine.wait_uploaded(1)
        n_doubles = len(read_topic(kafka.bootstrap, topic)) - -(-len(old) // 16384)
        assert n_doubles <= 1_000_000 // 16384
        (upload_dir / "large").write_bytes(new := rng.randbytes(40_000_000))
        engine.wait_uploaded(2)
        version, _ = engine.uploader.versions("large")
        assert engine.quit() == 0
    assert version.is_recovery or n_doubles == 0
    assert judged(kafka.bootstrap, topic).completed[-1] == ("large", new)
