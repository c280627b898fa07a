"""Small convolutional networks for 28×28 images, which the GANs share.

Convolutions are gantape's faster ones, which compute the same as Keras' own.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import keras

from gantape.layers import Pack, SpectralNorm, faster
from gantape.types import Model

layers = keras.layers

Norm = Literal["none", "batch", "spectral"]

HIDDEN_UNITS = 256
"""Units of the dense layers between convolutions and latent or score: without them a score would be a sum over patches,
and could not depend on how the strokes of a digit fit together."""


def digit_generator(
    inputs: int, width: int, *, hidden_units: int = HIDDEN_UNITS, classes: int = 0, batch_norm: bool = True
) -> Model:
    """A generator of two dense layers and two transposed convolutions, from 7×7 to 28×28, with pixels from -1 to 1.

    Args:
        inputs: Size of the input vector.
        width: Base number of channels; the layers have 4 and 2 times as many.
        hidden_units: Units of the first dense layer; 0 for a single dense layer.
        classes: If positive, the inputs are `[vector, labels]`, and a label is embedded in 32 numbers.
        batch_norm: Whether batch norm follows every layer but the last.
    """
    vector = keras.Input((inputs,))
    labels = [keras.Input((), dtype="int32")] if classes else []
    joined = layers.Concatenate()([vector, *(layers.Embedding(classes, 32)(label) for label in labels)]) if labels else vector
    hidden = _activated(layers.Dense(hidden_units, use_bias=not batch_norm)(joined), batch_norm) if hidden_units else joined
    hidden = layers.Dense(7 * 7 * 4 * width, use_bias=not batch_norm)(hidden)
    hidden = _activated(layers.Reshape((7, 7, 4 * width))(hidden), batch_norm)
    hidden = layers.Conv2DTranspose(2 * width, 4, strides=2, padding="same", use_bias=not batch_norm)(hidden)
    hidden = _activated(hidden, batch_norm)
    images = layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh")(hidden)
    return faster(keras.Model([vector, *labels] if labels else vector, images, name="generator"))


def digit_discriminator(
    width: int,
    *,
    hidden_units: int = HIDDEN_UNITS,
    norm: Norm = "none",
    pack: int = 1,
    auxiliary: Sequence[int] = (),
) -> Model:
    """A discriminator of two strided convolutions and a dense layer, which ends in one score.

    Args:
        width: Base number of channels; the layers have 2 and 4 times as many.
        hidden_units: Units of the dense layer; 0 for none.
        norm: "batch" for batch norm after every layer but the first and the last, "spectral" for spectral norm on every kernel.
        pack: Examples that are scored together.
        auxiliary: Sizes of auxiliary outputs besides the score, a dense layer for each.
    """
    images = keras.Input((28, 28, 1))
    features = digit_features(Pack(pack)(images) if pack > 1 else images, width, hidden_units=hidden_units, norm=norm)
    normed = _wrapper(norm)
    outputs = [normed(layers.Dense(units))(features) for units in (1, *auxiliary)]
    return faster(keras.Model(images, outputs if auxiliary else outputs[0], name="discriminator"))


def conditional_discriminator(width: int, classes: int, *, projection: bool) -> Model:
    """A discriminator that is called with `[images, labels]`.

    Args:
        width: As in `digit_discriminator`.
        classes: Number of classes.
        projection: Score v·φ(x) + b + e(label)·φ(x), with spectral norm on every kernel (arXiv 1802.05637, equation 3), and
            no hidden dense layer; else the label is embedded as an additional channel of the image, and there is batch norm.
    """
    images, labels = keras.Input((28, 28, 1)), keras.Input((), dtype="int32")
    if projection:
        features = digit_features(images, width, hidden_units=0, norm="spectral")
        embedded = SpectralNorm(layers.Embedding(classes, features.shape[-1]))(labels)
        scores = layers.Add()([SpectralNorm(layers.Dense(1))(features), layers.Dot(axes=1)([features, embedded])])
    else:
        channel = layers.Reshape((28, 28, 1))(layers.Embedding(classes, 28 * 28)(labels))
        scores = layers.Dense(1)(digit_features(layers.Concatenate()([images, channel]), width, norm="batch"))
    return faster(keras.Model([images, labels], scores, name="discriminator"))


def digit_features(images: Any, width: int, *, hidden_units: int = HIDDEN_UNITS, norm: Norm = "none") -> Any:
    """The features before a discriminator's last layer, `batch features`, as a Keras tensor."""
    normed, batch_norm = _wrapper(norm), norm == "batch"

    def activated(hidden: Any) -> Any:
        return layers.LeakyReLU(negative_slope=0.2)(layers.BatchNormalization()(hidden) if batch_norm else hidden)

    hidden = normed(layers.Conv2D(2 * width, 4, strides=2, padding="same"))(images)
    hidden = layers.LeakyReLU(negative_slope=0.2)(hidden)
    hidden = activated(normed(layers.Conv2D(4 * width, 4, strides=2, padding="same", use_bias=not batch_norm))(hidden))
    hidden = layers.Flatten()(hidden)
    return activated(normed(layers.Dense(hidden_units, use_bias=not batch_norm))(hidden)) if hidden_units else hidden


