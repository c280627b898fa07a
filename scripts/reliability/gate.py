"""Judge the results of the main job and of the README's program, unchanged; the exit code is 1 if either is bad.

The main job is train_gan.py with its default seed on the embedded digits for --minutes, as on a machine without MNIST and
without network. On a machine so slow that it did fewer steps than make digits, it is done again for as many steps, whatever
that takes. With --runs, finished runs of train_gan.py are judged, and nothing is trained.
"""

import os
import runpy
import shlex
import subprocess
import sys
import tempfile
from contextlib import chdir
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import attrs
import tyro

import gantape as gt
from gantape.commands import command_line
from reliability.run_outcome import RunOutcome
from gantape import evaluation

SCRIPTS = Path(__file__).parents[1]
ENOUGH_STEPS = 700
"""A healthy run has varied digits of all classes after 400."""
NOWHERE = "http://127.0.0.1:9"


@attrs.frozen
class Arguments:
    """The options of the gate.

    Args:
        runs: Directories of finished runs, in place of the main job and the program.
        minutes: Minutes of the main job.
        options: Further flags of the main job, in one string, such as "--seed 3".
        job: Whether to run and judge the main job.
        program: Whether to run and judge the README's program.
        program_seed: The seed in the README's program, in place of 0.
    """

    runs: tuple[Path, ...] = ()
    minutes: float = 1.0
    options: str = ""
    job: bool = True
    program: bool = True
    program_seed: int = 0


def main_job(work: Path, minutes: float, options: str) -> evaluation.Outcome:
    """Run the main job and judge what it makes.

    Args:
        work: An empty folder.
        minutes: Its minutes.
        options: Further flags.

    Raises:
        SystemExit: If it ends with an error.
    """
    kept = {name: value for name, value in os.environ.items() if name != "GANTAPE_DATA"}
    environment = {**kept, "KERAS_HOME": str(work / "keras"), "https_proxy": NOWHERE, "HTTPS_PROXY": NOWHERE}

    def run(*length: str) -> RunOutcome:
        command = ["train_gan.py", *length, *shlex.split(options), "--run-dir", str(work / f"run{length[0]}")]
        print("+", shlex.join(command), flush=True)
        done = subprocess.run([sys.executable, str(SCRIPTS / command[0]), *command[1:]], env=environment, check=False)
        if done.returncode:
            sys.exit(f"the main job exited with {done.returncode}.")
        return RunOutcome(Path(command[-1]))

    made = run("--minutes", f"{minutes:g}")
    if made.record["steps"] < ENOUGH_STEPS:
        print(f"{made.record['steps']} steps are too few; training again for {ENOUGH_STEPS}.", flush=True)
        made = run("--steps", str(ENOUGH_STEPS))
    return made.judged


def program(work: Path, seed: int) -> evaluation.Outcome:
    """Run the README's program in a folder, with another seed if it is not 0, and judge its task."""
    print("+ python scripts/docs/readme.py", flush=True)
    text = (SCRIPTS / "docs/readme.py").read_text()
    path = work / "readme.py"
    path.write_text(text.replace("set_random_seed(0)", f"set_random_seed({seed})").replace(", seed=0)", f", seed={seed})"))
    with chdir(work):
        task = runpy.run_path(str(path))["task"]
    train, test = (gt.data.digits(batch_size=64, pixels=task.pixels, split=split) for split in ("train", "test"))
    return evaluation.judge_outcome(task, train, test)


def main() -> int:
    """Judge, and return 1 if anything is bad."""
    arguments = tyro.cli(Arguments, prog=Path(__file__).name, description=__doc__)
    outcomes = {str(path): RunOutcome(path).judged for path in arguments.runs}
    if not outcomes:
        with tempfile.TemporaryDirectory() as work:
            if arguments.job:
                outcomes["main job"] = main_job(Path(work), arguments.minutes, arguments.options)
            if arguments.program:
                outcomes["README's program"] = program(Path(work), arguments.program_seed)
    for name, outcome in outcomes.items():
        print(f"{name}: {outcome}")
    return int(not all(outcome.good for outcome in outcomes.values()))


if __name__ == "__main__":
    command_line.run_program(main)
