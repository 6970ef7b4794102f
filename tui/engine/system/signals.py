"""Signals that ask the program to stop: what quit does, or the end of a clean-up undisturbed."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

#: Signals that do what quit does; SIGHUP (the terminal is gone) exists on POSIX only.
STOP_SIGNALS: tuple[signal.Signals, ...] = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name))


@contextlib.contextmanager
def stop_signals_handled(handler: Callable[[], None], *,
                         then_ignored: bool = False) -> Iterator[None]:
    """Call a function, on the main thread, for each signal that asks the program to stop.

    Args:
        handler: runs between two instructions, perhaps while a lock is held: it must not wait.
        then_ignored: afterwards such signals do nothing, so that none disturbs a clean-up.
    """
    def handle(_number: int, _frame: FrameType | None) -> None:
        handler()

    before = {}
    for number in STOP_SIGNALS:
        if signal.getsignal(number) is signal.SIG_IGN:
            continue  # by nohup, or a shell's &: whoever started the program wanted it so
        before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, (lambda _number, _frame: None) if then_ignored else earlier)


def interrupted_by_stop_signals() -> contextlib.AbstractContextManager[None]:
    """Have the first signal that asks to stop raise KeyboardInterrupt, so that clean-up is done.

    Those that follow do nothing: they must not interrupt that clean-up.
    """
    signals = iter((True,))

    def interrupt() -> None:
        if next(signals, False):
            raise KeyboardInterrupt

    return stop_signals_handled(interrupt)


def ignoring_stop_signals() -> contextlib.AbstractContextManager[None]:
    """Let no signal that asks to stop interrupt a clean-up."""
    return stop_signals_handled(lambda: None)


def fail_to_read_in_background() -> None:
    """Have reads of the terminal fail while another program has it, instead of stopping us."""
    if hasattr(signal, "SIGTTIN"):
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)
