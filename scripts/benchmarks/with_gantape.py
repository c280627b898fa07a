"""gantape in each of its modes, as a user runs it: `Loop.run`, with a row of the history at the end of each epoch."""

import time
from collections.abc import Callable, Iterator
from typing import Any, get_args

import gantape as gt
from benchmarks.contenders import Arrays, Contender
from benchmarks.keras_networks import task
from benchmarks.workloads import Workload
from gantape.compiler.programs import Mode

_ENDLESS = 10**9


class Gantape(Contender):
    """A loop that is continued by each `run`.

    Args:
        workload: The workload.
        arrays: The data.
        mode: The mode.
        shared: Whether the generator of a GAN is updated with the examples that the discriminator has just seen.
    """

    def __init__(self, workload: Workload, arrays: Arrays, mode: Mode, shared: bool = False) -> None:
        self._data = batches(workload, arrays)
        self._loop = gt.Loop(task(workload, shared), compiler=gt.StepCompiler(mode), progress=False)
        self._has_to_choose = mode == "auto"

    def run(self, steps: int) -> int:
        if self._has_to_choose:
            # "auto" chooses for the length of the run in which it is first asked: here one without an end, cut short.
            self._has_to_choose = False
            self._loop.callbacks = (gt.Callback(_stop, gt.at(1)),)
            self._loop.run(self._data, steps=_ENDLESS)
            self._loop.callbacks = ()
            return 1
        self._loop.run(self._data, steps=steps)
        return steps

    def whole_run(self, steps: int) -> float:
        """Seconds of a run from its start, including compilation, if nothing ran before."""
        started = time.perf_counter()
        self._loop.run(self._data, steps=steps)
        return time.perf_counter() - started

    def waiting_share(self, steps: int) -> float:
        """The share of the seconds of a run in which the loop waits for batches."""
        watched = _Watched(self._data)
        started = time.perf_counter()
        self._loop.run(watched, steps=steps)
        return watched.seconds / (time.perf_counter() - started)

    def explain(self) -> str:
        """The compiled mode, and the measurements of "auto"."""
        return self._loop.explain()


def _stop(_: gt.Progress) -> gt.Stop:
    return gt.Stop("one step is done")


class _Watched(gt.data.Batches):
    """Batches that measure how long the loop waits for them."""

    def __init__(self, batches: gt.data.Batches) -> None:
        self._batches = batches
        self.seconds = 0.0

    @property
    def batch_size(self) -> int:
        return self._batches.batch_size

    @property
    def batches_per_epoch(self) -> int | None:
        return self._batches.batches_per_epoch

    @property
    def prepare(self) -> Callable[[Any], Any]:
        return self._batches.prepare

    def open(self, seed: int, position: gt.data.Position) -> gt.data.Reader:
        return _WatchedReader(self, self._batches.open(seed, position))

    def examples_in_order(self) -> Iterator[Any]:
        return self._batches.examples_in_order()

    def describe(self) -> dict[str, Any]:
        return self._batches.describe()


class _WatchedReader(gt.data.Reader):
    def __init__(self, watched: _Watched, reader: gt.data.Reader) -> None:
        self._watched = watched
        self._reader = reader

    def read(self, count: int) -> gt.data.BatchStack:
        started = time.perf_counter()
        stack = self._reader.read(count)
        self._watched.seconds += time.perf_counter() - started
        return stack


def batches(workload: Workload, arrays: Arrays) -> gt.data.ArrayBatches:
    """The data for gantape: bytes are converted in the graph."""
    parts = (arrays["examples"], arrays["labels"]) if "labels" in arrays else arrays["examples"]
    return gt.data.from_arrays(parts, batch_size=workload.batch_size, prepare=gt.data.scale_pixels(*workload.pixels))


def contender(workload: Workload, arrays: Arrays, variant: str) -> Gantape:
    """Gantape in a mode, such as "xla", or "shared-xla"."""
    mode = variant.removeprefix("shared-")
    return Gantape(workload, arrays, next(known for known in get_args(Mode) if known == mode), shared=mode != variant)
