"""The recipes for a folder of images, on the same few images for the same processor time, judged by features without labels.

The images are random crops of the two embedded photographs; the other crops are held out. Each recipe trains with its default
hyper-parameters, batch and seeds, in graph mode, until the process has used so much time of its processor cores, compilation
left out: unlike the time of a clock, this hardly depends on what else the machine does. Samples of all runs are judged by one
network, which learns its features from the images that are trained on, and real images give what can be reached.
"""

import sys
import time
from pathlib import Path
from typing import Annotated, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import attrs
import keras
import numpy as np
import tyro

import gantape as gt
from gantape import evaluation
from gantape.commands.recipes import FOLDER_RECIPES, FolderName
from gantape.report import image_grid, save_picture

SHOWN = ("kernel distance", "precision", "recall", "coverage", "authenticity")


@attrs.frozen
class Comparison:
    """What to compare.

    Args:
        recipes: The recipes.
        images: Number of training images.
        size: Their height and width.
        minutes: Minutes of one processor core for each run, without compilation.
        seeds: The seeds of the runs of each recipe.
        samples: Samples of each run that are judged.
        judge_steps: Steps in which the features are learnt.
        output: The folder for the table and a picture of each run.
    """

    recipes: tuple[FolderName, ...] = tuple(FOLDER_RECIPES)
    images: int = 100
    size: int = 32
    minutes: float = 15.0
    seeds: tuple[int, ...] = (0, 1, 2)
    samples: int = 100
    judge_steps: int = 1000
    output: Annotated[Path, tyro.conf.arg(metavar="PATH")] = Path("comparison")


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


def crops(count: int, size: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Random crops for training, and the others, as bytes."""
    whole = gt.data.photographs(batch_size=64, size=size, labels=False).arrays
    images = whole[0] if isinstance(whole, tuple) else whole
    order = np.random.default_rng(0).permutation(len(images))
    return images[order[:count]], images[order[count:]]


def train(recipe: FolderName, images: np.ndarray[Any, Any], comparison: Comparison, seed: int) -> tuple[Any, dict[str, float]]:
    """A trained task, its steps, and how long they took."""
    found = FOLDER_RECIPES[recipe]
    keras.utils.set_random_seed(seed)
    task: Any = found.task_class(image_size=comparison.size, channels=images.shape[-1])
    pixels = gt.data.scale_pixels(*task.pixels)
    data = gt.data.from_arrays(images, batch_size=min(found.batch_size, len(images)), prepare=pixels)
    budget = Budget(60.0 * comparison.minutes)
    loop = gt.Loop(
        task,
        compiler=gt.StepCompiler("graph"),
        seed=seed,
        callbacks=[gt.Callback(budget, gt.every(steps=10)), gt.callbacks.show_progress(recipe)],
    )
    loop.run(data, steps=10**7)
    steps = loop.state.step
    return task, {"steps": steps, "milliseconds per step": 1000.0 * budget.used / max(steps - 10, 1)}


def main(comparison: Comparison) -> None:
    """Train, judge, and write the table."""
    comparison.output.mkdir(parents=True, exist_ok=True)
    known, others = crops(comparison.images, comparison.size)
    classifier = evaluation.TransformationClassifier(
        height=comparison.size, width=comparison.size, channels=known.shape[-1], steps=comparison.judge_steps
    )
    network = evaluation.learn_features(known, name="photographs", classifier=classifier)
    of_known, of_others = (network.features(images, pixels=(0, 255)) for images in (known, others))
    count = min(comparison.samples, len(known))
    lines = [
        f"{comparison.images} crops of {comparison.size}×{comparison.size}, {comparison.minutes:g} minutes of one core each",
        f"{network}; in brackets: {count} real images, in place of samples",
        f"{'recipe':12}{'seed':>5}{'steps':>8}{'ms/step':>9}" + "".join(f"{name:>20}" for name in SHOWN),
    ]
    for recipe in comparison.recipes:
        for seed in comparison.seeds:
            task, facts = train(recipe, known, comparison, seed)
            samples = evaluation.make_samples(task, count, seed)
            save_picture(image_grid(samples[:64], pixels=task.pixels), comparison.output / f"{recipe}-{seed}.png")
            scored = evaluation.score_features(
                network.features(samples, pixels=task.pixels), train=of_known, held_out=of_others
            )
            by_name = {found.name: found for found in scored}
            values = [f"{by_name[name].value:.3g} ({by_name[name].baseline:.3g})" for name in SHOWN if name in by_name]
            numbers = f"{facts['steps']:8,.0f}{facts['milliseconds per step']:9.0f}"
            lines.append(f"{recipe:12}{seed:5}{numbers}" + "".join(f"{value:>20}" for value in values))
            print("\n".join(lines), *map(str, scored), sep="\n")
    (comparison.output / "table.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Comparison, description=__doc__))
