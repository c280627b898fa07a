"""Which games cover all modes: every adversarial loss on the ring and on the grid of Gaussians, over several seeds.

Of 2,500 samples from the generator's average the table has, as means over the seeds: the modes that have a good sample, the
share of good samples (within 3σ of a centre), and the reverse KL divergence of the histogram over nearest centres from the
uniform one, in nats. A perfect sampler has 98.89 % good ones and a divergence of 0.0014 on the ring and 0.0049 on the grid.

Each result is a file: a run that was broken off goes on with what is missing.
"""

import quiet_start  # noqa: F401, I001  has to come before TensorFlow
import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import attrs
import keras
import numpy as np
import tyro

import gantape as gt
from gantape.losses import (
    R1,
    R2,
    AdversarialLoss,
    DraganPenalty,
    GradientPenalty,
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    Penalty,
    RelativisticAverage,
    RelativisticAverageHinge,
    RelativisticPairing,
    Wasserstein,
)

layers = keras.layers

Mixture = Literal["ring", "grid"]
SAMPLES = 2500


@attrs.frozen
class Game:
    """A loss with what it is usually played with.

    Args:
        loss: The loss.
        penalties: Penalties.
        clip: The limit of the critic's weights.
    """

    loss: AdversarialLoss
    penalties: tuple[Penalty, ...] = ()
    clip: float | None = None


GAMES: dict[str, Game] = {
    "minimax": Game(Minimax()),
    "non-saturating": Game(NonSaturating()),
    "least squares": Game(LeastSquares()),
    "hinge": Game(Hinge()),
    "wasserstein, clipped": Game(Wasserstein(), clip=0.1),
    "wasserstein, gradient penalty": Game(Wasserstein(), (GradientPenalty(1.0),)),
    "non-saturating, DRAGAN": Game(NonSaturating(), (DraganPenalty(1.0),)),
    "relativistic average": Game(RelativisticAverage()),
    "relativistic average hinge": Game(RelativisticAverageHinge()),
    "relativistic pairing": Game(RelativisticPairing()),
    "non-saturating, R1": Game(NonSaturating(), (R1(0.1),)),
    "relativistic pairing, R1 + R2": Game(RelativisticPairing(), (R1(0.1), R2(0.1))),
}


class PointGAN(gt.AdversarialTask):
    """Points in the plane: three hidden layers in each network, learning rates that end at zero.

    Args:
        game: A name from `GAMES`.
        units: Of each hidden layer.
        learning_rate: Of both Adams at the start; cosine decay.
        steps: When it is zero.
        spread: Points are divided by this before the discriminator sees them.
    """

    latent_size: int = 16
    generator_decay: float = 0.999
    game: str = "relativistic pairing, R1 + R2"
    units: int = 128
    learning_rate: float = 1e-3
    steps: int = 25_000
    spread: float = 1.0

    def build_generator(self) -> keras.Model:
        return _network(self.latent_size, self.units, [layers.Dense(2), layers.Rescaling(self.spread)])

    def build_discriminator(self) -> keras.Model:
        return _network(2, self.units, [layers.Dense(1)], [layers.Rescaling(1.0 / self.spread)])

    def build_generator_optimizer(self) -> keras.Optimizer:
        return self._adam()

    def build_discriminator_optimizer(self) -> keras.Optimizer:
        return self._adam()

    def build_loss(self) -> AdversarialLoss:
        return GAMES[self.game].loss

    def build_penalties(self) -> tuple[Penalty, ...]:
        return GAMES[self.game].penalties

    def build_discriminator_descent(self) -> gt.Descent:
        return gt.Descent(clip_weights=GAMES[self.game].clip)

    def _adam(self) -> keras.Optimizer:
        decay = keras.optimizers.schedules.CosineDecay(self.learning_rate, self.steps)
        return keras.optimizers.Adam(decay, beta_1=0.0, beta_2=0.99)


def _network(inputs: int, units: int, last: list[Any], first: list[Any] | None = None) -> keras.Model:
    hidden = [layer for _ in range(3) for layer in (layers.Dense(units), layers.LeakyReLU(negative_slope=0.2))]
    return keras.Sequential([keras.Input((inputs,)), *(first or []), *hidden, *last])


@attrs.frozen
class Protocol:
    """A mixture and its numbers.

    Args:
        load: Makes the batches.
        centres: Shape `modes 2`.
        deviation: σ of each mode.
        spread: The distance of the outermost centres from the origin along an axis.
    """

    load: Callable[..., gt.data.ArrayBatches]
    centres: Any
    deviation: float
    spread: float


