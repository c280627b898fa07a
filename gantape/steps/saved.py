"""The state that steps change, saved and restored: variables, and the generators of random numbers."""

import contextlib
import random
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from gantape._tensorflow import eager_seeds_restored


class SavedVariables:
    """The values of variables of TensorFlow at one time."""

    def __init__(self) -> None:
        self._values: dict[Any, tuple[Any, Any]] = {}

    def add(self, variables: Iterable[Any]) -> None:
        """Save the values of variables that are not saved yet."""
        for variable in variables:
            if variable.ref() not in self._values:
                self._values[variable.ref()] = variable, tf.identity(variable)

    def restore(self) -> None:
        """Give the variables their saved values."""
        for variable, value in self._values.values():
            variable.assign(value)


@contextlib.contextmanager
def variables_restored(variables: Iterable[Any]) -> Iterator[None]:
    """A context after which variables of Keras have the same values as before."""
    saved = SavedVariables()
    saved.add(variable.value for variable in variables)
    try:
        yield
    finally:
        saved.restore()


@contextlib.contextmanager
def random_numbers_restored() -> Iterator[None]:
    """A context after which the random numbers of Python, NumPy and TensorFlow go on as before."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with eager_seeds_restored():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
