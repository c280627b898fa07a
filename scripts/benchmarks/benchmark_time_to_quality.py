"""Seconds from the start of a process until a GAN's samples are within 10, 5, 3 and 2 times the floor of the Fréchet distance.

Contenders are the default of train_gan.py, the Keras guide's DCGAN as a task, and a light DCGAN written by hand as a Keras
model with a `train_step` and trained by `fit`, at the usual learning rate (`fit`) and at five times that (`fit-fast`). Each run
is a process of its own, which saves its generator at given times; samples are made and judged afterwards. The floor is the
distance that as many real training examples have from the test examples. Finished runs are kept below --folder; at the end
time_to_quality.txt (a table) and a plot for each data set, time_to_quality_mnist.png, are written there. Run it on a quiet
machine.
"""

import functools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

sys.path.insert(0, str(Path(__file__).parents[1]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import attrs
import numpy as np
import tensorflow as tf
import tyro
from benchmarks.gans.snapshots import Contender, DataName, generator_of, load, pixels_of
from loguru import logger
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from gantape import evaluation
from gantape.checkpoints.run_directory import machine
from gantape.report import image_grid, save_picture

PROGRAM = Path(__file__).parent / "gans" / "snapshots.py"
DUE = (10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 420, 600)
TIMES = (10.0, 5.0, 3.0, 2.0, 1.4)
"""Multiples of the floor."""
SAMPLES = {"mnist": 10_000, "digits": 1_500}
SHOWN = (30, 60, 300)
"""Seconds after which samples are drawn."""
TICKS = (10, 30, 60, 120, 300, 600)


@attrs.frozen
class Benchmark:
    """The runs to make.

    Args:
        data: The training data.
        contenders: What to train.
        seeds: The seeds.
        seconds: The length of a run.
        folder: The folder for results, pictures, table and plots.
    """

    data: tuple[DataName, ...] = get_args(DataName)
    contenders: tuple[Contender, ...] = get_args(Contender)
    seeds: tuple[int, ...] = (0, 1, 2)
    seconds: float = 600.0
    folder: Path = Path("benchmarks/time_to_quality")

    def run(self) -> None:
        """Make the missing runs, then the table and the plots of all in the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for seed in self.seeds:
            for data in self.data:
                for contender in self.contenders:
                    path = self.folder / f"{data}-{contender}-seed-{seed}.json"
                    if not path.is_file():
                        path.write_text(json.dumps(self.measure(contender, data, seed), indent=1) + "\n")
                        logger.info("{}", path.stem)
        found = [json.loads(path.read_text()) for path in sorted(self.folder.glob("*-seed-*.json"))]
        text = table(found)
        (self.folder / "time_to_quality.txt").write_text(text)
        for data in dict.fromkeys(facts["data"] for facts in found):
            plot([facts for facts in found if facts["data"] == data], self.folder / f"time_to_quality_{data}.png")
        print(text)

    def measure(self, contender: Contender, data: DataName, seed: int) -> dict[str, Any]:
        """Train in a process of its own, and judge its snapshots."""
        due = [str(second) for second in DUE if second <= self.seconds]
        with tempfile.TemporaryDirectory() as work:
            options = ["--contender", contender, "--data", data, "--seed", str(seed), "--folder", work]
            command = [sys.executable, str(PROGRAM), *options, "--started", repr(time.time()), "--due", *due]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            snapshots = sorted(Path(work).glob("*.npz"))
            curve = [(float(path.stem), *_judge(path, contender, data)) for path in snapshots]
            _draw(snapshots, contender, self.folder / f"{data}-{contender}-seed-{seed}.png")
        return {
            "data": data,
            "contender": contender,
            "seed": seed,
            "floor": _floor(data),
            "curve": curve,
            "judge": str(_judge_of(data)),
            "versions": machine(),
        }


@functools.cache
def _judge_of(data: DataName) -> evaluation.Judge:
    train, test = (load(data, (0.0, 1.0), labels=True, split=split) for split in ("train", "test"))
    return evaluation.train_judge(train, test)


@functools.cache
def _real(data: DataName, split: str) -> evaluation.Embedding:
    return _judge_of(data).embed(load(data, (0.0, 1.0), split=split).arrays, pixels=(0, 255))


@functools.cache
def _floor(data: DataName) -> float:
    train = _real(data, "train").features[: SAMPLES[data]]
    return evaluation.frechet_distance(_real(data, "test").features, train, bootstrap=None).value


def _judge(path: Path, contender: Contender, data: DataName) -> tuple[float, float]:
    """The Fréchet distance of a snapshot's samples from the test examples, and their inception score over that of real ones."""
    judge, pixels = _judge_of(data), pixels_of(contender)
    made = judge.embed(_samples(path, contender, SAMPLES[data]), pixels=pixels)
    real = _real(data, "train").probabilities[: SAMPLES[data]]
    scores = [evaluation.inception_score(of).value for of in (made.probabilities, real)]
    return evaluation.frechet_distance(_real(data, "test").features, made.features, bootstrap=None).value, scores[0] / scores[1]


def _samples(path: Path, contender: Contender, count: int) -> np.ndarray[Any, Any]:
    generator = generator_of(contender)
    with np.load(path) as weights:
        generator.set_weights([weights[name] for name in weights.files])
    latents = tf.random.stateless_normal([count, generator.input_shape[1]], seed=[0, 0])
    return np.concatenate([generator(part, training=False) for part in tf.split(latents, count // 250)])


def _draw(snapshots: Sequence[Path], contender: Contender, path: Path) -> None:
    """Twelve samples at each of the times that are shown, a row for each."""
    rows = [next((file for file in snapshots if float(file.stem) >= second), None) for second in SHOWN]
    images = np.concatenate([_samples(file, contender, 250)[:12] for file in rows if file is not None])
    save_picture(image_grid(images, columns=12, pixels=pixels_of(contender)), path, zoom=1)


def seconds_until(facts: dict[str, Any], times: float) -> float:
    """Seconds until a run's distance is within a multiple of the floor for the first time; infinity if never."""
    return next((second for second, distance, _ in facts["curve"] if distance <= times * facts["floor"]), float("inf"))


def table(found: Sequence[dict[str, Any]]) -> str:
    """For each data set and contender the seconds until each multiple, the median and the range of the seeds."""
    head = ["data", "contender", *(f"{times:g} × floor" for times in TIMES), "at the end", "inception score", "seeds"]
    lines = [_row(head), "|---" * len(head) + "|"]
    for data, contender in dict.fromkeys((facts["data"], facts["contender"]) for facts in found):
        runs = [facts for facts in found if (facts["data"], facts["contender"]) == (data, contender)]
        cells = [_spread([seconds_until(facts, times) for facts in runs]) for times in TIMES]
        ends, lasts, scores = np.transpose([facts["curve"][-1] for facts in runs])
        last = f"{np.median(lasts / [facts['floor'] for facts in runs]):.2f} × after {np.median(ends):.0f} s"
        lines.append(_row([data, contender, *cells, last, f"{100 * np.median(scores):.0f} %", str(len(runs))]))
    judges = sorted({facts["judge"] for facts in found})
    versions = sorted({", ".join(f"{name} {version}" for name, version in facts["versions"].items()) for facts in found})
    return "\n".join([*lines, "", *judges, "", *versions]) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _spread(seconds: Sequence[float]) -> str:
    """The median, with the range if there are several; a run that never got there counts as longer than any."""
    shown = ["never" if second == float("inf") else f"{second:.0f}" for second in sorted(seconds)]
    middle = shown[len(shown) // 2]
    return middle if len(set(shown)) == 1 else f"{middle} ({shown[0]} to {shown[-1]})"


def plot(found: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the distance over the floor against seconds, a line for each run, both axes logarithmic."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel="seconds since the start", ylabel="Fréchet distance ÷ floor")
    for place, contender in enumerate(dict.fromkeys(facts["contender"] for facts in found)):
        for number, facts in enumerate(facts for facts in found if facts["contender"] == contender):
            seconds, distances, _ = zip(*facts["curve"], strict=True)
            label = contender if number == 0 else None
            axes.plot(
                seconds, np.divide(distances, facts["floor"]), "o-", markersize=3, color=f"C{place}", label=label, alpha=0.8
            )
    for times in TIMES:
        axes.axhline(times, color="grey", linewidth=0.5)
    axes.set_xticks(TICKS, labels=map(str, TICKS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    tyro.cli(Benchmark, description=__doc__).run()
