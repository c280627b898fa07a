"""Kill a run repeatedly with SIGKILL at random moments, and check that it ends with the same result as an undisturbed run.

Each run is killed and resumed until it is done; runs are begun until there were enough kills. Its variables and its metrics.csv
(but for the seconds) have to be those of a run that was left alone. Prints JSON; the exit code is 1 if one differs.
"""

import csv
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import attrs
import keras
import numpy as np
import tyro

import gantape as gt
from gantape.compiler.programs import Mode
from gantape.zoo import DigitClassifier

STEPS_PER_SAVE = 4
RECORD = gt.every(steps=10) | gt.at_end()


@attrs.frozen
class Arguments:
    """How often to kill.

    Args:
        kills: The minimum number of kills.
        steps: Steps of each run.
        mode: How steps are compiled.
        seed: The seed of the moments.
        longest: The maximum number of seconds from the start of a process to its kill.
        output: A JSON file for the figures.
    """

    kills: int = 50
    steps: int = 400
    mode: Mode = "graph"
    seed: int = 0
    longest: float = 4.0
    output: Path | None = None


def train(run_dir: Path, steps: int, mode: Mode) -> None:
    """Start or resume the run of a directory, finish its steps, and save its variables to a file."""
    keras.utils.set_random_seed(0)
    task = DigitClassifier(hidden_units=16)
    data = gt.data.digits(batch_size=64)
    settings = gt.Checkpoints(every=gt.every(steps=STEPS_PER_SAVE), keep=2)
    if (run_dir / "run.json").exists():
        loop = gt.Loop.resume(run_dir, task, checkpoints=settings)
    else:
        loop = gt.Loop(task, compiler=gt.StepCompiler(mode), run_dir=run_dir, checkpoints=settings, progress=False)
    left = steps - loop.state.step
    if left:
        loop.run(data, steps=left, record=RECORD)
    else:
        loop.finish(data, record=RECORD)
    arrays = {f"{place:04d}": np.asarray(variable.numpy()) for place, variable in enumerate(task.variables)}
    np.savez(run_dir / "variables.npz", **arrays)


def start(run_dir: Path, arguments: Arguments) -> int:
    """Train in a process of its own, a copy of this one, which has TensorFlow imported and not yet used."""
    sys.stdout.flush()
    process = os.fork()
    if process == 0:
        code = 1
        try:
            train(run_dir, arguments.steps, arguments.mode)
            code = 0
        finally:
            os._exit(code)
    return process


def outcome(run_dir: Path) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Variables and rows of a finished run."""
    with np.load(run_dir / "variables.npz", allow_pickle=False) as file:
        variables = {name: file[name] for name in file.files}
    with (run_dir / "metrics.csv").open(newline="") as file:
        rows = [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]
    return variables, rows


def same(one: Path, other: Path) -> bool:
    """Whether two runs ended with the same result, bit for bit."""
    (variables, rows), (others, other_rows) = outcome(one), outcome(other)
    return rows == other_rows and all(np.array_equal(variables[name], others[name]) for name in variables | others)


def main() -> int:
    """Kill and compare."""
    arguments = tyro.cli(Arguments, prog=Path(__file__).name, description=__doc__)
    moments = random.Random(arguments.seed)
    kills = during_a_save = runs = different = failed = 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder, "alone")
        os.waitpid(start(alone, arguments), 0)
        while kills < arguments.kills:
            run_dir = Path(folder, f"run-{runs}")
            while True:
                process = start(run_dir, arguments)
                until = time.monotonic() + moments.uniform(0.0, arguments.longest)
                ended, status = 0, 0
                while not ended and time.monotonic() < until:
                    ended, status = os.waitpid(process, os.WNOHANG)
                    time.sleep(0.002)
                if ended:
                    failed += os.waitstatus_to_exitcode(status) != 0
                    break
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
                kills += 1
                during_a_save += any(path.name.startswith(".") for path in run_dir.glob("checkpoints/.*"))
            runs += 1
            different += failed > 0 or not same(alone, run_dir)
            print(f"{runs} runs, {kills} kills, {during_a_save} during a save, {different} differ", file=sys.stderr, flush=True)
            if failed:
                break
    figures = {
        "kills": kills,
        "during_a_save": during_a_save,
        "runs": runs,
        "steps_of_a_run": arguments.steps,
        "steps_between_saves": STEPS_PER_SAVE,
        "mode": arguments.mode,
        "runs_that_differ": different,
        "processes_that_failed": failed,
        "seconds": round(time.monotonic() - began, 1),
    }
    text = json.dumps(figures, indent=2)
    print(text)
    if arguments.output is not None:
        arguments.output.write_text(text + "\n")
    return int(bool(different or failed))


if __name__ == "__main__":
    sys.exit(main())
