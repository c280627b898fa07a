"""What trackers cost: processor time in a run, and time to import.

    python scripts/benchmarks/benchmark_trackers.py --output docs/images     # four minutes

Each tracker follows a run of the default GAN, as `gantape train-gan` does. The time of the training thread is what the run
waits for; the time of the tracker's own thread counts where no processor is free. Shares are of the processor time of the run,
over the number of processors: no run is shorter than that, however busy the machine is. Services whose clients are not
installed are left out. MLflow runs on this machine, and Weights & Biases offline. The result is a table in Markdown
(`trackers.txt`). What their clients take on disk is measured by measure_extras.py.
"""

import contextlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import attrs
import keras
import tyro
from benchmarks.machine import free_addresses

import gantape as gt
from gantape import report, trackers
from gantape.zoo import DCGAN


@attrs.frozen
class Benchmark:
    """Measure what trackers cost.

    Args:
        minutes: The length of a run.
        output: The folder for results; nothing is written without one.
    """

    minutes: float = 1.0
    output: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None

    def run(self) -> None:
        """Measure, print the table, and write it."""
        names = ["tensorboard", *(name for name in ("mlflow", "wandb") if importlib.util.find_spec(name) is not None)]
        with tempfile.TemporaryDirectory() as folder:
            os.environ["WANDB_DIR"] = folder
            text = table([measured(name, Path(folder), self.minutes) for name in names])
        print(text)
        if self.output is not None:
            self.output.mkdir(parents=True, exist_ok=True)
            (self.output / "trackers.txt").write_text(text)


class Timed(trackers.Tracker):
    """Adds up the processor time that another tracker takes in its thread.

    Args:
        tracker: The other tracker.
    """

    def __init__(self, tracker: trackers.Tracker) -> None:
        self.tracker = tracker
        self.once = self.running = 0.0

    def start(self, run: trackers.RunInfo) -> Any:
        began = time.thread_time()
        found = self.tracker.start(run)
        self.once += time.thread_time() - began
        return found

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        began = time.thread_time()
        self.tracker.scalars(step, values)
        self.running += time.thread_time() - began

    def image(self, step: int, name: str, image: Any) -> None:
        began = time.thread_time()
        self.tracker.image(step, name, image)
        self.running += time.thread_time() - began

    def file(self, path: Path) -> None:
        began = time.thread_time()
        self.tracker.file(path)
        self.once += time.thread_time() - began

    def finish(self, failed: bool) -> None:
        began = time.thread_time()
        self.tracker.finish(failed)
        self.once += time.thread_time() - began


class TimedAction:
    """Adds up the time that an action takes in the thread of the training.

    Args:
        action: The action.
    """

    def __init__(self, action: trackers.TrackedRun) -> None:
        self.action = action
        self.seconds = 0.0

    def open(self, opening: gt.callbacks.Opening) -> None:
        self.action.open(opening)

    def __call__(self, progress: gt.Progress) -> None:
        began = time.thread_time()
        self.action(progress)
        self.seconds += time.thread_time() - began

    def close(self) -> None:
        self.action.close()


def measured(name: str, folder: Path, minutes: float) -> dict[str, str]:
    """A row of the table of times."""
    with service(name, folder) as make:
        began = time.process_time()
        timed = Timed(make())
        imported = time.process_time() - began
        callback = trackers.track(timed)
        action = TimedAction(callback.action)
        keras.utils.set_random_seed(0)
        run_dir = folder / name
        callbacks = [*report.report_adversarial(run_dir), gt.Callback(action, callback.when)]
        loop = gt.Loop(DCGAN(), run_dir=run_dir, callbacks=callbacks)
        data = gt.data.digits(batch_size=64, labels=False, pixels=(-1.0, 1.0))
        began = time.process_time()
        loop.run(data, minutes=minutes, record=gt.every(steps=100) | gt.at_end())
        seconds = (time.process_time() - began - timed.once - timed.running) / len(os.sched_getaffinity(0))
    steps = loop.state.step
    return {
        "tracker": name,
        "steps": f"{steps:,}",
        "training thread, µs a step": f"{1e6 * action.seconds / steps:.1f}",
        "of the run": f"{action.seconds / seconds:.3%}",
        "tracker's thread, µs a step": f"{1e6 * timed.running / steps:.1f}",
        "of the run ": f"{timed.running / seconds:.2%}",
        "once, at start and end, s": f"{timed.once:.2f}",
        "import, s": f"{imported:.1f}",
    }


@contextlib.contextmanager
def service(name: str, folder: Path) -> Iterator[Callable[[], trackers.Tracker]]:
    """A function that makes a tracker, while its service runs."""
    if name == "tensorboard":
        yield trackers.TensorBoardTracker
    elif name == "wandb":
        yield lambda: trackers.WandbTracker(mode="offline")
    else:
        (address,) = free_addresses(1)
        stores = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "artifacts")]
        command = [sys.executable, "-m", "mlflow", "server", "--port", address.rpartition(":")[2], "--workers", "1", *stores]
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True) as server:
            try:
                wait_for(f"http://{address}/health")
                yield lambda: trackers.MLflowTracker(f"http://{address}")
            finally:
                os.killpg(server.pid, 9)


def wait_for(url: str) -> None:
    """Wait until a server answers, ten minutes at most: the machine may be busy."""
    for _ in range(3_000):
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1.0):
            return
        time.sleep(0.2)
    raise TimeoutError(url)


def table(rows: list[dict[str, str]]) -> str:
    """Rows as a table in Markdown."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    tyro.cli(Benchmark, description=__doc__).run()
