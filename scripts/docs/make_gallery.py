"""Make the gallery of recipes, docs/recipes/, from the runs that `scripts/reliability/count_recipes.py` made.

    python scripts/docs/make_gallery.py FOLDER

FOLDER is that script's --folder. Each recipe gets a picture for each data set, twelve samples of its first seed, and an entry
in gallery.txt: its sentence and its paper from the class's docstring, the command, and the verdict on all seeds.
"""

import inspect
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gantape.commands.recipes import RECIPES, Kind, Name

FOLDER = Path(__file__).parents[2] / "docs/recipes"
DATA = {"digits": "the embedded digits", "mnist": "MNIST"}
HEADINGS: dict[Kind, tuple[str, str]] = {
    "images": ("From images alone", "The training data are images without labels."),
    "labels": (
        "Of a requested class",
        "The training data are images with labels, and the generator makes an image of the class that it is given.",
    ),
    "pairs": (
        "From pairs of images",
        "The training data are outlines, each with its digit. Here every outline is followed by what was made of it.",
    ),
    "unpaired": (
        "From two sets of images",
        "The training data are outlines, and digits of other outlines. Here every outline is followed by what was made of it.",
    ),
}
SIDE, COLUMNS, ZOOM = 32, 6, 2


def read_runs(folder: Path) -> list[dict[str, Any]]:
    """The runs, with the paths of their pictures, by seed."""
    runs = [{**json.loads(path.read_text()), "picture": path.with_suffix(".png")} for path in folder.glob("*.json")]
    return sorted(runs, key=lambda run: run["seed"])


def draw(strip: Path, path: Path) -> None:
    """Break a strip of samples into rows of six, enlarged."""
    samples = np.asarray(Image.open(strip).convert("L")).reshape(SIDE, -1, COLUMNS, SIDE)
    rows = Image.fromarray(np.moveaxis(samples, 0, 1).reshape(-1, COLUMNS * SIDE))
    rows.resize((ZOOM * rows.width, ZOOM * rows.height), Image.Resampling.NEAREST).save(path, optimize=True)


def verdict(runs: Sequence[dict[str, Any]]) -> str:
    """What the judge says of the runs of a recipe on one data set."""
    bad = [run for run in runs if not run["good"]]
    steps = f"{runs[0]['steps']:,} steps"
    if not bad:
        return f"good after {steps}" if len(runs) == 1 else f"good after {steps}, with each of {len(runs)} seeds"
    reason = bad[0]["reason"].removeprefix("Bad: ").split(". ")[0].split(", where")[0].rstrip(".")
    return f"**bad** with {len(bad)} of {len(runs)} seeds: {reason}" if len(runs) > 1 else f"**bad** after {steps}: {reason}"


def entry(name: Name, runs: Sequence[dict[str, Any]], folder: Path) -> str:
    """The entry of a recipe, in Markdown."""
    task_class = RECIPES[name].task_class
    text = inspect.getdoc(task_class) or ""
    papers = re.sub(r"\s+", " ", text.partition("References:")[2]).strip().split(";")
    paper = re.sub(r"arXiv (\d{4}\.\d{4,5})", r"[arXiv \1](https://arxiv.org/abs/\1)", papers[0].rstrip("."))
    figures = []
    for data, words in DATA.items():
        found = [run for run in runs if (run["recipe"], run["data"]) == (name, data)]
        if found:
            picture = f"{name}-{data}.png"
            draw(found[0]["picture"], folder / picture)
            title = f"Twelve images that {name} made after training on {words}"
            figures += [
                "<figure markdown>",
                f"![{title}](recipes/{picture}){{ .pixels loading=lazy }}",
                f"<figcaption markdown>{words}: {verdict(found)}</figcaption>",
                "</figure>",
            ]
    return "\n".join(
        [
            f"### {name}",
            "",
            f"{text.splitlines()[0]} [`{task_class.__name__}`][gantape.zoo.{task_class.__name__}], {paper}.",
            "",
            "```bash",
            f"python scripts/train_gan.py --task {name}",
            "```",
            "",
            '<div class="side-by-side" markdown>',
            *figures,
            "</div>",
            "",
        ]
    )


def main(folder: Path, output: Path = FOLDER) -> None:
    """Write the pictures and the entries."""
    runs = read_runs(folder)
    output.mkdir(parents=True, exist_ok=True)
    parts = []
    for kind, (heading, sentence) in HEADINGS.items():
        names = [name for name, recipe in RECIPES.items() if recipe.kind == kind]
        parts += [f"## {heading}\n\n{sentence}\n", *(entry(name, runs, output) for name in names)]
    (output / "gallery.txt").write_text("\n".join(parts))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
