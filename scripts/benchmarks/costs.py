"""Costs measured without a comparison: imports, memory over many steps, the machine's rate of matrix products."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from benchmarks.measurements import Findings
from benchmarks.workers import worker_for
from benchmarks.workloads import WORKLOADS

_IMPORT = """
import json, time
started = time.perf_counter()
import tensorflow, keras
between = time.perf_counter()
import gantape
print(json.dumps([between - started, time.perf_counter() - between]))
"""

_PRODUCT = """
import json, time
import tensorflow as tf
size, best = 2048, float("inf")
matrix = tf.random.normal((size, size))
for _ in range(10):
    started = time.perf_counter()
    tf.matmul(matrix, matrix).numpy()
    best = min(best, time.perf_counter() - started)
print(json.dumps(2.0 * size**3 / best / 1e9))
"""

_DATA = """
import sys
import numpy as np
import gantape as gt
folder, examples = sys.argv[1], 60_000
images, labels = gt.data.mnist_or_digits(batch_size=64).arrays
rows = np.arange(examples) % len(images)
np.savez(f"{folder}/digits.npz", examples=images[rows], labels=labels[rows])
np.savez(f"{folder}/ring.npz", examples=gt.data.ring(batch_size=64).arrays)
np.savez(f"{folder}/zeros.npz", examples=np.zeros((examples, 1), np.float32))
"""


@attrs.define
class Costs:
    """The results.

    Args:
        framework_import_seconds: Seconds to import TensorFlow and Keras, in fresh processes.
        gantape_import_seconds: Seconds to import gantape after them.
        matrix_product_gflops: 10⁹ floating-point operations per second in products of 2048×2048 matrices, at best.
        memory: For each mode, the peak memory in megabytes at the start and after each tenth of many steps of the MLP.
        memory_steps: The number of those steps.
    """

    framework_import_seconds: list[float]
    gantape_import_seconds: list[float]
    matrix_product_gflops: float
    memory: dict[str, list[float]]
    memory_steps: int


def make_data(folder: Path) -> None:
    """Write the data that all contenders read: 60,000 digits (MNIST, or the embedded digits repeated), ring, zeros."""
    _python(_DATA, str(folder))


def measure_costs(folder: Path, repetitions: int, memory_steps: int) -> Costs:
    """Measure imports, products of matrices and memory.

    Args:
        folder: The folder of the data.
        repetitions: Fresh processes for the imports.
        memory_steps: Steps over which memory is measured.
    """
    imports = [json.loads(_python(_IMPORT)) for _ in range(repetitions)]
    memory = {mode: _memory(f"gantape-{mode}", folder, memory_steps) for mode in ("graph", "xla-loop")}
    return Costs(
        [seconds for seconds, _ in imports],
        [seconds for _, seconds in imports],
        json.loads(_python(_PRODUCT)),
        memory,
        memory_steps,
    )


def share_of_matrix_products(findings: Findings, workload: str, rate: float) -> dict[str, float]:
    """For each contender, the share of the machine's rate that the products of its steps reach."""
    flop = WORKLOADS[workload].flop_per_step
    return {name: result.median * flop / 1e9 / rate for name, result in findings.contenders.items() if result.median and flop}


def host_microseconds(findings: Findings) -> dict[str, float]:
    """Microseconds of a step with nothing to do, for each contender."""
    return {name: 1e6 / result.median for name, result in findings.contenders.items() if result.median}


def _memory(contender: str, folder: Path, steps: int) -> list[float]:
    with worker_for("mlp", contender, folder / "digits.npz") as worker:
        worker.ask("build")
        worker.ask("warm_up")
        peaks: list[float] = worker.ask("grow", steps, 10)
    return [float(np.round(peak, 1)) for peak in peaks]


def _python(program: str, *arguments: str) -> Any:
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.splitlines()[-1] if done.stdout else ""