def noise_network(width: int) -> Model:
    """A small U-Net that is called with `[images, waves]`, where waves are 16 numbers for each image, shape `batch 1 1 16`.

    Args:
        width: Base number of channels; the widest layers have 4 times as many.
    """
    images, waves = keras.Input((28, 28, 1)), keras.Input((1, 1, 16))

    def block(inputs: Any, layer: Any, channels: int) -> Any:
        return layers.Activation("swish")(layers.Add()([layer(inputs), layers.Dense(channels)(waves)]))

    first = block(images, layers.Conv2D(width, 3, padding="same"), width)
    half = block(first, layers.Conv2D(2 * width, 4, strides=2, padding="same"), 2 * width)
    low = block(half, layers.Conv2D(4 * width, 4, strides=2, padding="same"), 4 * width)
    low = block(low, layers.Conv2D(4 * width, 3, padding="same"), 4 * width)
    up = block(low, layers.Conv2DTranspose(2 * width, 4, strides=2, padding="same"), 2 * width)
    up = block(layers.Concatenate()([up, half]), layers.Conv2DTranspose(width, 4, strides=2, padding="same"), width)
    found = layers.Conv2D(1, 3, padding="same")(layers.Concatenate()([up, first]))
    return faster(keras.Model([images, waves], found, name="network"))


def u_net(width: int, name: str) -> Model:
    """A small U-Net from 28×28×1 images to such images, with pixels from -1 to 1.

    Args:
        width: Base number of channels; the widest layers have 4 times as many.
        name: Name of the model.
    """
    images = keras.Input((28, 28, 1))
    first = layers.LeakyReLU(negative_slope=0.2)(layers.Conv2D(2 * width, 4, strides=2, padding="same")(images))
    second = _activated(layers.Conv2D(4 * width, 4, strides=2, padding="same", use_bias=False)(first), True)
    middle = _activated(layers.Conv2D(4 * width, 3, padding="same", use_bias=False)(second), True)
    up = _activated(layers.Conv2DTranspose(2 * width, 4, strides=2, padding="same", use_bias=False)(middle), True)
    made = layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh")(layers.Concatenate()([up, first]))
    return faster(keras.Model(images, made, name=name))


def patch_discriminator(width: int, name: str, *, conditional: bool = False) -> Model:
    """A discriminator that scores 7×7 patches of 10×10 pixels.

    Args:
        width: Base number of channels; the widest layer has 4 times as many.
        name: Name of the model.
        conditional: Whether it is called with `[images, sources]`.
    """
    images, sources = keras.Input((28, 28, 1)), keras.Input((28, 28, 1))
    hidden = layers.Conv2D(2 * width, 4, strides=2, padding="same")(
        layers.Concatenate()([images, sources]) if conditional else images
    )
    hidden = layers.LeakyReLU(negative_slope=0.2)(hidden)
    hidden = layers.BatchNormalization()(layers.Conv2D(4 * width, 4, strides=2, padding="same", use_bias=False)(hidden))
    scores = layers.Conv2D(1, 1)(layers.LeakyReLU(negative_slope=0.2)(hidden))
    return faster(keras.Model([images, sources] if conditional else images, scores, name=name))


def dense_classifier(units: int, name: str) -> Model:
    """A classifier with one hidden layer and the logits of ten classes."""
    hidden = [keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(units, "relu")]
    return keras.Sequential([*hidden, layers.Dense(10)], name=name)


def _activated(hidden: Any, batch_norm: bool) -> Any:
    return layers.ReLU()(layers.BatchNormalization()(hidden)) if batch_norm else layers.LeakyReLU(negative_slope=0.2)(hidden)


def _wrapper(norm: Norm) -> Callable[[Any], Any]:
    return SpectralNorm if norm == "spectral" else lambda layer: layer
