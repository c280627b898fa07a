"""Cases of a generator against a discriminator, trained by gantape."""

from typing import Any

import attrs
import keras
import numpy as np
from hypothesis import strategies as st

import gantape as gt
from gantape import layers as own_layers
from gantape import losses
from reliability.against_keras.cases import precision_of
from reliability.against_keras.optimizers_of_cases import make_optimizer
from reliability.against_keras.outcomes import TrainingOutcome, variables_of

layers = keras.layers
LATENT, SIZE = 3, 4

LOSSES: dict[str, losses.AdversarialLoss] = {
    "non-saturating": losses.NonSaturating(),
    "minimax": losses.Minimax(),
    "least squares": losses.LeastSquares(),
    "Wasserstein": losses.Wasserstein(),
    "hinge": losses.Hinge(),
    "noisy labels": losses.NoisyLabels(),
    "smoothing": losses.OneSidedSmoothing(losses.NonSaturating()),
    "pairing": losses.RelativisticPairing(),
    "average": losses.RelativisticAverage(),
    "average hinge": losses.RelativisticAverageHinge(),
}

PENALTIES: dict[str, losses.Penalty] = {
    "r1": losses.R1(0.5),
    "r2": losses.R2(0.5),
    "gradient_penalty": losses.GradientPenalty(2.0),
    "one-sided": losses.GradientPenalty(2.0, one_sided=True),
    "dragan_penalty": losses.DraganPenalty(2.0),
}

GENERATORS = ("plain", "batch norm", "dropout", "l2", "frozen")
DISCRIMINATORS = ("plain", "layer norm", "dropout", "l2", "spectral norm", "batch norm", "frozen")


@attrs.frozen
class DrawnGAN:
    """A generator against a discriminator. The defaults are the simplest.

    Args:
        generator: What the generator has besides dense layers.
        discriminator: What the discriminator has besides dense layers.
        loss: The adversarial loss.
        penalties: Penalties of the discriminator.
        lazy: The first penalty is computed in every n-th step only.
        repeats: Updates of the discriminator in a step.
        accumulate: Batches whose gradients are averaged, for the discriminator and the generator.
        clip: The largest norm of the gradients; 0 for no clipping.
        clip_weights: The largest weight of the discriminator; 0 for no limit.
        decay: The decay of the generator's moving average; 0 for none.
        half_life: The half-life of that average in examples, instead.
        joint: Whether real and generated examples are scored in one pass.
        shared: Whether the generator's update uses the generated examples of the discriminator's.
        optimizer: Both optimizers.
        options: Options of the optimizers, by name.
        schedule: The schedule of the learning rates.
        policy: The dtype policy.
        mode: The mode of gantape.
        batch_size: The batch size.
        examples: Examples to train on.
        epochs: Passes over the data.
        seed: The seed of weights, data, order and random numbers.
    """

    generator: str = "plain"
    discriminator: str = "plain"
    loss: str = "non-saturating"
    penalties: tuple[str, ...] = ()
    lazy: int = 1
    repeats: int = 1
    accumulate: tuple[int, int] = (1, 1)
    clip: float = 0.0
    clip_weights: float = 0.0
    decay: float = 0.0
    half_life: float = 0.0
    joint: bool = False
    shared: bool = False
    optimizer: str = "Adam"
    options: tuple[tuple[str, Any], ...] = ()
    schedule: str = "constant"
    policy: str = "float64"
    mode: str = "eager"
    batch_size: int = 4
    examples: int = 8
    epochs: int = 1
    seed: int = 0


@st.composite
def gans(draw: st.DrawFn, modes: tuple[str, ...] = ("eager",)) -> DrawnGAN:
    """GANs that gantape and a loop written by hand are both to train."""
    discriminator = draw(st.sampled_from(DISCRIMINATORS))
    mixing = discriminator == "batch norm"  # an example has no gradient of its own then
    generator = draw(st.sampled_from(GENERATORS))
    optimizer = draw(st.sampled_from(["Adam", "SGD", "RMSprop", "AdamW"]))
    repeats = draw(st.sampled_from([1, 1, 2, 3]))
    accumulate = draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (1, 2), (2, 2)]))
    batch_size = draw(st.sampled_from([4, 3]))
    return DrawnGAN(
        generator=generator,
        discriminator=discriminator,
        loss=draw(st.sampled_from(list(LOSSES))),
        penalties=() if mixing else draw(st.sampled_from([(), (), *[(name,) for name in PENALTIES], ("r1", "r2")])),
        lazy=draw(st.sampled_from([1, 1, 2])) if discriminator in ("plain", "layer norm", "l2", "frozen") else 1,
        repeats=repeats,
        accumulate=accumulate,
        clip=draw(st.sampled_from([0.0, 0.0, 0.1])),
        clip_weights=draw(st.sampled_from([0.0, 0.0, 0.1])),
        decay=draw(st.sampled_from([0.0, 0.9])),
        half_life=draw(st.sampled_from([0.0, 0.0, 30.0])),
        joint=draw(st.booleans()),
        shared=draw(st.booleans()) if generator in ("plain", "frozen") else False,
        optimizer=optimizer,
        options=draw(st.sampled_from([(), (), (("weight_decay", 0.01),), (("clipnorm", 0.1),)])),
        schedule=draw(st.sampled_from(["constant", "constant", "exponential", "cosine"])),
        policy=draw(st.sampled_from(["float64", "float64", "float64", "float32"])) if optimizer == "SGD" else "float64",
        mode=draw(st.sampled_from(modes)),
        batch_size=batch_size,
        examples=batch_size * 2 * max(accumulate[0] * repeats, accumulate[1]) + draw(st.integers(0, 4)),
        epochs=draw(st.integers(1, 2)),
        seed=draw(st.integers(0, 99)),
    )


