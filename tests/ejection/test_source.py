"""The source of a class is taken over with what it needs, and without what matters in gantape only."""

import math
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import gantape as gt
from gantape.ejection.source import Sources
from gantape.errors import EjectError
from gantape.layers import Pack, SpectralNorm
from gantape.zoo import DigitClassifier

SLOPE = 0.25
TABLE = np.arange(3)


def bent(values: tf.Tensor, slope: float = SLOPE) -> tf.Tensor:
    """Values with a bend at zero."""
    return tf.where(values > 0.0, values, slope * values)


@keras.saving.register_keras_serializable("tests")
class Bend(keras.layers.Layer):  # type: ignore[misc]
    """A layer with a helper."""

    def __init__(self, turns: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        self.turns = turns

    def call(self, inputs: tf.Tensor) -> Any:
        # The author's comment.
        factor: float = math.cos(2.0 * math.pi * self.turns)
        return factor * bent(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "turns": self.turns}


class Looks(keras.layers.Layer):  # type: ignore[misc]
    """A layer that reads an array of the module."""

    def call(self, inputs: Any) -> Any:
        return inputs + TABLE[0]


class BentClassifier(DigitClassifier):
    """A classifier with a layer of the author's own."""

    def build_model(self) -> Any:
        dense = keras.layers.Dense
        return keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), dense(4), Bend(0.125), dense(10)])


def test_a_layer_of_the_authors_own_is_part_of_the_program() -> None:
    made = gt.eject(BentClassifier(), gt.data.digits(batch_size=8), check=2)
    assert made.check.equal
    for part in (
        "import math",
        "SLOPE = 0.25",
        "def bent(values, slope=SLOPE):",
        "# The author's comment.",
        "Bend(turns=0.125)",
    ):
        assert part in made.text
    assert "factor = math.cos" in made.text
    assert "register_keras_serializable" not in made.text


@pytest.mark.parametrize("cls", [SpectralNorm, Pack])
def test_classes_of_gantape_need_only_tensorflow_and_keras(cls: Any) -> None:
    sources = Sources()
    sources.add(cls)
    assert "Error" not in str(sources)
    scope = {"tf": tf, "keras": keras, "np": np}
    code = compile("from __future__ import annotations\n" + str(sources), "source", "exec")
    exec(code, scope)
    assert cls.__name__ in scope


def test_a_class_that_needs_an_array_is_refused() -> None:
    with pytest.raises(EjectError, match="`TABLE`, which is a ndarray"):
        Sources().add(Looks)


def test_a_class_without_a_source_is_refused() -> None:
    with pytest.raises(EjectError, match="source of a part"):
        Sources().add(type("Made", (keras.layers.Layer,), {}))
