"""The workloads: five problems to train, and one with nothing to do."""

from collections.abc import Sequence
from typing import Literal

import attrs

from benchmarks.architecture import (
    Activation,
    BatchNorm,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalMaximum,
    Layer,
    Network,
    Reshape,
    TransposedConvolution,
)


@attrs.frozen
class Optimizer:
    """Gradient descent or Adam."""

    method: Literal["sgd", "adam"]
    learning_rate: float
    beta_1: float = 0.9
    beta_2: float = 0.999


@attrs.frozen
class Classifier:
    """A network trained on labels with cross-entropy, with an accuracy."""

    network: Network
    optimizer: Optimizer


@attrs.frozen
class GAN:
    """A generator against a discriminator.

    Args:
        generator: The network from latents to examples.
        discriminator: The network from examples to one score.
        loss: "noisy-labels" is the guide's, on one joint batch; "wasserstein" has a gradient penalty of weight 10.
        discriminator_optimizer: The optimizer of the discriminator.
        generator_optimizer: The optimizer of the generator.
        discriminator_updates: Updates of the discriminator in a step, each with a fresh batch.
    """

    generator: Network
    discriminator: Network
    loss: Literal["noisy-labels", "non-saturating", "wasserstein"]
    discriminator_optimizer: Optimizer
    generator_optimizer: Optimizer
    discriminator_updates: int = 1

    @property
    def latent_size(self) -> int:
        """The size of a latent."""
        return self.generator.input_shape[0]


@attrs.frozen
class Nothing:
    """One scalar variable that gradient descent brings to zero, to measure the overhead of a step."""


@attrs.frozen
class Workload:
    """A problem with its data.

    Args:
        problem: The problem.
        data: The examples: images of digits with labels, points of the ring, or zeros.
        pixels: The range that bytes are scaled to.
        steps_per_call: Steps in one call of contenders that loop inside.
        whole_run_steps: Steps of a run that is timed from its start, including compilation; by default as the user asks for.
        batch_size: Examples in a batch.
    """

    problem: Classifier | GAN | Nothing
    data: Literal["digits", "ring", "zeros"]
    pixels: tuple[float, float] = (0.0, 1.0)
    steps_per_call: int = 128
    whole_run_steps: int | None = None
    batch_size: int = 64

    @property
    def batches_per_step(self) -> int:
        """Batches that a step reads."""
        return self.problem.discriminator_updates if isinstance(self.problem, GAN) else 1

    @property
    def flop_per_step(self) -> float:
        """Floating-point operations in the products of a step, where a backward pass costs as much as two forward ones.

        Where it only passes through a network, it costs as much as one. 0 where it is not known.
        """
        match self.problem:
            case Classifier(network):
                return 2.0 * self.batch_size * 3 * network.multiplications()
            case GAN(generator, discriminator, loss) if loss != "wasserstein":
                made = generator.multiplications() * (1 + 3)
                scored = discriminator.multiplications() * (2 * 3 + 2)
                return 2.0 * self.batch_size * (made + scored)
            case _:
                return 0.0


def _dense(*units: int, function: Literal["relu", "leaky_relu"]) -> tuple[Layer, ...]:
    hidden = [(Dense(width), Activation(function)) for width in units[:-1]]
    return (*(layer for pair in hidden for layer in pair), Dense(units[-1]))


def _blocks(blocks: Sequence[tuple[Layer, ...]]) -> tuple[Layer, ...]:
    return tuple(layer for block in blocks for layer in block)


_IMAGE = (28, 28, 1)
_LEAKY, _RELU = Activation("leaky_relu"), Activation("relu")

WORKLOADS: dict[str, Workload] = {
    "mlp": Workload(
        Classifier(Network(_IMAGE, (Flatten(), *_dense(64, 64, 10, function="relu"))), Optimizer("sgd", 1e-3)), "digits"
    ),
    "dcgan": Workload(
        GAN(
            generator=Network(
                (128,),
                (
                    Dense(7 * 7 * 128),
                    _LEAKY,
                    Reshape(7, 7, 128),
                    TransposedConvolution(128, 4, 2),
                    _LEAKY,
                    TransposedConvolution(128, 4, 2),
                    _LEAKY,
                    Convolution(1, 7),
                    Activation("sigmoid"),
                ),
            ),
            discriminator=Network(
                _IMAGE, (Convolution(64, 3, 2), _LEAKY, Convolution(128, 3, 2), _LEAKY, GlobalMaximum(), Dense(1))
            ),
            loss="noisy-labels",
            discriminator_optimizer=Optimizer("adam", 3e-4),
            generator_optimizer=Optimizer("adam", 4e-4),
        ),
        "digits",
        steps_per_call=2,
        whole_run_steps=60,
    ),
    "conv-classifier": Workload(
        Classifier(
            Network(
                _IMAGE,
                (
                    *_blocks([(Convolution(width, 3, 2), BatchNorm(), _RELU, Dropout(0.2)) for width in (16, 32)]),
                    Flatten(),
                    Dense(64),
                    _RELU,
                    Dropout(0.5),
                    Dense(10),
                ),
            ),
            Optimizer("adam", 1e-3),
        ),
        "digits",
    ),
    "wgan-gp": Workload(
        GAN(
            generator=Network(
                (64,),
                (
                    Dense(7 * 7 * 32),
                    _RELU,
                    Reshape(7, 7, 32),
                    TransposedConvolution(16, 4, 2),
                    _RELU,
                    TransposedConvolution(1, 4, 2),
                    Activation("tanh"),
                ),
            ),
            discriminator=Network(_IMAGE, (Convolution(16, 4, 2), _LEAKY, Convolution(32, 4, 2), _LEAKY, Flatten(), Dense(1))),
            loss="wasserstein",
            discriminator_optimizer=Optimizer("adam", 1e-4, 0.5, 0.9),
            generator_optimizer=Optimizer("adam", 1e-4, 0.5, 0.9),
            discriminator_updates=5,
        ),
        "digits",
        pixels=(-1.0, 1.0),
        steps_per_call=32,
        whole_run_steps=200,
    ),
    "ring": Workload(
        GAN(
            generator=Network((16,), _dense(64, 64, 2, function="relu")),
            discriminator=Network((2,), _dense(64, 64, 1, function="leaky_relu")),
            loss="non-saturating",
            discriminator_optimizer=Optimizer("adam", 1e-3, 0.5),
            generator_optimizer=Optimizer("adam", 1e-3, 0.5),
        ),
        "ring",
    ),
    "empty": Workload(Nothing(), "zeros", batch_size=1),
}
