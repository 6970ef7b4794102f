"""How large the producer's requests may be, and how large they are made."""

from __future__ import annotations

#: What librdkafka makes of its own; and how far requests grow where config and topic allow it.
_DEFAULT_BYTES, _LARGEST_BYTES = 1_000_000, 8_000_000
#: A little more than the default is not worth the new connections that it costs.
_PAYS_FROM_BYTES = 1_500_000


def fit_requests(config: dict[str, str | int | float | bool], topic_max_bytes: int,
                 chunk_size: int, *, is_far: bool) -> bool:
    """Set what a config leaves open of ``message.max.bytes`` and ``batch.size``.

    A far cluster gets requests as large as the topic allows, since few may be on their way. A near
    one takes those of librdkafka's own size as fast or faster; there only what has to fit does.

    Args:
        config: librdkafka properties, changed in place.
        topic_max_bytes: the topic's ``max.message.bytes``, which holds for a whole request.
        chunk_size: bytes of payload in a message.
        is_far: whether the round trip is what limits the rate.

    Returns:
        Whether anything was changed.
    """
    before = dict(config)
    is_wanted = chunk_size > _DEFAULT_BYTES or (is_far and topic_max_bytes >= _PAYS_FROM_BYTES)
    if "message.max.bytes" not in config and topic_max_bytes > _DEFAULT_BYTES and is_wanted:
        config["message.max.bytes"] = min(topic_max_bytes, _LARGEST_BYTES)
    largest = int(config.get("message.max.bytes", _DEFAULT_BYTES))
    batch_bytes = int(config.get("batch.size", largest if is_far else _DEFAULT_BYTES))
    batch_bytes = min(batch_bytes, topic_max_bytes)
    if batch_bytes != _DEFAULT_BYTES:
        config["batch.size"] = batch_bytes
    return config != before
