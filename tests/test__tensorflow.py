"""The hook around the calls of layers: it sees every call, may change what it returns, and leaves nothing behind."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gantape._tensorflow import layer_calls


@pytest.fixture
def model() -> keras.Model:
    return keras.Sequential(
        [keras.Input([3]), keras.layers.Dense(2, name="first"), keras.layers.ReLU(name="second")], name="model"
    )


@pytest.mark.parametrize("compiled", [False, True])
def test_it_sees_every_call_with_its_arguments(model: keras.Model, compiled: bool) -> None:
    seen: list[tuple[str, Any]] = []

    def around(layer: Any, call: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        seen.append((layer.name, keywords.get("training")))
        return call(*arguments, **keywords)

    def outputs() -> Any:
        return model(tf.ones([1, 3]), training=True)

    expected = outputs()
    with layer_calls(around):
        found = tf.function(outputs)() if compiled else outputs()
    assert [name for name, _ in seen] == ["model", "first", "second"]
    assert seen[0] == ("model", True)
    np.testing.assert_array_equal(found, expected)


def test_it_may_change_what_a_call_returns(model: keras.Model) -> None:
    with layer_calls(lambda layer, call, arguments, keywords: 2.0 * call(*arguments, **keywords)):
        doubled = keras.layers.ReLU()(tf.constant([1.0, -1.0]))
    np.testing.assert_array_equal(doubled, [2.0, 0.0])


def test_it_is_gone_afterwards_also_after_an_error(model: keras.Model) -> None:
    before = keras.layers.Layer.__call__

    def fail(*_: Any) -> Any:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"), layer_calls(fail):
        model(tf.ones([1, 3]))
    assert keras.layers.Layer.__call__ is before
    assert model(tf.ones([1, 3])).shape == (1, 2)
