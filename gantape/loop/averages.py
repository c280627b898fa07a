"""The moving averages that optimizers keep of the weights (`use_ema=True`), written into the models at the end of a run."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from gantape._tensorflow import known_variables
from gantape.compiler import StepCompiler
from gantape.distribute.replicas import copies
from gantape.steps.loss_scale import applied_optimizer
from gantape.steps.step import Update
from gantape.types import Variable


class OptimizerAverages:
    """Writes the averages of optimizers into the models after the last checkpoint of a run, as `fit` does at its end.

    The next call of `run` continues with the weights themselves, as a resumed run does, unless they were changed in between.

    Args:
        updates: The updates whose optimizers are asked.
        compiler: The compiler of the steps, in whose scope variables are changed.
    """

    def __init__(self, updates: Sequence[Update], compiler: StepCompiler) -> None:
        self._compiler = compiler
        self._updates = updates
        self._replaced: list[tuple[Any, np.ndarray[Any, Any], np.ndarray[Any, Any]]] = []

    def write(self) -> None:
        """Replace weights by their averages."""
        for update in self._updates:
            optimizer = applied_optimizer(update.optimizer)
            if getattr(optimizer, "use_ema", False) and _iterations(optimizer) > 0:
                variables = known_variables(optimizer)
                weights = _values(variables)
                with self._compiler.scope():
                    optimizer.finalize_variable_values(variables)
                self._replaced += zip(variables, weights, _values(variables), strict=True)

    def take_back(self) -> None:
        """Put the weights back that were replaced."""
        with self._compiler.scope():
            for variable, weights, average in self._replaced:
                if np.array_equal(_values([variable])[0], average):
                    variable.assign(weights)
        self._replaced = []


def _values(variables: Sequence[Variable]) -> list[np.ndarray[Any, Any]]:
    return [np.array(copies(variable)[0].numpy()) for variable in variables]


def _iterations(optimizer: Any) -> int:
    """The number of updates so far, a variable unless Keras divides it by the number of accumulated gradients."""
    found = optimizer.iterations
    return int(np.asarray(copies(found)[0] if isinstance(found, keras.Variable) else found))
