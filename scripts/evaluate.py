"""Judge the generator of a finished run: a table, evaluation.json, and two pictures in the run's directory.

The judge is a classifier of the run's own data, which is trained once and kept in the user's cache (GANTAPE_CACHE names another
folder). Figures of judges with another identity cannot be compared.
"""

import csv
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import attrs
import command_line
import numpy as np
import tyro

import gantape as gt
from gantape import evaluation
from gantape.errors import RunDirectoryError
from gantape.run_directory import RunDirectory, machine

SHOWN = 15


@attrs.frozen
class Arguments:
    """Judge the generator of a finished run.

    Args:
        run: The run's directory.
        count: How many samples to judge, at most as many as there are training images.
        seed: The seed of the latents.
        generator: The file of the generator, in the run's directory.
        judge_steps: Steps of the judge's training, if it is not there yet. Another number gives another judge.
    """

    run: Annotated[Path, tyro.conf.Positional]
    count: int = 10_000
    seed: int = 0
    generator: str = "generator.keras"
    judge_steps: int = 1500


def main() -> int:
    """Judge, print, write and draw."""
    started = time.perf_counter()
    arguments = tyro.cli(Arguments, prog=Path(__file__).name, description=__doc__)
    record = RunDirectory(arguments.run).read()
    train, test = data_of(record, arguments.run)
    generator, pixels = load_generator(arguments.run / arguments.generator, record)
    judge = evaluation.train_judge(train, test, classifier=evaluation.JudgeClassifier(steps=arguments.judge_steps))
    known, held_out = (judge.look(part.arrays[0], pixels=(0, 255)) for part in (train, test))
    samples = make_samples(generator, min(arguments.count, train.examples), arguments.seed)
    seen = judge.look(samples, pixels=pixels)
    measured = evaluation.score_samples(seen, train=known, test=held_out)
    findings = evaluation.diagnose(history_of(arguments.run), pixels=pixels)
    classes = seen.probabilities.shape[1]

    print(f"{judge}\n{table(measured)}")
    for finding in findings:
        print(finding)
    images = (samples[:SHOWN] - pixels[0]) / (pixels[1] - pixels[0])
    evaluation.picture_neighbours(images, train.arrays[0] / np.float32(255.0), arguments.run / "neighbours.png")
    evaluation.plot_classes(seen.labels, held_out.labels, arguments.run / "classes.png", classes=classes)
    report = {
        "command_line": shlex.join(sys.argv),
        "judge": {"identity": judge.identity, "accuracy": judge.accuracy, "data": judge.data},
        "measurements": [attrs.asdict(measurement) for measurement in measured],
        "classes": (np.bincount(seen.labels, minlength=classes) / len(seen.labels)).tolist(),
        "findings": [str(finding) for finding in findings],
        "seconds": round(time.perf_counter() - started, 1),
        "versions": machine(),
    }
    (arguments.run / "evaluation.json").write_text(json.dumps(report, indent=2) + "\n")
    print(f"Written to {arguments.run}: evaluation.json, neighbours.png, classes.png")
    return 0


def data_of(record: dict[str, Any], run: Path) -> tuple[gt.data.ArrayBatches, gt.data.ArrayBatches]:
    """The run's data with labels, for training and test."""
    name = str(record.get("data", {}).get("name", "")).removesuffix(" train")
    if name not in ("mnist", "fashion_mnist", "digits"):
        raise RunDirectoryError(
            "this run was not trained on data that the script knows.",
            where=str(run),
            got=name or "no name of data",
            do="name a run on mnist, fashion_mnist or digits; for other data use gantape.evaluation in a script of your own.",
        )
    load = getattr(gt.data, name)
    return load(batch_size=64), load(batch_size=64, split="test")


def load_generator(path: Path, record: dict[str, Any]) -> tuple[Any, tuple[float, float]]:
    """A saved generator, and the range of what it makes."""
    if "pixels" not in record or not path.is_file():
        raise RunDirectoryError(
            "this run has no generator to judge.",
            where=str(path.parent),
            got=f"a run of {record['task']}, {record['status']}",
            do="name the directory of a finished run of train_gan.py.",
        )
    return command_line.load_generator(path), tuple(record["pixels"])


def make_samples(generator: Any, count: int, seed: int) -> np.ndarray[Any, Any]:
    """Samples from normal latents."""
    size = generator.input_shape[-1]
    noise = gt.Noise(seed)
    latents = [noise.normal(f"samples from {start}", [min(500, count - start), size]) for start in range(0, count, 500)]
    return np.concatenate([np.asarray(generator(part, training=False)) for part in latents])


def history_of(run: Path) -> list[dict[str, Any]]:
    """The rows of the run, if it wrote any."""
    path = run / "metrics.csv"
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def table(measured: tuple[evaluation.Measurement, ...]) -> str:
    """The figures, one in a line."""
    lines = [f"{'metric':<18} {'value':>9} {'95 % interval':>20} {'real':>9} {'N':>7}"]
    for result in measured:
        low, high = result.interval
        real = "" if result.floor is None else f"{result.floor:.4g}"
        mark = " !" if result.warning else ""
        lines.append(
            f"{result.name:<18} {result.value:>9.4g} {f'{low:.4g} to {high:.4g}':>20} {real:>9} {result.count:>7}{mark}"
        )
    lines += [f"! {result.name}: {result.warning}" for result in measured if result.warning]
    return "\n".join(lines)


if __name__ == "__main__":
    command_line.run_script(main)
