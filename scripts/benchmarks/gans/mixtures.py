"""GANs on mixtures of Gaussians in the plane: one pair of networks, and every adversarial loss with its usual penalties."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs
import keras

import gantape as gt
from gantape import evaluation as ev
from gantape import losses

layers = keras.layers

Mixture = Literal["ring", "grid"]
SAMPLES, STEPS, BATCH_SIZE = 2_500, 25_000, 100


@attrs.frozen
class Objective:
    """A loss with its usual penalties and clipping.

    Args:
        loss: The loss.
        penalties: Penalties.
        clip: The limit of the critic's weights.
    """

    loss: losses.AdversarialLoss
    penalties: tuple[losses.Penalty, ...] = ()
    clip: float | None = None


OBJECTIVES: Mapping[str, Objective] = {
    "minimax": Objective(losses.Minimax()),
    "non-saturating": Objective(losses.NonSaturating()),
    "least-squares": Objective(losses.LeastSquares()),
    "pearson": Objective(losses.LeastSquares.pearson()),
    "hinge": Objective(losses.Hinge()),
    "noisy-labels": Objective(losses.NoisyLabels()),
    "wasserstein-clipped": Objective(losses.Wasserstein(), clip=0.1),
    "wasserstein-gp": Objective(losses.Wasserstein(), (losses.GradientPenalty(1.0),)),
    "relativistic-average": Objective(losses.RelativisticAverage()),
    "relativistic-average-hinge": Objective(losses.RelativisticAverageHinge()),
    "relativistic-pairing": Objective(losses.RelativisticPairing()),
    "dragan": Objective(losses.NonSaturating(), (losses.DraganPenalty(1.0),)),
    "non-saturating-r1-r2": Objective(losses.NonSaturating(), (losses.R1(0.1), losses.R2(0.1))),
    "relativistic-pairing-r1-r2": Objective(losses.RelativisticPairing(), (losses.R1(0.1), losses.R2(0.1))),
}


class MixtureGAN(gt.AdversarialTask):
    """Points in the plane: three hidden layers in each network, and learning rates that fall to zero in the second half.

    Args:
        objective: A name from `OBJECTIVES`.
        scale: The extent of the centres: the generator's output is multiplied by it, the discriminator's input divided.
        hidden_units: Units in each hidden layer.
        learning_rate: The learning rate of both Adams in the first half.
        steps: The step after which the learning rates are zero.
    """

    latent_size: int = 16
    generator_decay: float = 0.999
    objective: str = "relativistic-pairing-r1-r2"
    scale: float = 1.0
    hidden_units: int = 128
    learning_rate: float = 1e-3
    steps: int = STEPS

    def build_generator(self) -> Any:
        # With leaky ones the generator jumps less sharply from mode to mode, and leaves more points on the way.
        last = [layers.Dense(2), layers.Rescaling(self.scale)]
        return keras.Sequential([keras.Input((self.latent_size,)), *self._hidden("relu"), *last])

    def build_discriminator(self) -> Any:
        first = [keras.Input((2,)), layers.Rescaling(1.0 / self.scale)]
        return keras.Sequential([*first, *self._hidden("leaky_relu"), layers.Dense(1)])

    def build_generator_optimizer(self) -> Any:
        return self._adam()

    def build_discriminator_optimizer(self) -> Any:
        return self._adam()

    def build_loss(self) -> losses.AdversarialLoss:
        return OBJECTIVES[self.objective].loss

    def build_penalties(self) -> tuple[losses.Penalty, ...]:
        return OBJECTIVES[self.objective].penalties

    def build_discriminator_gradient_options(self) -> gt.GradientOptions:
        return gt.GradientOptions(clip_weights=OBJECTIVES[self.objective].clip)

    def _hidden(self, activation: str) -> list[Any]:
        return [layers.Dense(self.hidden_units, activation=activation) for _ in range(3)]

    def _adam(self) -> Any:
        half, rate = self.steps // 2, self.learning_rate
        # A warm-up from the rate to itself is a first half without decay.
        schedule = keras.optimizers.schedules.CosineDecay(rate, self.steps - half, warmup_target=rate, warmup_steps=half)
        return keras.optimizers.Adam(schedule, beta_1=0.0, beta_2=0.99)


@attrs.frozen(eq=False)
class Protocol:
    """A mixture, and how samples of it are judged, as Lin et al. 2018 do (arXiv 1712.04086).

    Args:
        load: The function that makes the batches.
        centres: Shape `modes 2`.
        deviation: σ of each mode.
        scale: The extent of the centres along an axis.
        published: Published results, in words.
    """

    load: Callable[..., gt.data.ArrayBatches]
    centres: Any
    deviation: float
    scale: float
    published: str

    def batches(self) -> gt.data.ArrayBatches:
        """The mixture's points."""
        return self.load(batch_size=BATCH_SIZE)

    def judge(self, task: gt.AdversarialTask) -> tuple[ev.Measurement, ...]:
        """Modes with a good sample, the reverse KL divergence over nearest centres, and the share of good samples."""
        return self.judge_points(ev.make_samples(task, SAMPLES, 1))

    def judge_points(self, points: Any) -> tuple[ev.Measurement, ...]:
        """The same for points, shape `examples 2`."""
        known = ev.assign_modes(
            self.load(batch_size=1, examples=SAMPLES, seed=1).arrays, self.centres, deviation=self.deviation
        )
        good = ev.assign_modes(points, self.centres, deviation=self.deviation)
        nearest = ev.assign_modes(points, self.centres, deviation=float("inf"))
        modes, _ = ev.mode_coverage(good.modes, count=len(self.centres))
        _, divergence = ev.mode_coverage(nearest.modes, count=len(self.centres))
        return modes, divergence, ev.high_quality_fraction(good.modes, reference=known.modes)


PROTOCOLS: Mapping[Mixture, Protocol] = {
    "ring": Protocol(
        gt.data.ring, gt.data.ring_centres(), 0.01, 1.0, "GAN 6.3 modes, reverse KL 0.45; PacGAN2 7.9, 0.07 (400,000 updates)"
    ),
    "grid": Protocol(
        gt.data.grid,
        gt.data.grid_centres(),
        0.05,
        4.0,
        "GAN 17.3 modes, reverse KL 0.70; PacGAN4 24.8, 0.04, 93.6 % good (400,000 updates)",
    ),
}
