"""Judge the generator of a finished run: a table, evaluation.json, and pictures in the run's directory.

The judge is a network that is trained once on the run's own data and kept in the user's cache (set GANTAPE_CACHE for another
folder). For digits and clothes it is a classifier, for photographs and folders of images it learns without labels. Figures of
different judges cannot be compared. For a class-conditional GAN the table also has the share of samples that are of the
requested class.
"""

import json
import time
from pathlib import Path
from typing import Annotated

import attrs
import numpy as np
import tyro

from gantape import evaluation
from gantape.checkpoints.run_directory import machine
from gantape.commands.command_line import OptionalInt
from gantape.commands.finished_run import FinishedRun, data_is_labelled
from gantape.commands.judgements import FeaturesFlags, judge_classes, judge_features
from gantape.commands.program import program_name, whole_command
from gantape.errors import HyperparameterError
from gantape.report import write_html_report
from gantape.report.page.run import read_rows

SHOWN = 15
FEWEST = 50


@attrs.frozen
class EvaluateArguments:
    """Judge the generator of a finished run.

    Args:
        run: The run's directory.
        count: The number of samples to judge, at most the number of training images.
        seed: The seed of the latents.
        generator: The file of the generator, in the run's directory.
        judge_steps: Training steps of the judge, if it is not in the cache; by default 1,500 for a classifier, 1,000 for
            features. Another number gives another judge.
        flags: Images and features that need no labels.
    """

    run: Annotated[Path, tyro.conf.Positional]
    count: int = 10_000
    seed: int = 0
    generator: str = "generator.keras"
    judge_steps: OptionalInt = None
    flags: Annotated[FeaturesFlags, tyro.conf.arg(name="")] = attrs.field(factory=FeaturesFlags)

    def __attrs_post_init__(self) -> None:
        if self.count < FEWEST:
            raise HyperparameterError(
                "so few samples cannot be judged.", where="--count", got=str(self.count), do=f"give {FEWEST} or more."
            )


def main() -> int:
    """Judge, print, write and draw."""
    started = time.perf_counter()
    arguments = tyro.cli(EvaluateArguments, prog=program_name(), description=__doc__)
    run = FinishedRun(arguments.run, arguments.generator)
    if data_is_labelled(run.record) and not arguments.flags.given:
        found = judge_classes(run, arguments.count, arguments.seed, arguments.judge_steps)
    else:
        found = judge_features(run, arguments.count, arguments.seed, arguments.judge_steps, arguments.flags)
    findings = evaluation.diagnose(read_rows(arguments.run / "metrics.csv"), pixels=run.task_class.pixels)

    print(f"{found.judge}\n{table(found.measured)}")
    for finding in findings:
        print(finding)
    evaluation.picture_neighbours(found.samples[:SHOWN], found.train, arguments.run / "neighbours.png")
    written = ["evaluation.json", "neighbours.png"]
    shares = None
    if found.classes is not None:
        seen, count = found.classes.samples, found.classes.count
        evaluation.plot_classes(seen, found.classes.real, arguments.run / "classes.png", classes=count)
        shares = (np.bincount(seen, minlength=count) / len(seen)).tolist()
        written.append("classes.png")
    report = {
        "command_line": whole_command(),
        "judge": {"words": found.judge, **found.facts},
        "measurements": [attrs.asdict(measurement) for measurement in found.measured],
        "classes": shares,
        "findings": [str(finding) for finding in findings],
        "seconds": round(time.perf_counter() - started, 1),
        "versions": machine(),
    }
    (arguments.run / "evaluation.json").write_text(json.dumps(report, indent=2) + "\n")
    page = write_html_report(arguments.run)
    print(f"Written to {arguments.run}: {', '.join(written)}; all of it in {page.name}")
    return 0


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
