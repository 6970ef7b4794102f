"""One run of the program, the same for both front ends: start, signals, draining, last words."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from tui import answers
from tui.commands import execute
from tui.engine.system.signals import stop_signals_handled
from tui.engine.system.workers import Worker
from tui.engine.uploader import Uploader

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.1
_DRAINING_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Voice:
    """How a front end speaks while it has no screen; each of them takes one line.

    Attributes:
        say: for the last words of a run.
        report: for how a quit gets on.
        answer: for what a signal, which is a quit, is answered.
    """

    say: Callable[[str], object]
    report: Callable[[str], object]
    answer: Callable[[str], object]


class Session:
    """One run of the uploader.

    Args:
        uploader: not started yet.
        voice: of the front end.
    """

    def __init__(self, uploader: Uploader, voice: Voice) -> None:
        self._uploader = uploader
        self._voice = voice
        self._signals = _SignalWorker(uploader, voice.answer)

    def run(self, show: Callable[[], None]) -> int:
        """Upload until asked to quit; return the exit status.

        Args:
            show: is the front end, on this thread; the upload is seen to its end when it returns.

        Raises:
            StartupError: it cannot start, or must not go on.
        """
        uploader = self._uploader
        with stop_signals_handled(self._signals.note, then_ignored=True):
            uploader.start()
            self._signals.start()
            show()
            if not uploader.wait(0):
                self._finish()
            self._signals.stop()
            self._signals.join()
        for line in answers.closing_summary(uploader.snapshot()):
            self._voice.say(line)
        if uploader.failure is not None:
            raise uploader.failure
        return uploader.exit_status

    def _finish(self) -> None:
        """See the upload to its end after the front end has gone."""
        if not self._uploader.is_leaving:
            self._uploader.quit()
        self._voice.report(answers.draining_words(self._uploader.snapshot())
                           + "; Ctrl+C leaves at once")
        while not self._uploader.wait(_DRAINING_SECONDS):
            self._voice.report(answers.draining_words(self._uploader.snapshot()))


class _SignalWorker(Worker):
    """Makes each signal that asks to stop one quit; the second one forces.

    Args:
        uploader: is asked to quit.
        answer: takes the lines that the command answers.
    """

    def __init__(self, uploader: Uploader, answer: Callable[[str], object]) -> None:
        super().__init__("signals")
        self._uploader = uploader
        self._answer = answer
        self._n_noted = 0

    def note(self) -> None:
        """Only count: a handler may find any lock held."""
        self._n_noted += 1
        if self._n_noted > 1 and not self.is_alive():  # nothing is there yet to be asked
            raise KeyboardInterrupt

    def work(self) -> None:
        n_obeyed = 0
        while not self.stopping.wait(_LOOK_SECONDS):
            while n_obeyed < self._n_noted:
                n_obeyed += 1
                logger.info("a signal asks to stop")
                for line in execute("quit", self._uploader).lines:
                    self._answer(line)
