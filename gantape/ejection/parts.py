"""What the written program has names for: networks, losses, optimizers and numbers."""

from typing import Any

import attrs
import keras
import tensorflow as tf

from gantape.data.arrays import ArrayBatches
from gantape.ejection.graph import Node, code_of
from gantape.ejection.source import Sources
from gantape.ejection.trace import Trace
from gantape.steps.step import Update
from gantape.tasks import Task
from gantape.types import Batch, Model


@attrs.frozen(eq=False)
class Named:
    """A task, its data, and the names of their parts in the program.

    Args:
        task: The task.
        data: The training batches.
        seed: The seed of random numbers and of the order of examples.
        updates: The updates of the task.
    """

    task: Task
    data: ArrayBatches
    seed: int
    updates: tuple[Update, ...]
    sources: Sources = attrs.field(init=False, factory=Sources)
    networks: dict[str, Any] = attrs.field(init=False)
    losses: dict[str, Any] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        parts = {name: getattr(self.task, name) for name in self.task.part_names()}
        first: dict[int, str] = {}
        for name, part in parts.items():
            if isinstance(part, Model):
                first.setdefault(id(part), name)
        losses = {f"{name}_function": part for name, part in parts.items() if isinstance(part, keras.losses.Loss)}
        object.__setattr__(self, "networks", {name: parts[name] for name in first.values()})
        object.__setattr__(self, "losses", losses)

    @property
    def names(self) -> dict[int, str]:
        """The names of networks and losses, by identity."""
        return {id(part): name for name, part in (self.networks | self.losses).items()}

    @property
    def batches_per_step(self) -> int:
        """How many batches a step takes."""
        return max(update.batches for update in self.updates)

    @property
    def constants(self) -> dict[int, str]:
        """The names of the hyper-parameters that are floats, by identity."""
        numbers = self.task.hyperparameters.items()
        return {id(value): name.upper() for name, value in numbers if isinstance(value, float)}

    def numbers(self) -> dict[str, float]:
        """Numbers that stand at the top of the program: hyper-parameters, and the options of updates."""
        found = {name.upper(): value for name, value in self.task.hyperparameters.items() if isinstance(value, float)}
        for update in self.updates:
            for option in ("clip_value", "clip_norm", "clip_weights"):
                value = getattr(update.gradient_options, option)
                if value is not None:
                    found[option_name(update, option)] = value
            average = update.average
            if average is not None:
                by_examples = 0.5 ** (self.data.batch_size / average.half_life) if average.half_life else average.decay
                found[option_name(update, "decay")] = by_examples
        return found

    def batch(self) -> Batch:
        """The first batch, before it is prepared."""
        return tf.nest.map_structure(lambda leaf: tf.convert_to_tensor(leaf[: self.data.batch_size]), self.data.arrays)


def option_name(update: Update, option: str) -> str:
    """The name of the constant for an option of an update."""
    return f"{update.name}_{option}".upper()


def metric_name(name: str) -> str:
    """The name of a metric in the program."""
    return f"metric_{name}"


def optimizer_name(update: Update) -> str:
    """The name of an optimizer in the program."""
    return f"{update.name}_optimizer"


def body_of(trace: Trace, outputs: list[Node], taken: list[str]) -> tuple[list[str], list[str]]:
    """The lines of a traced function, and the code of its outputs."""
    given = {id(node): node.template for node in trace.known.values() if node.template == node.name}
    return code_of(trace.nodes, outputs, taken, given)
