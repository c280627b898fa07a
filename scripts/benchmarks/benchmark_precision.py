"""Speed of a step in each precision on this machine.

    python scripts/benchmarks/benchmark_precision.py                        # the light DCGAN on digits, about three minutes

Each precision runs as one program of many steps; the ways take turns in one process, so that whatever else the machine does
meets them alike. Times are milliseconds a step, the median and the quartiles over the turns.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import attrs
import keras
import numpy as np
import tyro

import gantape as gt
from gantape import zoo
from gantape.compiler.compiled import CompiledSteps
from gantape.compiler.programs import NamedMode
from gantape.data import Position, BatchStack
from gantape.steps.loss_scale import Precision

PRECISIONS: tuple[Precision, ...] = ("float32", "mixed_bfloat16", "mixed_float16")


@attrs.frozen
class Arguments:
    """The options of the measurement.

    Args:
        modes: How steps are compiled.
        batch_size: Examples in a batch.
        steps: Steps in a turn.
        turns: Measurements of each precision.
    """

    modes: tuple[NamedMode, ...] = ("graph", "xla")
    batch_size: int = 64
    steps: int = 5
    turns: int = 7


@attrs.frozen(eq=False)
class Contender:
    """A precision in a mode, compiled.

    Args:
        precision: The precision of the layers.
        mode: How steps are compiled.
        steps: The compiled steps.
        stack: Their batches.
    """

    precision: Precision
    mode: NamedMode
    steps: CompiledSteps
    stack: BatchStack

    @classmethod
    def prepare(cls, precision: Precision, mode: NamedMode, arguments: Arguments) -> "Contender":
        """Compile, and run once."""
        keras.utils.set_random_seed(0)
        task = zoo.DCGAN(precision=precision)
        step = gt.Step(task.updates(), 0, task.metrics.update, variables=task.variables)
        data = gt.data.digits(batch_size=arguments.batch_size, labels=False, pixels=task.pixels)
        stack = data.open(0, Position()).read(arguments.steps * step.batches_per_step)
        contender = cls(precision, mode, gt.StepCompiler(mode, arguments.steps).compile(step, mode, stack), stack)
        contender.milliseconds()
        return contender

    def milliseconds(self) -> float:
        """Seconds of a step, in one turn."""
        started = time.perf_counter()
        done = self.steps.run(self.stack, 0)
        return 1e3 * (time.perf_counter() - started) / done


def main() -> int:
    """Measure and print."""
    arguments = tyro.cli(Arguments, prog=Path(__file__).name, description=__doc__)
    print(f"{'mode':7}{'precision':16}{'median':>9}  {'quartiles':17}{'of float32':>11}")
    for mode in arguments.modes:
        contenders = [Contender.prepare(precision, mode, arguments) for precision in PRECISIONS]
        turns = np.array([[contender.milliseconds() for contender in contenders] for _ in range(arguments.turns)])
        ratios = np.median(turns / turns[:, :1], axis=0)
        for contender, times, ratio in zip(contenders, turns.T, ratios, strict=True):
            low, median, high = np.percentile(times, [25, 50, 75])
            quartiles = f"{low:.1f} to {high:.1f}"
            print(f"{mode:7}{contender.precision:16}{median:9.1f}  {quartiles:17}{ratio:11.2f}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
