"""Writes a task as a loop by hand."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gantape.data.arrays import ArrayBatches
from gantape.data.batches import Batches
from gantape.ejection import program
from gantape.ejection.ejected import Check, Ejected
from gantape.ejection.graph import Node, code_of, constructor
from gantape.ejection.hooks import recording
from gantape.ejection.networks import network
from gantape.ejection.prove import compared, formatted, unchanged
from gantape.ejection.trace import Trace, TracedStreams
from gantape.errors import EjectError
from gantape.random.rng import RandomStreams
from gantape.steps.added import added_losses
from gantape.steps.gradients import GradientOptions
from gantape.steps.step import Update
from gantape.tasks import Task
from gantape.types import Model


def eject(
    task: Task, data: Batches, path: str | Path | None = None, *, seed: int = 0, steps: int | None = None, check: int = 3
) -> Ejected:
    """Write a task as a training loop by hand: one program of TensorFlow and Keras, which does without gantape.

    The losses are run once, and the operations that they call are written down. The task stays as it is. The examples and the
    initial weights are saved beside the program, in an `.npz` file of the same name.

    Args:
        task: The task. Its weights are those with which the program begins.
        data: The training batches, from arrays in memory.
        path: The file to write; none by default.
        seed: The seed of random numbers and of the order of examples.
        steps: How many steps the program does; by default one pass over the data.
        check: For how many steps the program is compared with `Loop.run`; 0 for no comparison.

    Returns:
        The program, with notes and the result of the comparison, which stands in its header too.

    Raises:
        EjectError: If the task or the data cannot be written out, with the line of the loss that is the reason.
    """
    if not isinstance(data, ArrayBatches):
        raise _refusal("the data is not in arrays.", "argument `data`", type(data).__name__, "use data.from_arrays.")
    if task.precision != "float32":
        raise _refusal("the task has another precision.", f"{type(task).__name__}.precision", task.precision, "use float32.")
    with unchanged(task):
        writer = _Writer(task, data, seed)
        total = steps or max(1, data.batches_per_epoch // writer.width)
        file = "by_hand.npz" if path is None else Path(path).with_suffix(".npz").name
        text = writer.text(total, file)
        saved = writer.saved()
        result = compared(task, data, seed, check, text, saved, writer.networks) if check else Check(0, 0.0)
    made = Ejected(formatted(text.replace("{check}", str(result), 1)), tuple(writer.notes), result)
    if path is not None:
        Path(path).write_text(made.text, encoding="utf-8")
        np.savez_compressed(Path(path).with_suffix(".npz"), allow_pickle=False, **saved)
    return made


class _Writer:
    def __init__(self, task: Task, data: ArrayBatches, seed: int) -> None:
        self.task, self.data, self.seed = task, data, seed
        self.updates = task.updates()
        self.width = max(update.batches for update in self.updates)
        self.notes: list[str] = ["metrics of evaluation and grids of samples are left out"]
        self.parts = {name: getattr(task, name) for name in task.part_names()}
        self.networks = self._networks()
        self.names = {id(model): name for name, model in self.networks.items()}
        self.losses = {f"{name}_function": part for name, part in self.parts.items() if isinstance(part, keras.losses.Loss)}
        self.names |= {id(part): name for name, part in self.losses.items()}
        numbers = task.hyperparameters
        self.constants = {id(value): name.upper() for name, value in numbers.items() if isinstance(value, float)}
        self._loads = [
            f'    {name}.set_weights([saved[f"{name}/{{place}}"] for place in range({len(model.variables)})])'
            for name, model in self.networks.items()
        ]

    def saved(self) -> dict[str, Any]:
        """The examples and the initial weights."""
        arrays = {f"data/{place}": leaf for place, leaf in enumerate(tf.nest.flatten(self.data.arrays))}
        for name, model in self.networks.items():
            arrays |= {f"{name}/{place}": value for place, value in enumerate(model.get_weights())}
        return arrays

    def text(self, steps: int, file: str) -> str:
        """The program, with `{check}` in its header."""
        functions = [self._prepare(), *(self._update(update) for update in self.updates)]
        body = "\n".join(functions)
        builds = [line for name, model in self.networks.items() for line in [*network(model, name)[0], "", ""]]
        draws = [code for name, code in program.DRAWS.items() if f"{name}(" in body]
        averages = [program.AVERAGE] if any(update.average for update in self.updates) else []
        made = [f"{name} = build_{name}()" for name in self.networks]
        losses = [f"{name} = {constructor(part, self.constants)}" for name, part in self.losses.items()]
        metrics = [f"{_metric(name)} = {constructor(self.task.metrics[name], {})}" for name in self.task.metrics.names]
        optimizers = [f"{self._optimizer(update)} = {constructor(update.optimizer, self.constants)}" for update in self.updates]
        count = len(tf.nest.flatten(self.data.arrays))
        load = [
            f'with np.load(pathlib.Path(__file__).with_name("{file}")) as saved:',
            f'    ARRAYS = [saved[f"data/{{place}}"] for place in range({count})]',
            *self._loads,
        ]
        constants = [f"SEED = {self.seed}", f"BATCH_SIZE = {self.data.batch_size}", f"STEPS = {steps}"]
        constants += [f"{name} = {value!r}" for name, value in self._constants("\n".join([body, *optimizers, *losses]))]
        imports = ["hashlib", "itertools", *(["math"] if program.NORMAL in draws else []), "pathlib"]
        head = [
            f'"""The training of {type(self.task).__name__}, by hand.',
            "",
            "{check}",
            '"""',
            "",
            *(f"import {name}" for name in imports),
            "from urllib.parse import quote",
            "",
            "import keras",
            "import numpy as np",
            "import tensorflow as tf",
            "",
            *constants,
            "",
            "",
        ]
        random = [program.RANDOM, *draws] if draws else []
        return "\n".join(
            [
                *head,
                *builds,
                *made,
                *losses,
                *optimizers,
                *metrics,
                *load,
                "",
                program.DATA,
                *random,
                *averages,
                body,
                self._train(),
            ]
        )

    def _networks(self) -> dict[str, Any]:
        found: dict[int, str] = {}
        for name, part in self.parts.items():
            if isinstance(part, Model):
                found.setdefault(id(part), name)
        return {name: self.parts[name] for name in found.values()}

    def _constants(self, text: str) -> list[tuple[str, Any]]:
        numbers = [(name.upper(), value) for name, value in self.task.hyperparameters.items() if isinstance(value, float)]
        return [number for number in numbers if number[0] in text]

    def _optimizer(self, update: Update) -> str:
        return f"{update.name}_optimizer"

    def _batch(self) -> Any:
        return tf.nest.map_structure(lambda leaf: tf.convert_to_tensor(leaf[: self.data.batch_size]), self.data.arrays)

    def _prepare(self) -> str:
        """The function that prepares a batch, and returns its tensors flat."""
        trace, batch = Trace({}, {}), self._batch()
        leaves = tf.nest.flatten(batch)
        inputs = [f"array_{place}" for place in range(len(leaves))]
        for leaf, name in zip(leaves, inputs, strict=True):
            trace.input(leaf, name)
        with recording(trace):
            prepared = self.data.prepare(batch)
        outputs = [trace.node_of(leaf) for leaf in tf.nest.flatten(prepared)]
        lines, results = _code(trace, outputs, inputs)
        return "\n".join(
            [
                f"\ndef prepare({', '.join(inputs)}):",
                '    """The tensors of a batch."""',
                *(f"    {line}" for line in lines),
                f"    return ({', '.join(results)},)",
                "",
            ]
        )

    def _update(self, update: Update) -> str:
        _check(update)
        batch = self.data.prepare(self._batch())
        trace, leaves = Trace(dict(self.names), self.constants), tf.nest.flatten(batch)
        inputs = ["batch"] if len(leaves) == 1 else self._inputs(batch, len(leaves))
        for leaf, name in zip(leaves, inputs, strict=True):
            trace.input(leaf, name)
        streams = RandomStreams(self.seed, 0).stream(update.name, 0)
        rng = TracedStreams(streams.seed, 0, trace=trace, paths=(f'("{update.name}", place)',))
        with added_losses(update.models) as added, recording(trace):
            losses = update.loss(batch, rng)
        terms = losses.computed()
        metrics = [(name, tf.nest.flatten(values)) for name, values in losses.metrics.items()]
        wanted = [trace.node_of(value) for value in [*terms.values(), *(leaf for _, leaves in metrics for leaf in leaves)]]
        for name, node in zip(terms, wanted, strict=False):
            node.name = node.name or (f"{name}_loss" if len(terms) > 1 else "loss_of_batch")
        with trace.silent():
            adds = added.total() is not None
        extra = [f"tf.add_n({self.names[id(model)]}.losses)" for model in update.models] if adds else []
        taken = [*inputs, *self.names.values(), "loss", "step", "place", "gradients", "variables"]
        lines, results = _code(trace, wanted, taken)
        models = " + ".join(f"{self.names[id(model)]}.trainable_variables" for model in update.models)
        total = " + ".join([*results[: len(terms)], *extra])
        text = [
            f"\ndef update_{update.name}({', '.join(inputs)}, step, place):",
            '    """One update; returns its loss."""',
            f"    variables = {models}",
            "    with tf.GradientTape() as tape:",
            *(f"        {line}" for line in lines),
            f"        loss = {total}",
            "    gradients = tape.gradient(loss, variables)",
            *_clipped(update.gradient_options),
            f"    {self._optimizer(update)}.apply(gradients, variables)",
            *_limited(update.gradient_options),
        ]
        if update.average is not None:
            text.append(f"    follow({self._average(update)}, step, {self._decay(update)!r})")
        rest = results[len(terms) :]
        for name, values in metrics:
            text.append(f"    {_metric(name)}.update_state({', '.join(rest[: len(values)])})")
            rest = rest[len(values) :]
        return "\n".join([*text, "    return loss", ""])

    def _inputs(self, batch: Any, count: int) -> list[str]:
        if isinstance(batch, tuple) and len(batch) == count <= 3:
            return ["inputs", "targets", "sample_weight"][:count]
        return [f"batch_{place}" for place in range(count)]

    def _average(self, update: Update) -> str:
        average: Any = update.average
        return f"{self.names[id(average.copy)]}, {self.names[id(average.model)]}"

    def _decay(self, update: Update) -> float:
        average: Any = update.average
        return 0.5 ** (self.data.batch_size / average.half_life) if average.half_life else average.decay

    def _train(self) -> str:
        lines = ["\ndef train(steps=STEPS):", '    """The training loop."""']
        lines += ["    stream = batches()", "    for step in range(steps):"]
        lines.append(f"        taken = [next(stream) for _ in range({self.width})]")
        for update in self.updates:
            indent = "        "
            if update.every > 1:
                lines.append(f"{indent}if step % {update.every} == 0:")
                indent += "    "
            first = self.width - update.repeats
            lines.append(f"{indent}for place in range({update.repeats}):")
            at = "place" if not first else f"{first} + place"
            lines.append(f"{indent}    {update.name}_loss = update_{update.name}(*taken[{at}], step, place)")
        shown = ", ".join(f'"{update.name}", float({update.name}_loss)' for update in self.updates if update.every == 1)
        lines += ["        if step % 100 == 0 or step == steps - 1:", f"            print(step, {shown})"]
        return "\n".join([*lines, "", "", 'if __name__ == "__main__":', "    train()", ""])


