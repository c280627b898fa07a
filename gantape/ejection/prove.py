"""Runs a written program beside the task, and compares them."""

import contextlib
import io
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from gantape.compiler import StepCompiler
from gantape.data.batches import Batches
from gantape.ejection.ejected import Check
from gantape.loop import Loop
from gantape.tasks import Task


@contextlib.contextmanager
def unchanged(task: Task) -> Iterator[None]:
    """A context after which the variables of a task have the values that they had before."""
    variables = task.variables
    before = [tf.identity(variable.value) for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)


def compared(
    task: Task, data: Batches, seed: int, steps: int, text: str, saved: Mapping[str, Any], networks: Mapping[str, Any]
) -> Check:
    """Run the program, then the task, for a few steps from the same weights."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "by_hand.py")
        names = {name for name in text.split('"') if name.endswith(".npz")}
        for name in names:
            np.savez(Path(folder, name), allow_pickle=False, **saved)
        scope: dict[str, Any] = {"__name__": "by_hand", "__file__": str(file)}
        exec(compile(text, str(file), "exec"), scope)
        with contextlib.redirect_stdout(io.StringIO()):
            scope["train"](steps)
    Loop(task, compiler=StepCompiler(mode="eager"), seed=seed, progress=False).run(data, steps=steps)
    pairs = [pair for name, model in networks.items() for pair in zip(model.variables, scope[name].variables, strict=True)]
    differences = [_difference(ours.numpy(), theirs.numpy()) for ours, theirs in pairs if "seed" not in ours.path]
    return Check(steps, max(differences))


def formatted(text: str) -> str:
    """The program with at most two empty lines in a row."""
    return re.sub(r"\n{4,}", "\n\n\n", text).strip() + "\n"


def _difference(ours: Any, theirs: Any) -> float:
    return float(np.max(np.abs(np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)), initial=0.0))
