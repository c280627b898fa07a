"""Learning by a game: a generator against a discriminator."""

from abc import abstractmethod
from typing import Any, ClassVar

import keras
import tensorflow as tf

from gantape.errors import GantapeError, RangeError, ShapeError, TaskError, summary
from gantape.losses import AdversarialLoss, Lazy, Losses, NonSaturating, Penalty
from gantape.metrics import MetricSet
from gantape.noise import Noise
from gantape.shapes import Images, Latents, Scores, axes_of, check_floating, describe, match_shape
from gantape.tasks.task import Part, Task, require_positive
from gantape.types import Batch, Model, Optimizer, Tensor
from gantape.update import MovingAverage, Update


class AdversarialTask(Task):
    """A generator, which makes examples from latents, against a discriminator, which scores them.

    A variant of a GAN is another loss, another penalty or another network, not another class: see `gantape.losses`.
    A batch is the real examples, or a tuple that begins with them.

    Args:
        latent_size: Numbers in a latent.
        discriminator_updates: Updates of the discriminator in a step, each with a fresh batch.
        generator_decay: β of the generator's moving average, from which samples are made; 0 for no average.
        joint_batch: Score real and generated examples in one pass of the discriminator, as the Keras guide does. Batch norm
            in the discriminator then mixes their statistics.
    """

    latent_size: int = 128
    discriminator_updates: int = 1
    generator_decay: float = 0.0
    joint_batch: bool = False

    pixels: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    """The range of the examples that the generator makes and the data has to have."""

    generator = Part[Model]()
    discriminator = Part[Model]()
    generator_optimizer = Part[Optimizer]()
    discriminator_optimizer = Part[Optimizer]()
    loss = Part[AdversarialLoss]()
    penalties = Part[tuple[Penalty, ...]]()
    averaged_generator = Part[Model]()

    @abstractmethod
    def build_generator(self) -> Model:
        """The generator, from `batch latent` to examples, such as `batch height width channels`."""

    @abstractmethod
    def build_discriminator(self) -> Model:
        """The discriminator, from examples to raw scores `batch 1`, or `batch height width 1` for patches."""

    @abstractmethod
    def build_generator_optimizer(self) -> Optimizer:
        """The optimizer of the generator."""

    @abstractmethod
    def build_discriminator_optimizer(self) -> Optimizer:
        """The optimizer of the discriminator."""

    def build_loss(self) -> AdversarialLoss:
        """The game that the two play; the non-saturating one by default."""
        return NonSaturating()

    def build_penalties(self) -> tuple[Penalty, ...]:
        """What the discriminator's loss gains; nothing by default."""
        return ()

    def build_metrics(self) -> MetricSet:
        """The discriminator's mean scores of real and of generated examples."""
        return MetricSet(real_score=keras.metrics.Mean(), fake_score=keras.metrics.Mean())

    def build_averaged_generator(self) -> Model:
        """A second generator for the moving average; the generator itself where there is none."""
        if not self.generator_decay:
            return self.generator
        average: Any = self.build_generator()
        generator: Any = self.generator
        self._pass_through(average)
        average.set_weights(generator.get_weights())
        return average

    def check_hyperparameters(self) -> None:
        require_positive(self, "latent_size", "discriminator_updates")

    def check_parts(self) -> None:
        """Pass two latents through both networks.

        Raises:
            TaskError: If the generator cannot take latents, or the discriminator what it makes of them.
            ShapeError: If the discriminator does not end in one score, or one for each patch.
        """
        name = type(self).__name__
        made = self._pass_through(self.generator)
        try:
            scores = self.discriminator(made, training=False)
        except GantapeError:
            raise
        except Exception as error:
            raise TaskError(
                "the discriminator cannot take what the generator makes.",
                where=f"{name}.build_discriminator",
                got=f"examples of {describe(made)}: {summary(error)}",
                do="let the generator end in the shape that the discriminator begins with.",
            ) from None
        axes = axes_of(scores)
        if match_shape(axes, "2") is None and (len(axes) < 2 or axes[-1] != 1 or axes[0] != 2):
            raise ShapeError(
                'scores do not fit "batch 1".',
                where=f"{name}.build_discriminator",
                got=f"shape {('batch', *axes[1:])} for examples {('batch', *axes_of(made)[1:])}",
                do="end the discriminator in keras.layers.Dense(1), or in a convolution to 1 channel for scores of patches.",
            )

    def updates(self) -> tuple[Update, ...]:
        average = MovingAverage(self.generator, self.averaged_generator, self.generator_decay)
        return (
            Update(
                "discriminator",
                self.discriminator_loss,
                (self.discriminator,),
                self.discriminator_optimizer,
                repeats=self.discriminator_updates,
                lazy={penalty.name: penalty.every for penalty in self.penalties if isinstance(penalty, Lazy)},
            ),
            Update(
                "generator",
                self.generator_loss,
                (self.generator,),
                self.generator_optimizer,
                average=average if self.generator_decay else None,
            ),
        )

    def discriminator_loss(self, batch: Batch, noise: Noise) -> Losses:
        """The discriminator's terms and penalties for a batch."""
        real, fake = self._real_and_fake(batch, noise)
        real_scores, fake_scores = self._scores(real, fake)
        terms = dict(self.loss.discriminator(real_scores, fake_scores, noise))
        for penalty in self.penalties:
            terms[penalty.name] = penalty(self.discriminator, real, fake, noise.stream(penalty.name))
        seen = {"real_score": (real_scores,), "fake_score": (fake_scores,)}
        return Losses(terms, {name: seen[name] for name in self.metrics.names if name in seen})

    def generator_loss(self, batch: Batch, noise: Noise) -> Losses:
        """The generator's terms for a batch."""
        real, fake = self._real_and_fake(batch, noise)
        if self.loss.generator_sees_real:
            real_scores, fake_scores = self._scores(real, fake)
            return Losses(self.loss.generator(real_scores, fake_scores, noise))
        return Losses(self.loss.generator(None, self.discriminator(fake, training=True), noise))

    def real_examples(self, batch: Batch) -> Images:
        """The real examples of a batch."""
        return batch[0] if isinstance(batch, tuple | list) else batch

    def latents(self, count: int | None, noise: Noise, name: str = "latent") -> Latents:
        """Standard normal latents, shape `count latent`."""
        return noise.normal(name, [count or 1, self.latent_size])

    def generate(self, latents: Latents) -> Images:
        """Examples from latents, by the averaged generator as in use (`training=False`)."""
        return self.averaged_generator(latents, training=False)

    def check_batch(self, batch: Batch) -> None:
        """Check real examples against the networks.

        Raises:
            ShapeError: If they do not have the generator's shape.
            DtypeError: If they are not floats.
            RangeError: If they lie outside of the range of pixels.
        """
        real: Any = self.real_examples(batch)
        where = f"{type(self).__name__}, argument `real`"
        check_floating(
            real,
            name="real examples",
            where=where,
            do="scale bytes to floats: prepare=gantape.data.scale_pixels(*task.pixels) does it inside the graph.",
        )
        made = axes_of(self._pass_through(self.generator))[1:]
        if axes_of(real)[1:] != made:
            pattern = " ".join(["batch", *map(str, made)])
            raise ShapeError(
                f'real examples do not fit "{pattern}", the shape that the generator makes.',
                where=where,
                got=describe(real),
                do="add the channel axis, images[..., None]."
                if len(axes_of(real)) == len(made)
                else "bring both to one shape.",
            )
        self._check_range(real, where)

    def _check_range(self, real: Tensor, where: str) -> None:
        low, high = (float(tf.reduce_min(real)), float(tf.reduce_max(real)))
        margin = 0.01 * (self.pixels[1] - self.pixels[0])
        is_image = len(axes_of(real)) == 4
        if is_image and not (self.pixels[0] - margin <= low and high <= self.pixels[1] + margin):
            raise RangeError(
                f"real examples lie outside of {list(self.pixels)}, the range that the generator is to make.",
                where=where,
                got=f"values from {low:g} to {high:g}",
                do=f"scale them, with prepare=gantape.data.scale_pixels{self.pixels} for bytes.",
            )

    def _real_and_fake(self, batch: Batch, noise: Noise) -> tuple[Tensor, Tensor]:
        """Real examples and as many generated ones, of one floating-point type."""
        real = self.real_examples(batch)
        fake = self.generator(self.latents(axes_of(real)[0], noise), training=True)
        return tf.cast(real, fake.dtype), fake

    def _scores(self, real: Tensor, fake: Tensor) -> tuple[Scores, Scores]:
        if not self.joint_batch:
            return self.discriminator(real, training=True), self.discriminator(fake, training=True)
        scores = self.discriminator(tf.concat([fake, real], axis=0), training=True)
        count = axes_of(fake)[0]
        return scores[count:], scores[:count]

    def _pass_through(self, generator: Model) -> Tensor:
        latents = tf.zeros([2, self.latent_size], keras.config.floatx())
        try:
            return generator(latents, training=False)
        except GantapeError:
            raise
        except Exception as error:
            raise TaskError(
                "the generator cannot take its latents.",
                where=f"{type(self).__name__}.build_generator",
                got=f"latents of {describe(latents)}: {summary(error)}",
                do=f"begin it with keras.Input((self.latent_size,)), here {self.latent_size}.",
            ) from None
