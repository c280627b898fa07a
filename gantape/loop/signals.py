"""Ctrl-C and SIGTERM as requests to end the run cleanly."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

import attrs

SIGNALS = ("SIGINT", "SIGTERM")


@attrs.define
class Interruption:
    """The signal that asked the run to end, or an empty text."""

    signal_name: str = ""


@contextlib.contextmanager
def catch_signals() -> Iterator[Interruption]:
    """Record the first SIGINT or SIGTERM instead of raising; a second one has its usual effect.

    Signals only reach the main thread: in other threads this does nothing.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    caught = [signal.Signals[name] for name in SIGNALS]
    before = {number: signal.getsignal(number) for number in caught}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, _frame: FrameType | None) -> None:
        interruption.signal_name = signal.Signals(number).name
        restore()

    for number in caught:
        signal.signal(number, note)
    try:
        yield interruption
    finally:
        restore()
