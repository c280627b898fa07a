"""Small tasks, data and runs for the tests of wrong uses."""

import json
import shutil
from pathlib import Path
from typing import Any

import attrs
import keras
import numpy as np
import tensorflow as tf
from tiny import Classifier, PointGan, labelled

import gantape as gt

layers = keras.layers
inputs, labels = labelled().arrays
steps = gt.every(steps=1)


def train(task: gt.Task | None = None, data: Any = None, mode: Any = "graph", **options: Any) -> gt.History:
    """Two steps of a run, with what is asked for."""
    asked = {name: options.pop(name) for name in ("validation", "record", "epochs", "minutes") if name in options}
    length = {} if "epochs" in asked or "minutes" in asked else {"steps": options.pop("steps", 2)}
    loop = gt.Loop(task or Classifier(), compiler=gt.StepCompiler(mode), **options)
    return loop.run(labelled() if data is None else data, **length, **asked)


def classifier(**methods: Any) -> gt.Task:
    return type("Mine", (Classifier,), methods)()


def gan(**methods: Any) -> gt.Task:
    return type("MyGan", (PointGan,), methods)()


def moved(**changes: Any) -> gt.Task:
    """A classifier whose update is another one."""
    return classifier(updates=lambda self: tuple(attrs.evolve(update, **changes) for update in Classifier.updates(self)))


def network(*parts: Any) -> keras.Model:
    return keras.Sequential([keras.Input((4,)), *parts])


def batches(one: Any, other: Any = None) -> gt.data.ArrayBatches:
    return gt.data.from_arrays(one if other is None else (one, other), batch_size=4)


def with_one(array: Any, value: Any) -> Any:
    changed = array.copy()
    changed.flat[:] = np.where(np.arange(changed.size) % 4 == 0, value, changed.flat[:])
    return changed


def images(channels: int = 1, size: int = 28, low: float = -1.0, high: float = 1.0) -> Any:
    return np.random.default_rng(0).uniform(low, high, (8, size, size, channels)).astype(np.float32)


class ImageGan(gt.AdversarialTask):
    latent_size: int = 4

    def build_generator(self):
        return keras.Sequential([keras.Input((4,)), layers.Dense(784, "tanh"), layers.Reshape((28, 28, 1))])

    def build_discriminator(self):
        return keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(1)])

    def build_generator_optimizer(self):
        return keras.optimizers.SGD(0.01)

    def build_discriminator_optimizer(self):
        return keras.optimizers.SGD(0.01)


def one_shot(count: int) -> tf.data.Dataset:
    """A dataset that can be read once: the second pass finds nothing."""
    left = [count]

    def generate():
        while left[0]:
            left[0] -= 1
            yield np.zeros(4, np.float32), np.int64(0)

    signature = (tf.TensorSpec([4], tf.float32), tf.TensorSpec([], tf.int64))
    return tf.data.Dataset.from_generator(generate, output_signature=signature).batch(2)


def tensors(*arrays: Any, batch: int = 4) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0]).batch(batch)


def a_callback_that_returns(value: Any) -> gt.Callback:
    return gt.Callback(lambda progress: value, steps)


@attrs.frozen
class Unpacked:
    """An action that remembers what is no plain data."""

    def __call__(self, progress: gt.Progress) -> None: ...

    def state(self) -> dict[str, Any]:
        return {"weights": {1, 2}}

    def restore(self, state: dict[str, Any]) -> None: ...


def resumed(folder: Path, *, name: str = "run", task: Any = None, data: Any = None, **options: Any) -> Any:
    return gt.Loop.resume(folder / name, task or Classifier(), **options).run(data or labelled(), steps=1)


def broken(folder: Path, path: str, text: str | bytes) -> Path:
    """A copy of the run with a file that says something else."""
    shutil.copytree(folder / "run", folder / "copy")
    (folder / "copy" / path).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def record(**changes: Any) -> str:
    facts = {
        "run": "1",
        "task": "Classifier",
        "hyperparameters": {"precision": "float32"},
        "data": {},
        "seed": 0,
        "mode": "eager",
        "steps_per_call": 1,
    }
    return json.dumps(facts | changes)
