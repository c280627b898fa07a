"""Compare remedies for a discriminator that wins: variants of the default GAN, several seeds each.

Without noise on the discriminator's input the default recipe ends in noise with about every second seed. The table, which is
printed and written to --output, shows which changes help, on which data, and their cost in speed.
"""

import sys
import time
from pathlib import Path
from typing import Any, Literal

sys.path.insert(0, str(Path(__file__).parents[1]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import attrs
import keras
import tyro
from loguru import logger

import gantape as gt
from gantape.commands import command_line
from gantape import evaluation, losses
from gantape.augment import Augmentation, InstanceNoise
from gantape.zoo import DCGAN
from gantape.zoo.networks import Norm, digit_discriminator

TABLE = "remedies.txt"


class Variant(DCGAN):
    """The default recipe as it was, without noise, and with further choices."""

    instance_noise: float = 0.0
    norm: Norm = "batch"
    discriminator_beta_2: float = 0.999
    penalty: float = 0.0
    noise_steps: int = 0

    def build_discriminator(self) -> Any:
        return digit_discriminator(self.width, hidden_units=self.hidden_units, norm=self.norm)

    def build_discriminator_optimizer(self) -> Any:
        return keras.optimizers.Adam(self.learning_rate, self.beta_1, self.discriminator_beta_2)

    def build_penalties(self) -> tuple[losses.Penalty, ...]:
        return (losses.R1(self.penalty),) if self.penalty else ()

    def build_augmentations(self) -> tuple[Augmentation, ...]:
        steps = self.noise_steps or None
        return (InstanceNoise(self.instance_noise, steps=steps),) if self.instance_noise else ()


VARIANTS: dict[str, dict[str, Any]] = {
    "no noise": {},
    "one joint batch of real and generated images": {"joint_batch": True},
    "no batch norm in the discriminator": {"norm": "none"},
    "spectral norm in its place": {"norm": "spectral"},
    "β₂ 0.99 in the discriminator's Adam": {"discriminator_beta_2": 0.99},
    "half the learning rate": {"learning_rate": 1e-3},
    "R1 penalty, γ 0.1": {"penalty": 0.1},
    "R1 penalty, γ 1": {"penalty": 1.0},
    "noise, σ 0.1": {"instance_noise": 0.1},
    "noise, σ 0.2": {"instance_noise": 0.2},
    "noise, σ 0.3": {"instance_noise": 0.3},
    "noise, σ 0.3, falling to 0": {"instance_noise": 0.3, "noise_steps": 350},
}


@attrs.frozen
class Arguments:
    """The options of the comparison.

    Args:
        output: Where the table goes.
        data: The training data.
        seeds: The seeds of each variant.
        steps: Steps of each run.
    """

    output: Path = Path("runs/remedies")
    data: Literal["digits", "mnist"] = "digits"
    seeds: tuple[int, ...] = (0, 3, 4, 6)
    steps: int = 350


@attrs.frozen
class Run:
    """A run that was judged.

    Args:
        outcome: The outcome.
        steps_per_second: Without the first steps, which compile.
    """

    outcome: evaluation.Outcome
    steps_per_second: float


def train(options: dict[str, Any], seed: int, arguments: Arguments) -> Run:
    """Train a variant and judge it."""
    keras.utils.set_random_seed(seed)
    task = Variant(**options)
    load = getattr(gt.data, arguments.data)
    data = load(batch_size=64, labels=False, pixels=task.pixels)
    loop = gt.Loop(task, compiler=gt.StepCompiler("graph"), seed=seed, progress=False)
    loop.run(data, steps=10)
    started = time.perf_counter()
    loop.run(data, steps=arguments.steps - 10)
    speed = (arguments.steps - 10) / (time.perf_counter() - started)
    train, test = (load(batch_size=64, split=split, pixels=task.pixels) for split in ("train", "test"))
    return Run(evaluation.judge_outcome(task, train, test), speed)


def row(name: str, runs: list[Run]) -> str:
    """A row of the table."""
    near, coverage = ([getattr(run.outcome.samples, figure) for run in runs] for figure in ("near", "coverage"))
    failed = sum(not run.outcome.good for run in runs)
    cells = [f"{100 * min(near):.0f} to {100 * max(near):.0f} %", f"{100 * min(coverage):.0f} to {100 * max(coverage):.0f} %"]
    return f"| {name} | {failed} of {len(runs)} | {' | '.join(cells)} | {max(run.steps_per_second for run in runs):.0f} |"


def main() -> int:
    """Train all, and write the table."""
    arguments = tyro.cli(Arguments, prog=Path(__file__).name, description=__doc__)
    lines = ["| discriminator | failed | resemble real ones | coverage | steps/s |", "|---|---|---|---|---|"]
    for name, options in VARIANTS.items():
        lines.append(row(name, [train(options, seed, arguments) for seed in arguments.seeds]))
        logger.info(lines[-1])
    lines += ["", f"{arguments.data}, {arguments.steps} steps, seeds {', '.join(map(str, arguments.seeds))}, graph mode."]
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / TABLE).write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    command_line.run_program(main)
