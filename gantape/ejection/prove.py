"""Runs a written program beside the task, and compares them."""

import contextlib
import io
import runpy
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gantape.compiler import StepCompiler
from gantape.ejection.ejected import Check
from gantape.ejection.parts import Named
from gantape.errors import EjectError
from gantape.loop import Loop

ROUNDING = 0.05
"""The largest difference between the weights of a network, as a share of their movement, that rounding explains."""


def compared(named: Named, text: str, saved: Mapping[str, Any], steps: int) -> Check:
    """Run the program, then the task, for a few steps from the same weights.

    Raises:
        EjectError: If the weights differ by more than rounding explains.
    """
    variables = {
        f"{name}/{place}": variable
        for name, model in named.networks.items()
        for place, variable in enumerate(model.weights)
        if "seed" not in variable.path
    }
    keys = list(variables)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "by_hand.py")
        for name in {name for name in text.split('"') if name.endswith(".npz")}:
            np.savez(Path(folder, name), allow_pickle=False, **saved)
        file.write_text(text)
        scope = runpy.run_path(str(file), run_name="by_hand")
        with contextlib.redirect_stdout(io.StringIO()):
            scope["train"](steps)
    by_hand = {f"{name}/{place}": value for name in named.networks for place, value in enumerate(scope[name].get_weights())}
    Loop(named.task, compiler=StepCompiler(mode="eager"), seed=named.seed, progress=False).run(named.data, steps=steps)
    trained = {key: variable.numpy() for key, variable in variables.items()}
    largest, share = 0.0, 0.0
    for name in named.networks:
        ours, theirs, begun = (
            np.concatenate([np.ravel(np.asarray(values[key], np.float64)) for key in keys if key.startswith(f"{name}/")])
            for values in (trained, by_hand, saved)
        )
        largest = max(largest, float(np.max(np.abs(ours - theirs))))
        moved, apart = float(np.linalg.norm(ours - begun)), float(np.linalg.norm(ours - theirs))
        share = max(share, apart / moved if moved else apart)
    if not share <= ROUNDING:
        raise EjectError(
            "the program would not compute what the loop does.",
            where=type(named.task).__name__,
            got=f"weights that differ by {share:.1%} of their movement in {steps} steps",
            do="look in the loss for state outside of the networks, or for tensors made before the step.",
        )
    return Check(steps, largest, share)
