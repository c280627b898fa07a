"""Ctrl-C and SIGTERM as a request to end in good order."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

import attrs

SIGNALS = ("SIGINT", "SIGTERM")


@attrs.define
class Interruption:
    """Whether the run was asked to end, and by what."""

    signal_name: str = ""


@contextlib.contextmanager
def heed_signals() -> Iterator[Interruption]:
    """Note the first SIGINT or SIGTERM instead of raising; a second one does what it always does.

    Signals reach the main thread alone: in another thread nothing is changed.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    heeded = [signal.Signals[name] for name in SIGNALS]
    before = {number: signal.getsignal(number) for number in heeded}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, _frame: FrameType | None) -> None:
        interruption.signal_name = signal.Signals(number).name
        restore()

    for number in heeded:
        signal.signal(number, note)
    try:
        yield interruption
    finally:
        restore()