def _code(trace: Trace, outputs: list[Node], taken: list[str]) -> tuple[list[str], list[str]]:
    given = {id(node): node for node in trace.known.values() if node.template == node.name}
    return code_of(trace.nodes, outputs, taken, {number: node.template for number, node in given.items()})


def _metric(name: str) -> str:
    return f"metric_{name}"


def _check(update: Update) -> None:
    options = update.gradient_options
    problems = {
        "accumulated gradients": options.accumulate > 1,
        "skipped updates": options.skip_nonfinite,
        "lazy terms": bool(update.lazy),
        "variables besides those of models": len(update.models) < len(update.variables),
    }
    found = [name for name, is_so in problems.items() if is_so]
    if found:
        where = f'Update "{update.name}"'
        raise _refusal("an update has options that are not written out.", where, ", ".join(found), "leave them out.")


def _clipped(options: GradientOptions) -> list[str]:
    limit, lines = options.clip_value, []
    if limit is not None:
        lines.append(f"    gradients = [tf.clip_by_value(gradient, -{limit!r}, {limit!r}) for gradient in gradients]")
    if options.clip_norm is not None:
        lines.append(f"    gradients, _ = tf.clip_by_global_norm(gradients, {options.clip_norm!r})")
    return lines


def _limited(options: GradientOptions) -> list[str]:
    limit = options.clip_weights
    return (
        []
        if limit is None
        else ["    for variable in variables:", f"        variable.assign(tf.clip_by_value(variable, -{limit!r}, {limit!r}))"]
    )


def _refusal(what: str, where: str, got: str, do: str) -> EjectError:
    return EjectError(what, where=where, got=got, do=do)
