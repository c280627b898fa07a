"""A WGAN-GP and a CycleGAN, as tasks of gantape and as Keras models with a `train_step`: lines and steps per second.

Both have the same networks (`comparison/networks.py`) and the same data. A `train_step` gets one batch, which that of WGAN-GP
uses in all five critic updates, as the example on keras.io does; gantape's reads a fresh one for each. Blank lines, docstrings
and comments are not counted.
"""

import quiet_start  # noqa: F401, I001  has to come before TensorFlow
import ast
import importlib
import time
from pathlib import Path
from typing import Any, Literal

import attrs
import keras
import tensorflow as tf
import tyro

import gantape as gt

Game = Literal["wgan_gp", "cyclegan"]
CLASSES: dict[Game, str] = {"wgan_gp": "WGANGP", "cyclegan": "CycleGAN"}
BATCH_SIZES: dict[Game, int] = {"wgan_gp": 64, "cyclegan": 16}


def lines_of_code(path: Path) -> int:
    """Lines that hold code."""
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
    return getattr(importlib.import_module(f"comparison.{library}_{game}"), CLASSES[game])()


def data_of(game: Game) -> gt.data.ArrayBatches:
    """The embedded digits, and their outlines for the translation."""
    digits = gt.data.digits(batch_size=BATCH_SIZES[game], labels=False, pixels=(-1.0, 1.0))
    return gt.data.unpaired(gt.data.with_outlines(digits)) if game == "cyclegan" else digits


def speed_of_gantape(game: Game, mode: Any, steps: int) -> float:
    """Steps per second, compiling left out."""
    loop = gt.Loop(make("gantape", game), compiler=gt.StepCompiler(mode, steps_per_call=steps))
    loop.run(data_of(game), steps=steps)
    started = time.perf_counter()
    loop.run(data_of(game), steps=steps)
    return steps / (time.perf_counter() - started)


def speed_of_keras(game: Game, mode: Any, steps: int) -> float:
    """Steps per second of `fit`, compiling left out."""
    model, data = make("keras", game), data_of(game)
    model.compile(jit_compile=mode == "xla")
    dataset = tf.data.Dataset.from_tensor_slices(data.arrays).shuffle(2000).repeat()
    batches = dataset.batch(data.batch_size, drop_remainder=True).map(
        lambda *parts: data.prepare(parts if parts[1:] else parts[0])
    )
    # `fit` takes a pair for (inputs, targets): a tuple in a tuple is the inputs.
    batches = batches.map(lambda *parts: (parts,) if parts[1:] else parts[0]).prefetch(2)
    model.fit(batches, steps_per_epoch=steps, verbose=0)
    started = time.perf_counter()
    model.fit(batches, steps_per_epoch=steps, verbose=0)
    return steps / (time.perf_counter() - started)


@attrs.frozen
class Arguments:
    """What to compare.

    Args:
        steps: Steps that are timed.
        modes: How steps are compiled.
    """

    steps: int = 40
    modes: tuple[Literal["graph", "xla"], ...] = ("graph", "xla")


def main() -> None:
    """Print a table."""
    arguments = tyro.cli(Arguments, description=__doc__)
    games: tuple[Game, ...] = ("wgan_gp", "cyclegan")
    print("| game | lines, gantape | lines, train_step | mode | steps/s, gantape | steps/s, train_step |")
    print("|---|---|---|---|---|---|")
    for game in games:
        lines = [lines_of_code(source(library, game)) for library in ("gantape", "keras")]
        for mode in arguments.modes:
            keras.utils.set_random_seed(0)
            speeds = speed_of_gantape(game, mode, arguments.steps), speed_of_keras(game, mode, arguments.steps)
            print(f"| {game} | {lines[0]} | {lines[1]} | {mode} | {speeds[0]:.2f} | {speeds[1]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
