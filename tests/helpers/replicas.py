"""Trains small tasks on 1, 2 and 4 virtual devices, and writes down what became of them: a program, run by the tests.

Virtual devices have to be configured before TensorFlow is used, so they need a process of their own.

    python tests/helpers/replicas.py RESULTS.npz
    PYTHONPATH=scripts python tests/helpers/replicas.py recipe NAME STEPS
"""

import contextlib
import functools
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from replicated_tasks import (
    LABELS,
    ROWS,
    Averaged,
    Counting,
    Critic,
    Fading,
    FunctionLoss,
    LazyR1,
    PathLengths,
    Plain,
    Regularised,
    Sharing,
    Skipping,
    SynchronizedBatchNorm,
    TwoSets,
    points,
    supervised,
    two_sets,
    with_hole,
)

import gantape as gt
from gantape.distribute.replicas import copies

layers = keras.layers
REPLICAS = (1, 2, 4)


@functools.cache
def strategy_of(replicas: int) -> Any:
    """For so many virtual devices; none for 0. One of each kind: a process numbers their exchanges once."""
    if not replicas:
        return None
    # TensorFlow 2.21 lets a device be in one group of collective operations only, in the life of a process.
    operations = {"cross_device_ops": tf.distribute.ReductionToOneDevice()} if replicas > 2 else {}
    return tf.distribute.MirroredStrategy([f"CPU:{place}" for place in range(replicas)], **operations)


def made(task_class: type[Any], strategy: Any, **hyperparameters: Any) -> Any:
    """A task, from the same weights every time."""
    keras.utils.set_random_seed(0)
    with strategy.scope() if strategy else contextlib.nullcontext():
        return task_class(**hyperparameters)


def weights_of(task: Any) -> dict[str, Any]:
    """What is compared: all that is learnt, and the counters, averages and probabilities."""
    names = [name for name in task.part_names() if "metrics" not in name]
    return {
        f"{name}.{place}": np.array(variable.numpy() if not hasattr(variable.value, "values") else variable.value.values[0])
        for name in names
        for place, variable in enumerate(getattr(getattr(task, name), "variables", ()))
    }


CASES: dict[str, tuple[type[Any], Callable[[], gt.data.Batches], int]] = {
    "supervised": (Plain, supervised, 6),
    "loss as a function": (FunctionLoss, supervised, 6),
    "synchronized batch norm": (SynchronizedBatchNorm, supervised, 6),
    "averaged and clipped": (Averaged, points, 6),
    "wasserstein with accumulation": (Critic, points, 3),
    "lazy r1 and augmentation": (LazyR1, points, 6),
    "path length and noise": (PathLengths, points, 4),
    "fade": (Fading, points, 4),
    "shared examples": (Sharing, points, 3),
    "lecam and feature matching": (Regularised, points, 6),
    "skipping": (Skipping, with_hole, 6),
    "two sets": (TwoSets, two_sets, 4),
    "counting": (Counting, lambda: supervised(np.eye(16), np.arange(16, dtype="int32") % 3, 4), 4),
}


ONE_COUNT = (
    "fade",
    "lecam and feature matching",
    "loss as a function",
    "path length and noise",
    "skipping",
    "synchronized batch norm",
    "two sets",
)
"""Cases that are tried on two replicas only."""


def counts_of(case: str) -> tuple[int, ...]:
    """On how many replicas a case is tried: on one, where nothing is exchanged, only the first."""
    return (2,) if case in ONE_COUNT else REPLICAS if case == "supervised" else (2, 4)


def train(case: str, replicas: int, mode: str = "graph") -> tuple[dict[str, Any], dict[str, float]]:
    """Weights and the last row of the history."""
    task_class, data, steps = CASES[case]
    strategy = strategy_of(replicas)
    task = made(task_class, strategy)
    compiler = gt.StepCompiler(mode, strategy=strategy)
    history = gt.Loop(task, compiler=compiler, seed=3, gradient_norms=True).run(data(), steps=steps)
    return weights_of(task), {name: value for name, value in history.last().items() if name not in ("seconds", "split")}


def resumed(before: int, after: int) -> dict[str, Any]:
    """Weights after three steps on so many replicas, and three more on others."""
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder, "run")
        strategy = strategy_of(before)
        task = made(Averaged, strategy)
        gt.Loop(task, compiler=gt.StepCompiler(strategy=strategy), run_dir=run_dir, seed=3).run(points(), steps=3)
        strategy = strategy_of(after)
        task = made(Averaged, strategy)
        gt.Loop.resume(run_dir, task, compiler=gt.StepCompiler(strategy=strategy)).run(points(), steps=3)
        return weights_of(task)


