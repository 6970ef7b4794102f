"""How large the producer's requests may be, and how large they are made."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from tui.config.property_rules import number_of
from tui.engine.sending.producer_pool import Config

#: So long a limit is believed that was asked for because a request was too large.
_BELIEVED_SECONDS = 30.0

#: librdkafka's default, and the most that it accepts.
_DEFAULT_BYTES, _MOST_BYTES = 1_000_000, 1_000_000_000
#: No chunk is between a topic's default limit and this, for chunk sizes are powers of two: a little
#: more than the default is not worth the new connections that it costs.
_WORTH_IT_FROM_BYTES = 1_100_000
#: Requests to a far cluster grow up to this where config and topic allow it.
_LARGEST_BATCH_BYTES = 8_000_000


def fit_requests(config: Config, topic_max_bytes: int, *, is_far: bool) -> bool:
    """Set what a config leaves open of ``message.max.bytes`` and ``batch.size``.

    A chunk may be as large as the topic takes: also one that an earlier run has cut, whatever the
    chunk size is now. A far cluster gets large requests, since few may be on their way; a near one
    takes those of librdkafka's own size as fast or faster.

    Args:
        config: librdkafka properties, changed in place.
        topic_max_bytes: the topic's ``max.message.bytes``, which holds for a whole request.
        is_far: whether the round trip is what limits the rate.

    Returns:
        Whether anything was changed.
    """
    before = dict(config)
    if "message.max.bytes" not in config and topic_max_bytes >= _WORTH_IT_FROM_BYTES:
        config["message.max.bytes"] = min(topic_max_bytes, _MOST_BYTES)
    largest = number_of(config.get("message.max.bytes", _DEFAULT_BYTES))
    of_its_own = min(largest, _LARGEST_BATCH_BYTES) if is_far else _DEFAULT_BYTES
    wanted = number_of(config.get("batch.size", of_its_own))
    fitting = min(wanted, topic_max_bytes)
    if fitting != number_of(config.get("batch.size", _DEFAULT_BYTES)):
        config["batch.size"] = fitting
    return config != before


def request_bytes(config: Mapping[str, object]) -> int:
    """Return how much one request holds at the most."""
    return min(number_of(config.get(name, _DEFAULT_BYTES))
               for name in ("batch.size", "message.max.bytes"))


def linger_seconds(config: Mapping[str, object]) -> float:
    """Return ``linger.ms``, which has two names; 0 where it cannot be read."""
    try:
        return float(str(config.get("queue.buffering.max.ms", config.get("linger.ms", 0)))) / 1000
    except ValueError:
        return 0.0


class TopicLimit:
    """What is known of the size of a request that the topic takes.

    Attributes:
        is_known: whether a refusal for its size may be the chunk's own.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.is_known = False
        self._n_bytes: int | None = None
        self._is_in_doubt = False
        self._confirmed = float("-inf")
        self._now = now

    def learn(self, n_bytes: int | None) -> None:
        """Note the limit for the first time; None where the broker does not tell."""
        self._n_bytes, self.is_known = n_bytes, n_bytes is not None

    def doubt(self) -> bool:
        """Return whether the limit is to be asked for again before a refusal is believed.

        It may have been lowered. What was asked for because of a refusal is believed for a while.
        """
        if self._now() - self._confirmed <= _BELIEVED_SECONDS:
            return False
        self._is_in_doubt = True
        return True

    def is_lower(self, n_bytes: int | None) -> bool:
        """Take the limit that was asked for; return whether requests have to be made smaller."""
        if not self._is_in_doubt:
            return False
        self._is_in_doubt = False
        before, self._n_bytes = self._n_bytes, n_bytes
        if n_bytes is not None and (before is None or n_bytes < before):
            return True
        self._confirmed = self._now()
        return False
