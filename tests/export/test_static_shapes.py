"""Models whose convolutions are told the size of their inputs: the same numbers, and files that TFLite's runtime loads."""

from pathlib import Path

import keras
import numpy as np
import pytest

from gantape import export
from gantape.export.static_shapes import with_static_shapes

layers = keras.layers


def test_images_are_doubled_and_groups_normalised_by_tflite(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    inner = keras.Sequential([keras.Input((4, 4, 2)), layers.GroupNormalization(2), layers.Conv2D(4, 3, padding="same")])
    images = keras.Input((4, 4, 2))
    doubled = layers.UpSampling2D()(layers.ReLU()(inner(images)))
    doubled = layers.UpSampling2D()(layers.BatchNormalization()(layers.Conv2D(4, 1)(doubled)))
    model = keras.Model(images, keras.ops.tanh(layers.Conv2D(3, 3, padding="same")(doubled) + 0.5))
    (file,) = export.export_model(model, tmp_path / "model", formats=["tflite"])
    assert file.difference <= 1e-5


def test_convolutions_are_told_the_size_of_their_inputs_and_nothing_else_changes() -> None:
    latents = keras.Input((3,), name="latents")
    small = layers.UpSampling2D()(layers.Reshape((2, 2, 2))(layers.Dense(8)(latents)))
    inner = keras.Sequential([keras.Input((4, 4, 2)), layers.BatchNormalization(), layers.Conv2D(3, 3)])
    model = keras.Model({"latents": latents}, {"images": inner(small), "small": small})
    told = with_static_shapes(model)
    given = {"latents": np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)}
    before, after = model(given), told(given)
    assert {name: value.shape for name, value in after.items()} == {"images": (5, 2, 2, 3), "small": (5, 4, 4, 2)}
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert {id(variable) for variable in told.variables} == {id(variable) for variable in model.variables}
    nested = [layer for layer in told.layers if isinstance(layer, keras.Model)]
    assert [type(layer).__name__ for one in nested for layer in one.layers].count("StaticShape") == 1
