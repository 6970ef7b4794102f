"""How long until the next attempt: twice as long after every failure, and never in step."""

from __future__ import annotations

import random
from dataclasses import dataclass

_JITTER = 0.25


@dataclass(frozen=True, slots=True)
class BackOff:
    """The pauses between attempts at one thing.

    Attributes:
        first_seconds: the pause after the first failure.
        longest_seconds: no pause is longer, jitter apart.
    """

    first_seconds: float
    longest_seconds: float

    def seconds(self, n_failures: int) -> float:
        """Return the pause after so many failures in a row, the first one counted as 0."""
        pause = min(self.longest_seconds, self.first_seconds * 2.0 ** min(n_failures, 32))
        return pause * random.uniform(1 - _JITTER, 1 + _JITTER)


#: Attempts at a file that is held.
FILE_BACK_OFF = BackOff(2.0, 600.0)
