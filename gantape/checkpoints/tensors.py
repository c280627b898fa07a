"""Write named variables and arrays to a file, and read them back."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from gantape.errors import NotFiniteError, RunDirectoryError, listed
from gantape.shapes import dtype_name
from gantape.types import Variable


def specs(values: Mapping[str, Any]) -> dict[str, str]:
    """Type and shape of each variable or array, as text."""
    return {name: f"{dtype_name(value)}{list(value.shape)}" for name, value in values.items()}


def check_finite(variables: Mapping[str, Variable], step: int) -> None:
    """Raise a `NotFiniteError` unless all float variables are finite.

    Raises:
        NotFiniteError: If one is not.
    """
    floats = [variable for variable in variables.values() if "float" in dtype_name(variable)]
    wrong = [variable.path for variable in floats if not tf.reduce_all(tf.math.is_finite(variable.value))]
    if wrong:
        raise NotFiniteError(
            "variables that are not finite are not saved.",
            where=f"the checkpoint of step {step}",
            got=listed(wrong),
            do="resume from the checkpoint before, with a smaller learning rate for instance.",
        )


def write_tensors(variables: Mapping[str, Variable], arrays: Mapping[str, Any], prefix: Path) -> None:
    """Write variables and arrays to files that begin with `prefix`.

    Raises:
        OSError: If they cannot be written.
    """
    try:
        copies = {name: tf.Variable(array) for name, array in arrays.items()}
        tf.train.Checkpoint(variables=_values(variables), arrays=copies).write(str(prefix))
    except tf.errors.OpError as error:
        raise OSError(error.message) from None


def read_tensors(variables: Mapping[str, Variable], prefix: Path) -> None:
    """Read variables from files that begin with `prefix`, after comparing their shapes and types.

    Raises:
        RunDirectoryError: If the files do not hold these variables, in these shapes and types.
    """
    with _explained(prefix):
        reader = tf.train.load_checkpoint(str(prefix))
        check_specs(specs(variables), _found(reader, "variables", variables), str(prefix.parent))
        status = tf.train.Checkpoint(variables=_values(variables)).read(str(prefix))
        status.expect_partial().assert_existing_objects_matched()


def read_arrays(wanted: Mapping[str, str], prefix: Path) -> dict[str, Any]:
    """Read arrays from files that begin with `prefix`.

    Args:
        wanted: Type and shape of each, as text.
        prefix: The beginning of the files' names.

    Raises:
        RunDirectoryError: If the files do not hold these arrays, in these shapes and types.
    """
    with _explained(prefix):
        reader = tf.train.load_checkpoint(str(prefix))
        check_specs(wanted, _found(reader, "arrays", wanted), str(prefix.parent))
        return {name: reader.get_tensor(_key("arrays", name)) for name in wanted}


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
        raise RunDirectoryError(
            "the checkpoint is of other networks.",
            where=where,
            got=listed(differences),
            do="resume with the task that the run began with, its build_ methods unchanged.",
        )


@contextlib.contextmanager
def _explained(prefix: Path) -> Iterator[None]:
    try:
        yield
    except (tf.errors.OpError, AssertionError, ValueError, TypeError, RuntimeError) as error:
        raise RunDirectoryError(
            "the tensors of a checkpoint cannot be read.",
            where=str(prefix.parent),
            got=f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}",
            do="remove this checkpoint: the one before it is used then.",
        ) from None


def _values(variables: Mapping[str, Variable]) -> dict[str, Any]:
    return {name: variable.value for name, variable in variables.items()}


def _found(reader: Any, kind: str, names: Iterable[str]) -> dict[str, str]:
    shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    keys = {name: _key(kind, name) for name in names}
    return {name: f"{dtypes[key].name}{shapes[key]}" if key in shapes else "nothing" for name, key in keys.items()}


def _key(kind: str, name: str) -> str:
    escaped = name.replace(".", "..").replace("/", ".S")
    return f"{kind}/{escaped}/.ATTRIBUTES/VARIABLE_VALUE"
