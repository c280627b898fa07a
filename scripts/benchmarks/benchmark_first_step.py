"""Seconds until the first step of training is done: gantape against the same loop by hand, each in processes of their own.

The loops by hand are those of `by_hand.py`, and for CycleGAN, a CycleGAN with four optimizers and a diffusion model the
`train_step` of `comparison/` in a `tf.function`. Processes
alternate. Networks and optimizers are built by the same code, so that the building is told apart from the first step: reading a
batch, tracing, compiling, and running one step. Seconds are those of the processor (user and system, all threads), which say
the same on a busy machine; the table has medians with the range, and the ratio of the medians.
"""

import gc
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any, Literal

sys.path.insert(0, str(Path(__file__).parents[1]))

STARTED = time.process_time()

# The imports are measured, so that the clock is read between them.
# ruff: noqa: E402, I001
import cli.quiet_start  # noqa: F401  has to come before TensorFlow
import keras
import tensorflow as tf

COLLECTED = [0.0]
"""Seconds of full garbage collections, which go through all that TensorFlow has allocated."""


def _note(phase: str, facts: dict[str, int]) -> None:
    if facts["generation"] == 2:
        COLLECTED[0] += time.process_time() * (1.0 if phase == "stop" else -1.0)


gc.callbacks.append(_note)
LIBRARIES = time.process_time()

import gantape as gt

IMPORTED = time.process_time()
gc.callbacks.remove(_note)

import attrs
import tyro
from benchmarks import by_hand, compare_with_train_step, with_gantape
from benchmarks.workloads import WORKLOADS
from gantape.zoo import Diffusion

Side = Literal["hand", "gantape"]
ModeName = Literal["graph", "xla"]
TRAIN_STEPS = {"cyclegan": "CycleGAN", "four-updates": "FourUpdates", "diffusion": "Diffusion"}
"""The classes in `comparison/` of the trainings whose loop by hand is a `train_step`."""
NAMES = ("mlp", "conv-classifier", "dcgan", "wgan-gp", *TRAIN_STEPS)


@attrs.frozen
class Benchmark:
    """What to measure.

    Args:
        names: The trainings.
        modes: How steps are compiled.
        rounds: Processes of each side.
        output: The file for the table.
        child: A training, a side and a mode, to be measured in this process.
    """

    names: tuple[str, ...] = NAMES
    modes: tuple[ModeName, ...] = ("graph", "xla")
    rounds: int = 5
    output: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    child: Annotated[tuple[str, Side, ModeName] | None, tyro.conf.arg(metavar="NAME SIDE MODE")] = None

    def run(self) -> None:
        """Measure, and print the table."""
        if self.child:
            print(json.dumps(measure(*self.child)))
            return
        lines = ["| training | mode | by hand, s | gantape, s | ratio | with building, ratio |", "|---|---|---|---|---|---|"]
        found: list[dict[str, float]] = []
        for name in self.names:
            for mode in self.modes:
                sides: dict[Side, list[dict[str, float]]] = {"hand": [], "gantape": []}
                for _ in range(self.rounds):
                    for side, measured in sides.items():
                        measured.append(_in_a_process(name, side, mode))
                found += [one for measured in sides.values() for one in measured]
                lines.append(f"| {name} | {mode} | {_row(sides)} |")
                print(lines[-1], flush=True)
        imports = [statistics.median(one[part] for one in found) for part in ("libraries", "gantape", "collection")]
        lines += [
            "",
            f"Importing TensorFlow and Keras takes {imports[0]:.2f} s, importing gantape after them {imports[1]:.2f} s.",
            f"Of these, {imports[2]:.2f} s are a garbage collection of what TensorFlow and Keras have allocated, which Python",
            "makes after some more allocations, whoever makes them.",
        ]
        text = "\n".join(lines) + "\n"
        print(text)
        if self.output:
            self.output.write_text(text)


def measure(name: str, side: Side, mode: ModeName) -> dict[str, float]:
    """The seconds of the processor that this process takes for its imports, for building, and for the first step."""
    keras.utils.set_random_seed(0)
    built, first = _training(name, side, mode)
    started = time.process_time()
    run = built()
    done = time.process_time()
    first(run)
    return {
        "libraries": LIBRARIES - STARTED,
        "gantape": IMPORTED - LIBRARIES,
        "collection": COLLECTED[0],
        "building": done - started,
        "first step": time.process_time() - done,
    }


def _training(name: str, side: Side, mode: ModeName) -> tuple[Any, Any]:
    """A function that builds a training, and one that does its first step."""
    if name not in TRAIN_STEPS:
        workload = WORKLOADS[name]
        arrays = dict(zip(("examples", "labels"), gt.data.digits(batch_size=workload.batch_size).arrays, strict=True))
        make: Any = by_hand.HandWritten if side == "hand" else with_gantape.Gantape
        return (lambda: make(workload, arrays, mode)), (lambda training: training.run(1))
    data = compare_with_train_step.data_of("wgan_gp" if name == "diffusion" else "cyclegan")
    if side == "gantape":
        build = lambda: gt.Loop(_made("gantape", name), compiler=gt.StepCompiler(mode), progress=False)  # noqa: E731
        return build, (lambda loop: loop.run(data, steps=1))
    batch = data.prepare(tf.nest.map_structure(tf.convert_to_tensor, next(iter(data.examples_in_order()))))
    return (lambda: _compiled(_made("keras", name))), (
        lambda model: tf.function(model.train_step, jit_compile=mode == "xla" or None)(batch)
    )


def _made(library: str, name: str) -> Any:
    """The task, or the model with a `train_step`."""
    if (library, name) == ("gantape", "diffusion"):
        return Diffusion()
    module = importlib.import_module(f"benchmarks.comparison.{library}_{name.replace('-', '_')}")
    return getattr(module, TRAIN_STEPS[name])()


def _compiled(model: keras.Model) -> keras.Model:
    model.compile()
    return model


def _in_a_process(name: str, side: Side, mode: ModeName) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", name, side, mode]
    # As in an installed package, modules are compiled to bytecode once.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    return json.loads(done.stdout.splitlines()[-1])


def _row(sides: dict[Side, list[dict[str, float]]]) -> str:
    first = {side: [one["first step"] for one in found] for side, found in sides.items()}
    whole = {side: [one["building"] + one["first step"] for one in found] for side, found in sides.items()}
    shown = [f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})" for values in first.values()]
    ratios = [statistics.median(of["gantape"]) / statistics.median(of["hand"]) for of in (first, whole)]
    return " | ".join([*shown, *(f"{ratio:.2f}" for ratio in ratios)])


if __name__ == "__main__":
    tyro.cli(Benchmark, description=__doc__).run()
