"""The report on a step that was not finite."""

import json
import math
from pathlib import Path
from typing import Any

import tensorflow as tf
from loguru import logger

from gantape._files import write_whole
from gantape.compiler.programs import Program
from gantape.data import BatchStack
from gantape.errors import NotFiniteError
from gantape.steps.step import Step, Update

FAILURE = "failure.json"
MOST_NAMES = 4


def explain_not_finite(
    step: Step, program: Program, stack: BatchStack, number: int, rows: list[int] | None, run_dir: Path | None
) -> NotFiniteError:
    """The error for a call that ended in numbers that are not finite. Details are written to `failure.json`.

    Args:
        step: The step function.
        program: The program that ran it.
        stack: The batches that were read, up to those of the last step.
        number: The number of the last step, from 0.
        rows: The indices in the data of the examples in these batches, if known.
        run_dir: The directory for the file, if any.
    """
    values = program.not_finite()
    due = [update for update in step.updates if update.name in step.due(number)]
    poisoned = {update.name: names for update in due if (names := _not_finite(update))}
    if run_dir is not None:
        width = step.batches_per_step
        facts = {
            "step": number,
            "updates": [update.name for update in due],
            "report": {name: _plain(value) for name, value in program.last().items()},
            "variables_not_finite": poisoned,
            "variable_norms": {update.name: _norms(update) for update in due},
            "rows": None if rows is None else rows[-width * stack.batch_size :],
            "batch": _extent(stack),
        }
        _write(run_dir / FAILURE, facts)
    found = [f"{name}={value}" for name, value in values.items()]
    for name, paths in poisoned.items():
        more = f" and {len(paths) - MOST_NAMES} more" if len(paths) > MOST_NAMES else ""
        found.append(f'variables of update "{name}": {", ".join(paths[:MOST_NAMES])}{more}')
    return NotFiniteError(
        "a loss or a gradient is not finite." if values else "an update has moved variables to values that are not finite.",
        where=f"step {number}",
        got="; ".join(found),
        do="look at the term that is named, at the data and at the learning rate: a smaller learning rate, or an epsilon under "
        "a root or a logarithm, helps most often. A run with a directory can be resumed from the checkpoint before.",
    )


def _not_finite(update: Update) -> list[str]:
    return [
        variable.path for variable in update.trainable_variables if not bool(tf.reduce_all(tf.math.is_finite(variable.value)))
    ]


def _norms(update: Update) -> dict[str, Any]:
    return {
        f"{place} {variable.path}": _plain(float(tf.linalg.global_norm([variable.value])))
        for place, variable in enumerate(update.trainable_variables)
    }


def _extent(stack: BatchStack) -> list[dict[str, Any]]:
    """Type, shape and range of each tensor in the last batch."""
    batch = stack.prepare(stack.batch(stack.count - 1))
    leaves = [tf.convert_to_tensor(leaf) for leaf in tf.nest.flatten(batch)]
    return [
        {
            "dtype": leaf.dtype.name,
            "shape": leaf.shape.as_list(),
            **(
                {"least": _plain(float(tf.reduce_min(leaf))), "largest": _plain(float(tf.reduce_max(leaf)))}
                if leaf.dtype.is_floating or leaf.dtype.is_integer
                else {}
            ),
        }
        for leaf in leaves
    ]


def _plain(value: float) -> float | str:
    """A number for strict JSON: infinities and NaN as text."""
    return value if math.isfinite(value) else str(value)


def _write(path: Path, facts: dict[str, Any]) -> None:
    try:
        write_whole(path, json.dumps(facts, indent=2) + "\n")
    except OSError as error:
        logger.warning("{} cannot be written: {}", path, error)
    else:
        logger.warning("details are in {}", path)
