"""Adversarial training: a generator against a discriminator."""

import functools
from abc import abstractmethod
from typing import Any, ClassVar, cast

import keras
import tensorflow as tf

from gantape.augment import Augmentation
from gantape.conditioning import Condition, Conditioning, Unconditional
from gantape.losses import AdversarialLoss, Lazy, NonSaturating, OutputTerms, Penalty, upcast
from gantape.metrics import MetricSet
from gantape.random.rng import RandomStreams
from gantape.shapes import Images, Latents, sizes_of
from gantape.steps.averaging import ExponentialMovingAverage
from gantape.steps.gradients import GradientOptions
from gantape.steps.losses import Losses
from gantape.steps.shared import SharedPass
from gantape.steps.step import Update
from gantape.tasks.gan_batch import GANBatch, add_terms
from gantape.tasks.networks import (
    blank_inputs,
    check_adds_no_loss,
    check_count,
    check_critic,
    check_generator_range,
    check_networks,
    check_real_examples,
    generate_blank,
)
from gantape.tasks.part import Part
from gantape.tasks.scorer import Scorer
from gantape.tasks.task import Task, require_positive
from gantape.types import Batch, Model, Optimizer, Tensor


class AdversarialTask(Task):
    """A generator, which makes examples from latents, against a discriminator, which scores them.

    A variant of a GAN overrides the loss, penalties, condition, augmentations or networks; the training code stays the same.
    See `gantape.losses`, `gantape.conditioning` and `gantape.augment`. A batch is the real examples, or a tuple that
    begins with them.

    Args:
        latent_size: Size of a latent vector.
        learning_rate: The learning rate of both Adams. The defaults of the optimizers are those of the DCGAN paper,
            arXiv 1511.06434.
        generator_learning_rate: The learning rate of the generator's Adam; by default `learning_rate`.
        discriminator_learning_rate: The learning rate of the discriminator's Adam; by default `learning_rate`.
        beta_1: β₁ of both Adams.
        beta_2: β₂ of both Adams.
        discriminator_updates: Discriminator updates per step, each on a new batch.
        generator_decay: Decay β of the generator's moving average, from which samples are made; 0 for no average.
        generator_half_life: Half-life of that average in examples, instead of β; 0 to use β.
        joint_batch: Score real and generated examples in one pass of the discriminator, as the Keras guide does. Batch norm
            in the discriminator then mixes their statistics, and `gantape.layers.MinibatchDeviation` groups both kinds
            together; packs are refused.
        shared_examples: Reuse the generated examples of the discriminator's last update in the generator's update, as
            PyTorch's DCGAN example does. This saves a forward pass; the gradients are those of a second pass over the same
            latents.
    """

    latent_size: int = 128
    learning_rate: float = 2e-4
    generator_learning_rate: float | None = None
    discriminator_learning_rate: float | None = None
    beta_1: float = 0.5
    beta_2: float = 0.999
    discriminator_updates: int = 1
    generator_decay: float = 0.0
    generator_half_life: float = 0.0
    joint_batch: bool = False
    shared_examples: bool = False

    pixels: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    """The range of pixels of both generated and real examples."""

    generator = Part[Model]()
    discriminator = Part[Model]()
    generator_optimizer = Part[Optimizer]()
    discriminator_optimizer = Part[Optimizer]()
    generator_gradient_options = Part[GradientOptions]()
    discriminator_gradient_options = Part[GradientOptions]()
    loss = Part[AdversarialLoss]()
    penalties = Part[tuple[Penalty, ...]]()
    output_terms = Part[tuple[OutputTerms, ...]]()
    condition = Part[Condition]()
    augmentations = Part[tuple[Augmentation, ...]]()
    averaged_generator = Part[Model]()

    @abstractmethod
    def build_generator(self) -> Model:
        """The generator, from `batch latent` to examples, such as `batch height width channels`."""

    @abstractmethod
    def build_discriminator(self) -> Model:
        """The discriminator, from examples to raw scores `batch 1`, or `batch height width 1` for patches."""

    def build_generator_optimizer(self) -> Optimizer:
        """The optimizer of the generator; Adam by default."""
        return self._adam(self.generator_learning_rate)

    def build_discriminator_optimizer(self) -> Optimizer:
        """The optimizer of the discriminator; Adam by default."""
        return self._adam(self.discriminator_learning_rate)

    def build_generator_gradient_options(self) -> GradientOptions:
        """The gradient options of the generator's update; no clipping and no accumulation by default."""
        return GradientOptions()

    def build_discriminator_gradient_options(self) -> GradientOptions:
        """The gradient options of the discriminator's update; no clipping and no accumulation by default."""
        return GradientOptions()

    def build_loss(self) -> AdversarialLoss:
        """The adversarial loss; non-saturating by default."""
        return NonSaturating()

    def build_penalties(self) -> tuple[Penalty, ...]:
        """Penalties that are added to the discriminator's loss; none by default."""
        return ()

    def build_output_terms(self) -> tuple[OutputTerms, ...]:
        """Terms of both losses that depend on auxiliary outputs of the discriminator; none by default."""
        return ()

    def build_condition(self) -> Condition:
        """The condition: inputs of the networks besides latents and examples; none by default."""
        return Unconditional()

    def build_augmentations(self) -> tuple[Augmentation, ...]:
        """Augmentations applied to every example before the discriminator sees it; none by default."""
        return ()

    def build_metrics(self) -> MetricSet:
        """The discriminator's mean scores of real and of generated examples."""
        return MetricSet(real_score=keras.metrics.Mean(), fake_score=keras.metrics.Mean())

    def build_averaged_generator(self) -> Model:
        """A second generator for the moving average; the generator itself if there is no average."""
        if not (self.generator_decay or self.generator_half_life):
            return self.generator
        average: Any = self.build_generator()
        generator: Any = self.generator
        generate_blank(average, self.condition, self.latent_size, type(self).__name__)
        average.set_weights(generator.get_weights())
        return average

    def check_hyperparameters(self) -> None:
        rates = [name for name in ("generator_learning_rate", "discriminator_learning_rate") if getattr(self, name) is not None]
        require_positive(self, "latent_size", "discriminator_updates", "learning_rate", *rates)

    def check_parts(self) -> None:
        """Pass latents through both networks.

        Raises:
            TaskError: If the generator does not accept latents, or the discriminator the generated examples; if the
                discriminator ends in probabilities under a loss on raw scores; or if the generator's layers add losses
                although its examples are shared; or if a joint batch is scored in packs.
            ShapeError: If the discriminator does not end in one score, or one for each patch.
        """
        name = type(self).__name__
        inputs = check_networks(
            self.generator, self.discriminator, self.condition, self.latent_size, name, joint=self.joint_batch
        )
        check_critic(self.discriminator, inputs, self.loss, self.penalties, name)
        if self.shared_examples:
            check_adds_no_loss(self.generator, name)

    def updates(self) -> tuple[Update, ...]:
        average = ExponentialMovingAverage(
            self.generator, self.averaged_generator, self.generator_decay, self.generator_half_life
        )
        return (
            Update(
                "discriminator",
                self.discriminator_loss,
                (self.discriminator, *(model for term in self.output_terms for model in term.models)),
                self.discriminator_optimizer,
                repeats=self.discriminator_updates,
                gradient_options=self.discriminator_gradient_options,
                lazy={penalty.name: penalty.every for penalty in self.penalties if isinstance(penalty, Lazy)},
            ),
            Update(
                "generator",
                self.generator_loss,
                (self.generator,),
                self.generator_optimizer,
                average=None if self.averaged_generator is self.generator else average,
                gradient_options=self.generator_gradient_options,
            ),
        )

    def discriminator_loss(self, batch: Batch, rng: RandomStreams) -> Losses:
        """The discriminator's terms and penalties for a batch."""
        make = functools.partial(self._gan_batch, batch, rng)
        inputs = self._fake(batch, make) if self.shared_examples else make()
        real, fake, conditioning = inputs.real, inputs.fake, inputs.conditioning
        scorer = Scorer(self.discriminator, self.augmentations, self.condition, conditioning, rng)
        of_real, of_fake = scorer.outputs(real, fake, joint=self.joint_batch)
        for augmentation in self.augmentations:
            augmentation.observe(of_real.scores)
        terms: dict[str, Any] = {}
        add_terms(terms, self.loss.discriminator(of_real.scores, of_fake.scores, rng), self.loss)
        add_terms(terms, self.condition.discriminator_terms(conditioning, of_real.auxiliary, of_fake.auxiliary), self.condition)
        for term in self.output_terms:
            add_terms(terms, term.discriminator(of_real, of_fake, rng), term)
        seen = (cast(Model, scorer), real, fake)  # a penalty only calls the scorer
        for penalty in self.penalties:
            value = functools.partial(penalty, *seen, rng.stream(penalty.name))
            add_terms(terms, {penalty.name: value if isinstance(penalty, Lazy) else value()}, penalty)
        scores = {"real_score": (of_real.scores,), "fake_score": (of_fake.scores,)}
        return Losses(terms, {name: scores[name] for name in self.metrics.names if name in scores})

    def generator_loss(self, batch: Batch, rng: RandomStreams) -> Losses:
        """The generator's terms for a batch."""
        make = functools.partial(self._gan_batch, batch, rng)
        inputs = self._fake(batch, make) if self.shared_examples else make()
        real, fake, conditioning = inputs.real, inputs.fake, inputs.conditioning
        scorer = Scorer(self.discriminator, self.augmentations, self.condition, conditioning, rng)
        terms: dict[str, Any] = {}
        of_real = None
        if self.loss.generator_sees_real or any(term.generator_sees_real for term in self.output_terms):
            of_real, of_fake = scorer.outputs(real, fake, joint=self.joint_batch)
        else:
            of_fake = scorer.output(fake, "fake")
        real_scores = of_real.scores if of_real is not None and self.loss.generator_sees_real else None
        add_terms(terms, self.loss.generator(real_scores, of_fake.scores, rng), self.loss)
        for term in self.output_terms:
            add_terms(terms, term.generator(of_real, of_fake, rng), term)
        add_terms(terms, self.condition.generator_terms(conditioning, real, fake, of_fake.auxiliary), self.condition)
        return Losses(terms)

    def real_examples(self, batch: Batch) -> Images:
        """The real examples of a batch."""
        return batch[0] if isinstance(batch, tuple | list) else batch

    def latents(self, count: int | Tensor | None, rng: RandomStreams, name: str = "latent") -> Latents:
        """Standard normal latents, shape `count latent`. The count may be a scalar tensor, such as `tf.shape(batch)[0]`.

        Raises:
            ShapeError: If the count is `None`, as the size of a batch is in the graph of an evaluation.
        """
        check_count(count, f"{type(self).__name__}.latents")
        return rng.normal(name, cast(Any, [count, self.latent_size]))

    def generate_in_training(self, count: int, conditioning: Conditioning, rng: RandomStreams) -> Images:
        """The examples that both losses see, which the generator makes from random latents with `training=True`."""
        return self.generator(self.condition.for_generator(self.latents(count, rng), conditioning), training=True)

    def generate(self, latents: Latents, conditioning: Conditioning = ()) -> Images:
        """Examples that the averaged generator makes from latents and conditioning, with `training=False`."""
        return upcast(self.averaged_generator(self.condition.for_generator(latents, conditioning), training=False))

    def sample(self, count: int, rng: RandomStreams, batch: Batch | None = None) -> Images:
        """Generated examples, from random latents; the conditioning is random too, or that of a batch of `count` examples."""
        return self.generate(self.latents(count, rng), self.condition.sample(count, batch, rng))

    def sample_grid(self, count: int, rng: RandomStreams, batch: Batch | None = None) -> Images:
        rows, columns = self.condition.grid_shape(count, batch)
        latents = self.latents(rows * columns, rng, "samples")
        images = self.generate(latents, self.condition.for_grid(rows, columns, batch))
        return self.condition.add_context(tf.reshape(images, [rows, columns, *images.shape[1:]]), batch)

    def check_batch(self, batch: Batch) -> None:
        """Check real examples and their conditioning against the networks.

        Raises:
            ShapeError: If they do not have the generator's shape.
            DtypeError: If they are not floats.
            RangeError: If they lie outside `pixels`. A warning says if the generator's last activation has another range.
            DataError: If the batch does not hold what the condition needs.
        """
        name = type(self).__name__
        made = generate_blank(self.generator, self.condition, self.latent_size, name)
        real = self.real_examples(batch)
        check_real_examples(real, made, self.pixels, f"{name}, argument `real`")
        inputs = blank_inputs(self.condition, self.latent_size)
        check_generator_range(self.generator, inputs, real, self.pixels, name)
        self.condition.check_batch(batch, f"{name}, argument `batch`")

    def _adam(self, learning_rate: float | None) -> Optimizer:
        rate = self.learning_rate if learning_rate is None else float(learning_rate)
        return keras.optimizers.Adam(rate, beta_1=self.beta_1, beta_2=self.beta_2)

    @functools.cached_property
    def _fake(self) -> SharedPass:
        return SharedPass([self.generator])

    def _gan_batch(self, batch: Batch, rng: RandomStreams) -> GANBatch:
        real = self.real_examples(batch)
        count = sizes_of(real)[0]
        conditioning = self.condition.sample(count, batch, rng)
        fake = upcast(self.generate_in_training(count, conditioning, rng))
        return GANBatch(tf.cast(real, fake.dtype), fake, conditioning)
