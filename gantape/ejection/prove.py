"""Runs a written program beside the task, and compares them."""

import contextlib
import io
import runpy
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gantape._tensorflow import sublayers
from gantape.compiler import StepCompiler
from gantape.compiler.programs import NamedMode
from gantape.ejection.ejected import Check
from gantape.ejection.parts import Named, metric_name, optimizer_name
from gantape.errors import EjectError, counted, summary
from gantape.layers.conversion import PLAIN
from gantape.loop import Loop
from gantape.steps.saved import variables_restored

ROUNDING = 1e-4
"""The largest difference, as a share of what training moved, that rounding explains where both have the same layers."""

Values = Mapping[str, Sequence[Any]]
"""The values of variables, by the name of the network, optimizer or metric in the program."""


def compared(named: Named, text: str, saved: Mapping[str, Any], steps: int, mode: NamedMode = "eager") -> Check:
    """Run the program, then the task, for a few steps from the same weights, with the same layers of Keras in both.

    Raises:
        EjectError: If weights, the state of optimizers or metrics differ by more than rounding explains.
    """
    parts = [*named.networks, *named.variables]
    begun = {name: [saved[f"{name}/{place}"] for place in range(_count(saved, name))] for name in parts}
    program = _of_program(named, text, saved, steps)
    with variables_restored(named.task.variables), _layers_of_keras(named) as replaced:
        trained = _of_loop(named, steps, mode)
    shares = {name: _share(trained[name], program[name], begun.get(name)) for name in trained}
    worst = max(shares, key=lambda name: shares[name])
    if not shares[worst] <= ROUNDING:
        raise EjectError(
            "the program would not compute what the loop does.",
            where=type(named.task).__name__,
            got=f"`{worst}`, which differs by {shares[worst]:.1%} of its movement in {counted(steps, 'step')}",
            do="look in the loss for state outside of the networks, or for tensors made before the step; in own layers, losses "
            "and metrics, for arguments that get_config leaves out.",
        )
    difference = max(float(np.max(np.abs(_flat(trained[name]) - _flat(program[name])), initial=0.0)) for name in trained)
    if not replaced:
        return Check(steps, mode, difference, shares[worst])
    with variables_restored(named.task.variables):
        own = _of_loop(named, steps, mode)
    return Check(steps, mode, difference, shares[worst], max(_share(own[name], trained[name], begun[name]) for name in begun))


def _of_program(named: Named, text: str, saved: Mapping[str, Any], steps: int) -> Values:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "by_hand.py")
        for name in {name for name in text.split('"') if name.endswith(".npz")}:
            np.savez(Path(folder, name), allow_pickle=False, **saved)
        file.write_text(text, encoding="utf-8")
        try:
            scope = runpy.run_path(str(file), run_name="by_hand")
            with contextlib.redirect_stdout(io.StringIO()):
                scope["train"](steps)
        except Exception as error:
            raise EjectError(
                "the program does not run.",
                where=type(named.task).__name__,
                got=summary(error)[:500],
                do="look in own layers, networks, losses and metrics for arguments that get_config leaves out; write the rest "
                "of the loss with functions of tf or keras.",
            ) from error
    found = {name: scope[name].get_weights() for name in named.networks}
    found |= {name: [scope[name].numpy()] for name in named.variables}
    found |= {optimizer_name(one): [value.numpy() for value in scope[optimizer_name(one)].variables] for one in named.updates}
    metrics = {name: scope.get(metric_name(name)) for name in named.task.metrics.names}
    return found | {metric_name(name): [float(metric.result())] for name, metric in metrics.items() if metric is not None}


def _of_loop(named: Named, steps: int, mode: NamedMode) -> Values:
    loop = Loop(named.task, compiler=StepCompiler(mode=mode, steps_per_call=1), seed=named.seed, progress=False)
    row = loop.run(named.data, steps=steps).rows[-1]
    found: dict[str, list[Any]] = {name: model.get_weights() for name, model in named.networks.items()}
    found |= {name: [variable.numpy()] for name, variable in named.variables.items()}
    found |= {optimizer_name(one): [value.numpy() for value in one.optimizer.variables] for one in named.updates}
    in_epoch = steps * named.batches_per_step <= named.data.batches_per_epoch  # the loop's metrics begin anew with each
    return found | {metric_name(name): [row[name]] for name in named.task.metrics.names if name in row and in_epoch}


@contextlib.contextmanager
def _layers_of_keras(named: Named) -> Iterator[bool]:
    """A context in which the faster layers of the networks compute as those of Keras; whether there are any."""
    layers = {id(layer): layer for model in named.networks.values() for layer in sublayers(model) if type(layer) in PLAIN}
    classes = {place: type(layer) for place, layer in layers.items()}
    try:
        for layer in layers.values():
            object.__setattr__(layer, "__class__", PLAIN[type(layer)])
        yield bool(layers)
    finally:
        for place, layer in layers.items():
            object.__setattr__(layer, "__class__", classes[place])


def _share(ours: Sequence[Any], theirs: Sequence[Any], begun: Sequence[Any] | None) -> float:
    """The norm of a difference divided by the norm of what training moved."""
    flat = _flat(ours)
    apart = float(np.linalg.norm(flat - _flat(theirs)))
    moved = float(np.linalg.norm(flat if begun is None else flat - _flat(begun)))
    return apart / moved if moved else apart


def _flat(values: Sequence[Any]) -> Any:
    arrays = [np.ravel(np.asarray(value, np.float64)) for value in values if np.asarray(value).dtype.kind in "fiu"]
    return np.concatenate([np.zeros(0), *arrays])


def _count(saved: Mapping[str, Any], name: str) -> int:
    return sum(key.startswith(f"{name}/") for key in saved)
