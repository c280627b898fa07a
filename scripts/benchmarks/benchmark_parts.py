"""Time of the parts of a step: parts of the guide's DCGAN, and the large products of the guide's MLP, in milliseconds.

    python scripts/benchmarks/benchmark_parts.py --output benchmarks/parts            # a minute

Each part is compiled alone, in graph mode and in XLA. Beside its time stands the rate of its products with weights (their
gradients included), as a share of the rate that the machine reaches with matrices of 2048×2048. Results are a table in
Markdown (`parts.txt`) and JSON with the machine and the versions (`parts.json`).
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import attrs
import numpy as np
import tensorflow as tf
import tyro
from benchmarks.machine import machine_facts
from benchmarks.workloads import WORKLOADS, Classifier, GAN

from gantape.zoo import GuideDCGAN

BATCH = 64
LOOPED = 500
"""Steps of the MLP's products in one call, as in mode "xla-loop"."""

Function = Callable[[], Any]


@attrs.frozen
class Part:
    """A part of a step.

    Args:
        name: The name.
        function: The part, which returns tensors.
        flop: Floating-point operations of its products with weights.
        times: How often one call runs the part.
        modes: The modes it is measured in.
    """

    name: str
    function: Function
    flop: float = 0.0
    times: int = 1
    modes: tuple[str, ...] = ("graph", "xla")


@attrs.frozen
class Benchmark:
    """Measure the parts of steps.

    Args:
        repetitions: Measurements of each part; the median is shown.
        output: The folder for results; nothing is written without one.
    """

    repetitions: int = 20
    output: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None

    def run(self) -> None:
        """Measure, print the table, and write the results."""
        matrix = tf.random.normal((2048, 2048))
        product = Part("product of 2048×2048 matrices", lambda: matrix @ matrix, 2.0 * 2048**3, modes=("graph",))
        parts = [product, *parts_of_dcgan(), *parts_of_mlp()]
        rows = [
            {"part": part.name, "mode": mode, "flop": part.flop, "milliseconds": self._milliseconds(part, mode)}
            for part in parts
            for mode in part.modes
        ]
        text = table(rows)
        print(text)
        if self.output is not None:
            self.output.mkdir(parents=True, exist_ok=True)
            (self.output / "parts.txt").write_text(text + "\n")
            (self.output / "parts.json").write_text(json.dumps({"machine": machine_facts(), "rows": rows}, indent=2) + "\n")

    def _milliseconds(self, part: Part, mode: str) -> float:
        compiled = tf.function(part.function, jit_compile=mode == "xla", autograph=False)
        seconds = []
        for _ in range(2 + self.repetitions):
            started = time.perf_counter()
            tf.nest.flatten(compiled())[0].numpy()
            seconds.append((time.perf_counter() - started) / part.times)
        return round(1e3 * float(np.median(seconds[2:])), 4)


def parts_of_dcgan() -> list[Part]:
    """Passes of both networks of the guide's DCGAN."""
    task, gan = GuideDCGAN(), WORKLOADS["dcgan"].problem
    assert isinstance(gan, GAN)
    made, scored = (2.0 * BATCH * network.multiplications() for network in (gan.generator, gan.discriminator))
    latents, images = tf.random.normal((BATCH, task.latent_size)), tf.random.uniform((BATCH, 28, 28, 1))
    upstream, both = tf.random.normal((BATCH, 28, 28, 1)), tf.random.uniform((2 * BATCH, 28, 28, 1))

    def generator_gradient() -> Any:
        values = [variable.value for variable in task.generator.trainable_variables]
        with tf.GradientTape() as tape:
            fake = task.generator(latents, training=True)
        return tape.gradient(fake, values, output_gradients=upstream)

    def discriminator_gradient() -> Any:
        values = [variable.value for variable in task.discriminator.trainable_variables]
        with tf.GradientTape() as tape:
            score = tf.reduce_mean(task.discriminator(both, training=True))
        return tape.gradient(score, values)

    def image_gradient() -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            score = tf.reduce_mean(task.discriminator(images, training=True))
        return tape.gradient(score, images)

    return [
        Part("DCGAN: generator forward", lambda: task.generator(latents, training=True), made),
        Part("DCGAN: generator forward and gradient", generator_gradient, 3.0 * made),
        Part("DCGAN: discriminator forward and gradient, joint batch", discriminator_gradient, 6.0 * scored),
        Part("DCGAN: discriminator forward and gradient of images", image_gradient, 2.0 * scored),
    ]


def parts_of_mlp() -> list[Part]:
    """The two products of the MLP's first layer, which dominate a step, in a loop in one XLA program."""
    problem = WORKLOADS["mlp"].problem
    assert isinstance(problem, Classifier)
    inputs, units = 28 * 28, problem.network.shapes()[1][-1]
    batch, weights = tf.random.uniform((BATCH, inputs)), 0.05 * tf.random.normal((inputs, units))

    def looped(change: Callable[[Any], Any]) -> Function:
        def loop() -> Any:
            return tf.while_loop(
                lambda index, _: index < LOOPED, lambda index, kernel: (index + 1, change(kernel)), (tf.constant(0), weights)
            )[1]

        return loop

    def products(kernel: Any) -> Any:
        return kernel - 1e-9 * tf.matmul(batch, tf.nn.relu(batch @ kernel), transpose_a=True)

    flop = 2.0 * BATCH * inputs * units
    return [
        Part("MLP: both products of the first layer, and its descent", looped(products), 2.0 * flop, LOOPED, ("xla",)),
        Part("MLP: the descent alone", looped(lambda kernel: 0.999 * kernel), 0.0, LOOPED, ("xla",)),
    ]


def table(rows: list[Mapping[str, Any]]) -> str:
    """The parts as a Markdown table; the first row has the rate that others are measured by."""
    rates = [row["flop"] / row["milliseconds"] / 1e6 for row in rows]
    lines = ["| part | mode | ms | GFLOP/s | of the machine's |", "|---|---|---:|---:|---:|"]
    for row, rate in zip(rows, rates, strict=True):
        cells = (f"{rate:.0f}", f"{rate / rates[0]:.0%}") if rate else ("", "")
        lines.append(f"| {row['part']} | {row['mode']} | {row['milliseconds']:.3g} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    tyro.cli(Benchmark, description=__doc__).run()
