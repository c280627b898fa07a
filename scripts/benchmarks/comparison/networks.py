"""The networks of both versions."""

import keras

layers = keras.layers


def make_generator(latent_size: int = 64, width: int = 32) -> keras.Model:
    """From latents to images of 28×28×1."""
    return keras.Sequential(
        [
            keras.Input((latent_size,)),
            layers.Dense(7 * 7 * 2 * width, activation="relu"),
            layers.Reshape((7, 7, 2 * width)),
            layers.Conv2DTranspose(width, 4, strides=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh"),
        ]
    )


def make_discriminator(width: int = 32) -> keras.Model:
    """From images to one score."""
    return keras.Sequential([*_judged(width), layers.Flatten(), layers.Dense(1)])


def make_translator(width: int = 32) -> keras.Model:
    """From images to images."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(width, 4, strides=2, padding="same", activation="relu"),
            layers.Conv2D(width, 3, padding="same", activation="relu"),
            layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh"),
        ]
    )


def make_patch_judge(width: int = 32) -> keras.Model:
    """From images to scores of patches."""
    return keras.Sequential([*_judged(width), layers.Conv2D(1, 1)])


def _judged(width: int) -> list[keras.layers.Layer]:
    slope = {"negative_slope": 0.2}
    return [
        keras.Input((28, 28, 1)),
        layers.Conv2D(width, 4, strides=2, padding="same"),
        layers.LeakyReLU(**slope),
        layers.Conv2D(2 * width, 4, strides=2, padding="same"),
        layers.LeakyReLU(**slope),
    ]
