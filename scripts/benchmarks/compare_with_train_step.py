"""A WGAN-GP and a CycleGAN, as tasks of gantape and as Keras models with a `train_step`: lines and steps per second.

Both have the same networks (`comparison/networks.py`) and the same data. A `train_step` gets one batch, which that of WGAN-GP
uses in all five critic updates, as the example on keras.io does; gantape's reads a fresh one for each. Blank lines, docstrings
and comments are not counted. The two take turns, on a machine that does nothing else, and medians are printed.
"""

import ast
import importlib
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

sys.path.insert(0, str(Path(__file__).parents[1]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import attrs
import keras
import tensorflow as tf
import tyro

import gantape as gt

Game = Literal["wgan_gp", "cyclegan"]
CLASSES: dict[Game, str] = {"wgan_gp": "WGANGP", "cyclegan": "CycleGAN"}
BATCH_SIZES: dict[Game, int] = {"wgan_gp": 64, "cyclegan": 16}


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


def source(library: str, game: Game) -> Path:
    """The file of a game."""
    return Path(__file__).parent / "comparison" / f"{library}_{game}.py"


def make(library: str, game: Game) -> Any:
    """The task, or the model."""
    return getattr(importlib.import_module(f"benchmarks.comparison.{library}_{game}"), CLASSES[game])()


def data_of(game: Game) -> gt.data.ArrayBatches:
    """The embedded digits, and their outlines for the translation."""
    digits = gt.data.digits(batch_size=BATCH_SIZES[game], labels=False, pixels=(-1.0, 1.0))
    return gt.data.unpaired(gt.data.with_outlines(digits)) if game == "cyclegan" else digits


def gantape_run(game: Game, mode: Any, steps: int) -> Callable[[], Any]:
    """A function that trains for `steps` steps."""
    loop = gt.Loop(make("gantape", game), compiler=gt.StepCompiler(mode, steps_per_call=steps), progress=False)
    return lambda: loop.run(data_of(game), steps=steps)


def keras_run(game: Game, mode: Any, steps: int) -> Callable[[], Any]:
    """The same with `fit`."""
    model, data = make("keras", game), data_of(game)
    model.compile(jit_compile=mode == "xla")
    dataset = tf.data.Dataset.from_tensor_slices(data.arrays).shuffle(2000).repeat()
    batches = dataset.batch(data.batch_size, drop_remainder=True)
    batches = batches.map(lambda *parts: data.prepare(parts if parts[1:] else parts[0])).prefetch(2)
    return lambda: model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)


def speeds(runs: Sequence[Callable[[], Any]], steps: int, rounds: int) -> list[float]:
    """Steps per second of each, the median over rounds in which they alternate; without compilation."""
    seconds: list[list[float]] = [[] for _ in runs]
    for number in range(1 + rounds):
        for run, taken in zip(runs, seconds, strict=True):
            started = time.perf_counter()
            run()
            if number:
                taken.append(time.perf_counter() - started)
    return [steps / statistics.median(taken) for taken in seconds]


@attrs.frozen
class Arguments:
    """The options of the comparison.

    Args:
        steps: Steps of a run.
        rounds: Runs that are timed.
        games: The games.
        modes: How steps are compiled.
    """

    steps: int = 20
    rounds: int = 5
    games: tuple[Game, ...] = ("wgan_gp", "cyclegan")
    modes: tuple[Literal["graph", "xla"], ...] = ("graph", "xla")


def main() -> None:
    """Print a table."""
    arguments = tyro.cli(Arguments, description=__doc__)
    print("| game | lines, gantape | lines, train_step | mode | steps/s, gantape | steps/s, train_step |")
    print("|---|---|---|---|---|---|")
    for game in arguments.games:
        lines = [lines_of_code(source(library, game)) for library in ("gantape", "keras")]
        for mode in arguments.modes:
            keras.utils.set_random_seed(0)
            runs = [make_run(game, mode, arguments.steps) for make_run in (gantape_run, keras_run)]
            one, other = speeds(runs, arguments.steps, arguments.rounds)
            print(f"| {game} | {lines[0]} | {lines[1]} | {mode} | {one:.2f} | {other:.2f} |", flush=True)


if __name__ == "__main__":
    main()
