"""A process for each contender, kept alive so that measurements alternate while frameworks stay separate.

TensorFlow, PyTorch and JAX each keep threads for all cores and allocators of their own: in one process they slow each other
down, and one's memory is counted for the other. A worker that is not asked sleeps on its pipe.
"""

import functools
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from benchmarks.contenders import CONTENDERS, Contender, Entry
from benchmarks.workloads import WORKLOADS

_CONTEXT = multiprocessing.get_context("spawn")
_SPEED_AFTER_SECONDS = 0.2


class WorkerError(Exception):
    """A contender failed; the message says why."""


class Worker:
    """A contender in a process of its own. Use it in a `with` statement.

    Args:
        make: Makes the contender, in that process: a function that can be pickled.
    """

    def __init__(self, make: Callable[[], Contender]) -> None:
        self._connection, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_serve, args=(theirs, make), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, question: str, *arguments: Any) -> Any:
        """Call a method of `Session` in the process and return its result.

        Raises:
            WorkerError: If it raises an error, or the process dies.
        """
        try:
            self._connection.send((question, arguments))
            failed, answer = self._connection.recv()
        except (EOFError, OSError):
            self._process.join()
            raise WorkerError(f"the process ended with exit code {self._process.exitcode}") from None
        if failed:
            raise WorkerError(answer)
        return answer

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join(timeout=5.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@attrs.define(eq=False)
class Session:
    """The methods that a worker can be asked to run.

    Args:
        make: The function that builds the contender.
    """

    make: Callable[[], Contender]
    _contender: Contender = attrs.field(init=False)
    _seconds_per_step: float = attrs.field(init=False, default=0.0)

    def build(self) -> float:
        """Import the framework, and build networks and data; returns the seconds."""
        started = time.perf_counter()
        self._contender = self.make()
        return time.perf_counter() - started

    def warm_up(self) -> float:
        """Compile, run the first step, and find the speed; returns the seconds until the first step was done."""
        started = time.perf_counter()
        self._contender.run(1)
        first = time.perf_counter() - started
        steps, seconds = 1, 0.0
        while seconds < _SPEED_AFTER_SECONDS:
            started = time.perf_counter()
            done = self._contender.run(steps)
            seconds = time.perf_counter() - started
            self._seconds_per_step = seconds / done
            steps = max(2 * done, int(1.2 * _SPEED_AFTER_SECONDS / self._seconds_per_step))
        return first

    def measure(self, seconds: float) -> float:
        """Steps per second, over about `seconds` seconds."""
        return self.measure_both(seconds)[0]

    def measure_both(self, seconds: float) -> tuple[float, float]:
        """Steps per second, over about `seconds` seconds, and steps per second of processor time, that of all threads."""
        started, used = time.perf_counter(), time.process_time()
        done = self._contender.run(max(1, round(seconds / self._seconds_per_step)))
        return done / (time.perf_counter() - started), done / (time.process_time() - used)

    def peak_megabytes(self) -> float:
        """The peak memory of the process."""
        kilobyte = 1024 if sys.platform == "darwin" else 1
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / kilobyte / 1024

    def grow(self, steps: int, parts: int) -> list[float]:
        """The peak memory in megabytes at the start and after each part of the steps."""
        peaks = [self.peak_megabytes()]
        for _ in range(parts):
            self._contender.run(steps // parts)
            peaks.append(self.peak_megabytes())
        return peaks

    def call(self, method: str, *arguments: Any) -> Any:
        """The result of a method of the contender."""
        return getattr(self._contender, method)(*arguments)


def worker_for(workload: str, contender: str, data: Path) -> Worker:
    """A worker.

    Args:
        workload: The name of the workload.
        contender: The name of the contender.
        data: The data file.
    """
    return Worker(functools.partial(make_contender, CONTENDERS[contender], WORKLOADS[workload], data))


def make_contender(entry: Entry, workload: Any, data: Path) -> Contender:
    """Build a contender with the arrays of a file."""
    with np.load(data) as arrays:
        return entry.make(workload, dict(arrays))


def _serve(connection: Connection, make: Callable[[], Contender]) -> None:
    session = Session(make)
    while True:
        try:
            question, arguments = connection.recv()
        except EOFError:
            return
        try:
            connection.send((False, getattr(session, question)(*arguments)))
        except Exception as error:
            message = str(error).strip() or "no message"
            connection.send((True, f"{type(error).__name__}: {message.splitlines()[0]}"))
