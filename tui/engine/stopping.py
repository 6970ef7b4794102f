"""Sees to the end: drains after a quit, and looks after the other threads until then."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

from tui.engine.model import BrokerState, Phase
from tui.engine.sending.producing import ProducingThread
from tui.engine.threads import StoppableThread

logger = logging.getLogger(__name__)

#: With the broker unreachable, a drain gives up after so long without an acknowledgement.
UNREACHABLE_SECONDS = 15.0
_PERIOD_SECONDS = 0.1


class _Program(Protocol):
    @property
    def phase(self) -> Phase: ...
    @property
    def must_leave_now(self) -> bool: ...
    @property
    def producing(self) -> ProducingThread: ...
    def n_left(self) -> int: ...
    def finish(self, n_left: int) -> None: ...
    def look_after_threads(self) -> None: ...
    def stop_finding(self) -> None: ...
    def resume_finding(self) -> None: ...


class StoppingThread(StoppableThread):
    """Waits for a quit, then for the last acknowledgement.

    Args:
        program: what is to be stopped.
        on_death: see :class:`StoppableThread`.
    """

    def __init__(self, program: _Program,
                 on_death: Callable[[str, BaseException], None]) -> None:
        super().__init__("stopping", on_death)
        self._program = program

    def work(self) -> None:
        drained = False
        while not drained:
            while self._program.phase is Phase.RUNNING:
                self._program.look_after_threads()
                self.stopping.wait(_PERIOD_SECONDS)
            if not self._program.must_leave_now:
                self._program.stop_finding()
            drained = self._drain()
            if not drained:
                self._program.resume_finding()
        self._program.finish(self._program.n_left())

    def _drain(self) -> bool:
        """Return True when it is time to leave, False when the quit was taken back."""
        n_seen, quiet_since = -1, time.monotonic()
        while self._program.phase is Phase.DRAINING:
            if self._program.must_leave_now or self._program.n_left() == 0:
                return True
            producing = self._program.producing
            is_connected = producing.health.state is BrokerState.CONNECTED
            if producing.traffic.n_chunks != n_seen or is_connected:
                n_seen, quiet_since = producing.traffic.n_chunks, time.monotonic()
            if time.monotonic() - quiet_since > UNREACHABLE_SECONDS:
                logger.error("the broker is unreachable and nothing was acknowledged for %d s: "
                             "leaving; what is left is sent at the next start",
                             UNREACHABLE_SECONDS)
                return True
            self._program.look_after_threads()
            self.stopping.wait(_PERIOD_SECONDS)
        return False