def make_generator(gan: DrawnGAN) -> keras.Model:
    """The generator of a gan."""
    extra = {
        "batch norm": [layers.BatchNormalization(momentum=0.8)],
        "dropout": [layers.Dropout(0.3, seed=5)],
    }.get(gan.generator, [])
    regularizer = "l2" if gan.generator == "l2" else None
    first = layers.Dense(5, activation="tanh", kernel_regularizer=regularizer, trainable=gan.generator != "frozen")
    return keras.Sequential([keras.Input((LATENT,)), first, *extra, layers.Dense(SIZE)])


def make_discriminator(gan: DrawnGAN) -> keras.Model:
    """The discriminator of a gan."""
    extra = {
        "layer norm": [own_layers.LayerNorm()],
        "dropout": [layers.Dropout(0.3, seed=6)],
        "batch norm": [layers.BatchNormalization(momentum=0.8)],
        "spectral norm": [layers.SpectralNormalization(layers.Dense(5))],
    }.get(gan.discriminator, [])
    regularizer = "l2" if gan.discriminator == "l2" else None
    first = layers.Dense(5, kernel_regularizer=regularizer, trainable=gan.discriminator != "frozen")
    return keras.Sequential([keras.Input((SIZE,)), first, *extra, layers.LeakyReLU(0.2), layers.Dense(1)])


def draw_real(gan: DrawnGAN) -> Any:
    """The real examples of a gan."""
    return np.random.default_rng(gan.seed).normal(0.5, 1.0, (gan.examples, SIZE)).astype(keras.config.floatx())


def train_gan(gan: DrawnGAN) -> TrainingOutcome:
    """Train by `Loop.run`."""

    class Compared(gt.AdversarialTask):
        def build_generator(self) -> Any:
            return make_generator(gan)

        def build_discriminator(self) -> Any:
            return make_discriminator(gan)

        def build_generator_optimizer(self) -> Any:
            return make_optimizer(gan)

        def build_discriminator_optimizer(self) -> Any:
            return make_optimizer(gan)

        def build_generator_gradient_options(self) -> gt.GradientOptions:
            return gt.GradientOptions(accumulate=gan.accumulate[1], clip_norm=gan.clip or None)

        def build_discriminator_gradient_options(self) -> gt.GradientOptions:
            limit = gan.clip_weights or None
            return gt.GradientOptions(accumulate=gan.accumulate[0], clip_norm=gan.clip or None, clip_weights=limit)

        def build_loss(self) -> losses.AdversarialLoss:
            return LOSSES[gan.loss]

        def build_penalties(self) -> tuple[losses.Penalty, ...]:
            first, *others = [PENALTIES[name] for name in gan.penalties] or [None]
            if first is None:
                return ()
            return (losses.Lazy(first, gan.lazy) if gan.lazy > 1 else first, *others)

    with precision_of(gan):
        task = Compared(
            latent_size=LATENT,
            discriminator_updates=gan.repeats,
            generator_decay=gan.decay,
            generator_half_life=gan.half_life,
            joint_batch=gan.joint,
            shared_examples=gan.shared,
            precision=gan.policy,
        )
        compiler = gt.StepCompiler(gan.mode)
        loop = gt.Loop(task, seed=gan.seed, compiler=compiler, gradient_norms=True, progress=False)
        history = loop.run(gt.data.from_arrays(draw_real(gan), batch_size=gan.batch_size), epochs=gan.epochs)
        averaged = [] if task.averaged_generator is task.generator else [task.averaged_generator]
        parts = (task.generator, task.discriminator, task.generator_optimizer, task.discriminator_optimizer, *averaged)
        return TrainingOutcome(variables_of(*parts), list(history), {})
