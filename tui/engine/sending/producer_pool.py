"""librdkafka's producers: one as a rule, some for a cluster far away, and those being retired."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from tui.engine.sending.transfer import Transfer

logger = logging.getLogger(__name__)

Config = dict[str, str | int | float | bool]

#: In force once the cluster has denied the IdempotentWrite right. Retries are then our own, so
#: that every chunk that may be on the topic twice is known to be.
WITHOUT_IDEMPOTENCE: Config = {
    "enable.idempotence": False, "max.in.flight.requests.per.connection": 1, "retries": 0}

#: A client that was replaced reports what it still holds; it is polled so long at a time.
_RETIRED_POLL_SECONDS = 0.05
_MOST_PATHS = 20_000
_FLUSH_SECONDS, _FLUSH_AGAIN_SECONDS = 0.02, 0.5
#: With several clients none may be waited for long, or the others' reports would be late.
_SHARED_POLL_SECONDS = 0.01


class ProducerPool:
    """The producers in force. One thread polls and replaces them, others produce.

    Args:
        config: librdkafka properties.
        logger: for librdkafka's own records.
        on_error: called with errors that a client in force reports unasked.
        on_statistics: called with the statistics of the first one, as JSON.
    """

    def __init__(self, config: Config, logger: logging.Logger,
                 on_error: Callable[[KafkaError], None],
                 on_statistics: Callable[[str], None]) -> None:
        self._config = config
        self._logger = logger
        self._on_error = on_error
        self._on_statistics = on_statistics
        self._generation = 0
        self._next_flush = 0.0
        self._retired: deque[Producer] = deque()
        self._choosing = threading.Lock()
        self._building = threading.Lock()
        self._has_failed_to_hear = False
        self._numbers: dict[str, int] = {}  #: of the client that each path has
        self._least_recent = [0]  #: numbers of clients, the one that was given last at the end
        self._live: tuple[Producer, ...] = (self._build(0, is_first=True),)

    @property
    def config(self) -> Config:
        """The librdkafka properties; a copy, since other threads change them."""
        return dict(self._config)

    def update(self, properties: Mapping[str, str | int | float | bool]) -> None:
        """Change properties; those in force keep theirs until :meth:`replace`."""
        with self._building:
            self._config = {**self._config, **properties}

    @property
    def first(self) -> Producer:
        """The one that is asked about the cluster."""
        return self._live[0]

    def __len__(self) -> int:
        """Return how many producers share the work."""
        return len(self._live)

    def of(self, transfer: Transfer) -> Producer:
        """Return the client that sends a version: the same one for all versions of a path."""
        live = self._live
        if len(live) == 1:
            return live[0]
        if transfer.client_number is None:
            transfer.client_number = self._number_of(transfer.version.rel_path)
        return live[transfer.client_number]

    def _number_of(self, rel_path: str) -> int:
        """Return which client a path has, or give it the one with the least to do.

        Of the paths that began last that is remembered. One that comes back after so many others
        may get another client: all reports of its older version were in before the new one began.
        """
        with self._choosing:
            number = self._numbers.pop(rel_path, None)
            if number is None:
                numbers = self._least_recent
                number = min(numbers, key=lambda n: len(self._live[n]))
                numbers.remove(number)
                numbers.append(number)
                while len(self._numbers) >= _MOST_PATHS:
                    del self._numbers[next(iter(self._numbers))]
            self._numbers[rel_path] = number
            return number

    def know_partitions(self, topic_name: str, n_partitions: int, timeout_seconds: float) -> bool:
        """Have every client in force ask for a topic; return whether all saw so many partitions."""
        try:
            return all(
                len(client.list_topics(topic_name, timeout=timeout_seconds)
                    .topics[topic_name].partitions) >= n_partitions for client in self._live)
        except (KafkaException, KeyError):
            return False

    def retire(self, client: Producer) -> None:
        """Have a client, replaced while it took a message, report that one as not delivered."""
        self._retired.append(client)

    def poll(self, seconds: float, *, is_hurried: bool = False) -> KafkaError | None:
        """Serve the callbacks of all clients; return the error that poisoned one in force.

        Args:
            seconds: how long to wait for something to serve.
            is_hurried: have messages sent soon, whatever ``linger.ms`` says.
        """
        # While a client is flushed, its threads do not wait for a broker that stands still.
        is_hurried = is_hurried and time.monotonic() >= self._next_flush
        if is_hurried:
            self._next_flush = time.monotonic() + _FLUSH_AGAIN_SECONDS
        live = self._live
        fatal = None
        for position, client in enumerate(live):
            wait = 0 if position else min(seconds, _SHARED_POLL_SECONDS) if len(live) > 1 \
                else seconds
            fatal = _poll(client, wait, is_hurried=is_hurried) or fatal
        for _ in range(len(self._retired)):
            old = self._retired.popleft()
            old.purge()
            _poll(old, _RETIRED_POLL_SECONDS)
            if len(old):
                self._retired.append(old)
        return fatal if live is self._live else None

    def replace(self) -> None:
        """Rebuild every client, with the properties as they are now.

        Raises:
            KafkaException: one cannot be built, since a file of certificates is away, say; those
                in force stay.
        """
        with self._building:
            old = self._live
            new = tuple(self._build(self._generation + 1, is_first=not position)
                        for position in range(len(old)))
            self._generation += 1
            self._live = new
            self._retired.extend(old)

    def share_among(self, n_clients: int) -> None:
        """Have more clients share the work; only before anything was produced.

        Raises:
            KafkaException: one cannot be built; there are as many as before.
        """
        with self._building:
            missing = range(len(self._live), n_clients)
            self._live += tuple(self._build(self._generation, is_first=False) for _ in missing)
            self._least_recent.extend(missing)

    def _build(self, generation: int, *, is_first: bool) -> Producer:
        config = dict(self._config)
        if not is_first:
            config["statistics.interval.ms"] = 0
        return Producer(
            {**config,
             "error_cb": functools.partial(self._if_in_force, generation, self._on_error),
             "stats_cb": functools.partial(self._if_in_force, generation, self._on_statistics)},
            logger=self._logger)

    def _if_in_force(self, generation: int, hear: Callable[[Any], None], said: object) -> None:
        """Hear what a client says, unless it was replaced.

        An exception would come out of the poll that serves the callback, and end its thread.
        """
        if generation != self._generation:
            return
        try:
            hear(said)
        except Exception:
            if not self._has_failed_to_hear:
                self._has_failed_to_hear = True
                logger.exception("a report of the client could not be processed; uploading "
                                 "continues, and this is not reported again")


def _poll(client: Producer, seconds: float, *, is_hurried: bool = False) -> KafkaError | None:
    try:
        if is_hurried and len(client):
            client.flush(_FLUSH_SECONDS)
        else:
            client.poll(seconds)
    except KafkaException as error:  # a fatal error arrives so, and not at the callback
        cause = error.args[0]
        return cause if isinstance(cause, KafkaError) else KafkaError(KafkaError._FAIL)
    return None
