"""A program that trains a GAN and saves its generator at given times since its start, for `benchmark_time_to_quality.py`."""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

sys.path.insert(0, str(Path(__file__).parents[2]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import attrs
import keras
import numpy as np
import tensorflow as tf
import tyro

import gantape as gt
from benchmarks.comparison.keras_dcgan import KerasDCGAN
from gantape.zoo import DCGAN, GuideDCGAN

Contender = Literal["default", "guide", "fit", "fit-fast"]
DataName = Literal["digits", "mnist"]

TASKS: dict[str, Callable[[], gt.AdversarialTask]] = {"default": lambda: DCGAN(), "guide": lambda: GuideDCGAN()}
FITTED: dict[str, Callable[[], KerasDCGAN]] = {"fit": lambda: KerasDCGAN(), "fit-fast": lambda: KerasDCGAN(learning_rate=1e-3)}

BATCH_SIZE = 64
STEPS_PER_EXECUTION = 16


def load(data: DataName, pixels: tuple[float, float], *, labels: bool = False, split: Any = "train") -> gt.data.ArrayBatches:
    """Batches of a data set."""
    source = gt.data.digits if data == "digits" else gt.data.mnist
    return source(batch_size=BATCH_SIZE, labels=labels, pixels=pixels, split=split)


def pixels_of(contender: Contender) -> tuple[float, float]:
    """The range of the pixels that a contender makes."""
    return TASKS[contender]().pixels if contender in TASKS else (-1.0, 1.0)


def generator_of(contender: Contender) -> keras.Model:
    """The generator of a contender, not trained."""
    return TASKS[contender]().generator if contender in TASKS else FITTED[contender]().generator


@attrs.define
class Snapshots:
    """Saves a generator's weights when they are due, named after the seconds since the start.

    Args:
        folder: The folder of the files.
        started: The start of the process, in seconds since the epoch.
        due: The seconds after it that are still to come, ascending.
    """

    folder: Path
    started: float
    due: list[float]

    def __call__(self, generator: keras.Model) -> bool:
        """Save the weights if it is time, and return whether the last ones are saved."""
        seconds = time.time() - self.started
        if self.due and seconds >= self.due[0]:
            self.due = [second for second in self.due if second > seconds]
            np.savez(self.folder / f"{seconds:08.2f}.npz", *generator.get_weights())
        return not self.due


class _SaveInFit(keras.callbacks.Callback):
    def __init__(self, snapshots: Snapshots) -> None:
        super().__init__()
        self._snapshots = snapshots

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._snapshots(self.model.generator):
            self.model.stop_training = True


def train_task(task: gt.AdversarialTask, data: DataName, seed: int, snapshots: Snapshots) -> None:
    """Train a task with a loop until all snapshots are saved."""

    def save(_: gt.Progress) -> gt.Stop | None:
        return gt.Stop("all snapshots are saved") if snapshots(task.averaged_generator) else None

    saving = gt.Callback(save, gt.every(seconds=0.5))
    loop = gt.Loop(task, compiler=gt.StepCompiler("auto"), seed=seed, callbacks=[saving], progress=False)
    loop.run(load(data, task.pixels), minutes=snapshots.due[-1] / 60.0 + 1.0)


def train_by_fit(model: KerasDCGAN, data: DataName, snapshots: Snapshots) -> None:
    """Train a model with `fit` until all snapshots are saved."""
    images = load(data, (-1.0, 1.0)).arrays.astype(np.float32) / 127.5 - 1.0
    model.compile(steps_per_execution=STEPS_PER_EXECUTION, jit_compile=False)
    batches = tf.data.Dataset.from_tensor_slices(images).cache().shuffle(len(images)).repeat()
    batches = batches.batch(BATCH_SIZE, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
    model.fit(batches, steps_per_epoch=STEPS_PER_EXECUTION * 1000, epochs=10_000, verbose=0, callbacks=[_SaveInFit(snapshots)])


def main(contender: Contender, data: DataName, seed: int, folder: Path, started: float, due: Sequence[float]) -> None:
    """Train a contender and save its generator when due.

    Args:
        contender: What to train.
        data: The training data.
        seed: The seed.
        folder: The folder of the snapshots.
        started: When the process was started, in seconds since the epoch.
        due: The seconds after it at which to save.
    """
    keras.utils.set_random_seed(seed)
    snapshots = Snapshots(folder, started, list(due))
    if contender in TASKS:
        train_task(TASKS[contender](), data, seed, snapshots)
    else:
        train_by_fit(FITTED[contender](), data, snapshots)


if __name__ == "__main__":
    tyro.cli(main)
