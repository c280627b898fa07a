"""Checks that the networks and the data of a GAN fit together."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from gantape._tensorflow import sublayers
from gantape.conditioning import Condition
from gantape.errors import GantapeError, RangeError, ShapeError, TaskError, summary, warn
from gantape.losses import (
    R1,
    R2,
    AdversarialLoss,
    CrossEntropyLoss,
    DraganPenalty,
    GradientPenalty,
    Hinge,
    Lazy,
    LeCam,
    NoisyLabels,
    Penalty,
    RelativisticAverage,
    RelativisticAverageHinge,
    RelativisticPairing,
    TopK,
    Wasserstein,
    upcast,
)
from gantape.shapes import axes_of, check_floating, describe, how_to_floats
from gantape.tasks.last_operation import RANGES, last_operation
from gantape.types import Model, Tensor

_OF_RAW_SCORES = (
    CrossEntropyLoss,
    NoisyLabels,
    Hinge,
    Wasserstein,
    RelativisticAverage,
    RelativisticAverageHinge,
    RelativisticPairing,
)
_OF_GRADIENTS = (GradientPenalty, DraganPenalty, R1, R2)

EXAMPLES = 12
"""Examples passed through the networks in checks: a multiple of the usual sizes of packs and groups."""


def blank_inputs(condition: Condition, latent_size: int) -> Any:
    """Inputs of a generator, from latents of zeros."""
    latents = tf.zeros([EXAMPLES, latent_size], keras.config.floatx())
    return condition.for_generator(latents, condition.for_grid(1, EXAMPLES, None))


def generate_blank(generator: Model, condition: Condition, latent_size: int, task: str) -> Tensor:
    """The examples that a generator makes from latents of zeros, in float32 as in training.

    Raises:
        TaskError: If it does not accept them.
    """
    try:
        made = generator(blank_inputs(condition, latent_size), training=False)
    except GantapeError:
        raise
    except Exception as error:
        raise TaskError(
            "the generator cannot take its latents.",
            where=f"{task}.build_generator",
            got=f"latents of shape {(EXAMPLES, latent_size)}, {condition}: {summary(error)}",
            do=f"begin it with keras.Input((self.latent_size,)), here {latent_size}, and with what the condition says.",
        ) from None
    return upcast(made) if tf.is_tensor(made) else made


def check_networks(
    generator: Model, discriminator: Model, condition: Condition, latent_size: int, task: str, *, joint: bool
) -> Any:
    """Pass latents of zeros through both networks.

    Args:
        generator: The generator.
        discriminator: The discriminator.
        condition: The condition, which makes their inputs.
        latent_size: Size of a latent vector.
        task: The name of the task in errors.
        joint: Whether real and generated examples are scored in one pass.

    Returns:
        The inputs of the discriminator.

    Raises:
        TaskError: If the generator does not accept latents, or the discriminator the generated examples; or if examples are
            scored in packs although real and generated ones share a batch.
        ShapeError: If the discriminator does not end in one score for each example or pack of them, or one for each patch.
    """
    made = generate_blank(generator, condition, latent_size, task)
    if not hasattr(made, "shape"):
        raise TaskError(
            "a generator makes one tensor.",
            where=f"{task}.build_generator",
            got=f"a {type(made).__name__}",
            do="end it in keras.layers.Concatenate() of its outputs, and cut the discriminator's input up again; or write a "
            "gantape.Task of your own.",
        )
    conditioning = condition.for_grid(1, EXAMPLES, None)
    try:
        outputs: Any = discriminator(inputs := condition.for_discriminator(made, conditioning), training=False)
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
    if joint and axes[0] != EXAMPLES:
        raise TaskError(
            "packs of a joint batch would hold real and generated examples together.",
            where=f"{task}, field `joint_batch`",
            got=f"{axes[0]} scores for {EXAMPLES} examples, from one pass for real and generated ones",
            do="leave joint_batch off, or score each example by itself.",
        )
    return inputs


def check_count(count: Any, where: str) -> None:
    """Raise a `ShapeError` if the number of latents is `None`, as the size of a batch is in the graph of an evaluation."""
    if count is None:
        raise ShapeError(
            "the number of latents is not known.",
            where=f"{where}, argument `count`",
            got="None",
            do="give tf.shape(batch)[0], which is known when the graph runs; batch.shape[0] may be None before.",
        )


def check_critic(discriminator: Model, inputs: Any, loss: AdversarialLoss, penalties: Sequence[Penalty], task: str) -> None:
    """Check the end of a discriminator against the loss, and its normalisation against penalties.

    Args:
        discriminator: The discriminator.
        inputs: Inputs that it can be called with.
        loss: The loss. One that does not come with gantape may take probabilities.
        penalties: The penalties.
        task: The name of the task in the error.

    Raises:
        TaskError: If it ends in probabilities, and the loss takes raw scores.
    """
    where = f"{task}.build_discriminator"
    scored = loss
    while isinstance(scored, TopK | LeCam):
        scored = scored.loss
    operation = last_operation(discriminator, inputs)
    range_of_scores = RANGES.get(operation) if isinstance(scored, _OF_RAW_SCORES) else None
    if range_of_scores == (0.0, 1.0):
        raise TaskError(
            "the discriminator ends in probabilities, and the loss takes raw scores.",
            where=where,
            got=f"a {operation.lower()} at the end, under {type(scored).__name__}",
            do="end it in keras.layers.Dense(1) without an activation: the sigmoid is part of the loss.",
        )
    if range_of_scores is not None:
        warn(
            "the discriminator ends in an activation, and the loss takes raw scores.",
            where=where,
            got=f"{operation.lower()} at the end, under {type(scored).__name__}: scores from {range_of_scores[0]:g} to "
            f"{range_of_scores[1]:g}",
            do="end it in keras.layers.Dense(1) without an activation.",
        )
    norms = [layer.name for layer in sublayers(discriminator) if isinstance(layer, keras.layers.BatchNormalization)]
    inner = [penalty.penalty if isinstance(penalty, Lazy) else penalty for penalty in penalties]
    of_gradients = [type(penalty).__name__ for penalty in inner if isinstance(penalty, _OF_GRADIENTS)]
    if norms and of_gradients:
        warn(
            "a penalty takes the gradient of each example's score, which batch norm makes depend on the other examples.",
            where=where,
            got=f"{', '.join(norms)}, and {', '.join(of_gradients)}",
            do="use gantape.layers.LayerNorm or no normalisation in the discriminator.",
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
    if not hasattr(real, "shape"):
        raise ShapeError(
            "real examples are one tensor.",
            where=where,
            got=f"a {type(real).__name__} of {len(real)}",
            do="join the columns of a table, with numpy.concatenate(columns, axis=1); or override real_examples.",
        )
    check_floating(
        real,
        name="real examples",
        where=where,
        do=how_to_floats(real, "*task.pixels"),
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
    low, high = extent(real)
    margin = 0.01 * (pixels[1] - pixels[0])
    if len(axes_of(real)) == 4 and not (pixels[0] - margin <= low and high <= pixels[1] + margin):
        raise RangeError(
            f"real examples lie outside {list(pixels)}, the generator's range.",
            where=where,
            got=f"values from {low:g} to {high:g}",
            do=f"scale them, with prepare=gantape.data.scale_pixels{pixels} for bytes.",
        )


def check_generator_range(generator: Model, inputs: Any, real: Any, pixels: tuple[float, float], task: str) -> None:
    """Warn if the range of the generator's last activation is not that of the data.

    Args:
        generator: The generator.
        inputs: Inputs that it can be called with.
        real: Real examples.
        pixels: The declared range of pixels.
        task: The name of the task in the warning.
    """
    operation = last_operation(generator, inputs)
    made = RANGES.get(operation, (-math.inf, math.inf))
    low, high = extent(real)
    margin = 0.01 * (high - low)
    image = len(axes_of(real)) == 4
    where = f"{task}.build_generator"
    got = f"a {operation.lower()} at the end, for values from {made[0]:g} to {made[1]:g}; data from {low:g} to {high:g}"
    if low < made[0] - margin or high > made[1] + margin:
        warn(
            "the generator cannot make the values of the data.",
            where=where,
            got=got,
            do="scale the data to the range of the generator's last activation, or end the generator without one.",
        )
    elif image and operation in ("Sigmoid", "Tanh") and made != pixels:
        activation = {(0.0, 1.0): "sigmoid", (-1.0, 1.0): "tanh"}.get(pixels)
        warn(
            "the range of the generator's last activation is not that of the pixels.",
            where=where,
            got=f"{got}; pixels = {pixels}",
            do=f"set pixels = {made} in the class, and scale the data to it"
            + (f"; or end the generator in {activation}." if activation else "."),
        )
    elif image and pixels == (-1.0, 1.0) and low >= 0.0:
        warn(
            "no pixel of the first batch lies in the lower half of the range: the data seems to be scaled to (0, 1).",
            where=f"{task}, argument `real`",
            got=f"values from {low:g} to {high:g}; pixels = {pixels}",
            do="scale the data, 2 * images - 1; or set pixels = (0.0, 1.0) and end the generator in sigmoid.",
        )


def extent(examples: Any) -> tuple[float, float]:
    """The smallest and the largest number."""
    return float(tf.reduce_min(examples)), float(tf.reduce_max(examples))
