"""Judge the generator of a finished run: a table, evaluation.json, and two pictures in the run's directory.

The judge is a classifier of the run's own data, trained once and kept in the user's cache (set GANTAPE_CACHE for another
folder). Figures of different judges cannot be compared. For a class-conditional GAN the table also has the share of samples
that are of the requested class.
"""

import csv
import json
import time
from pathlib import Path
from typing import Annotated, Any

import attrs
import numpy as np
import tyro

from gantape import evaluation
from gantape.checkpoints.run_directory import machine
from gantape.commands.finished_run import FinishedRun
from gantape.commands.program import program_name, whole_command
from gantape.conditioning import ClassLabels
from gantape.report import write_html_report

SHOWN = 15


@attrs.frozen
class EvaluateArguments:
    """Judge the generator of a finished run.

    Args:
        run: The run's directory.
        count: The number of samples to judge, at most the number of training images.
        seed: The seed of the latents.
        generator: The file of the generator, in the run's directory.
        judge_steps: Training steps of the judge, if it is not in the cache. Another number gives another judge.
    """

    run: Annotated[Path, tyro.conf.Positional]
    count: int = 10_000
    seed: int = 0
    generator: str = "generator.keras"
    judge_steps: int = 1500


def main() -> int:
    """Judge, print, write and draw."""
    started = time.perf_counter()
    arguments = tyro.cli(EvaluateArguments, prog=program_name(), description=__doc__)
    run = FinishedRun(arguments.run, arguments.generator)
    task = run.task()
    (train, test), pixels = run.data(), task.pixels
    judge = evaluation.train_judge(train, test, classifier=evaluation.JudgeClassifier(steps=arguments.judge_steps))
    known, held_out = (judge.embed(part.arrays[0], pixels=(0, 255)) for part in (train, test))
    count = min(arguments.count, train.examples)
    samples = evaluation.make_samples(task, count, arguments.seed)
    seen = judge.embed(samples, pixels=pixels)
    measured = evaluation.score_samples(seen, train=known, test=held_out)
    if isinstance(task.condition, ClassLabels):
        requested = evaluation.drawn_labels(task, count, arguments.seed)
        measured += (evaluation.label_accuracy(requested, seen.labels, real_accuracy=judge.accuracy),)
    findings = evaluation.diagnose(history_of(arguments.run), pixels=pixels)
    classes = seen.probabilities.shape[1]

    print(f"{judge}\n{table(measured)}")
    for finding in findings:
        print(finding)
    images = (samples[:SHOWN] - pixels[0]) / (pixels[1] - pixels[0])
    evaluation.picture_neighbours(images, train.arrays[0] / np.float32(255.0), arguments.run / "neighbours.png")
    evaluation.plot_classes(seen.labels, held_out.labels, arguments.run / "classes.png", classes=classes)
    report = {
        "command_line": whole_command(),
        "judge": {"identity": judge.identity, "accuracy": judge.accuracy, "data": judge.data},
        "measurements": [attrs.asdict(measurement) for measurement in measured],
        "classes": (np.bincount(seen.labels, minlength=classes) / len(seen.labels)).tolist(),
        "findings": [str(finding) for finding in findings],
        "seconds": round(time.perf_counter() - started, 1),
        "versions": machine(),
    }
    (arguments.run / "evaluation.json").write_text(json.dumps(report, indent=2) + "\n")
    page = write_html_report(arguments.run)
    print(f"Written to {arguments.run}: evaluation.json, neighbours.png, classes.png; all of it in {page.name}")
    return 0


def history_of(run: Path) -> list[dict[str, Any]]:
    """The history of the run, if there is one."""
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
        real = "" if result.baseline is None else f"{result.baseline:.4g}"
        mark = " !" if result.warning else ""
        lines.append(
            f"{result.name:<18} {result.value:>9.4g} {f'{low:.4g} to {high:.4g}':>20} {real:>9} {result.count:>7}{mark}"
        )
    lines += [f"! {result.name}: {result.warning}" for result in measured if result.warning]
    return "\n".join(lines)
