"""The model and the data of a case."""

from typing import Any

import keras
import numpy as np

from reliability.against_keras.layers_of_cases import make_layer
from reliability.against_keras.targets_of_cases import OTHER, TARGETS

Array = np.ndarray[Any, Any]
layers = keras.layers
STEPS, WORDS = 5, 7

SHAPES: dict[str, tuple[int, ...]] = {"table": (4,), "image": (4, 4, 2), "sequence": (STEPS, 3)}
"""Shapes of an example by kind of input. Of two inputs, in a list or a dict, the second is half as wide."""

PAIR = {"left": (4,), "right": (2,)}


class Subclassed(keras.Model):
    """The model of a case as a subclass of `keras.Model`."""

    def __init__(self, case: Any) -> None:
        super().__init__()
        self.first = _first_layers(case)
        self.body = _body(case)
        self.heads = _heads(case)

    def call(self, inputs: Any, training: bool = False) -> Any:
        x = _joined(self.first, inputs)
        for layer in self.body:
            x = layer(x)
        return _outputs(self.heads, x)


def make_model(case: Any) -> keras.Model:
    """The model of a case, built."""
    inputs = _inputs(case)
    if case.built == "subclass":
        model = Subclassed(case)
        model(keras.tree.map_structure(keras.ops.convert_to_tensor, draw_inputs(case, 2, np.random.default_rng(0))))
        return model
    if case.built == "sequential":
        return keras.Sequential([inputs, *_first_layers(case), *_body(case), _heads(case)])
    x = _joined(_first_layers(case), inputs)
    for layer in _body(case):
        x = layer(x)
    return keras.Model(inputs, _outputs(_heads(case), x))


def draw_inputs(case: Any, count: int, rng: np.random.Generator) -> Any:
    """Inputs of a number of examples."""
    kind = keras.config.floatx()
    if case.inputs in ("tokens", "masked"):
        words = rng.integers(1, WORDS, (count, STEPS))
        lengths = rng.integers(1, STEPS + 1, (count, 1))
        return np.where(np.arange(STEPS) < lengths, words, 0) if case.inputs == "masked" else words
    if case.inputs in ("list", "dict"):
        pair = {name: rng.normal(size=(count, *shape)).astype(kind) for name, shape in PAIR.items()}
        return pair if case.inputs == "dict" else tuple(pair.values())
    return rng.normal(size=(count, *SHAPES[case.inputs])).astype(kind)


def draw_examples(case: Any, count: int, rng: np.random.Generator) -> tuple[Any, ...]:
    """Inputs and targets of a number of examples, and weights where the case has them."""
    targets = TARGETS[case.target].draw(rng, (count, STEPS))
    if targets.dtype.kind == "f":
        targets = targets.astype(keras.config.floatx())
    if case.outputs != "one":
        other = rng.normal(size=(count, 2)).astype(keras.config.floatx())
        targets = {"predictions": targets, OTHER: other} if case.outputs == "dict" else (targets, other)
    pair = (draw_inputs(case, count, rng), targets)
    return (*pair, rng.uniform(0.1, 2.0, count).astype(keras.config.floatx())) if case.weighted else pair


def _inputs(case: Any) -> Any:
    if case.inputs in ("tokens", "masked"):
        return keras.Input((STEPS,), dtype="int64")
    if case.inputs in ("list", "dict"):
        pair = {name: keras.Input(shape, name=name) for name, shape in PAIR.items()}
        return pair if case.inputs == "dict" else tuple(pair.values())
    return keras.Input(SHAPES[case.inputs])


def _first_layers(case: Any) -> list[Any]:
    """The layers that make numbers of words, and those that make one input of two: one for each, and one that both share."""
    if case.inputs in ("tokens", "masked"):
        return [layers.Embedding(WORDS, 4, mask_zero=case.inputs == "masked", name="words")]
    if case.inputs in ("list", "dict"):
        narrow = [layers.Dense(4, kernel_regularizer="l2", name=f"of_{name}") for name in PAIR]
        return [*narrow, layers.Dense(4, activation="tanh", activity_regularizer="l2", name="shared"), layers.Concatenate()]
    return []


def _joined(first: list[Any], inputs: Any) -> Any:
    if len(first) < 2:
        return first[0](inputs) if first else inputs
    left, right, shared, join = first
    pair = [inputs[name] for name in PAIR] if isinstance(inputs, dict) else list(inputs)
    return join([shared(left(pair[0])), shared(right(pair[1]))])


def _body(case: Any) -> list[Any]:
    target = TARGETS[case.target]
    made = [make_layer(case.inputs, name, place) for place, name in enumerate(case.layers)]
    return made if target.steps else [*made, *_reduction(case)]


def _heads(case: Any) -> Any:
    """The last layer; for two outputs one for each, in a list or a dict."""
    target = TARGETS[case.target]
    head = layers.Dense(target.units, activation=target.losses[case.loss][0], name="predictions")
    if case.outputs == "one":
        return head
    pair = {"predictions": head, OTHER: layers.Dense(2, kernel_regularizer="l2", name=OTHER)}
    return pair if case.outputs == "dict" else list(pair.values())


def _outputs(heads: Any, x: Any) -> Any:
    if isinstance(heads, dict):
        return {name: head(x) for name, head in heads.items()}
    return [head(x) for head in heads] if isinstance(heads, list) else heads(x)


def _reduction(case: Any) -> list[Any]:
    if case.inputs == "image":
        return [layers.Flatten()] if case.reduce == "flatten" else [layers.GlobalAveragePooling2D()]
    if case.inputs in ("sequence", "tokens", "masked"):
        return [layers.GRU(3, name="last")] if case.reduce == "last" else [layers.GlobalAveragePooling1D()]
    return []
