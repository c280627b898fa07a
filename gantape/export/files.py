"""Models as files for other programs, each computed again by the runtime of its format before it is left."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import keras
import numpy as np
import tensorflow as tf

from gantape.errors import ExportError, summary
from gantape.export.formats import FORMATS, Arrays, Format, FormatName
from gantape.export.standalone import EXAMPLES, TOLERANCE, default_part, difference, random_values, standalone, with_names
from gantape.export.symbolic import Range
from gantape.tasks import Task
from gantape.types import Model

_ALL: tuple[FormatName, ...] = tuple(FORMATS)


@attrs.frozen
class ExportedFile:
    """A file that was written and compared.

    Args:
        format: Its format.
        path: The file, or the folder of a SavedModel.
        bytes: Its size.
        difference: The largest difference of its outputs, as computed by its own runtime, from those of the model; relative to
            the largest output if that is above 1.
        needs: Classes outside Keras that a `.keras` file needs to be loaded, such as `gantape.layers.groups.Pack`.
    """

    format: FormatName
    path: Path
    bytes: int
    difference: float
    needs: tuple[str, ...] = ()

    def __str__(self) -> str:
        needs = f"; needs {', '.join(self.needs)}" if self.needs else ""
        return f"{self.path}  {self.bytes / 1e3:,.0f} kB, differs by at most {self.difference:.1g}{needs}"


def export_task(
    task: Task,
    folder: str | Path,
    part: str = "",
    *,
    formats: Iterable[FormatName] = _ALL,
    pixels: Range | None = None,
) -> tuple[ExportedFile, ...]:
    """Write a part of a task for other programs: `standalone` and `export_model` in one call.

    ```python
    export.export_task(task, "exported", formats=["onnx"])  # latents in, images from 0 to 1 out
    ```

    Args:
        task: The task, trained.
        folder: Where the files go, named after the part.
        part: The part; by default `generator` of an adversarial task, and `model` of a supervised one.
        formats: The formats; all by default.
        pixels: The range of pixels that the part was trained with; by default the task's `pixels`, or 0 to 1 if it has none.

    Returns:
        The files.

    Raises:
        TaskError: If there is no such model, or its inputs are not known.
        ExportError: If a file cannot be written, or computes something else than the model.
    """
    name = part or default_part(task)
    return _export_all(standalone(task, name, pixels=pixels), Path(folder) / name, formats)


def export_model(model: Model, path: str | Path, *, formats: Iterable[FormatName] = _ALL) -> tuple[ExportedFile, ...]:
    """Write a Keras model in some formats, load each file with the runtime of its format, and compare the outputs.

    What is left has passed this comparison, for batches of two sizes of random inputs; older files are replaced.

    Args:
        model: A functional or sequential model, such as `standalone` makes. Inputs and outputs that are in no dict are called
            as in `standalone`.
        path: The path of the files without their endings: `exported/generator` gives `exported/generator.onnx`.
        formats: The formats; all by default. `onnx` and `tflite` need `pip install 'gantape[export]'`.

    Returns:
        The files.

    Raises:
        ExportError: If a file cannot be written, or computes something else than the model.
    """
    return _export_all(with_names(model), Path(path), formats)


def _export_all(model: Any, stem: Path, formats: Iterable[FormatName]) -> tuple[ExportedFile, ...]:
    with writing(stem.parent):
        return tuple(_export(model, stem, name) for name in dict.fromkeys(formats))


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Create a folder, and write into it in the block.

    Raises:
        ExportError: If it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise ExportError(
            "the files cannot be written.",
            where=str(folder),
            got=summary(error),
            do="name a folder that can be written, on a disk with room.",
        ) from None


def _export(model: Any, stem: Path, name: FormatName) -> ExportedFile:
    chosen = FORMATS.get(name)
    if chosen is None:
        raise ExportError(
            "there is no such format.", where="gantape.export, `formats`", got=repr(name), do=f"choose of {', '.join(FORMATS)}."
        )
    target = stem.with_name(stem.name + chosen.ending)
    with tempfile.TemporaryDirectory(dir=stem.parent) as folder:
        made = Path(folder) / target.name
        found = write_checked(model, made, chosen)
        size = sum(file.stat().st_size for file in [made, *made.rglob("*")] if file.is_file())
        if target.is_dir() and (target / "saved_model.pb").is_file():
            shutil.rmtree(target)
        made.rename(target)
    needs = classes_outside_keras(model) if name == "keras" else ()
    return ExportedFile(name, target, size, found, needs)


def write_checked(model: Any, path: Path, chosen: Format) -> float:
    """Write a model that takes and returns dicts, load it again, and compare the outputs.

    Returns:
        The largest difference.

    Raises:
        ExportError: If it cannot be written, or computes something else.
    """
    where = f"gantape.export, {path.name}"
    try:
        with tf.device("CPU:0"):  # where float32 is not rounded to fewer bits
            examples = [_random_inputs(model, count) for count in (EXAMPLES, 2 * EXAMPLES)]
            wanted = [model(inputs) for inputs in examples]  # Keras 3.15 exports only what was called
            chosen.write(model, path)
            found = max(map(_difference, wanted, [chosen.run(path, inputs) for inputs in examples]))
    except ImportError as error:
        raise ExportError(
            "a package for this format is not installed.", where=where, got=str(error), do="pip install 'gantape[export]'."
        ) from None
    except Exception as error:  # converters and runtimes raise what they like
        raise ExportError(
            "the model cannot be written in this format, or not be loaded again.",
            where=where,
            got=summary(error)[:500],
            do="choose another format, or replace the layer that it does not know. For `.keras` files, register classes of "
            "your own with keras.saving.register_keras_serializable, and use no lambda.",
        ) from error
    if not found <= TOLERANCE:
        raise ExportError(
            "the file computes something else than the model.",
            where=where,
            got=f"outputs that differ by up to {found:.3g}",
            do="choose another format; layers that draw random numbers, or that depend on the size of the batch, do this.",
        )
    return found


def _difference(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> float:
    """The largest difference between the outputs of a model and of a file."""
    return max(difference(np.asarray(found[name]), np.asarray(value)) for name, value in wanted.items())


def _random_inputs(model: Any, count: int) -> Arrays:
    rng = np.random.default_rng(count)
    return {name: random_values(tensor, count, rng) for name, tensor in model.input.items()}


def classes_outside_keras(model: Model) -> tuple[str, ...]:
    """The classes in a model that do not come with Keras, such as `gantape.layers.groups.Pack`."""
    return _outside(keras.saving.serialize_keras_object(model))


def _outside(config: Any) -> tuple[str, ...]:
    if isinstance(config, list | tuple):
        return tuple(dict.fromkeys(name for item in config for name in _outside(item)))
    if not isinstance(config, dict):
        return ()
    module = str(config.get("module") or "")
    own = () if not module or module.split(".")[0] in ("keras", "builtins") else (f"{module}.{config.get('class_name')}",)
    return tuple(dict.fromkeys([*own, *_outside(list(config.values()))]))
