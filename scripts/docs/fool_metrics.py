"""Draw sets of digits that fool metrics: the table and the picture of docs/metrics.md.

    python scripts/docs/fool_metrics.py docs/images/metrics_table.txt docs/images/metrics.png

It needs MNIST, trains its judge if there is none, and takes about three minutes on two cores.
"""

import argparse
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import scipy.ndimage

import gantape as gt
from gantape import evaluation as ev
from gantape.report import image_grid, save_picture

COUNT = 5_000
SHOWN = 12
NAMES = (
    "Fréchet distance",
    "kernel distance",
    "inception score",
    "precision",
    "recall",
    "density",
    "coverage",
    "training distance",
)

Images = np.ndarray[Any, np.dtype[np.float32]]


def sets(images: Images, labels: Any, training: Images) -> dict[str, Images]:
    """Sets of images that stand in for samples, of as many images each, made from digits that are not in the training set."""
    generator = np.random.default_rng(0)
    others, second = images[:COUNT], images[COUNT : 2 * COUNT]
    best = np.stack([images[labels == digit][7] for digit in range(10)])
    without = images[2 * COUNT :][labels[2 * COUNT :] != 1][:COUNT]
    blurred = scipy.ndimage.gaussian_filter(others, (0, 1.0, 1.0, 0))
    noisy = (others + 0.15 * generator.normal(size=others.shape)).clip(0.0, 1.0).astype(np.float32)
    spoilt = others.copy()
    spoilt[: COUNT // 10] = generator.uniform(size=spoilt[: COUNT // 10].shape)
    mixed = 0.5 * others + 0.5 * second
    return {
        "other real digits": others,
        "copies of the training set": training[-COUNT:],
        "200 digits, again and again": second[np.arange(COUNT) % 200],
        "one digit of each class": best[np.arange(COUNT) % 10],
        "no ones": without,
        "blurred": blurred,
        "a little noise": noisy,
        "every tenth is noise": spoilt,
        "two digits at once": mixed,
    }


def measure(judge: ev.Judge, samples: Images, train: ev.Embedding, test: ev.Embedding) -> dict[str, ev.Measurement]:
    """The figures of one set."""
    seen = judge.embed(samples)
    measured = ev.score_samples(seen, train=train, test=test, bootstrap=ev.Bootstrap(resamples=20))
    return {result.name: result for result in measured if result.name in NAMES}


def markdown(rows: dict[str, dict[str, ev.Measurement]], judge: ev.Judge, command: str) -> str:
    """The table."""
    head = f"| set | {' | '.join(NAMES)} |\n|---|{'---|' * len(NAMES)}"
    body = [f"| {name} | {' | '.join(f'{found[metric].value:.3g}' for metric in NAMES)} |" for name, found in rows.items()]
    versions = ", ".join(f"{package} {version(package)}" for package in ("tensorflow", "keras", "numpy"))
    return "\n".join([head, *body, "", f"N = {COUNT:,}, {judge}. Made by `{command}` with {versions}."]) + "\n"


def main() -> None:
    """Measure every set; write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("picture", type=Path)
    arguments = parser.parse_args()
    train, test = gt.data.mnist(batch_size=64), gt.data.mnist(batch_size=64, split="test")
    judge = ev.train_judge(train, test)
    embed: Callable[[Any], ev.Embedding] = lambda images: judge.embed(images, pixels=(0, 255))  # noqa: E731  a name for one line
    # Half of the training digits stand for what a GAN was trained on, the other half for what a perfect one would make.
    known, held_out = embed(train.arrays[0][:30_000]), embed(test.arrays[0])
    images = train.arrays[0] / np.float32(255.0)
    made = sets(images[30_000:], train.arrays[1][30_000:], images[:30_000])
    rows = {name: measure(judge, samples, known, held_out) for name, samples in made.items()}
    text = markdown(rows, judge, "python scripts/docs/fool_metrics.py docs/images/metrics_table.txt docs/images/metrics.png")
    arguments.table.write_text(text)
    shown = np.concatenate([samples[:: COUNT // SHOWN][:SHOWN] for samples in made.values()])
    save_picture(image_grid(shown, columns=SHOWN, pixels=(0.0, 1.0)), arguments.picture, zoom=1)
    print(text)


if __name__ == "__main__":
    main()
