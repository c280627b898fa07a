"""Write the training step of a task as XLA programs, which run_steps.py runs without TensorFlow, on a GPU for example.

    python scripts/portable/write_steps.py --task dcgan --folder runs/portable/dcgan

The folder holds the program of one step and that of a loop of many, the task's variables, some batches of the data, which the
steps go through again and again, and a manifest. `load_variables` loads variables that run_steps.py has trained into a task.
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

sys.path.insert(0, str(Path(__file__).parents[1]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import keras
import numpy as np
import tensorflow as tf
import tyro

import gantape as gt
from gantape import zoo
from gantape.data.batches import Batches, Position, take_batch
from gantape.tasks.holdings import holdings_of

Name = Literal["classifier", "dcgan", "guide", "wgan-gp"]
TASKS: dict[Name, type[gt.Task]] = {
    "classifier": zoo.DigitClassifier,
    "dcgan": zoo.DCGAN,
    "guide": zoo.GuideDCGAN,
    "wgan-gp": zoo.WGANGP,
}
FORMAT = 1
MOST_BYTES = 60_000_000
STEPS_PER_CALL = 64
ALIAS = re.compile(r"\{(\d+)\}: \((\d+), \{\}")


class PortableSteps:
    """The steps of a task on a few batches, as functions that XLA compiles.

    Args:
        task: The task, as new: its step is number 0.
        data: Its data.
        seed: The seed of random numbers and data order.
        batches: The number of batches to go through.

    Raises:
        ValueError: If not all updates are due in every step: they would need a program for each combination.
    """

    def __init__(self, task: gt.Task, data: Batches, *, seed: int = 0, batches: int = 64) -> None:
        self._step = gt.Step(task.updates(), seed, task.metrics.update, name=repr(task))
        self._due = self._step.due(0)
        if self._step.due(1) != self._due:
            raise ValueError("portable steps are all alike: choose a task without `every` and without lazy penalties.")
        stack = data.open(seed, Position()).read(batches)
        stored = [stack.batch(index) for index in range(stack.count)]
        self.batches = tf.nest.map_structure(lambda *leaves: tf.stack(leaves), *stored)
        self._count = stack.count
        self._prepare: Callable[[Any], Any] = stack.prepare
        self._step.prepare()
        self.names = self._reported()
        self.step = tf.function(self._one_step, jit_compile=True, autograph=False)
        self.loop = tf.function(self._many_steps, jit_compile=True, autograph=False)

    def _one_step(self, batches: Any, number: Any) -> Any:
        """The scalars that a step reports, shape `scalars`; `number` is that of the step, from 0."""
        return tf.stack([tf.cast(value, tf.float32) for value in self._run(batches, number).values()])

    def _many_steps(self, batches: Any, first: Any, count: Any) -> Any:
        """The scalars of `count` steps, zeros behind them: shape `steps scalars`."""

        def body(index: Any, rows: Any) -> Any:
            row = self._one_step(batches, first + tf.cast(index, tf.int64))
            return index + 1, tf.tensor_scatter_nd_update(rows, [[index]], [row])

        start = (tf.constant(0), tf.zeros([STEPS_PER_CALL, len(self.names)]))
        return tf.while_loop(lambda index, _: index < count, body, start)[1]

    def _run(self, batches: Any, number: Any) -> dict[str, Any]:
        width = self._step.batches_per_step
        first = tf.cast(number, tf.int32) * width
        taken = [take_batch(batches, None, (first + place) % self._count) for place in range(width)]
        return self._step.run([self._prepare(batch) for batch in taken], number, self._due)

    def _reported(self) -> tuple[str, ...]:
        """The names of the scalars, from a trace."""
        names: list[str] = []

        def trace(batches: Any, number: Any) -> None:
            names.extend(self._run(batches, number))

        tf.function(trace, jit_compile=True, autograph=False).get_concrete_function(self.batches, tf.TensorSpec([], tf.int64))
        return tuple(names)


def write_steps(task: gt.Task, data: Batches, folder: Path, *, seed: int = 0, batches: int = 64) -> None:
    """Write the programs of a task's steps.

    Args:
        task: The task, whose variables are where the steps begin. Every update has to be due in every step.
        data: Its data.
        folder: The folder to write.
        seed: The seed of random numbers and data order.
        batches: The number of batches to write.

    Raises:
        ValueError: If the steps differ, or a step reads a variable that no part of the task holds.
    """
    steps = PortableSteps(task, data, seed=seed, batches=batches)
    folder.mkdir(parents=True, exist_ok=True)
    given = tf.nest.flatten(steps.batches)
    state: dict[str, Any] = {}
    number, count = tf.constant(0, tf.int64), tf.constant(0, tf.int32)
    programs = {
        "step": _write_program(steps.step, (steps.batches, number), task, state, folder / "step.hlo"),
        "loop": _write_program(steps.loop, (steps.batches, number, count), task, state, folder / "loop.hlo"),
    }
    np.savez(folder / "state.npz", **state)
    np.savez_compressed(folder / "batches.npz", **{f"{place:04d}": leaf.numpy() for place, leaf in enumerate(given)})
    manifest = {
        "format": FORMAT,
        "task": repr(task),
        "reported": steps.names,
        "steps_per_call": STEPS_PER_CALL,
        "batches": [f"{place:04d}" for place in range(len(given))],
        "state": list(state),
        "programs": programs,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    size = sum(path.stat().st_size for path in folder.iterdir())
    if size > MOST_BYTES:
        print(f"{folder} has {size / 1e6:.0f} MB; with fewer batches it would be smaller.")


def _write_program(function: Any, inputs: Any, task: gt.Task, state: dict[str, Any], path: Path) -> dict[str, Any]:
    """Write a compiled function, add the values that it captures to the state, and return how outputs belong to them."""
    concrete = function.get_concrete_function(*inputs)
    names = {id(variable.value.handle): name for name, variable in holdings_of(task).variables.items()}
    captured = []
    for place, tensor in enumerate(concrete.captured_inputs):
        if tensor.dtype != tf.resource:
            name, value = f"constant/{path.stem}/{place:04d}", tensor.numpy()
        elif id(tensor) in names:
            name, value = names[id(tensor)], None
        else:
            raise ValueError(f"input {place} of the step is a variable that no part of {type(task).__name__} holds.")
        state.setdefault(name, holdings_of(task).variables[name].numpy() if value is None else value)
        captured.append(name)
    compiled = function.experimental_get_compiler_ir(*inputs)
    path.write_bytes(compiled(stage="hlo_serialized"))
    header = compiled(stage="hlo").partition("\n")[0]
    aliases = header.partition("input_output_alias={")[2].partition(" }")[0]
    explicit = len(tf.nest.flatten(inputs))
    order = list(state)
    return {
        "state": [order.index(name) for name in captured],
        "replaces": {int(output): order.index(captured[int(place) - explicit]) for output, place in ALIAS.findall(aliases)},
    }


def load_variables(task: gt.Task, path: Path) -> None:
    """Load the variables of a file that run_steps.py has written, `final.npz`, into a task like the one of the steps.

    Raises:
        ValueError: If the task has other variables.
    """
    variables = holdings_of(task).variables
    with np.load(path, allow_pickle=False) as arrays:
        names = [name for name in arrays.files if not name.startswith("constant/")]
        unknown = sorted(set(names) - set(variables))
        if unknown:
            raise ValueError(f"{type(task).__name__} has no variables {', '.join(unknown[:5])}.")
        for name in names:
            variables[name].assign(arrays[name])


def main(
    folder: Path, task: Name = "dcgan", data: Literal["digits", "mnist"] = "digits", batches: int = 64, seed: int = 0
) -> None:
    """Write the steps of a task.

    Args:
        folder: The folder to write.
        task: The task.
        data: Its data.
        batches: The number of batches to write.
        seed: The seed of initial weights, random numbers and data order.
    """
    keras.utils.set_random_seed(seed)
    made = TASKS[task]()
    source = gt.data.digits if data == "digits" else gt.data.mnist
    supervised = isinstance(made, gt.SupervisedTask)
    pixels = (0.0, 1.0) if supervised else made.pixels
    write_steps(made, source(batch_size=64, labels=supervised, pixels=pixels), folder, seed=seed, batches=batches)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
