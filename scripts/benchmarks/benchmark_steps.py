"""Speed of gantape's steps against handwritten loops, `keras.Model.fit`, PyTorch and JAX.

    python scripts/benchmarks/benchmark_steps.py                                   # everything: an hour
    python scripts/benchmarks/benchmark_steps.py --workloads mlp --contenders guide 'gantape-*' --output benchmarks/mlp

In one run, on the same data, every contender is measured after its compiling and warm-up, in turn (A B C A B C), for
several repetitions. A measurement is about so many seconds of work and ends when the last step's results are on the host.
Each contender lives in a process of its own that sleeps while another is measured: in one process the thread pools of
TensorFlow, PyTorch and JAX would slow each other down. Results are a table (`steps.txt`), JSON with the machine and the
versions (`steps.json`), and a plot of ratios against their targets (`ratios.png`). PyTorch and JAX take part if they are
installed: `pip install gantape[bench]`.
"""

import fnmatch
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).parents[1]))

import attrs
import tyro
from loguru import logger

from benchmarks import report
from benchmarks.contenders import CONTENDERS
from benchmarks.costs import make_data, measure_costs
from benchmarks.machine import machine_facts
from benchmarks.measurements import Plan, measure_workload
from benchmarks.targets import ratios
from benchmarks.workloads import WORKLOADS


@attrs.frozen
class Benchmark:
    """Measure steps per second of gantape and of others.

    Args:
        workloads: The workloads: mlp, dcgan, conv-classifier, wgan-gp, ring, empty.
        contenders: The contenders, by name or pattern: guide, guide-eager, hand-*, gantape-*, fit-*, torch-*, jax-*.
        seconds_per_measurement: Seconds of work in a measurement.
        repetitions: Measurements of each contender.
        whole_run_steps: Steps of the runs of gantape that are timed from their start, to judge "auto"; 0 for none. The DCGAN
            does 60 at most, WGAN-GP 200.
        memory_steps: Steps over which memory is measured; 0 to skip memory, imports and matrix products.
        output: The folder for results.
    """

    workloads: tuple[str, ...] = tuple(WORKLOADS)
    contenders: tuple[str, ...] = ("*",)
    seconds_per_measurement: float = 3.0
    repetitions: int = 5
    whole_run_steps: int = 2_000
    memory_steps: int = 20_000
    output: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("benchmarks")

    def run(self) -> None:
        """Measure, print the table, and write the results."""
        workloads, contenders = _matching(self.workloads, WORKLOADS), _matching(self.contenders, CONTENDERS)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            make_data(folder)
            plan = Plan(self.seconds_per_measurement, self.repetitions, self.whole_run_steps, folder)
            findings = {workload: measure_workload(workload, contenders, plan) for workload in workloads}
            costs = measure_costs(folder, self.repetitions, self.memory_steps) if self.memory_steps else None
        text = report.table(findings, costs)
        settings = attrs.asdict(self) | {"output": str(self.output)}
        report.write(self.output, report.record(findings, costs, machine_facts(), settings), text, ratios(findings))
        print(text)


def _matching(patterns: tuple[str, ...], names: Iterable[str]) -> list[str]:
    known = list(names)
    unknown = [pattern for pattern in patterns if not fnmatch.filter(known, pattern)]
    if unknown:
        sys.exit(f"there is no {', '.join(unknown)}; known are {', '.join(known)}")
    return [name for name in known if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]


if __name__ == "__main__":
    logger.remove()
    logger.add(sys.stderr, format="{message}")
    tyro.cli(Benchmark).run()
