"""A TCP proxy on a loopback port that cuts, refuses, delays and throttles; for broker faults."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from types import TracebackType

from tests.kafka_broker import KafkaBroker, free_port

_READ_BYTES = 65536
#: Reads that may wait for their delay; a full queue holds the sender back, as a network does.
_MOST_READS = 256
#: A line that is late by so much, for want of a processor, makes up for it.
_LATE_SECONDS = 0.05


class Proxy:
    """Forwards connections to another loopback port, as well or as badly as it is told.

    Attributes:
        port: where it listens, also after :meth:`refuse` and :meth:`accept`.
        delay_seconds: added to every byte in each direction; half of the added round trip.
        bytes_per_second: the most that passes in each direction of a connection; 0 for no limit.
        n_accepted: connections so far.

    Args:
        target_port: where connections go; it may be set later, and changed.
        port: where to listen; 0 chooses one.
    """

    def __init__(self, target_port: int = 0, port: int = 0) -> None:
        self.target_port = target_port
        self.port = port or free_port()
        self.delay_seconds = 0.0
        self.bytes_per_second = 0.0
        self.n_accepted = 0
        self._connections: set[_Connection] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._accepting: threading.Thread | None = None
        self.accept()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    @property
    def bootstrap(self) -> str:
        """What clients connect to."""
        return f"127.0.0.1:{self.port}"

    def accept(self) -> None:
        """Take connections (again)."""
        if self._listener is not None:
            return
        listener = socket.create_server(("127.0.0.1", self.port))
        listener.settimeout(0.1)  # closing a socket does not wake a thread that accepts on it
        self._listener = listener
        self._accepting = threading.Thread(target=self._accept, args=(listener,), daemon=True)
        self._accepting.start()

    def refuse(self) -> None:
        """Take no new connections; those that are open go on until :meth:`cut`."""
        listener, self._listener = self._listener, None
        if listener is not None and self._accepting is not None:
            self._accepting.join(10)
            listener.close()

    def cut(self) -> int:
        """Cut every open connection; return how many there were."""
        with self._lock:
            connections, self._connections = self._connections, set()
        for connection in connections:
            connection.close()
        return len(connections)

    def close(self) -> None:
        """Refuse and cut."""
        self.refuse()
        self.cut()

    def _accept(self, listener: socket.socket) -> None:
        while self._listener is listener:
            try:
                client, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            client.settimeout(None)
            try:
                server = socket.create_connection(("127.0.0.1", self.target_port), 5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            self.n_accepted += 1
            connection = _Connection(self, client, server)
            with self._lock:
                self._connections.add(connection)
            connection.start()

    def forget(self, connection: _Connection) -> None:
        """Note that a connection has ended by itself."""
        with self._lock:
            self._connections.discard(connection)


class _Connection:
    """Both directions of one connection, each with a thread that reads and one that writes."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._sockets = (client, server)
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._n_threads = 4

    def start(self) -> None:
        client, server = self._sockets
        for source, target in ((client, server), (server, client)):
            way: queue.Queue[tuple[float, bytes]] = queue.Queue(_MOST_READS)
            for work, end in ((self._read, source), (self._write, target)):
                threading.Thread(target=self._run, args=(work, end, way), daemon=True).start()

    def close(self) -> None:
        """End both directions; the threads close the sockets when they have all left them."""
        self._closed.set()
        for end in self._sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _run(self, work: object, end: socket.socket,
             way: queue.Queue[tuple[float, bytes]]) -> None:
        assert callable(work)
        with contextlib.suppress(OSError):
            work(end, way)
        self.close()
        with self._lock:
            self._n_threads -= 1
            is_last = self._n_threads == 0
        if is_last:
            self._proxy.forget(self)
            for one in self._sockets:
                one.close()

    def _read(self, source: socket.socket, way: queue.Queue[tuple[float, bytes]]) -> None:
        while data := source.recv(_READ_BYTES):
            item = (time.monotonic() + self._proxy.delay_seconds, data)
            while not self._closed.is_set():
                with contextlib.suppress(queue.Full):
                    way.put(item, timeout=0.2)
                    break

    def _write(self, target: socket.socket, way: queue.Queue[tuple[float, bytes]]) -> None:
        free_at = 0.0  # when the line has carried everything up to here
        while not self._closed.is_set():
            try:
                due, data = way.get(timeout=0.2)
            except queue.Empty:
                continue
            self._closed.wait(max(0.0, due - time.monotonic()))
            target.sendall(data)
            if self._proxy.bytes_per_second:
                now = time.monotonic()
                free_at = max(free_at, now - _LATE_SECONDS) \
                    + len(data) / self._proxy.bytes_per_second
                self._closed.wait(max(0.0, free_at - now))


class ProxiedBroker:
    """An Apache Kafka of its own whose clients all come through a proxy.

    Attributes:
        kafka: the node. proxy: in front of it.
    """

    def __init__(self) -> None:
        self.proxy = Proxy()
        try:
            self.kafka = KafkaBroker(proxy_port=self.proxy.port)
        except BaseException:
            self.proxy.close()
            raise
        self.proxy.target_port = self.kafka.behind_proxy_port

    @property
    def bootstrap(self) -> str:
        """What the program connects to; ``kafka.bootstrap`` goes past the proxy."""
        return self.proxy.bootstrap

    def close(self) -> None:
        """End both."""
        self.proxy.close()
        self.kafka.close()
