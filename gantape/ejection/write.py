"""Writes a task as a loop by hand."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from gantape.data.arrays import ArrayBatches
from gantape.data.batches import Batches
from gantape.ejection.constants import named_numbers
from gantape.ejection.ejected import Check, Ejected
from gantape.ejection.graph import constructor
from gantape.ejection.layout import laid_out
from gantape.ejection.networks import Networks, in_order
from gantape.ejection.parts import Named, metric_name, optimizer_name
from gantape.ejection.passes import Passes
from gantape.ejection.program import (
    AVERAGE,
    BATCHES,
    DERIVE,
    DRAWS,
    EVERY_BATCH,
    NORMAL,
    PLAIN_AVERAGE,
    RANDOM,
    WHOLE_STEPS,
)
from gantape.ejection.prove import compared
from gantape.ejection.train import train_function
from gantape.ejection.updates import prepare_function, update_function
from gantape.errors import EjectError, counted
from gantape.steps.loss_scale import applied_optimizer
from gantape.steps.saved import variables_restored
from gantape.tasks import Task
from gantape.types import Model

NOTES = ("metrics of evaluation and grids of samples are left out",)


def eject(
    task: Task,
    data: Batches,
    path: str | Path | None = None,
    *,
    seed: int = 0,
    check: int = 3,
    compiled: bool = False,
) -> Ejected:
    """Write a task as a training loop by hand: one program of TensorFlow and Keras, which does without gantape.

    The losses are run once, and the operations that they call are written down. The task stays as it is. The examples and the
    initial weights are saved beside the program, in an `.npz` file of the same name.

    Args:
        task: The task. Its weights are those with which the program begins.
        data: The training batches, from arrays in memory.
        path: The file to write; none by default.
        seed: The seed of random numbers and of the order of examples.
        compiled: Whether the program compiles its steps, by `tf.function`.
        check: For how many steps the program is compared with `Loop.run`; 0 for no comparison.

    Returns:
        The program, with notes and the result of the comparison, which stands in its header too.

    Raises:
        EjectError: If the task or the data cannot be written out, with the line of the loss that is the reason, or if the
            program computes something else than the loop.
    """
    if not isinstance(data, ArrayBatches):
        raise _refusal("the data is not in arrays.", "argument `data`", type(data).__name__, "use data.from_arrays.")
    if task.precision != "float32":
        raise _refusal("the task has another precision.", f"{type(task).__name__}.precision", task.precision, "use float32.")
    file = "by_hand.npz" if path is None else Path(path).with_suffix(".npz").name
    with named_numbers(task) as constants, variables_restored(task.variables):
        named = Named(task, data, seed, tuple(task.updates()), constants)
        _check_untrained(named)
        saved = saved_arrays(named)
        text = laid_out(_text(named, max(1, data.batches_per_epoch // named.batches_per_step), file, compiled))
        text = text.replace("{sources}\n\n\n", f"{named.sources}\n\n\n" if str(named.sources) else "", 1)
    with variables_restored(task.variables):
        result = compared(named, text, saved, check, mode="graph" if compiled else "eager") if check else Check(0)
    made = Ejected(text.replace("{check}", str(result), 1), NOTES, result)
    if path is not None:
        Path(path).write_text(made.text, encoding="utf-8")
        np.savez_compressed(Path(path).with_suffix(".npz"), allow_pickle=False, **saved)
    return made


def saved_arrays(named: Named) -> dict[str, Any]:
    """The examples and the initial weights."""
    arrays = {f"data/{place}": leaf for place, leaf in enumerate(tf.nest.flatten(named.data.arrays))}
    arrays |= {f"{name}/0": variable.numpy() for name, variable in named.variables.items()}
    for name, model in named.networks.items():
        arrays |= {f"{name}/{place}": value for place, value in enumerate(model.get_weights())}
        arrays |= {f"seeds/{name}/{place}": state.numpy() for place, state in enumerate(_seeds(model))}
    return arrays


def _seeds(model: Model) -> list[Any]:
    """The states of the random numbers that layers draw, such as those of dropout."""
    return [variable for variable in model.variables if variable.path.endswith("seed_generator_state")]


def _check_untrained(named: Named) -> None:
    for update in named.updates:
        steps = int(applied_optimizer(update.optimizer).iterations.numpy())
        if not steps:
            continue
        raise _refusal(
            "the task has been trained: the program would begin without the state of its optimizers.",
            f'update "{update.name}"',
            f"an optimizer that has done {counted(steps, 'step')}",
            "write a new task out; its networks may have the weights of the trained ones.",
        )


def _text(named: Named, steps: int, file: str, compiled: bool) -> str:
    """The program, with `{check}` in its header."""
    passes = Passes()
    updates = "\n".join(update_function(named, update, passes) for update in named.updates)
    functions = "\n".join([prepare_function(named), updates])
    builders: dict[tuple[str, ...], str] = {}
    writer = Networks(named.sources, in_order(named.networks))
    builds = {name: builders.setdefault(tuple(writer.body(model)), name) for name, model in writer.parts.items()}
    networks = [line for body, name in builders.items() for line in [f"def build_{name}():", *body, "", ""]]
    draws = [code for name, code in DRAWS.items() if f"{name}(" in functions]
    made = [f"{name} = build_{built}()" for name, built in builds.items()]
    made += [f"{name} = {constructor(part, named.constants, named.sources)}" for name, part in named.losses.items()]
    made += [f"{optimizer_name(one)} = {constructor(one.optimizer, named.constants, named.sources)}" for one in named.updates]
    metrics = {name: metric for name, metric in named.metrics.items() if f"{metric_name(name)}." in functions}
    made += [f"{metric_name(name)} = {constructor(metric, {}, named.sources)}" for name, metric in metrics.items()]
    width = named.batches_per_step
    warm_ups = {update.average.warm_up for update in named.updates if update.average}
    averages = [code for code, warm_up in ((AVERAGE, True), (PLAIN_AVERAGE, False)) if warm_up in warm_ups]
    used = "\n".join([functions, str(named.sources), *made, *_loaded(named, file)])
    constants = [f"SEED = {named.seed}", f"BATCH_SIZE = {named.data.batch_size}", f"STEPS = {steps}"]
    constants += [f"{name} = {value!r}" for name, value in named.numbers().items() if re.search(rf"\b{name}\b", used)]
    imported = {
        "import hashlib",
        "import itertools",
        "import pathlib",
        "from urllib.parse import quote",
        *named.sources.imports,
    }
    imported |= {"import math"} if NORMAL in draws else set()
    return "\n".join(
        [
            f'"""The training of {type(named.task).__name__}, by hand.',
            "",
            "{check}",
            '"""',
            "",
            *sorted(imported, key=lambda line: (line.startswith("from"), line)),
            "",
            *(["import keras"] if "keras." in used + "".join(networks) else []),
            "import numpy as np",
            "import tensorflow as tf",
            "",
            *constants,
            "",
            "",
            "{sources}",
            "",
            "",
            *networks,
            *made,
            "",
            *_loaded(named, file),
            "",
            DERIVE,
            BATCHES.format(places=EVERY_BATCH if width == 1 else WHOLE_STEPS.format(width)),
            *([RANDOM, *draws] if draws else []),
            *averages,
            functions,
            train_function(named, passes, list(metrics), compiled=compiled),
        ]
    )


def _loaded(named: Named, file: str) -> list[str]:
    """The lines that read the examples and the initial weights."""
    count = len(tf.nest.flatten(named.data.arrays))
    return [
        f'with np.load(pathlib.Path(__file__).with_name("{file}")) as saved:',
        f'    ARRAYS = [saved[f"data/{{place}}"] for place in range({count})]',
        *(
            f'    {name}.set_weights([saved[f"{name}/{{place}}"] for place in range({len(model.get_weights())})])'
            for name, model in named.networks.items()
        ),
        *(
            line
            for name, model in named.networks.items()
            if _seeds(model)
            for line in (
                f'    states = [part for part in {name}.variables if part.path.endswith("seed_generator_state")]',
                "    for place, state in enumerate(states):",
                f'        state.assign(saved[f"seeds/{name}/{{place}}"])',
            )
        ),
        *(
            f'    {name} = keras.Variable(saved["{name}/0"], trainable={variable.trainable})'
            for name, variable in named.variables.items()
        ),
    ]


def _refusal(what: str, where: str, got: str, do: str) -> EjectError:
    return EjectError(what, where=where, got=got, do=do)
