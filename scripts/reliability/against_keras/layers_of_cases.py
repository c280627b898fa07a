"""The layers of which the models of cases consist, by name."""

from collections.abc import Callable
from typing import Any

import keras

layers = keras.layers
Layer = Any
Make = Callable[[str], Layer]


class AddsLoss(layers.Layer):
    """Returns its inputs, and adds their mean square as a loss."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        self.add_loss(0.1 * keras.ops.mean(keras.ops.square(inputs)))
        return inputs


class Twice(layers.Layer):
    """Applies one dense layer twice, and adds the inputs."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.supports_masking = True

    def build(self, shape: Any) -> None:
        self.inner = layers.Dense(shape[-1], activation="tanh", kernel_regularizer="l2", activity_regularizer="l2")
        self.inner.build(shape)

    def call(self, inputs: Any) -> Any:
        return inputs + self.inner(self.inner(inputs))


class Counter(layers.Layer):
    """Returns its inputs, scaled by a variable that is not trained and changes with every training pass."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.supports_masking = True

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(shape=(), initializer="ones", trainable=False, name="scale")

    def call(self, inputs: Any, training: bool = False) -> Any:
        if training:
            self.scale.assign(self.scale * 0.99)
        return inputs * keras.ops.cast(self.scale, inputs.dtype)


def _frozen(layer: Layer) -> Layer:
    layer.trainable = False
    return layer


def _block(name: str) -> Layer:
    """A model inside of the model, with layers that behave otherwise in training."""
    inner = [layers.Dense(4, kernel_regularizer="l2"), layers.BatchNormalization(), layers.Dropout(0.2, seed=5)]
    return keras.Sequential(inner, name=name)


ANYWHERE: dict[str, Make] = {
    "dense": lambda name: layers.Dense(5, activation="relu", name=name),
    "gelu": lambda name: layers.Dense(4, activation="gelu", use_bias=False, name=name),
    "l2": lambda name: layers.Dense(4, kernel_regularizer=keras.regularizers.L2(0.02), name=name),
    "l1 of all": lambda name: layers.Dense(4, kernel_regularizer=keras.regularizers.L1L2(), bias_regularizer="l1", name=name),
    "activity": lambda name: layers.Dense(4, activation="tanh", activity_regularizer=keras.regularizers.L2(0.1), name=name),
    "adds loss": lambda name: AddsLoss(name=name),
    "activity of nothing": lambda name: layers.ActivityRegularization(l1=0.01, name=name),
    "twice": lambda name: Twice(name=name),
    "counter": lambda name: Counter(name=name),
    "bounded": lambda name: layers.Dense(4, kernel_constraint=keras.constraints.MaxNorm(0.7), name=name),
    "positive": lambda name: layers.Dense(4, kernel_constraint="non_neg", name=name),
    "frozen": lambda name: _frozen(layers.Dense(4, kernel_regularizer="l2", activation="tanh", name=name)),
    "frozen norm": lambda name: _frozen(layers.BatchNormalization(name=name)),
    "frozen block": lambda name: _frozen(_block(name)),
    "block": _block,
    "batch norm": lambda name: layers.BatchNormalization(momentum=0.8, name=name),
    "layer norm": lambda name: layers.LayerNormalization(name=name),
    "rms norm": lambda name: layers.RMSNormalization(name=name),
    "unit norm": lambda name: layers.UnitNormalization(name=name),
    "dropout": lambda name: layers.Dropout(0.3, seed=7, name=name),
    "noise": lambda name: layers.GaussianNoise(0.1, seed=8, name=name),
    "gaussian dropout": lambda name: layers.GaussianDropout(0.2, seed=9, name=name),
    "alpha dropout": lambda name: layers.AlphaDropout(0.1, seed=9, name=name),
    "prelu": lambda name: layers.PReLU(name=name),
    "spectral norm": lambda name: layers.SpectralNormalization(layers.Dense(4), name=name),
}
"""Layers for inputs of any rank, channels last."""

SEQUENCES: dict[str, Make] = {
    "lstm": lambda name: layers.LSTM(4, return_sequences=True, name=name),
    "lstm with dropout": lambda name: layers.LSTM(
        4, return_sequences=True, dropout=0.2, recurrent_dropout=0.2, seed=3, name=name
    ),
    "gru": lambda name: layers.GRU(3, return_sequences=True, recurrent_regularizer="l2", name=name),
    "recurrent": lambda name: layers.SimpleRNN(4, return_sequences=True, go_backwards=True, name=name),
    "both ways": lambda name: layers.Bidirectional(layers.GRU(2, return_sequences=True), name=name),
    "each step": lambda name: layers.TimeDistributed(layers.Dense(4, kernel_regularizer="l2"), name=name),
    "spatial dropout": lambda name: layers.SpatialDropout1D(0.3, seed=4, name=name),
}
"""Layers for sequences, which pass a mask on."""

UNMASKED: dict[str, Make] = {
    "convolution in time": lambda name: layers.Conv1D(4, 3, padding="causal", activation="relu", name=name),
    "group norm": lambda name: layers.GroupNormalization(groups=1, name=name),
}
"""Layers for sequences without a mask."""

IMAGES: dict[str, Make] = {
    "convolution": lambda name: layers.Conv2D(4, 3, padding="same", kernel_regularizer="l2", name=name),
    "strided": lambda name: layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name=name),
    "separable": lambda name: layers.SeparableConv2D(4, 3, padding="same", depthwise_regularizer="l2", name=name),
    "depthwise": lambda name: layers.DepthwiseConv2D(3, padding="same", name=name),
    "transposed": lambda name: layers.Conv2DTranspose(3, 3, strides=2, padding="same", name=name),
    "pooling": lambda name: layers.MaxPooling2D(2, padding="same", name=name),
    "average pooling": lambda name: layers.AveragePooling2D(2, padding="same", name=name),
    "upsampling": lambda name: layers.UpSampling2D(name=name),
    "spatial dropout": lambda name: layers.SpatialDropout2D(0.3, seed=4, name=name),
    "flips": lambda name: layers.RandomFlip(seed=6, name=name),
    "group norm": lambda name: layers.GroupNormalization(groups=1, name=name),
}
"""Layers for images."""

NAMES = {
    "table": (*ANYWHERE,),
    "list": (*ANYWHERE,),
    "dict": (*ANYWHERE,),
    "image": (*ANYWHERE, *IMAGES),
    "sequence": (*ANYWHERE, *SEQUENCES, *UNMASKED),
    "tokens": (*ANYWHERE, *SEQUENCES, *UNMASKED),
    "masked": tuple(name for name in (*ANYWHERE, *SEQUENCES) if name not in ("unit norm", "rms norm", "spectral norm")),
}
"""The layers for each kind of input."""


def make_layer(kind: str, name: str, place: int) -> Layer:
    """The layer of this name, for a kind of input."""
    known = ANYWHERE | SEQUENCES | UNMASKED if kind != "image" else ANYWHERE | IMAGES
    return known[name](f"{place}_{name.replace(' ', '_')}")
