"""All recipes side by side: trains each for the same time, and draws one page of image grids, minutes and loss curves.

Each recipe has a folder of its own below --folder; one that is there already is not trained again. CPU minutes are those of all
cores together, and do not depend on what else the machine does.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import attrs
import command_line
import keras
import numpy as np
import tyro
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from recipes import RECIPES, Name

import gantape as gt
from gantape.compiler.signature import Mode
from gantape.report import SampleGrids, save_picture

COLUMNS, IMAGES = 3, 40
INCHES = (15.0, 1.9)  # of a page's width, and of a row's height
COLOURS = 48


@attrs.frozen
class Arguments:
    """What to train, and for how long.

    Args:
        folder: Where everything goes.
        recipes: The recipes; all by default.
        minutes: Minutes for each.
        data: What to train on; "auto" is MNIST where it can be had, else the embedded digits.
        mode: How steps are compiled.
        seed: The seed of each.
    """

    folder: Path = Path("runs/recipes")
    recipes: tuple[Name, ...] = tuple(RECIPES)
    minutes: float = 2.0
    data: command_line.Data = "auto"
    mode: Mode = "xla"
    seed: int = 0


def train(name: Name, arguments: Arguments) -> None:
    """Train a recipe, and leave its grid, its history and what it took; nothing if a signal ended it."""
    recipe, folder = RECIPES[name], arguments.folder / name
    load = gt.data.mnist_or_digits if arguments.data == "auto" else getattr(gt.data, arguments.data)
    data = recipe.batches(load)
    keras.utils.set_random_seed(arguments.seed)
    task: Any = recipe.task_class()
    started = time.process_time()
    loop = gt.Loop(task, compiler=gt.StepCompiler(arguments.mode), seed=arguments.seed)
    history = loop.run(data, minutes=arguments.minutes, record=gt.every(steps=50) | gt.at_end())
    spent = time.process_time() - started
    if history.stopped_by.startswith("SIG"):
        sys.exit(f"stopped by {history.stopped_by}: {folder} is not written")
    examples = data.prepare(next(iter(data.examples_in_order())))
    save_picture(SampleGrids(folder, arguments.seed, IMAGES, examples).draw(task), folder / "grid.png", zoom=1)
    curves = {column: history.values(column) for column in history.columns if column.endswith("/loss")}
    last = history.last("train")
    minutes = {"minutes": float(last["seconds"]) / 60.0, "cpu_minutes": spent / 60.0}
    facts = {"steps": last["step"], **minutes, "data": data.name, "curves": curves}
    (folder / "result.json").write_text(json.dumps(facts))


def draw(arguments: Arguments) -> Path:
    """The page: for each recipe that was trained its grid and, beside it, its losses."""
    found = [name for name in RECIPES if (arguments.folder / name / "result.json").exists()]
    rows = -(-len(found) // COLUMNS)
    figure = Figure(figsize=(INCHES[0], INCHES[1] * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = np.reshape(figure.subplots(rows, 2 * COLUMNS, width_ratios=[1.7, 1.0] * COLUMNS, squeeze=False), (-1, 2))
    for place, (grid, losses) in enumerate(axes):
        grid.axis("off")
        if place >= len(found):
            losses.axis("off")
            continue
        folder = arguments.folder / found[place]
        facts = json.loads((folder / "result.json").read_text())
        with Image.open(folder / "grid.png") as picture:
            grid.imshow(np.asarray(picture), cmap="gray", vmin=0, vmax=255)
        grid.set_title(f"{found[place]}: {facts['cpu_minutes']:.1f} CPU minutes, {facts['steps']:,} steps", fontsize=8)
        for column, values in facts["curves"].items():
            losses.plot(np.linspace(0, facts["steps"], len(values)), values, label=column, linewidth=0.8)
        losses.legend(fontsize=6)
        losses.tick_params(labelsize=6)
    path = arguments.folder / "recipes.png"
    figure.savefig(path, dpi=80)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS).save(path, optimize=True)
    return path


def main() -> int:
    """Train what is missing, and draw the page."""
    arguments = tyro.cli(Arguments, description=__doc__)
    for name in arguments.recipes:
        if not (arguments.folder / name / "result.json").exists():
            print(f"{name}: {arguments.minutes:g} minutes", flush=True)
            train(name, arguments)
            draw(arguments)
    print(draw(arguments))
    return 0


if __name__ == "__main__":
    command_line.run_script(main)
