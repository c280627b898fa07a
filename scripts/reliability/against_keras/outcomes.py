"""What training a case gave, and how two outcomes differ."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import keras
import numpy as np

Array = np.ndarray[Any, Any]


@attrs.frozen(eq=False)
class TrainingOutcome:
    """What training a case gave.

    Args:
        variables: Every variable of the model and of the optimizer, in their order.
        rows: The logged values of each epoch, validation with the prefix `val_`.
        evaluation: The values of an evaluation after training.
    """

    variables: Sequence[tuple[str, Array]]
    rows: Sequence[Mapping[str, float]]
    evaluation: Mapping[str, float]

    @property
    def finite(self) -> bool:
        """Whether all variables are finite."""
        return all(np.isfinite(array.astype("float64")).all() for _, array in self.variables)


@attrs.frozen
class Difference:
    """A number that is not the same.

    Args:
        what: What differs.
        gantape: gantape's value.
        other: The value that it is compared with.
    """

    what: str
    gantape: Any
    other: Any


@attrs.frozen
class Tolerance:
    """How far two numbers may be apart, relative to the larger one or to 1.

    Args:
        variables: Variables.
        values: Logged values; gantape reports losses in float32.
    """

    variables: float
    values: float

    @classmethod
    def of(cls, policy: str) -> "Tolerance":
        """That of a dtype policy."""
        return {"float64": cls(1e-9, 2e-6), "float32": cls(2e-4, 2e-4)}.get(policy, cls(2e-2, 2e-2))


def variables_of(*parts: Any) -> list[tuple[str, Array]]:
    """The variables of models and optimizers, as arrays; states of random number generators are whole numbers."""
    return [(variable.path, np.asarray(keras.ops.convert_to_numpy(variable))) for part in parts for variable in part.variables]


def differences(outcome: TrainingOutcome, other: TrainingOutcome, tolerance: Tolerance) -> list[Difference]:
    """Everything in which gantape's outcome is not the other one, a value that only the other one has included."""
    found = []
    if len(outcome.variables) != len(other.variables):
        found.append(Difference("number of variables", len(outcome.variables), len(other.variables)))
    for (_, one), (name, two) in zip(outcome.variables, other.variables, strict=False):
        if not _close(one, two, tolerance.variables):
            found.append(Difference(name, *_worst(one, two)))
    if len(outcome.rows) != len(other.rows):
        found.append(Difference("number of rows", len(outcome.rows), len(other.rows)))
    rows = [(f"epoch {place}", *pair) for place, pair in enumerate(zip(outcome.rows, other.rows, strict=False), 1)]
    rows = [row for row in rows if not row[1].get("skipped")]  # gantape's means leave out the steps of skipped updates
    for where, one, two in (*rows, ("evaluation", outcome.evaluation, other.evaluation)):
        for name, value in two.items():
            if name not in one or not _close(np.asarray(one[name]), np.asarray(value), tolerance.values):
                found.append(Difference(f"{where}, {name}", one.get(name), value))
    return found


def _close(one: Array, two: Array, tolerance: float) -> bool:
    if one.shape != two.shape:
        return False
    scale = np.maximum(1.0, np.maximum(np.abs(one), np.abs(two)))
    with np.errstate(invalid="ignore"):
        near = np.abs(one.astype("float64") - two.astype("float64")) <= tolerance * scale
    return bool(np.all(near | (np.isnan(one) & np.isnan(two)) | (one == two)))


def _worst(one: Array, two: Array) -> tuple[Any, Any]:
    if one.shape != two.shape:
        return one.shape, two.shape
    place = np.unravel_index(np.argmax(np.abs(one.astype("float64") - two.astype("float64"))), one.shape)
    return one[place].item(), two[place].item()
