"""A GAN that grows: a task for each size of its images, which begins with the networks of the size before."""

from typing import Any

import attrs
import keras
import tensorflow as tf

from gantape.errors import HyperparameterError
from gantape.layers import Equalized, FadeIn, FastConv2D, MinibatchDeviation, PixelNorm
from gantape.losses import (
    AdversarialLoss,
    DiscriminatorOutput,
    GradientPenalty,
    OutputTerms,
    Penalty,
    Ramp,
    Wasserstein,
)
from gantape.random.rng import RandomStreams
from gantape.steps.losses import Losses, Terms
from gantape.tasks import AdversarialTask, require_not_negative, require_positive
from gantape.types import Batch, Model, Tensor
from gantape.zoo.images import GAIN, SMALLEST, activated, check_image_size

OF_ALL_PHASES = ("latent_size", "final_size", "channels", "width", "widest")
"""The hyper-parameters on which networks depend besides the image size."""

layers = keras.layers


class ProgressiveGAN(AdversarialTask):
    """A phase of a GAN that grows from 4×4 pixels to its final size, each phase at twice the size of the one before.

    `start_from` takes over the networks of the phase before. The layers of the new size are faded in: over `fade_steps` steps,
    α rises from 0 to 1, and an image is (1 - α) times the enlarged one of the smaller network and α times that of the larger
    one; the discriminator and real images likewise. The optimizers start anew. The generator normalises the channels of each
    pixel, learning rates are equalised, and `MinibatchDeviation` precedes the last layers of the discriminator. The loss is
    Wasserstein's, with a gradient penalty and a small penalty on scores of real images. Colours are not bounded: what lies
    outside of the range is clipped in pictures.

    The networks are those of the paper's table 2, narrower. Phases of the paper last 800,000 images, and as many while layers
    are faded in.

    Args:
        image_size: Height and width of an image in this phase: 4, 8, 16 or another power of two.
        final_size: Height and width in the last phase, which the number of channels depends on.
        channels: 3 for colour, 1 for grey.
        width: Channels of the layers at the final size; each halving of the sides doubles them.
        widest: Largest number of channels of a layer.
        fade_steps: Steps in which the layers of this size are faded in; 0 to have them at once.
        penalty_weight: λ of the gradient penalty.
        drift: Weight of the mean square of real scores.

    Raises:
        HyperparameterError: If a size is not a power of two, or below 4, or the image is larger than the final size.

    References:
        Karras et al. 2018, arXiv 1710.10196; Gulrajani et al. 2017, arXiv 1704.00028 (loss).
    """

    latent_size: int = 128
    generator_decay: float = 0.999
    image_size: int = 8
    final_size: int = 64
    channels: int = 3
    width: int = 16
    widest: int = 128
    fade_steps: int = 1000
    penalty_weight: float = 10.0
    drift: float = 1e-3
    learning_rate: float = 1e-3
    beta_1: float = 0.0
    beta_2: float = 0.99

    def check_hyperparameters(self) -> None:
        super().check_hyperparameters()
        require_positive(self, "width", "widest", "channels")
        require_not_negative(self, "fade_steps", "drift")
        for name in ("image_size", "final_size"):
            check_image_size(getattr(self, name), type(self).__name__, field=name, smallest=SMALLEST)
        if self.image_size > self.final_size:
            raise HyperparameterError(
                "the image is larger than in the last phase.",
                where=f"{type(self).__name__}, field `image_size`",
                got=f"image_size={self.image_size}, final_size={self.final_size}",
                do=f"use final_size={self.image_size} or more, the same in all phases.",
            )

    def build_generator(self) -> Model:
        latents, width = keras.Input((self.latent_size,)), self._width_at(SMALLEST)
        hidden = Equalized(layers.Dense(SMALLEST * SMALLEST * width), GAIN, name=f"dense_{SMALLEST}")(PixelNorm()(latents))
        hidden = PixelNorm()(activated(layers.Reshape((SMALLEST, SMALLEST, width))(hidden)))
        hidden = smaller = PixelNorm()(activated(_convolution(width, f"second_{SMALLEST}")(hidden)))
        for size in self._sizes():
            smaller, hidden = hidden, up_block(hidden, self._width_at(size), size)
        images = _to_colours(self.channels, self.image_size)(hidden)
        if self.fades:
            enlarged = layers.UpSampling2D()(_to_colours(self.channels, self.image_size // 2)(smaller))
            images = FadeIn(name=self._fade)([enlarged, images])
        return keras.Model(latents, images, name="generator")

    def build_discriminator(self) -> Model:
        images = keras.Input((self.image_size, self.image_size, self.channels))
        hidden = _from_colours(images, self._width_at(self.image_size), self.image_size)
        for size in reversed(self._sizes()):
            hidden = down_block(hidden, self._width_at(size), self._width_at(size // 2), size)
            if self.fades and size == self.image_size:
                reduced = layers.AveragePooling2D(2)(images)
                hidden = FadeIn(name=self._fade)([_from_colours(reduced, self._width_at(size // 2), size // 2), hidden])
        width = self._width_at(SMALLEST)
        hidden = activated(_convolution(width, f"first_{SMALLEST}")(MinibatchDeviation()(hidden)))
        hidden = activated(Equalized(layers.Dense(width), GAIN, name=f"dense_{SMALLEST}")(layers.Flatten()(hidden)))
        return keras.Model(images, Equalized(layers.Dense(1), name="score")(hidden), name="discriminator")

    def build_loss(self) -> AdversarialLoss:
        return Wasserstein()

    def build_penalties(self) -> tuple[Penalty, ...]:
        return (GradientPenalty(self.penalty_weight),)

    def build_output_terms(self) -> tuple[OutputTerms, ...]:
        return (Drift(self.drift),) if self.drift else ()

    def start_from(self, before: "ProgressiveGAN") -> None:
        """Take over the weights of the phase before, of all layers that both have.

        Args:
            before: The task of the phase before, trained or restored; of half the image size and else the same networks.

        Raises:
            HyperparameterError: If the phases do not fit together.
        """
        wanted = {"image_size": self.image_size // 2} | {name: getattr(self, name) for name in OF_ALL_PHASES}
        wrong = [name for name, value in wanted.items() if getattr(before, name) != value]
        if wrong:
            raise HyperparameterError(
                "this is not the phase before.",
                where=f"{type(self).__name__}.start_from, argument `before`",
                got=", ".join(f"{name}={getattr(before, name)}" for name in wrong),
                do=f"give a task with {', '.join(f'{name}={wanted[name]}' for name in wrong)}.",
            )
        for part in ("generator", "averaged_generator", "discriminator"):
            known = {layer.name: layer for layer in getattr(before, part).layers if layer.weights}
            for layer in getattr(self, part).layers:
                if layer.name in known:
                    layer.set_weights(known[layer.name].get_weights())

    def discriminator_loss(self, batch: Batch, rng: RandomStreams) -> Losses:
        if not self.fades:
            return super().discriminator_loss(batch, rng)
        real: Any = self.real_examples(batch)
        alpha = tf.cast(self._faded_in(rng), real.dtype)
        return super().discriminator_loss((1.0 - alpha) * blurred(real) + alpha * real, rng)

    def generator_loss(self, batch: Batch, rng: RandomStreams) -> Losses:
        if self.fades:
            self._faded_in(rng)
        return super().generator_loss(batch, rng)

    @property
    def fades(self) -> bool:
        """Whether layers are faded in in this phase."""
        return self.image_size > SMALLEST and self.fade_steps > 0

    def _faded_in(self, rng: RandomStreams) -> Any:
        """α of this step, which is assigned in all networks."""
        alpha: Any = Ramp(steps=self.fade_steps)(rng.step)
        models: dict[int, Any] = {id(model): model for model in (self.generator, self.averaged_generator, self.discriminator)}
        for model in models.values():
            variable = model.get_layer(self._fade).alpha
            variable.assign(tf.cast(alpha, variable.dtype))
        return alpha

    @property
    def _fade(self) -> str:
        return f"fade_{self.image_size}"

    def _width_at(self, size: int) -> int:
        return min(self.width * self.final_size // size, self.widest)

    def _sizes(self) -> list[int]:
        """The sizes above the smallest, up to that of the image."""
        doublings = (self.image_size // SMALLEST).bit_length()
        return [SMALLEST * 2**doubling for doubling in range(1, doublings)]


@attrs.frozen
class Drift(OutputTerms):
    """Keeps scores near 0, which Wasserstein's loss does not: ε · mean r², r being the scores of real examples.

    Args:
        weight: ε.

    References:
        Karras et al. 2018, arXiv 1710.10196, appendix A.1.
    """

    weight: float = 1e-3

    def discriminator(self, real: DiscriminatorOutput, fake: DiscriminatorOutput, rng: RandomStreams) -> Terms:
        return {"drift": self.weight * tf.reduce_mean(tf.square(real.scores))}

    def generator(self, real: DiscriminatorOutput | None, fake: DiscriminatorOutput, rng: RandomStreams) -> Terms:
        return {}


def blurred(images: Tensor) -> Tensor:
    """Images at half their size, enlarged again: each 2×2 pixels are their mean."""
    reduced = tf.nn.avg_pool2d(images, 2, 2, "VALID")
    return tf.repeat(tf.repeat(reduced, 2, axis=1), 2, axis=2)


def up_block(images: Any, width: int, size: int) -> Any:
    """Doubles an image to a size by nearest neighbours, and convolves it twice, each with a leaky ReLU and pixel norm."""
    hidden = layers.UpSampling2D()(images)
    for name in ("first", "second"):
        hidden = PixelNorm()(activated(_convolution(width, f"{name}_{size}")(hidden)))
    return hidden


def down_block(images: Any, width: int, wider: int, size: int) -> Any:
    """Convolves an image of a size twice, each with a leaky ReLU, the second with more channels, and halves it by means."""
    hidden = activated(_convolution(width, f"first_{size}")(images))
    return layers.AveragePooling2D(2)(activated(_convolution(wider, f"second_{size}")(hidden)))


def _convolution(width: int, name: str) -> Any:
    return Equalized(FastConv2D(width, 3, padding="same"), GAIN, name=name)


def _to_colours(channels: int, size: int) -> Any:
    return Equalized(FastConv2D(channels, 1), name=f"to_colours_{size}")


def _from_colours(images: Any, width: int, size: int) -> Any:
    return activated(Equalized(FastConv2D(width, 1), GAIN, name=f"from_colours_{size}")(images))
