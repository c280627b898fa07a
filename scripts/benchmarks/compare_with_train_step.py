"""A WGAN-GP and a CycleGAN, as tasks of gantape and as Keras models with a `train_step`: lines and steps per second.

Both have the same networks (`comparison/networks.py`) and the same data. Three ways of training take turns in long runs:
gantape's loop, Keras' `fit` with many steps per execution, and the same `train_step` in a `tf.function`, called in a loop with
batches of the same pipeline. A `train_step` gets one batch, which that of WGAN-GP uses in all five critic updates, as the
example on keras.io does; gantape's reads a fresh one for each. That of CycleGAN shares one pass, as the example does, and so
does the task. Blank lines, docstrings and comments are not counted. Medians over runs without compilation are printed, with the
range of the ratios of gantape to the faster of the other two in each round.
"""

import ast
import importlib
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

sys.path.insert(0, str(Path(__file__).parents[1]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import attrs
import keras
import tensorflow as tf
import tyro

import gantape as gt

Name = Literal["wgan_gp", "cyclegan"]
CLASSES: dict[Name, str] = {"wgan_gp": "WGANGP", "cyclegan": "CycleGAN"}
BATCH_SIZES: dict[Name, int] = {"wgan_gp": 64, "cyclegan": 16}
STEPS: dict[Name, int] = {"wgan_gp": 256, "cyclegan": 1024}
STEPS_PER_EXECUTION = 32


def lines_of_code(path: Path) -> int:
    """The number of lines of code."""
    lines = {node.lineno for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.stmt | ast.expr)}
    texts = path.read_text().splitlines()
    docstrings = {
        line
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    closing = {number for number, text in enumerate(texts, 1) if text.strip() in (")", "]", "}")}
    return len((lines | closing) - docstrings)


def source(library: str, name: Name) -> Path:
    """The file of a task or a model."""
    return Path(__file__).parent / "comparison" / f"{library}_{name}.py"


def make(library: str, name: Name) -> Any:
    """The task, or the model."""
    return getattr(importlib.import_module(f"benchmarks.comparison.{library}_{name}"), CLASSES[name])()


def data_of(name: Name) -> gt.data.ArrayBatches:
    """The embedded digits, and their outlines for the translation."""
    digits = gt.data.digits(batch_size=BATCH_SIZES[name], labels=False, pixels=(-1.0, 1.0))
    return gt.data.unpaired(gt.data.with_outlines(digits)) if name == "cyclegan" else digits


def gantape_run(name: Name, mode: Any, steps: int) -> Callable[[], Any]:
    """A function that trains for `steps` steps."""
    compiler = gt.StepCompiler(mode, steps_per_call=STEPS_PER_EXECUTION)
    loop = gt.Loop(make("gantape", name), compiler=compiler, progress=False)
    return lambda: loop.run(data_of(name), steps=steps)


def fit_run(name: Name, mode: Any, steps: int) -> Callable[[], Any]:
    """The same with `fit`."""
    model = make("keras", name)
    model.compile(jit_compile=mode == "xla", steps_per_execution=STEPS_PER_EXECUTION)
    batches = _batches(name)
    return lambda: model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)


def function_run(name: Name, mode: Any, steps: int) -> Callable[[], Any]:
    """The same with the `train_step` in a `tf.function`."""
    model = make("keras", name)
    model.compile()
    step = tf.function(model.train_step, jit_compile=mode == "xla" or None)
    batches = iter(_batches(name))

    def run() -> None:
        for _ in range(steps):
            reported = step(next(batches))
        float(next(iter(reported.values())))  # waits for the last step

    return run


def _batches(name: Name) -> Any:
    data = data_of(name)
    dataset = tf.data.Dataset.from_tensor_slices(data.arrays).shuffle(2000).repeat()
    batches = dataset.batch(data.batch_size, drop_remainder=True)
    return batches.map(lambda *parts: data.prepare(parts if parts[1:] else parts[0])).prefetch(tf.data.AUTOTUNE)


def seconds_of(runs: Sequence[Callable[[], Any]], rounds: int) -> list[list[float]]:
    """Seconds of each run in each round; the first, which compiles, is left out."""
    seconds: list[list[float]] = [[] for _ in runs]
    for number in range(1 + rounds):
        for run, taken in zip(runs, seconds, strict=True):
            started = time.perf_counter()
            run()
            if number:
                taken.append(time.perf_counter() - started)
    return seconds


@attrs.frozen
class Arguments:
    """The options of the comparison.

    Args:
        steps: Steps of a run; by default what takes about a quarter of a minute on two cores.
        rounds: Runs that are timed.
        names: What to train.
        modes: How steps are compiled.
    """

    steps: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    rounds: int = 5
    names: tuple[Name, ...] = ("wgan_gp", "cyclegan")
    modes: tuple[Literal["graph", "xla"], ...] = ("graph", "xla")


def main() -> None:
    """Print a table."""
    arguments = tyro.cli(Arguments, description=__doc__)
    print("| task | lines, gantape | lines, train_step | mode | gantape | fit | tf.function | gantape ÷ the faster of both |")
    print("|---|---|---|---|---|---|---|---|")
    for name in arguments.names:
        lines = [lines_of_code(source(library, name)) for library in ("gantape", "keras")]
        steps = arguments.steps or STEPS[name]
        for mode in arguments.modes:
            keras.utils.set_random_seed(0)
            seconds = seconds_of(
                [make_run(name, mode, steps) for make_run in (gantape_run, fit_run, function_run)], arguments.rounds
            )
            speeds = [f"{steps / statistics.median(taken):.1f}" for taken in seconds]
            ratios = sorted(min(others) / ours for ours, *others in zip(*seconds, strict=True))
            shown = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
            print(f"| {name} | {lines[0]} | {lines[1]} | {mode} | {' | '.join(speeds)} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
