"""Checks that the networks and the data of a GAN fit together."""

from typing import Any

import keras
import tensorflow as tf

from gantape.conditioning import Condition
from gantape.errors import GantapeError, RangeError, ShapeError, TaskError, summary
from gantape.shapes import axes_of, check_floating, describe
from gantape.types import Model, Tensor

EXAMPLES = 12
"""Examples passed through the networks in checks: a multiple of the usual sizes of packs and groups."""


def generate_blank(generator: Model, condition: Condition, latent_size: int, task: str) -> Tensor:
    """The examples that a generator makes from latents of zeros.

    Raises:
        TaskError: If it does not accept them.
    """
    latents = tf.zeros([EXAMPLES, latent_size], keras.config.floatx())
    try:
        return generator(condition.for_generator(latents, condition.for_grid(1, EXAMPLES, None)), training=False)
    except GantapeError:
        raise
    except Exception as error:
        raise TaskError(
            "the generator cannot take its latents.",
            where=f"{task}.build_generator",
            got=f"latents of {describe(latents)}, {condition}: {summary(error)}",
            do=f"begin it with keras.Input((self.latent_size,)), here {latent_size}, and with what the condition says.",
        ) from None


def check_networks(generator: Model, discriminator: Model, condition: Condition, latent_size: int, task: str) -> None:
    """Pass latents of zeros through both networks.

    Raises:
        TaskError: If the generator does not accept latents, or the discriminator the generated examples.
        ShapeError: If the discriminator does not end in one score for each example or pack of them, or one for each patch.
    """
    made = generate_blank(generator, condition, latent_size, task)
    conditioning = condition.for_grid(1, EXAMPLES, None)
    try:
        outputs: Any = discriminator(condition.for_discriminator(made, conditioning), training=False)
    except GantapeError:
        raise
    except Exception as error:
        raise TaskError(
            "the discriminator cannot take what the generator makes.",
            where=f"{task}.build_discriminator",
            got=f"examples of {describe(made)}: {summary(error)}",
            do="give the generator's output the shape of the discriminator's input.",
        ) from None
    axes = axes_of(outputs[0] if isinstance(outputs, tuple | list) else outputs)
    fits = axes and axes[0] and EXAMPLES % axes[0] == 0 and (len(axes) == 1 or axes[-1] == 1)
    if not fits:
        raise ShapeError(
            'scores do not fit "batch 1".',
            where=f"{task}.build_discriminator",
            got=f"shape {('batch', *axes[1:])} for examples {('batch', *axes_of(made)[1:])}",
            do="end the discriminator in keras.layers.Dense(1), or in a convolution to 1 channel for scores of patches.",
        )


def check_adds_no_loss(generator: Any, task: str) -> None:
    """Raise a `TaskError` if layers of a generator add losses: an update with shared examples does not call the generator."""
    penalised = [variable for variable in generator.trainable_variables if variable.regularizer is not None]
    if len(generator.losses) > len(penalised):
        raise TaskError(
            "a generator that shares its examples cannot add losses in its layers.",
            where=f"{task}, field `shared_examples`",
            got=f"{len(generator.losses) - len(penalised)} losses from add_loss or activity_regularizer",
            do="leave shared_examples off, or put the term into generator_loss.",
        )


def check_real_examples(real: Any, made: Tensor, pixels: tuple[float, float], where: str) -> None:
    """Check real examples against what the generator makes.

    Raises:
        ShapeError: If they do not have the generator's shape.
        DtypeError: If they are not floats.
        RangeError: If they are images with values outside `pixels`.
    """
    check_floating(
        real,
        name="real examples",
        where=where,
        do="scale bytes to floats: prepare=gantape.data.scale_pixels(*task.pixels) does it inside the graph.",
    )
    wanted = axes_of(made)[1:]
    if axes_of(real)[1:] != wanted:
        pattern = " ".join(["batch", *map(str, wanted)])
        raise ShapeError(
            f'real examples do not fit "{pattern}", the shape that the generator makes.',
            where=where,
            got=describe(real),
            do="add the channel axis, images[..., None]." if len(axes_of(real)) == len(wanted) else "bring both to one shape.",
        )
    low, high = (float(tf.reduce_min(real)), float(tf.reduce_max(real)))
    margin = 0.01 * (pixels[1] - pixels[0])
    if len(axes_of(real)) == 4 and not (pixels[0] - margin <= low and high <= pixels[1] + margin):
        raise RangeError(
            f"real examples lie outside {list(pixels)}, the generator's range.",
            where=where,
            got=f"values from {low:g} to {high:g}",
            do=f"scale them, with prepare=gantape.data.scale_pixels{pixels} for bytes.",
        )