PROTOCOLS: dict[Mixture, Protocol] = {
    "ring": Protocol(gt.data.ring, gt.data.ring_centres(), 0.01, 1.0),
    "grid": Protocol(gt.data.grid, gt.data.grid_centres(), 0.05, 4.0),
}


def judge(points: Any, centres: Any, deviation: float) -> dict[str, float]:
    """Modes with a good sample, the share of good samples, and the reverse KL divergence over nearest centres, in nats."""
    distances = np.linalg.norm(np.asarray(points, np.float64)[:, None] - centres, axis=-1)
    nearest, good = distances.argmin(axis=1), distances.min(axis=1) <= 3.0 * deviation
    shares = np.bincount(nearest, minlength=len(centres)) / len(nearest)
    found = shares[shares > 0.0]
    return {
        "modes": float(len(set(nearest[good]))),
        "good": float(good.mean()),
        "reverse_kl": float(np.sum(found * np.log(len(centres) * found))),
    }


def play(mixture: Mixture, game: str, seed: int, steps: int, mode: Any) -> dict[str, float]:
    """Train one game on one mixture, and judge its samples."""
    protocol = PROTOCOLS[mixture]
    keras.utils.set_random_seed(seed)
    task = PointGAN(game=game, steps=steps, spread=protocol.spread)
    started = time.perf_counter()
    gt.Loop(task, compiler=gt.StepCompiler(mode), seed=seed).run(protocol.load(batch_size=100), steps=steps)
    points = task.sample(SAMPLES, gt.Noise(seed).stream("judged"))
    return judge(points, protocol.centres, protocol.deviation) | {"seconds": round(time.perf_counter() - started, 1)}


def table(mixture: Mixture, folder: Path, seeds: int, steps: int) -> str:
    """The results so far as a table in Markdown."""
    modes = len(PROTOCOLS[mixture].centres)
    lines = [f"| {mixture}, {steps:,} steps | modes of {modes} | good | reverse KL | seeds |", "|---|---|---|---|---|"]
    for game in GAMES:
        paths = [_path(folder, mixture, game, seed, steps) for seed in range(seeds)]
        found = [json.loads(path.read_text()) for path in paths if path.exists()]
        if found:
            mean = {name: np.mean([result[name] for result in found]) for name in ("modes", "good", "reverse_kl")}
            numbers = f"{mean['modes']:.1f} | {mean['good']:.1%} | {mean['reverse_kl']:.4f} | {len(found)}"
            lines.append(f"| {game} | {numbers} |")
    return "\n".join(lines)


def _path(folder: Path, mixture: str, game: str, seed: int, steps: int) -> Path:
    return folder / f"{mixture}-{game.replace(', ', '-').replace(' + ', '-').replace(' ', '-')}-{steps}-{seed}.json"


@attrs.frozen
class Arguments:
    """What to play.

    Args:
        folder: Where the results go, and are found again.
        mixtures: The mixtures.
        games: Parts of names; a game that has one of them in its name is played.
        seeds: How many seeds.
        steps: Steps of a game.
        mode: How steps are compiled.
    """

    folder: Path = Path("runs/mixtures")
    mixtures: tuple[Mixture, ...] = ("ring", "grid")
    games: tuple[str, ...] = ("",)
    seeds: int = 3
    steps: int = 25_000
    mode: Literal["graph", "xla", "xla-loop"] = "xla-loop"


def main() -> None:
    """Play what is missing, and print the tables."""
    arguments = tyro.cli(Arguments, description=__doc__)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    chosen = [game for game in GAMES if any(part in game for part in arguments.games)]
    for mixture, game, seed in itertools.product(arguments.mixtures, chosen, range(arguments.seeds)):
        path = _path(arguments.folder, mixture, game, seed, arguments.steps)
        if not path.exists():
            try:
                result = play(mixture, game, seed, arguments.steps, arguments.mode)
            except gt.errors.NotFiniteError as error:
                result = {"modes": 0.0, "good": 0.0, "reverse_kl": float("nan"), "seconds": 0.0}
                print(f"{mixture}, {game}, seed {seed}: {error}")
            path.write_text(json.dumps({"mixture": mixture, "game": game, "seed": seed, **result}))
            print(f"{mixture}, {game}, seed {seed}: {result}", flush=True)
    for mixture in arguments.mixtures:
        print(f"\n{table(mixture, arguments.folder, arguments.seeds, arguments.steps)}")


if __name__ == "__main__":
    main()
