"""The formats: how a Keras model is written, and how the runtime of each format computes with the file."""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs
import keras
import numpy as np
import tensorflow as tf

from gantape._tensorflow import sublayers
from gantape.export.static_shapes import with_static_shapes

FormatName: TypeAlias = Literal["keras", "saved_model", "onnx", "tflite"]
"""A format that a model can be written in."""

Arrays: TypeAlias = dict[str, np.ndarray[Any, Any]]


@attrs.frozen
class Format:
    """A format of files.

    Args:
        ending: What follows the name of the model in the name of the file, or of the folder of a SavedModel.
        write: Writes a model to a path.
        run: Computes the outputs of the file at a path for some inputs, both by name, with its own runtime.
    """

    ending: str
    write: Callable[[Any, Path], None]
    run: Callable[[Path, Arrays], Mapping[str, Any]]


def _run_keras(path: Path, inputs: Arrays) -> Mapping[str, Any]:
    return keras.saving.load_model(path, compile=False, safe_mode=True)(inputs)


def _run_saved_model(path: Path, inputs: Arrays) -> Mapping[str, Any]:
    loaded = tf.saved_model.load(str(path))
    return loaded.signatures["serving_default"](**{name: tf.constant(value) for name, value in inputs.items()})


def _run_onnx(path: Path, inputs: Arrays) -> Mapping[str, Any]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def _run_tflite(path: Path, inputs: Arrays) -> Mapping[str, Any]:
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_path=str(path)).get_signature_runner("serving_default")(**inputs)


def _exporter(name: str) -> Callable[[Any, Path], None]:
    def write(model: Any, path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the converters, about NumPy and about each other
            model.export(str(path), format=name, verbose=False)

    return write


def _export_onnx(model: Any, path: Path) -> None:
    with _constants_as_arrays(model):
        _exporter("onnx")(model, path)


@contextlib.contextmanager
def _constants_as_arrays(model: Any) -> Iterator[None]:
    """A context in which the tensors that layers keep, such as the mean of `Normalization`, are arrays of NumPy.

    The converter takes tensors from outside the function that it converts for further inputs of the model.
    """
    found = [
        (layer, name, value)
        for layer in sublayers(model)
        for name, value in vars(layer).items()
        if isinstance(value, tf.Tensor) and hasattr(value, "numpy")
    ]
    try:
        for layer, name, value in found:
            vars(layer)[name] = value.numpy()
        yield
    finally:
        for layer, name, value in found:
            vars(layer)[name] = value


def _export_tflite(model: Any, path: Path) -> None:
    _exporter("litert")(with_static_shapes(model), path)


def _save(model: Any, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy, about how Keras 3.15 reads variables
        model.save(path)


FORMATS: Mapping[FormatName, Format] = {
    "keras": Format(".keras", _save, _run_keras),
    "saved_model": Format("_saved_model", _exporter("tf_saved_model"), _run_saved_model),
    "onnx": Format(".onnx", _export_onnx, _run_onnx),
    "tflite": Format(".tflite", _export_tflite, _run_tflite),
}
