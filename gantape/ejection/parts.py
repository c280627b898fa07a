"""What the written program has names for: networks, losses, optimizers and numbers."""

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import keras
import tensorflow as tf

from gantape.data.arrays import ArrayBatches
from gantape.ejection.graph import Node, code_of
from gantape.ejection.source import Sources
from gantape.ejection.trace import Trace
from gantape.errors import EjectError
from gantape.steps.step import Update
from gantape.tasks import Task
from gantape.tasks.outputs import OutputMetric
from gantape.tasks.variables import named_variables
from gantape.types import Batch, Model


@attrs.frozen(eq=False)
class Named:
    """A task, its data, and the names of their parts in the program.

    Args:
        task: The task.
        data: The training batches.
        seed: The seed of random numbers and of the order of examples.
        updates: The updates of the task.
        constants: The names of the hyper-parameters that are floats, by identity.
    """

    task: Task
    data: ArrayBatches
    seed: int
    updates: tuple[Update, ...]
    constants: dict[int, str]
    sources: Sources = attrs.field(init=False, factory=Sources)
    networks: dict[str, Any] = attrs.field(init=False)
    losses: dict[str, Any] = attrs.field(init=False)
    variables: dict[str, Any] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        parts = {name: getattr(self.task, name) for name in self.task.part_names()}
        first: dict[int, str] = {}
        for name, part in parts.items():
            if isinstance(part, Model):
                first.setdefault(id(part), name)
        object.__setattr__(self, "networks", {name: parts[name] for name in first.values()})
        object.__setattr__(self, "losses", dict(_losses(parts)))
        object.__setattr__(self, "variables", dict(self._own_variables()))

    @property
    def names(self) -> dict[int, str]:
        """The names of networks, of their layers and variables, of losses and of other variables, by identity."""
        names = {id(layer): code for name, model in self.networks.items() for layer, code in _layers(model, name)}
        for name, model in self.networks.items():
            for place, variable in enumerate(model.variables):
                names |= dict.fromkeys((id(variable), id(variable.value)), f"{name}.variables[{place}]")
        names |= {id(part): name for name, part in (self.networks | self.losses | self.variables).items()}
        return names | {id(variable.value): f"{name}.value" for name, variable in self.variables.items()}

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics of training, those of Keras that see one output included."""
        found = {name: self.task.metrics[name] for name in self.task.metrics.names}
        return {name: metric.metric if isinstance(metric, OutputMetric) else metric for name, metric in found.items()}

    @property
    def batches_per_step(self) -> int:
        """How many batches a step takes."""
        return max(update.batches for update in self.updates)

    def numbers(self) -> dict[str, float]:
        """Numbers that stand at the top of the program: hyper-parameters, and the options of updates.

        Raises:
            EjectError: If one changes with the steps.
        """
        found = {name.upper(): value for name, value in self.task.hyperparameters.items() if isinstance(value, float)}
        for update in self.updates:
            for option in ("clip_value", "clip_norm", "clip_weights"):
                value = getattr(update.gradient_options, option)
                if value is not None:
                    found[option_name(update, option)] = value
            average = update.average
            if average is not None:
                examples = update.gradient_options.accumulate * self.data.batch_size
                decay = 0.5 ** (examples / average.half_life) if average.half_life else average.decay
                if callable(decay):
                    raise EjectError(
                        "the decay of an average is a function of the step.",
                        where=f'update "{update.name}"',
                        got=repr(decay),
                        do="give a number as its decay.",
                    )
                found[option_name(update, "decay")] = decay
        return found

    def built(self) -> list[tuple[str, str]]:
        """The names of the optimizers, and the code of the variables that each moves."""
        return [(optimizer_name(update), self.code_of_variables(update)) for update in self.updates]

    def code_of_variables(self, update: Update) -> str:
        """The code of the variables that an update moves.

        Raises:
            EjectError: If one belongs to no part.
        """
        codes: list[str] = []
        single: list[str] = []
        names = self.names
        for part in update.variables:
            if id(part) not in names:
                raise EjectError(
                    "an update moves a variable that no part holds.",
                    where=f'update "{update.name}"',
                    got=getattr(part, "path", repr(part)),
                    do="return it, or its owner, from a build_ method.",
                )
            if isinstance(part, Model):
                codes += [f"[{', '.join(single)}]"] if single else []
                codes.append(f"{names[id(part)]}.trainable_variables")
                single = []
            else:
                single.append(names[id(part)])
        return " + ".join(codes + ([f"[{', '.join(single)}]"] if single else []))

    def _own_variables(self) -> Iterator[tuple[str, Any]]:
        """The variables that are part of no network, optimizer, loss or metric, such as those of a pool."""
        others = {id(variable) for model in self.networks.values() for variable in model.variables}
        others |= {id(variable) for update in self.updates for variable in update.optimizer.variables}
        others |= {id(variable) for variable in self.task.metrics.variables}
        taken: list[str] = []
        for path, variable in named_variables(self.task).items():
            if id(variable) in others or path.startswith("evaluation_metrics/") or not isinstance(variable, keras.Variable):
                continue
            name = "_".join(part for part in path.split("/")[:-1] if not part.isdigit())
            taken.append(name)
            yield name if taken.count(name) == 1 else f"{name}_{taken.count(name)}", variable

    def batch(self) -> Batch:
        """The first batch, before it is prepared."""
        return tf.nest.map_structure(lambda leaf: tf.convert_to_tensor(leaf[: self.data.batch_size]), self.data.arrays)


def _layers(model: Any, name: str) -> Iterator[tuple[Any, str]]:
    """The layers of a network and of the networks in it, and the code of each."""
    for place, layer in enumerate(getattr(model, "layers", ())):
        code = f"{name}.layers[{place}]"
        yield layer, code
        yield from _layers(layer, code) if isinstance(layer, keras.Model) else ()


def _losses(parts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The losses of Keras among the parts, also those in dicts and lists, by name."""
    for name, part in parts.items():
        several = dict(part) if isinstance(part, Mapping) else dict(enumerate(part)) if isinstance(part, list | tuple) else None
        for key, loss in {"": part}.items() if several is None else several.items():
            if isinstance(loss, keras.losses.Loss):
                yield f"{f'{key}_' if key != '' else ''}{name}_function", loss


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
