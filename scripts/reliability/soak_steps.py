"""Run many steps of a small task with checkpoints and callbacks, and monitor memory, open files and threads.

After a tenth of the steps, in which caches fill, all three have to stay flat. Prints JSON; the exit code is 1 if one grows.
"""

import gc
import json
import sys
import tempfile
import threading
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
from gantape import trackers
from gantape.compiler.programs import Mode

MEGABYTE = 2**20


@attrs.frozen
class Arguments:
    """The length and the limits of the test.

    Args:
        steps: Number of steps.
        mode: How steps are compiled.
        steps_between_saves: Steps between checkpoints.
        most_growth: The maximum growth of memory in megabytes between a tenth of the steps and the end.
        output: A JSON file for the figures.
    """

    steps: int = 100_000
    mode: Mode = "graph"
    steps_between_saves: int = 500
    most_growth: float = 40.0
    output: Path | None = None


class Regression(gt.SupervisedTask):
    """Eight numbers to one, by a network with batch norm and dropout."""

    def build_model(self):
        layers = keras.layers
        return keras.Sequential(
            [
                keras.Input((8,)),
                layers.Dense(16),
                layers.BatchNormalization(),
                layers.ReLU(),
                layers.Dropout(0.1),
                layers.Dense(1),
            ]
        )

    def build_optimizer(self):
        return keras.optimizers.Adam(1e-3)

    def build_loss(self):
        return keras.losses.MeanSquaredError()

    def build_metrics(self):
        return gt.MetricSet(error=keras.metrics.MeanAbsoluteError())


class Watch:
    """An action that records the memory, files and threads of the process."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def __call__(self, progress: gt.Progress) -> None:
        gc.collect()
        status = Path("/proc/self/status").read_text()
        kilobytes = int(status.split("VmRSS:")[1].split()[0])
        self.seen.append(
            {
                "step": progress.step,
                "megabytes": round(kilobytes * 1024 / MEGABYTE, 1),
                "files": sum(1 for _ in Path("/proc/self/fd").iterdir()),
                "threads": int(status.split("Threads:")[1].split()[0]),
                "python_threads": threading.active_count(),
            }
        )


def main() -> int:
    """Train and watch."""
    arguments = tyro.cli(Arguments, prog=Path(__file__).name, description=__doc__)
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(1024, 8)).astype("float32")
    data = gt.data.from_arrays((inputs, inputs.sum(axis=1, keepdims=True)), batch_size=16)
    watch, calls = Watch(), []
    tenth = arguments.steps // 10
    task = Regression()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        record = gt.every(steps=max(1, tenth // 10))
        callbacks = [
            gt.Callback(watch, gt.every(steps=tenth)),
            gt.Callback(lambda progress: calls.append(len(progress.current())), gt.every(steps=100)),
            trackers.track(trackers.TensorBoardTracker(Path(folder, "events")), when=record),
            *gt.callbacks.from_keras(keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: None), task.model, task.optimizer),
        ]
        settings = gt.Checkpoints(every=gt.every(steps=arguments.steps_between_saves))
        loop = gt.Loop(
            task,
            compiler=gt.StepCompiler(arguments.mode),
            run_dir=Path(folder, "run"),
            callbacks=callbacks,
            checkpoints=settings,
            progress=False,
        )
        loop.run(data, validation=data, steps=arguments.steps, record=record)
        cost = json.loads(Path(folder, "run", "run.json").read_text())["checkpoints"]
    first, last = watch.seen[0], watch.seen[-1]
    growth = round(last["megabytes"] - first["megabytes"], 1)
    flat = growth <= arguments.most_growth and last["files"] <= first["files"] and last["threads"] <= first["threads"]
    figures = {
        "steps": arguments.steps,
        "mode": arguments.mode,
        "seconds": round(time.monotonic() - began, 1),
        "checkpoints": cost,
        "calls_of_a_callback": len(calls),
        "megabytes_gained": growth,
        "flat": flat,
        "seen": watch.seen,
    }
    text = json.dumps(figures, indent=2)
    print(text)
    if arguments.output is not None:
        arguments.output.write_text(text + "\n")
    return int(not flat)


if __name__ == "__main__":
    sys.exit(main())
