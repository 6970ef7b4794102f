"""Supervises the threads, and drains the queue after a quit."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

from tui.engine.model.snapshot import Phase
from tui.engine.system.workers import Worker

logger = logging.getLogger(__name__)

#: A drain gives up after so long without an acknowledgement where the broker is unreachable, or
#: without a record where the ledger cannot be written.
UNREACHABLE_SECONDS = 15.0
#: The same where the broker is connected: as long as librdkafka waits for the answer to a request.
STALLED_SECONDS = 60.0
_PERIOD_SECONDS = 0.1


class Program(Protocol):
    """What is to be stopped, as the stopping thread sees it."""

    def died(self, name: str, error: BaseException) -> None: ...
    @property
    def phase(self) -> Phase: ...
    @property
    def must_leave_now(self) -> bool: ...
    def n_left(self) -> int: ...
    def progress(self) -> object: ...
    def stall_reason(self) -> tuple[str, float] | None: ...
    def restart_dead_workers(self) -> None: ...
    def stop_finding(self) -> None: ...
    def resume_finding(self) -> None: ...
    def finish(self, *, is_clean: bool) -> None: ...


class StallDetector:
    """Says when a drain that makes no progress has to be given up.

    Args:
        program: what drains.
        clock: monotonic seconds.
    """

    def __init__(self, program: Program, clock: Callable[[], float] = time.monotonic) -> None:
        self._program = program
        self._clock = clock
        self._seen: object = None
        self._why = ""
        self._quiet_since = self._why_since = clock()

    def why_give_up(self) -> str:
        """Return why waiting on is pointless; empty while it is not."""
        now = self._clock()
        seen = self._program.progress()
        if seen != self._seen:
            self._seen, self._quiet_since = seen, now
        why, patience_seconds = self._program.stall_reason() or ("", STALLED_SECONDS)
        if why != self._why:
            self._why, self._why_since = why, now
        quiet_seconds = now - self._quiet_since
        if why and min(quiet_seconds, now - self._why_since) >= patience_seconds:
            return f"{why}, and there was no progress for {patience_seconds:.0f} s"
        if quiet_seconds >= STALLED_SECONDS:
            return f"nothing was acknowledged for {STALLED_SECONDS:.0f} s, although the broker " \
                "is connected"
        return ""


class Supervisor(Worker):
    """Waits for a quit, then for the last acknowledgement.

    Args:
        program: what is to be stopped.
    """

    def __init__(self, program: Program) -> None:
        super().__init__("stopping")
        self._program = program

    def run(self) -> None:
        super().run()
        if self.error is not None:
            self._program.died(self.name, self.error)
        # However it ended: without this nobody would end the program.
        self._program.finish(is_clean=self.error is None)

    def work(self) -> None:
        drained = False
        while not drained:
            while self._program.phase is Phase.RUNNING:
                self._program.restart_dead_workers()
                self.stopping.wait(_PERIOD_SECONDS)
            if not self._program.must_leave_now:
                self._program.stop_finding()
            drained = self._drain()
            if not drained:
                self._program.resume_finding()

    def _drain(self) -> bool:
        """Return True when it is time to leave, False when the quit was taken back."""
        patience = StallDetector(self._program)
        while self._program.phase is Phase.DRAINING:
            if self._program.must_leave_now or self._program.n_left() == 0:
                return True
            why = patience.why_give_up()
            if why:
                logger.error("%s: quitting; what is left is uploaded at the next start", why)
                return True
            self._program.restart_dead_workers()
            self.stopping.wait(_PERIOD_SECONDS)
        return False
