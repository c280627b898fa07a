"""Exported models with layers that keep more than their configuration and their variables."""

import importlib.util
from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np
import pytest
import tensorflow as tf

import gantape as gt
from gantape import export

PACKAGES = {"onnx": "onnxruntime", "tflite": "ai_edge_litert"}
FORMATS = [name for name in get_args(export.FormatName) if importlib.util.find_spec(PACKAGES.get(name, "keras"))]


class Mask(keras.layers.Layer):
    """Multiplies by random numbers, which it draws once and keeps in a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.mask = tf.constant(np.random.default_rng().normal(size=(15, 15, 1)), tf.float32)

    def call(self, inputs: Any) -> Any:
        return inputs * self.mask


def adapted() -> Any:
    layer = keras.layers.Normalization(axis=None)
    layer.adapt(np.array([0.0, 0.25, 0.5], np.float32))
    return layer


class Small(gt.SupervisedTask):
    """A regression that begins with a layer.

    Args:
        layer: Makes the layer.
    """

    layer: Any = adapted

    def build_model(self):
        return keras.Sequential([keras.Input((15, 15, 1)), self.layer(), keras.layers.Flatten(), keras.layers.Dense(2)])

    def build_optimizer(self):
        return keras.optimizers.Adam(1e-3)

    def build_loss(self):
        return keras.losses.MeanSquaredError()


@pytest.mark.parametrize(
    ("layer", "formats"), [(adapted, FORMATS), (Mask, [name for name in FORMATS if name != "keras"])], ids=["adapted", "own"]
)
def test_a_file_computes_with_what_a_layer_keeps(layer: Any, formats: list[Any], tmp_path: Path) -> None:
    task = Small(layer=layer)
    images = np.random.default_rng(0).random((3, 15, 15, 1)).astype(np.float32)
    wanted = np.asarray(task.model(images))
    assert np.allclose(np.asarray(export.standalone(task)({"images": images})["outputs"]), wanted, atol=1e-6)
    for file in export.export_task(task, tmp_path, formats=formats):
        assert file.difference <= 1e-5
    found = tf.saved_model.load(str(tmp_path / "model_saved_model")).signatures["serving_default"](images=tf.constant(images))
    assert np.allclose(found["outputs"], wanted, atol=1e-5)
