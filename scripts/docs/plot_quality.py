"""The quality of samples in the course of a run that was judged: the picture of docs/scoreboard.md.

python scripts/train_gan.py --steps 40000 --judge-every 2000 --seed 3 --run-dir runs/curve
python scripts/docs/plot_quality.py runs/curve docs/scoreboard/curve.png
"""

import csv
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")
from matplotlib import pyplot as plt

SHOWN = {"frechet_distance": "Fréchet distance", "inception_score": "inception score"}


def main() -> None:
    """Draw each figure over the steps."""
    run, picture = map(Path, sys.argv[1:])
    with (run / "metrics.csv").open(newline="") as file:
        judged = [row for row in csv.DictReader(file) if row["frechet_distance"]]
    steps = [int(row["step"]) for row in judged]
    figure, panels = plt.subplots(1, len(SHOWN), figsize=(8, 3), layout="constrained")
    for axes, (column, name) in zip(panels, SHOWN.items(), strict=True):
        axes.plot(steps, [float(row[column]) for row in judged], "o-", markersize=3)
        axes.set(xlabel="steps", title=name, yscale="log" if column == "frechet_distance" else "linear")
        axes.grid(alpha=0.3, which="both")
    figure.savefig(picture, dpi=80)


if __name__ == "__main__":
    main()
