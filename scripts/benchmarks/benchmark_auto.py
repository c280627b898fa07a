"""Mode "auto" against each named mode, on whole runs: the steps that are done in a given time from the start of `Loop.run`.

So tracing, compiling and the trials of "auto" count. Each run is a process of its own, the modes take turns, and each round
has a ratio of "auto" to the named mode that did most steps in that round. On a busy machine the processor's seconds for each
step say more than the steps: both are shown, as medians, the ratios with their range.
"""

import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

sys.path.insert(0, str(Path(__file__).parents[1]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import attrs
import keras
import tyro

import gantape as gt
from gantape import zoo

TaskName = Literal["classifier", "dcgan", "guide", "wgan-gp", "points"]
ModeName = Literal["auto", "graph", "xla", "xla-loop"]
Made = tuple[gt.Task, gt.data.Batches]


def _digits() -> gt.data.Batches:
    return gt.data.digits(batch_size=64, labels=False, pixels=(-1.0, 1.0))


class PointGAN(gt.AdversarialTask):
    """A GAN of points in a plane, whose steps are so short that a loop in XLA pays off."""

    latent_size: int = 2

    def build_generator(self):
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(2)])

    def build_discriminator(self):
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(1)])


TASKS: dict[TaskName, Callable[[], Made]] = {
    "classifier": lambda: (zoo.DigitClassifier(), gt.data.digits(batch_size=64)),
    "dcgan": lambda: (zoo.DCGAN(), _digits()),
    "guide": lambda: (zoo.GuideDCGAN(), gt.data.digits(batch_size=64, labels=False)),
    "wgan-gp": lambda: (zoo.WGANGP(), _digits()),
    "points": lambda: (PointGAN(), gt.data.ring(batch_size=64)),
}


@attrs.frozen
class Benchmark:
    """The runs to make.

    Args:
        tasks: What is trained.
        modes: The modes; "auto" is compared with the others.
        seconds: The length of a run; 300 and 1800 are the longer ones worth looking at.
        rounds: Runs in each mode.
        output: The file for the table.
        child: A task and a mode, to be run in this process.
    """

    tasks: tuple[TaskName, ...] = ("classifier", "dcgan", "wgan-gp", "points")
    modes: tuple[ModeName, ...] = ("auto", "graph", "xla", "xla-loop")
    seconds: float = 30.0
    rounds: int = 3
    output: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    child: Annotated[tuple[TaskName, ModeName] | None, tyro.conf.arg(metavar="TASK MODE")] = None

    def run(self) -> None:
        """Make the runs, and print the table."""
        if self.child:
            print(json.dumps(self.measure(*self.child)))
            return
        lines = [
            "| task | seconds | mode | steps | CPU ms per step | chose |",
            "|---|---|---|---|---|---|",
        ]
        told = []
        for task in self.tasks:
            rounds = [{mode: self._in_a_process(task, mode) for mode in self.modes} for _ in range(self.rounds)]
            for mode in self.modes:
                steps, cost = (statistics.median(one[mode][name] for one in rounds) for name in ("steps", "cpu"))
                chosen = ", ".join(dict.fromkeys(one[mode]["mode"] for one in rounds)) if mode == "auto" else ""
                lines.append(f"| {task} | {self.seconds:.0f} | {mode} | {steps:,.0f} | {cost:.2f} | {chosen} |")
            told.append(f"{task}: auto did {_ratio(rounds, 'steps', max)} of the steps of the best named mode")
            told[-1] += f", at {_ratio(rounds, 'cpu', min)} of the processor's time per step of the most frugal one."
            print("\n".join([*lines[-len(self.modes) :], told[-1]]), flush=True)
        text = "\n".join([*lines, "", *told]) + "\n"
        print(text)
        if self.output:
            self.output.write_text(text)

    def measure(self, name: TaskName, mode: ModeName) -> dict[str, Any]:
        """The steps of a run in this process, what each takes of the processor, and the mode it ended in."""
        keras.utils.set_random_seed(0)
        task, data = TASKS[name]()
        loop = gt.Loop(task, compiler=gt.StepCompiler(mode), progress=False)
        started = time.process_time()
        loop.run(data, minutes=self.seconds / 60.0)
        steps = loop.state.step
        return {"steps": steps, "cpu": 1000.0 * (time.process_time() - started) / steps, "mode": mode_of(loop)}

    def _in_a_process(self, name: TaskName, mode: ModeName) -> dict[str, Any]:
        command = [sys.executable, __file__, "--seconds", str(self.seconds), "--child", name, mode]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return json.loads(done.stdout.splitlines()[-1])


def mode_of(loop: gt.Loop) -> str:
    """The mode in which a loop runs its steps, "auto" resolved."""
    found = re.search(r"mode (\S+), at most", loop.explain())
    return found.group(1) if found else ""


def _ratio(rounds: list[dict[ModeName, dict[str, Any]]], what: str, best: Callable[[Any], float]) -> str:
    """The ratio of "auto" to the best named mode, for each round: the median and the range."""
    ratios = [one["auto"][what] / best(found[what] for mode, found in one.items() if mode != "auto") for one in rounds]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    tyro.cli(Benchmark, description=__doc__).run()
