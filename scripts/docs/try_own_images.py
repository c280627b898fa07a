"""A run on a folder of images, as docs/how_to/own_images.md describes it: its picture, and the figures beside it.

    python scripts/docs/try_own_images.py FOLDER --minutes 10

It writes crops of the embedded photographs as JPEG files to FOLDER/pictures, trains on them, judges the samples, and writes
docs/images/own_images.png (above, training images; below, samples, each followed by the nearest training images) and
docs/images/own_images.txt.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import tyro
from PIL import Image

import gantape as gt
from gantape.errors import counted

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs/images"
SHOWN = ("Fréchet distance", "precision", "recall", "coverage", "training distance", "authenticity")


@attrs.frozen
class Arguments:
    """The run.

    Args:
        folder: A new folder for the pictures and the run.
        count: The number of images.
        size: Height and width of the images that are made.
        minutes: Minutes of training.
        task: The recipe.
    """

    folder: tyro.conf.Positional[Path]
    count: int = 600
    size: int = 64
    minutes: float = 10.0
    task: str = "image-gan"


def main() -> None:
    """Make the pictures, train, judge, and write the results."""
    arguments = tyro.cli(Arguments, description=__doc__)
    pictures, run = arguments.folder / "pictures", arguments.folder / "run"
    crops = save_crops(pictures, arguments.count)
    size = ("--image-size", arguments.size, "--minutes", arguments.minutes, "--mode", "graph")
    start("train_gan.py", "--task", arguments.task, "--data", pictures, *size, "--run-dir", run)
    start("evaluate.py", run)
    report = json.loads((run / "evaluation.json").read_text())
    draw(crops[:18], arguments.size, run / "neighbours.png")
    (IMAGES / "own_images.txt").write_text(table(arguments, json.loads((run / "run.json").read_text()), report))


def save_crops(folder: Path, count: int) -> Any:
    """Write random crops of the embedded photographs as JPEG files, and return their pixels."""
    images = gt.data.photographs(batch_size=8, size=128, labels=False).arrays
    chosen = images[np.random.default_rng(0).permutation(len(images))[:count]]
    folder.mkdir(parents=True)
    for number, image in enumerate(chosen):
        Image.fromarray(image).save(folder / f"{number:04}.jpg", quality=90)
    return chosen


def start(script: str, *arguments: object) -> None:
    """Run a script of the project."""
    command = [sys.executable, str(ROOT / "scripts" / script), *map(str, arguments)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def draw(crops: Any, size: int, neighbours: Path) -> None:
    """Training images above the picture of samples and their neighbours."""
    with Image.open(neighbours) as picture:
        below = picture.convert("RGB")
    columns = len(crops) // 2
    cell = below.width // columns
    above = Image.new("RGB", (below.width, 2 * cell + 8), "white")
    for place, crop in enumerate(crops):
        small = Image.fromarray(crop).resize((size, size), Image.Resampling.BILINEAR)
        scaled = small.resize((cell - 4, cell - 4), Image.Resampling.NEAREST)
        above.paste(scaled, (place % columns * cell + 2, place // columns * cell + 2))
    whole = Image.new("RGB", (below.width, above.height + below.height), "white")
    whole.paste(above, (0, 0))
    whole.paste(below, (0, above.height))
    whole.quantize(128).save(IMAGES / "own_images.png", optimize=True)


def table(arguments: Arguments, record: Any, report: Any) -> str:
    """The figures, as Markdown."""
    found = {entry["name"]: entry for entry in report["measurements"]}
    length = f"{record['steps']:,} steps of `{arguments.task}` at {arguments.size}×{arguments.size}"
    images = (
        f"{report['judge']['images']} images, of which one half is compared with {report['measurements'][0]['count']} samples"
    )
    lines = [
        f"{length} in {record['seconds'] / 60.0:.1f} minutes on {counted(len(os.sched_getaffinity(0)), 'core')}; {images}:",
        "",
        "| metric | samples | real images |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | {found[name]['value']:.3g} | {found[name]['baseline']:.3g} |" for name in SHOWN]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