def evaluated(replicas: int) -> dict[str, float]:
    """Means over data of which the last batch cannot be cut."""
    strategy = strategy_of(replicas)
    loop = gt.Loop(made(SynchronizedBatchNorm, strategy), compiler=gt.StepCompiler(strategy=strategy))
    return loop.evaluate(supervised(ROWS[:43], LABELS[:43], 8))


def in_half_precision(replicas: int) -> dict[str, list[float]]:
    """Loss scales of all replicas, and how many updates in a row were done, after eight of which two overflow."""
    strategy = strategy_of(replicas)
    task = made(Plain, strategy, precision="mixed_float16")
    gt.Loop(task, compiler=gt.StepCompiler(strategy=strategy), seed=3).run(with_hole(), steps=8)
    found = {"scale": task.optimizer.dynamic_scale, "done": task.optimizer.step_counter}
    return {name: [float(copy) for copy in copies(variable)] for name, variable in found.items()}


def errors_of_wrong_uses() -> dict[str, str]:
    """What wrong uses are answered."""
    strategy = strategy_of(2)
    odd = made(Plain, strategy)
    tries: dict[str, Callable[[], Any]] = {
        "made outside": lambda: gt.Loop(made(Plain, None), compiler=gt.StepCompiler(strategy=strategy)),
        "made inside": lambda: gt.Loop(made(Plain, strategy)),
        "xla": lambda: gt.StepCompiler("xla", strategy=strategy),
        "unknown strategy": lambda: gt.StepCompiler(strategy=tf.distribute.get_strategy()),
        "odd batch": lambda: gt.Loop(odd, compiler=gt.StepCompiler(strategy=strategy)).run(supervised(batch_size=7), steps=1),
    }
    answers = {}
    for name, attempt in tries.items():
        try:
            attempt()
        except gt.GantapeError as error:
            answers[name] = f"{type(error).__name__}: {error}"
    return answers


def train_recipe(name: str, steps: int) -> None:
    """Train a recipe of the scripts on two replicas, and print what the newest row says."""
    from gantape.commands.recipes import FOLDER_RECIPES, RECIPES

    strategy = strategy_of(2)
    if name in FOLDER_RECIPES:
        recipe: Any = dict(FOLDER_RECIPES)[name]
        task = made(recipe.task_class, strategy, image_size=32, width=2, widest=4)
        data = recipe.batches(lambda **options: gt.data.photographs(**options | {"batch_size": 16, "size": 32}))
    else:
        recipe = dict(RECIPES)[name]
        task = made(recipe.task_class, strategy)
        data = recipe.batches(lambda **options: gt.data.digits(**options | {"batch_size": 16}))
    # Lazy terms apart, a step is traced once.
    loop = gt.Loop(task, compiler=gt.StepCompiler(strategy=strategy, max_traces=1))
    print(json.dumps(dict(loop.run(data, steps=steps).last())))


def main(file: str) -> None:
    """Run every case, and write what came of it."""
    keras.config.set_floatx("float64")
    found: dict[str, Any] = {}
    rows: dict[str, Any] = {}

    def keep(name: str, weights: dict[str, Any]) -> None:
        found.update({f"{name}|{weight}": value for weight, value in weights.items()})

    for case in CASES:
        for replicas in (0, *counts_of(case)):
            weights, rows[f"{case}|{replicas}"] = train(case, replicas)
            keep(f"{case}|{replicas}", weights)
    weights, rows["supervised|eager"] = train("supervised", 2, "eager")
    keep("supervised|eager", weights)
    for before, after in ((2, 1), (2, 4), (0, 2)):
        keep(f"resumed|{before}-{after}", resumed(before, after))
    for replicas in (0, 2, 4):
        rows[f"evaluated|{replicas}"] = evaluated(replicas)
    strategy = tf.distribute.OneDeviceStrategy("CPU:1")
    task = made(Plain, strategy)
    gt.Loop(task, compiler=gt.StepCompiler("auto", strategy=strategy), seed=3).run(supervised(), steps=6)
    keep("supervised|one device", weights_of(task))
    keras.config.set_floatx("float32")
    for replicas in (0, 2):
        rows[f"half|{replicas}"] = in_half_precision(replicas)
    np.savez(file, **found)
    Path(file).with_suffix(".json").write_text(json.dumps({"rows": rows, "errors": errors_of_wrong_uses()}))


if __name__ == "__main__":
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * max(REPLICAS))
    if sys.argv[1] == "recipe":
        train_recipe(sys.argv[2], int(sys.argv[3]))
    else:
        main(sys.argv[1])
