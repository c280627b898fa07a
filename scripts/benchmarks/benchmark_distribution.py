"""The cost of several devices, measured as overhead per step and bytes exchanged, and their expected speed-up, computed.

    python scripts/benchmarks/benchmark_distribution.py                    # about ten minutes
    python scripts/benchmarks/benchmark_distribution.py --tasks mlp --steps 50

The same training with the same batch runs on one device, on 1 and 2 virtual devices of the CPU, and in 2 processes of this
machine that talk over its loopback. Where devices share the same cores, they cannot be faster than one: what is shown is what
distribution itself costs. Bytes are those of the gradients and statistics that a step has to exchange, and, for the processes,
those that went over the loopback. The table goes to `distribution.txt`, everything to `distribution.json`.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import attrs
import numpy as np
import tyro

from benchmarks import scaling
from benchmarks.machine import free_addresses, machine_facts

SETTINGS = ("one device", "1 replica", "2 replicas", "2 processes")
TASKS = ("mlp", "dcgan", "wgan-gp")
LOOPBACK = Path("/proc/net/dev")


@attrs.frozen
class Benchmark:
    """Measure what distribution costs.

    Args:
        tasks: The tasks: mlp, dcgan (the light one), wgan-gp.
        steps: Steps of a measurement, after compilation.
        repetitions: Measurements of each; the median is shown.
        output: The folder for results.
    """

    tasks: tuple[str, ...] = TASKS
    steps: int = 100
    repetitions: int = 3
    output: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("benchmarks")

    def run(self) -> None:
        """Measure, print the table, and write the results."""
        found = {task: {setting: self._measure(task, setting) for setting in SETTINGS} for task in self.tasks}
        simulated = {
            task: scaling.simulate(1.0 / rows["one device"]["steps_per_second"], rows["one device"]["exchanges"])
            for task, rows in found.items()
        }
        text = _table(found) + "\n\n" + _sheet(simulated)
        assumptions = {
            "links": {name: attrs.asdict(link) for name, link in scaling.LINKS.items()},
            "speed": scaling.SPEED_OF_A_GPU,
        }
        record = {"schema": 1, "machine": machine_facts(), "settings": attrs.asdict(self) | {"output": str(self.output)}}
        self.output.mkdir(parents=True, exist_ok=True)
        (self.output / "distribution.txt").write_text(text + "\n")
        results = record | {"measured": found, "simulated": simulated, "assumptions": assumptions}
        (self.output / "distribution.json").write_text(json.dumps(results, indent=2) + "\n")
        print(text)

    def _measure(self, task: str, setting: str) -> dict[str, Any]:
        count = 2 if setting == "2 processes" else 1
        addresses = free_addresses(count)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "found.json")
            command = [sys.executable, __file__, "--worker", task, setting, str(self.steps), str(self.repetitions), str(file)]
            processes = []
            for index in range(count):
                cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
                configuration = {"TF_CONFIG": json.dumps(cluster)} if count > 1 else {}
                processes.append(subprocess.Popen(command, env={**os.environ, **configuration}))
            if [process.wait() for process in processes] != [0] * count:
                sys.exit(f"{task} on {setting} failed")
            return dict(json.loads(file.read_text()))


def work(task: str, setting: str, steps: str, repetitions: str, file: str) -> None:
    """Run one of the measured processes; the chief writes the results."""
    import tensorflow as tf

    strategy: Any = None
    if setting.endswith(("replica", "replicas")):
        count = int(setting.split()[0])
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
        strategy = tf.distribute.MirroredStrategy([f"CPU:{place}" for place in range(count)])
    elif setting == "2 processes":
        strategy = tf.distribute.MultiWorkerMirroredStrategy()

    import keras

    import gantape as gt
    from gantape import zoo
    from gantape.distribute.workers import Workers

    keras.utils.set_random_seed(0)
    with strategy.scope() if strategy else contextlib.nullcontext():
        learnt = {"mlp": zoo.DigitClassifier, "dcgan": zoo.DCGAN, "wgan-gp": zoo.WGANGP}[task]()
    adversarial = isinstance(learnt, gt.AdversarialTask)
    data = gt.data.digits(batch_size=64, **({"labels": False, "pixels": (-1.0, 1.0)} if adversarial else {}))
    loop = gt.Loop(learnt, compiler=gt.StepCompiler("graph", strategy=strategy), progress=False)
    started = time.perf_counter()
    loop.run(data, steps=4)
    first = time.perf_counter() - started
    speeds, sent = [], []
    for _ in range(int(repetitions)):
        before, started = _bytes_over_loopback(), time.perf_counter()
        loop.run(data, steps=int(steps))
        speeds.append(int(steps) / (time.perf_counter() - started))
        sent.append((_bytes_over_loopback() - before) / int(steps))
    if Workers(strategy).chief:
        result = {
            "steps_per_second": float(np.median(speeds)),
            "all_steps_per_second": speeds,
            "first_call_seconds": first,
            "exchanges": _exchanges(learnt),
            "loopback_bytes_per_step": float(np.median(sent)) if setting == "2 processes" else None,
        }
        Path(file).write_text(json.dumps(result))


def _exchanges(task: Any) -> list[float]:
    """Bytes of each exchange of a step: gradients of the trained variables, and statistics of batch norm."""
    statistics = sum(4 * int(np.prod(v.shape)) for v in task.variables if v.path.rpartition("/")[2].startswith("moving_"))
    sizes = []
    for update in task.updates():
        gradients = sum(4 * int(np.prod(variable.shape)) for variable in update.trainable_variables)
        sizes += [float(gradients + statistics)] * update.repeats
    return sizes


def _bytes_over_loopback() -> int:
    lines = LOOPBACK.read_text().splitlines() if LOOPBACK.exists() else []
    return next((int(line.split(":")[1].split()[0]) for line in lines if line.strip().startswith("lo:")), 0)


def _table(found: dict[str, dict[str, Any]]) -> str:
    lines = [
        f"{'':<22}{'steps/s':>9}{'ms/step':>9}{'more ms':>9}{'first call s':>14}{'KB to exchange':>16}{'KB on loopback':>16}"
    ]
    for task, rows in found.items():
        alone = 1e3 / rows["one device"]["steps_per_second"]
        lines.append(task)
        for setting, row in rows.items():
            milliseconds = 1e3 / row["steps_per_second"]
            wire = "" if row["loopback_bytes_per_step"] is None else f"{row['loopback_bytes_per_step'] / 1e3:.0f}"
            exchanged = sum(row["exchanges"]) / 1e3 if setting.startswith("2") else 0.0
            lines.append(
                f"  {setting:<20}{row['steps_per_second']:>9.1f}{milliseconds:>9.2f}{milliseconds - alone:>9.2f}"
                f"{row['first_call_seconds']:>14.1f}{exchanged:>16.0f}{wire:>16}"
            )
    return "\n".join(lines)


def _sheet(simulated: dict[str, list[dict[str, Any]]]) -> str:
    said = [
        *(f"{name}: {link.name}" for name, link in scaling.LINKS.items()),
        f"a device {scaling.SPEED_OF_A_GPU:g} times as fast as this one; nothing overlaps",
    ]
    lines = [
        "on paper: " + "\n          ".join(said),
        f"{'':<12}{'machines':>9}{'devices':>9}{'exchange ms':>13}{'speed, same batch':>19}{'speed, batch grows':>20}",
    ]
    for task, rows in simulated.items():
        for row in rows:
            lines.append(
                f"{task:<12}{row['machines']:>9}{row['devices']:>9}{row['exchange_ms']:>13.2f}{row['strong_speedup']:>19.2f}"
                f"{row['weak_speedup']:>20.2f}"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        work(*sys.argv[2:])
    else:
        tyro.cli(Benchmark, description=__doc__).run()
