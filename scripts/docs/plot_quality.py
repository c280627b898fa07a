"""The quality of samples in the course of a run that was judged: the pictures of docs/scoreboard.md.

    python scripts/train_gan.py --steps 40000 --judge-every 2000 --seed 3 --run-dir runs/curve
    python scripts/docs/plot_quality.py runs/curve docs/scoreboard

Each figure has a picture of its own, such as curve_frechet_distance.png.
"""

import csv
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from docs.figures import new_axes, save

SHOWN = {"frechet_distance": "Fréchet distance", "inception_score": "inception score"}


def main(run: Path, folder: Path) -> None:
    """Draw each figure over the steps."""
    with (run / "metrics.csv").open(newline="") as file:
        judged = [row for row in csv.DictReader(file) if row["frechet_distance"]]
    for column, name in SHOWN.items():
        axes = new_axes(2.8, xlabel="steps", ylabel=name)
        axes.plot([int(row["step"]) for row in judged], [float(row[column]) for row in judged], "o-", markersize=3)
        save(axes, folder / f"curve_{column}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
