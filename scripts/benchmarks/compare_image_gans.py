"""The recipes for a folder of images, on the same few images for the same processor time, judged by features without labels.

The images are random crops of the two embedded photographs, or digits of MNIST; others are held out. Each recipe trains with
its default hyper-parameters, batch and seeds, in graph mode and in a process of its own, until that has used so much time of
its processor cores, compilation left out: unlike the time of a clock, this hardly depends on what else the machine does.
Samples of all runs are judged by one network, which learns its features from the images that are trained on, and real images
give what can be reached.

A finished run is kept in --output as its facts, samples and a picture, and is not made again, so that a comparison that was
interrupted goes on. After each run table.txt is written anew from all that are there.
"""

import concurrent.futures
import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

sys.path.insert(0, str(Path(__file__).parents[1]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import attrs
import keras
import numpy as np
import tyro
from loguru import logger
from reliability.cells import write_facts

import gantape as gt
from gantape import evaluation
from gantape.checkpoints.run_directory import machine
from gantape.commands.recipes import FOLDER_RECIPES, FolderName
from gantape.report import image_grid, save_picture

SHOWN = ("kernel distance", "precision", "recall", "coverage", "authenticity")
MNIST_SIZE, MNIST_MARGIN = 32, 2
MOST_HELD_OUT = 2_500

ImageArray = np.ndarray[Any, np.dtype[np.uint8]]


@attrs.frozen
class Comparison:
    """What to compare.

    Args:
        data: Crops of the embedded photographs, or digits with a margin, which have 32×32 pixels.
        recipes: The recipes.
        images: Number of training images.
        size: Their height and width.
        minutes: Minutes of one processor core for each run, without compilation.
        seeds: The seeds of the runs of each recipe; all recipes are run with the first, then with the second, and so on.
        samples: Samples of each run that are judged.
        judge_steps: Steps in which the features are learnt.
        output: The folder for the runs and the table.
    """

    data: Literal["photographs", "mnist"] = "photographs"
    recipes: tuple[FolderName, ...] = tuple(FOLDER_RECIPES)
    images: int = 100
    size: int = 32
    minutes: float = 15.0
    seeds: tuple[int, ...] = (0, 1, 2)
    samples: int = 100
    judge_steps: int = 1000
    output: Annotated[Path, tyro.conf.arg(metavar="PATH")] = Path("comparison")

    @property
    def runs(self) -> list["Run"]:
        """The runs, in the order in which they are made."""
        length = {"data": self.data, "images": self.images, "size": self.size, "minutes": self.minutes}
        count = min(self.samples, self.images)
        return [Run(recipe, seed, count, **length) for seed in self.seeds for recipe in self.recipes]

    def __str__(self) -> str:
        kind = "crops" if self.data == "photographs" else "digits"
        return f"{self.images} {kind} of {self.size}×{self.size}, {self.minutes:g} minutes of one core each"


@attrs.frozen
class Run:
    """A run of the comparison; the arguments are those of `Comparison`, but for the number of samples."""

    recipe: FolderName
    seed: int
    samples: int
    data: Literal["photographs", "mnist"] = attrs.field(kw_only=True)
    images: int = attrs.field(kw_only=True)
    size: int = attrs.field(kw_only=True)
    minutes: float = attrs.field(kw_only=True)

    @property
    def name(self) -> str:
        """The name of its files."""
        length = f"{self.minutes:g}-minutes"
        return f"{self.data}-{self.images}-{self.size}-{length}-{self.recipe}-seed-{self.seed}-{self.samples}-samples"


class Budget:
    """An action that ends a run when the process has used its time; the clock starts after the first steps."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.used = 0.0
        self._start: float | None = None

    def __call__(self, progress: gt.Progress) -> gt.Stop | None:
        now = time.process_time()
        self._start = now if self._start is None else self._start
        self.used = now - self._start
        return gt.Stop("the time of the comparison") if self.used >= self.seconds else None


def load(data: str, count: int, size: int) -> tuple[ImageArray, ImageArray]:
    """Random images for training, and others of the same kind, as bytes."""
    if data == "mnist" and size != MNIST_SIZE:
        sys.exit(f"digits with a margin have {MNIST_SIZE}×{MNIST_SIZE} pixels: --size {MNIST_SIZE}")
    options: dict[str, Any] = {"size": size} if data == "photographs" else {}
    whole = getattr(gt.data, data)(batch_size=64, labels=False, **options).arrays
    images = whole[0] if isinstance(whole, tuple) else whole
    order = np.random.default_rng(0).permutation(len(images))
    chosen, others = images[order[:count]], images[order[count : count + MOST_HELD_OUT]]
    if data == "photographs":
        return chosen, others
    margin = ((0, 0), (MNIST_MARGIN, MNIST_MARGIN), (MNIST_MARGIN, MNIST_MARGIN), (0, 0))
    return np.pad(chosen, margin), np.pad(others, margin)


def train(run: Run) -> tuple[ImageArray, dict[str, Any]]:
    """Make a run, in this process: samples as bytes, and facts.

    Raises:
        SystemExit: If a signal ended it.
    """
    images, _ = load(run.data, run.images, run.size)
    recipe = FOLDER_RECIPES[run.recipe]
    keras.utils.set_random_seed(run.seed)
    task: Any = recipe.task_class(image_size=run.size, channels=images.shape[-1])
    pixels = gt.data.scale_pixels(*task.pixels)
    data = gt.data.from_arrays(images, batch_size=min(recipe.batch_size, len(images)), prepare=pixels)
    budget = Budget(60.0 * run.minutes)
    loop = gt.Loop(
        task,
        compiler=gt.StepCompiler("graph"),
        seed=run.seed,
        callbacks=[gt.Callback(budget, gt.every(steps=10)), gt.callbacks.show_progress(run.recipe)],
    )
    history = loop.run(data, steps=10**7)
    if budget.used < budget.seconds:
        sys.exit(f"{run.name} is not finished: {history.stopped_by}")
    samples = evaluation.make_samples(task, run.samples, run.seed)
    steps = loop.state.step
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    facts = {"steps": steps, "milliseconds per step": 1000.0 * budget.used / max(steps - 10, 1), "peak MiB": memory}
    return as_bytes(samples, task.pixels), {**attrs.asdict(run), **facts, "versions": machine()}


def as_bytes(samples: Any, pixels: tuple[float, float]) -> ImageArray:
    """Samples whose pixels are in a range, as bytes; those outside are clipped."""
    low, high = pixels
    return np.clip(np.round((np.asarray(samples) - low) * (255.0 / (high - low))), 0.0, 255.0).astype(np.uint8)


def make(run: Run, folder: Path) -> None:
    """Make a run in a process of its own, unless it is finished, and save it."""
    path = folder / f"{run.name}.json"
    if path.is_file():
        return
    alone = multiprocessing.get_context("spawn")  # a process that TensorFlow has not started in
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=alone) as executor:
        samples, facts = executor.submit(train, run).result()
    np.savez(path.with_suffix(".npz"), samples=samples)
    save_picture(image_grid(samples[:64], pixels=(0, 255)), path.with_suffix(".png"))
    write_facts(path, facts)
    logger.info("{}: {:,} steps", run.name, facts["steps"])


class Judge:
    """The network that judges all runs of a comparison, and what it saw of the images.

    Args:
        comparison: The comparison.
    """

    def __init__(self, comparison: Comparison) -> None:
        known, others = load(comparison.data, comparison.images, comparison.size)
        height, width, channels = known.shape[1:]
        classifier = evaluation.TransformationClassifier(
            height=height, width=width, channels=channels, steps=comparison.judge_steps
        )
        self.network = evaluation.learn_features(known, name=comparison.data, classifier=classifier)
        self._known, self._others = (self.network.features(images, pixels=(0, 255)) for images in (known, others))

    def scores(self, samples: ImageArray) -> dict[str, str]:
        """Figures of samples, by name, each with that of as many real images."""
        seen = self.network.features(samples, pixels=(0, 255))
        scored = evaluation.score_features(seen, train=self._known, held_out=self._others)
        return {found.name: f"{found.value:.3g} ({found.baseline:.3g})" for found in scored if found.name in SHOWN}


def table(comparison: Comparison, judge: Judge, runs: Sequence[Run]) -> str:
    """The finished runs, recipe by recipe."""
    lines = [
        str(comparison),
        f"{judge.network}; in brackets: {min(comparison.samples, comparison.images)} real images, in place of samples",
        f"{'recipe':12}{'seed':>5}{'steps':>8}{'ms/step':>9}{'MiB':>7}" + "".join(f"{name:>20}" for name in SHOWN),
    ]
    for run in sorted(runs, key=lambda run: comparison.recipes.index(run.recipe)):
        path = comparison.output / f"{run.name}.json"
        if path.is_file():
            facts = json.loads(path.read_text())
            with np.load(path.with_suffix(".npz")) as arrays:
                scores = judge.scores(arrays["samples"])
            numbers = f"{facts['steps']:8,}{facts['milliseconds per step']:9.0f}{facts['peak MiB']:7,.0f}"
            lines.append(f"{run.recipe:12}{run.seed:5}{numbers}" + "".join(f"{scores.get(name, ''):>20}" for name in SHOWN))
    return "\n".join(lines) + "\n"


def main(comparison: Comparison) -> None:
    """Make the runs that are missing, and write the table."""
    comparison.output.mkdir(parents=True, exist_ok=True)
    judge = Judge(comparison)
    for run in comparison.runs:
        make(run, comparison.output)
        text = table(comparison, judge, comparison.runs)
        (comparison.output / "table.txt").write_text(text)
        print(text)


if __name__ == "__main__":
    main(tyro.cli(Comparison, description=__doc__))
