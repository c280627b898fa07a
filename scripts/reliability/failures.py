"""Make a GAN fail on purpose, in one of the known ways, and print what gantape's health check finds.

python scripts/reliability/failures.py collapse
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import attrs
import keras
import numpy as np

import gantape as gt
from gantape.evaluation import Finding, HealthCheck, diagnose
from gantape.zoo import DCGAN

layers = keras.layers
LOSSES = {"non-saturating": gt.losses.NonSaturating, "minimax": gt.losses.Minimax, "wasserstein": gt.losses.Wasserstein}


class PointGan(gt.AdversarialTask):
    """Points in the plane, from and by networks with one hidden layer."""

    latent_size: int = 8
    hidden_units: int = 64
    generator_rate: float = 1e-3
    discriminator_rate: float = 1e-3
    loss_name: str = "non-saturating"

    def build_generator(self) -> Any:
        hidden = layers.Dense(self.hidden_units, activation="relu")
        return keras.Sequential([keras.Input((self.latent_size,)), hidden, layers.Dense(2)])

    def build_discriminator(self) -> Any:
        hidden = [layers.Dense(self.hidden_units, activation="relu") for _ in range(2)]
        return keras.Sequential([keras.Input((2,)), *hidden, layers.Dense(1)])

    def build_generator_optimizer(self) -> Any:
        return keras.optimizers.Adam(self.generator_rate, beta_1=0.5)

    def build_discriminator_optimizer(self) -> Any:
        return keras.optimizers.Adam(self.discriminator_rate, beta_1=0.5)

    def build_loss(self) -> Any:
        return LOSSES[self.loss_name]()


class BoundedGan(PointGan):
    """A generator that ends in tanh, as image generators do, so that for any discriminator some point is its best output."""

    def build_generator(self) -> Any:
        return keras.Sequential([super().build_generator(), layers.Activation("tanh"), layers.Rescaling(4.0)])


class DiracGan(PointGan):
    """A generator of one point, a linear critic, plain gradient descent: the two circle each other (arXiv 1801.04406)."""

    loss_name: str = "wasserstein"

    def build_generator(self) -> Any:
        point = layers.Dense(2, kernel_initializer="zeros", bias_initializer="ones")
        return keras.Sequential([keras.Input((self.latent_size,)), point])

    def build_discriminator(self) -> Any:
        return keras.Sequential([keras.Input((2,)), layers.Dense(1, use_bias=False, kernel_initializer="ones")])

    def build_generator_optimizer(self) -> Any:
        return keras.optimizers.SGD(0.02)

    def build_discriminator_optimizer(self) -> Any:
        return keras.optimizers.SGD(0.02)


class WithoutTraining(DCGAN):
    """The generator is called with `training=False` while it is trained: its batch norms never update."""

    def generator_loss(self, batch: Any, rng: gt.RandomStreams) -> gt.Losses:
        return gt.Losses(self.loss.generator(None, self.discriminator(self._made(batch, rng), training=True), rng))

    def discriminator_loss(self, batch: Any, rng: gt.RandomStreams) -> gt.Losses:
        scores = self.discriminator(batch, training=True), self.discriminator(self._made(batch, rng), training=True)
        return gt.Losses(self.loss.discriminator(*scores, rng))

    def _made(self, batch: Any, rng: gt.RandomStreams) -> Any:
        return self.generator(self.latents(batch.shape[0], rng))  # training=True is missing


@attrs.frozen
class Failure:
    """A way to fail.

    Args:
        task: The function that makes the task.
        data: The function that makes its data.
        steps: Steps until the failure shows.
        every: Steps between two health checks.
    """

    task: Callable[[], gt.AdversarialTask]
    data: Callable[[], gt.data.Batches]
    steps: int
    every: int = 50

    def run(self) -> tuple[Finding, ...]:
        """Train, and return what was found at the end."""
        keras.utils.set_random_seed(0)
        task, data = self.task(), self.data()
        look = gt.Callback(HealthCheck(data), gt.every(steps=self.every))
        loop = gt.Loop(task, callbacks=[look], gradient_norms=True)
        return diagnose(loop.run(data, steps=self.steps, record=gt.every(steps=self.every)), pixels=task.pixels)


def ring() -> gt.data.Batches:
    """Eight Gaussians on a circle."""
    return gt.data.ring(batch_size=64, examples=10_000)


def origin() -> gt.data.Batches:
    """Points at the origin."""
    return gt.data.from_arrays(1e-3 * np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32), batch_size=64)


def far_away() -> gt.data.Batches:
    """Points around (5, 5), where an untrained generator makes none."""
    points = 5.0 + 0.1 * np.random.default_rng(0).normal(size=(1000, 2))
    return gt.data.from_arrays(points.astype(np.float32), batch_size=64)


def dark_digits() -> gt.data.Batches:
    """Digits with pixels from 0 to 1, for a task that generates -1 to 1."""
    return gt.data.digits(batch_size=32, labels=False, pixels=(0.0, 1.0))


def digits() -> gt.data.Batches:
    """Digits with pixels from -1 to 1."""
    return gt.data.digits(batch_size=32, labels=False, pixels=(-1.0, 1.0))


# --8<-- [start:failures]
FAILURES = {
    "healthy": Failure(lambda: PointGan(), ring, steps=2000, every=100),
    "collapse": Failure(lambda: BoundedGan(generator_rate=1e-2, discriminator_rate=1e-6), ring, steps=400),
    "vanishing": Failure(
        lambda: PointGan(loss_name="minimax", generator_rate=1e-5, discriminator_rate=1e-3), far_away, steps=800
    ),
    "diverging": Failure(
        lambda: PointGan(loss_name="wasserstein", generator_rate=1e-3, discriminator_rate=1e-2), ring, steps=600
    ),
    "oscillating": Failure(lambda: DiracGan(), origin, steps=2000, every=20),
    "range": Failure(lambda: DCGAN(width=2), dark_digits, steps=20, every=10),
    "training": Failure(lambda: WithoutTraining(width=2), digits, steps=20, every=10),
}
# --8<-- [end:failures]


def main() -> None:
    """Train with the chosen failure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("failure", choices=FAILURES)
    found = FAILURES[parser.parse_args().failure].run()
    print("\n".join(map(str, found)) or "nothing was found")


if __name__ == "__main__":
    main()
