"""Steps per second and memory of `image-gan` and `fastgan` at 32×32, against the same GANs by hand in Keras and in PyTorch.

    python scripts/benchmarks/benchmark_image_gans.py                                             # half an hour
    python scripts/benchmarks/benchmark_image_gans.py --recipes image-gan --contenders 'gantape-*' 'keras-*'

All have the same numbers of weights, batches, losses and optimizers, and begin with the crops of the embedded photographs as
bytes in memory. In Keras, a model with a `train_step` is trained by `fit`, with eight steps in an execution, in a graph or by
XLA (`jit_compile`); in PyTorch, a loop by hand, eager, with channels last, or compiled. The moving average is that of weights
alone in Keras. Contenders take turns, each time in a fresh process: compiling and warming up are not counted, and memory is the
largest that the process ever had. A table of medians is printed and written, with lowest and highest, and the ratios of
gantape's fastest mode to each contender, round by round: by the clock, which other work on the machine disturbs, and by the
time of the processor, in which threads that wait busily count too. PyTorch takes part if it is installed. What fails says why.
"""

import fnmatch
import functools
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import attrs
import numpy as np
import tyro
from loguru import logger

from benchmarks.contenders import Entry
from benchmarks.image_gans.settings import BATCH_SIZES, SIZE, Recipe
from benchmarks.machine import machine_facts
from benchmarks.workers import Worker, WorkerError, make_contender

ENTRIES: dict[str, Entry] = {
    **{f"gantape-{mode}": Entry("image_gans.with_gantape", mode) for mode in ("graph", "xla", "xla-loop")},
    **{f"keras-{mode}": Entry("image_gans.with_keras", mode) for mode in ("graph", "xla")},
    **{
        f"torch-{kind}": Entry("image_gans.with_torch", kind, "torch")
        for kind in ("eager", "one-thread", "channels-last", "compile")
    },
}
OURS = "gantape-"


@attrs.define
class Measured:
    """The results of a contender.

    Args:
        steps_per_second: The speed in each round.
        steps_per_processor_second: The same by the time that all threads used, which other work on the machine hardly changes.
        first_step_seconds: Seconds to trace, compile and run the first step, in the last round.
        peak_megabytes: The largest memory of its processes.
        note: Why it was skipped or failed.
    """

    steps_per_second: list[float] = attrs.field(factory=list)
    steps_per_processor_second: list[float] = attrs.field(factory=list)
    first_step_seconds: float = 0.0
    peak_megabytes: float = 0.0
    note: str = ""


@attrs.frozen
class Benchmark:
    """What to measure.

    Args:
        recipes: The recipes.
        contenders: The contenders, by name or pattern.
        seconds: Seconds of work in a measurement.
        rounds: Measurements of each contender.
        output: The folder for the table and the figures.
    """

    recipes: tuple[Recipe, ...] = tuple(BATCH_SIZES)
    contenders: tuple[str, ...] = ("*",)
    seconds: float = 10.0
    rounds: int = 3
    output: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("benchmarks/image_gans")


def measure(recipe: Recipe, contenders: Sequence[str], benchmark: Benchmark, data: Path) -> dict[str, Measured]:
    """The results of contenders, by name: in each round, all of them one after the other."""
    results = {name: Measured(note=ENTRIES[name].why_skipped) for name in contenders}
    for _ in range(benchmark.rounds):
        for name, result in results.items():
            if not result.note:
                _measure_once(functools.partial(make_contender, ENTRIES[name], recipe, data), result, benchmark.seconds)
            logger.info("{} {}: {}", recipe, name, result.note or f"{result.steps_per_second[-1]:.1f} steps per second")
    return results


def _measure_once(make: Any, result: Measured, seconds: float) -> None:
    try:
        with Worker(make) as worker:
            worker.ask("build")
            result.first_step_seconds = worker.ask("warm_up")
            by_clock, by_processor = worker.ask("measure_both", seconds)
            result.steps_per_second.append(by_clock)
            result.steps_per_processor_second.append(by_processor)
            result.peak_megabytes = max(result.peak_megabytes, worker.ask("peak_megabytes"))
    except WorkerError as error:
        result.note = f"failed: {error}"


def table(results: Mapping[str, Measured]) -> str:
    """A table in Markdown: speeds, memory, and the ratios of gantape's fastest mode to each."""
    lines = [
        "| contender | steps per second | per second of the processor | first step, seconds | peak memory, MB "
        "| gantape's fastest ÷ it | the same by the processor |",
        "|---|---|---|---|---|---|---|",
    ]
    measured = {name: result for name, result in results.items() if not result.note}
    ours = [result for name, result in measured.items() if name.startswith(OURS)]
    fastest = max(ours, key=lambda result: statistics.median(result.steps_per_second), default=Measured())
    for name, result in results.items():
        if result.note:
            lines.append(f"| {name} | {result.note} | | | | | |")
            continue
        speeds = [result.steps_per_second, result.steps_per_processor_second]
        firsts = [fastest.steps_per_second, fastest.steps_per_processor_second]
        ratios = [[one / other for one, other in zip(*pair, strict=False)] for pair in zip(firsts, speeds, strict=True)]
        cells = [
            *(_spread(speed, ".1f") for speed in speeds),
            f"{result.first_step_seconds:.1f}",
            f"{result.peak_megabytes:.0f}",
        ]
        cells += [_spread(ratio, ".2f") if ratio else "" for ratio in ratios]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _spread(values: Sequence[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def make_data(path: Path) -> None:
    """Write the crops of the photographs."""
    from gantape.data import photographs  # not above: workers import this module, and PyTorch's would hold TensorFlow too

    np.savez(path, examples=photographs(batch_size=64, size=SIZE, labels=False).arrays)


def main(benchmark: Benchmark) -> None:
    """Measure, print the tables, and write them."""
    chosen = [name for name in ENTRIES if any(fnmatch.fnmatch(name, pattern) for pattern in benchmark.contenders)]
    if not chosen:
        sys.exit(f"there is no {', '.join(benchmark.contenders)}; known are {', '.join(ENTRIES)}")
    benchmark.output.mkdir(parents=True, exist_ok=True)
    record: dict[str, Any] = {"machine": machine_facts(), "seconds": benchmark.seconds, "rounds": benchmark.rounds}
    texts = []
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary) / "photographs.npz"
        make_data(data)
        for recipe in benchmark.recipes:
            results = measure(recipe, chosen, benchmark, data)
            record[recipe] = {name: attrs.asdict(result) for name, result in results.items()}
            texts.append(f"`{recipe}`, batches of {BATCH_SIZES[recipe]}\n\n{table(results)}")
            (benchmark.output / "image_gans.json").write_text(json.dumps(record, indent=2) + "\n")
            (benchmark.output / "image_gans.txt").write_text("\n\n".join(texts) + "\n")
    print("\n\n".join(texts))


if __name__ == "__main__":
    logger.remove()
    logger.add(sys.stderr, format="{time:HH:mm:ss} {message}", filter={"": "INFO", "gantape": False})
    main(tyro.cli(Benchmark, description=__doc__))
