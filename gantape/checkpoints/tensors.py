"""Write named variables to a file, and read them back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from gantape.errors import NotFiniteError, RunDirectoryError
from gantape.types import Variable

NOT_CHECKED = ("metrics/", "evaluation_metrics/")
"""Metrics may start at minus infinity; all other variables in a checkpoint are finite."""


def specs(variables: Mapping[str, Variable]) -> dict[str, str]:
    """Type and shape of each variable, as text."""
    return {name: f"{_dtype(variable)}{list(variable.shape)}" for name, variable in variables.items()}


def check_finite(variables: Mapping[str, Variable], step: int) -> None:
    """Raise a `NotFiniteError` unless all float variables, except metrics, are finite.

    Raises:
        NotFiniteError: If one is not.
    """
    wrong = [
        variable.path
        for name, variable in variables.items()
        if not name.startswith(NOT_CHECKED) and "float" in _dtype(variable) and not _finite(variable)
    ]
    if wrong:
        raise NotFiniteError(
            "variables that are not finite are not saved.",
            where=f"the checkpoint of step {step}",
            got=", ".join(wrong),
            do="resume from the checkpoint before, with a smaller learning rate for instance.",
        )


def write_tensors(variables: Mapping[str, Variable], prefix: Path) -> None:
    """Write variables to files that begin with `prefix`.

    Raises:
        OSError: If they cannot be written.
    """
    try:
        _checkpoint(variables).write(str(prefix))
    except tf.errors.OpError as error:
        raise OSError(error.message) from None


def read_tensors(variables: Mapping[str, Variable], prefix: Path) -> None:
    """Read variables from files that begin with `prefix`, after comparing their shapes and types.

    Raises:
        RunDirectoryError: If the files do not hold these variables, in these shapes and types.
    """
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
        keys = {name: f"variables/{name.replace('/', '.S')}/.ATTRIBUTES/VARIABLE_VALUE" for name in variables}
        found = {name: f"{dtypes[key].name}{shapes[key]}" if key in shapes else "nothing" for name, key in keys.items()}
        check_specs(specs(variables), found, str(prefix.parent))
        _checkpoint(variables).read(str(prefix)).assert_consumed()
    except (tf.errors.OpError, AssertionError, ValueError, TypeError, RuntimeError) as error:
        raise RunDirectoryError(
            "the tensors of a checkpoint cannot be read.",
            where=str(prefix.parent),
            got=f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}",
            do="remove this checkpoint: the one before it is used then.",
        ) from None


def check_specs(wanted: Mapping[str, str], found: Mapping[str, str], where: str) -> None:
    """Raise an error unless the variables of a checkpoint are those of a task.

    Raises:
        RunDirectoryError: If they are not.
    """
    differences = [
        f"{name}: {found.get(name, 'nothing')} in the checkpoint, {wanted.get(name, 'nothing')} in the task"
        for name in dict.fromkeys([*wanted, *found])
        if found.get(name) != wanted.get(name)
    ]
    if differences:
        more = f", and {len(differences) - 5} more" if len(differences) > 5 else ""
        raise RunDirectoryError(
            "the checkpoint is of other networks.",
            where=where,
            got="; ".join(differences[:5]) + more,
            do="resume with the task that the run began with, its build_ methods unchanged.",
        )


def _checkpoint(variables: Mapping[str, Variable]) -> Any:
    return tf.train.Checkpoint(variables={name: variable.value for name, variable in variables.items()})


def _dtype(variable: Variable) -> str:
    return tf.as_dtype(variable.value.dtype).name


def _finite(variable: Variable) -> bool:
    return bool(tf.reduce_all(tf.math.is_finite(variable.value)))
