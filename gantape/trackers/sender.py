"""The thread that calls a tracker, so that a slow or failing service does not touch the training."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import attrs

from gantape.trackers.tracker import THREAD, RunInfo, Tracker

MOST_STEPS = 10_000
"""Steps whose scalars wait for a service; the oldest are dropped. A resumed run sends them again, from its history."""

MOST_OTHERS = 1_000
"""Images, histograms and files that wait; the oldest are dropped."""

Job: TypeAlias = Callable[[Tracker], object]
"""What is done with a tracker."""


@attrs.frozen
class Sent:
    """What a service has of a run.

    Args:
        id: The id with which it finds the run again.
        step: The newest step whose scalars it has; -1 if it has none.
    """

    id: str = ""
    step: int = -1


class Sender:
    """Calls a tracker from a daemon thread, in rounds: scalars in the order of steps, then everything else.

    A round ends where the tracker fails on scalars, which the next round sends again. What else fails is dropped.

    Args:
        tracker: The tracker.
        run: The run.
        sent: What the service has of it: scalars and images of these steps are not sent again.
        keep: Keeps what was sent, after each round.
    """

    def __init__(self, tracker: Tracker, run: RunInfo, sent: Sent, keep: Callable[[Sent], None]) -> None:
        self._tracker, self._run, self._sent, self._keep = tracker, run, sent, keep
        self._kept, self._before = Sent(), sent.step
        self._scalars: dict[int, dict[str, float]] = {}
        self._others: deque[tuple[int | None, Job]] = deque(maxlen=MOST_OTHERS)
        self._started = False
        self._failed: bool | None = None
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._due = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"{THREAD} {tracker.name}", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread still works."""
        return self._thread.is_alive()

    @property
    def sent(self) -> Sent:
        """What the service has."""
        return self._sent

    @property
    def error(self) -> BaseException | None:
        """The first error of the tracker."""
        return self._error

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Send values of a step, in the next round."""
        with self._lock:
            self._scalars.setdefault(step, {}).update(values)
            if len(self._scalars) > MOST_STEPS:
                del self._scalars[next(iter(self._scalars))]

    def later(self, job: Job, step: int | None = None) -> None:
        """Call a function with the tracker in the next round, after scalars; not if the service has this step already."""
        self._others.append((step, job))

    def send(self) -> None:
        """Begin a round, if none is running, or else another one after it."""
        self._due.set()

    def finish(self, failed: bool, seconds: float) -> bool:
        """Send what is left, and end the run, in so many seconds at most; returns whether all of this was done."""
        self._failed = failed
        self._due.set()
        self._thread.join(seconds)
        return not self.alive

    def _work(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            failed = self._failed
            with self._noting_errors():
                self._round()
                if failed is not None:
                    self._tracker.finish(failed)
            if failed is not None:
                return

    def _round(self) -> None:
        if not self._started:
            self._start()
        while (entry := self._oldest()) is not None:
            step, values = entry
            if step > self._before:
                try:
                    self._tracker.scalars(step, values)
                except BaseException:
                    self._put_back(step, values)
                    raise
                self._sent = attrs.evolve(self._sent, step=max(step, self._sent.step))
        while self._others:
            drawn, job = self._others.popleft()
            if drawn is None or drawn > self._before:
                with self._noting_errors():
                    job(self._tracker)
        if self._sent != self._kept:
            self._keep(self._sent)
            self._kept = self._sent

    def _start(self) -> None:
        name = self._tracker.start(self._run) or ""
        if name != self._sent.id:  # the service did not find the run: it gets all of it
            self._sent, self._before = Sent(name), -1
        self._started = True

    def _oldest(self) -> tuple[int, dict[str, float]] | None:
        with self._lock:
            if not self._scalars:
                return None
            step = next(iter(self._scalars))
            return step, self._scalars.pop(step)

    def _put_back(self, step: int, values: dict[str, float]) -> None:
        with self._lock:
            self._scalars = {step: values | self._scalars.pop(step, {}), **self._scalars}

    @contextlib.contextmanager
    def _noting_errors(self) -> Iterator[None]:
        """Note an error instead of raising it, whatever it is: nothing in this thread is to be interrupted."""
        try:
            yield
        except BaseException as error:
            self._error = self._error or error
