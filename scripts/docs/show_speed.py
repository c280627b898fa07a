"""The tables and the plot of docs/speed.md, from the results of `scripts/benchmarks/benchmark_steps.py`.

The argument is the folder where `benchmark_steps.py --workloads NAME --output FOLDER/NAME` left its results, for each workload.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("agg")
from matplotlib import pyplot as plt

DOCS = Path(__file__).resolve().parents[2] / "docs" / "images"
WORKLOADS = {
    "mlp": "the guide's MLP",
    "dcgan": "the guide's DCGAN",
    "conv-classifier": "convolutional classifier",
    "wgan-gp": "WGAN-GP, five critic updates",
    "ring": "ring of Gaussians, GAN",
}
KINDS = {
    "gantape": ("tab:green", ("gantape-", "shared-")),
    "by hand": ("tab:gray", ("guide", "hand-")),
    "Keras fit()": ("tab:red", ("fit-",)),
    "PyTorch": ("tab:orange", ("torch-",)),
    "JAX": ("tab:blue", ("jax-",)),
}

Record = Mapping[str, Any]


def colour(contender: str) -> str:
    """The colour of who trains."""
    return next(colour for colour, prefixes in KINDS.values() if contender.startswith(prefixes))


def plot(records: Mapping[str, Record], path: Path) -> None:
    """Steps per second of every contender, a panel for each workload."""
    figure, panels = plt.subplots(1, len(WORKLOADS), figsize=(3.1 * len(WORKLOADS), 6.4), layout="constrained")
    for axes, (name, title) in zip(panels, WORKLOADS.items(), strict=True):
        found = {
            contender: result["steps_per_second"]
            for contender, result in records[name]["workloads"][name]["contenders"].items()
            if result["steps_per_second"]
        }
        order = sorted(found, key=lambda contender: float(np.median(found[contender])))
        for place, contender in enumerate(order):
            speeds = found[contender]
            axes.barh(place, np.median(speeds), color=colour(contender))
            axes.plot([min(speeds), max(speeds)], [place, place], color="black", linewidth=1)
        axes.set_yticks(range(len(order)), order, fontsize=7)
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("steps per second", fontsize=8)
        axes.tick_params(axis="x", labelsize=7)
    figure.legend(
        [plt.Rectangle((0, 0), 1, 1, color=colour) for colour, _ in KINDS.values()],
        list(KINDS),
        loc="outside lower center",
        ncols=len(KINDS),
        fontsize=8,
    )
    figure.savefig(path, dpi=80)
    plt.close(figure)


def ratios(records: Mapping[str, Record]) -> str:
    """Every ratio with its spread, and its target if it has one, as a Markdown table."""
    rows = [row for record in records.values() for row in record["ratios"]]
    lines = ["| workload | faster | than | times | lowest to highest | aim |", "|---|---|---|---:|---|---|"]
    for row in rows:
        aim = "" if row["target"] is None else f"{row['target']:g}, {'met' if row['is_met'] else 'missed'}"
        spread = f"{row['lowest']:.2f} to {row['highest']:.2f}"
        lines.append(f"| {row['workload']} | {row['subject']} | {row['against']} | {row['median']:.2f} | {spread} | {aim} |")
    return "\n".join(lines)


def whole_runs(records: Mapping[str, Record]) -> str:
    """Seconds of whole runs, compiling included, as a Markdown table."""
    found = {name: record["workloads"][name] for name, record in records.items() if record["workloads"][name]["whole_runs"]}
    modes = ("auto", "eager", "graph", "xla", "xla-loop")
    lines = [f"| run | {' | '.join(modes)} |", f"|---|{'---:|' * len(modes)}"]
    for name, workload in found.items():
        seconds = [workload["whole_runs"].get(mode) for mode in modes]
        cells = ["" if some is None else f"{np.median(some):.1f} s" for some in seconds]
        lines.append(f"| {name}, {workload['whole_run_steps']} steps | {' | '.join(cells)} |")
    return "\n".join(lines)


def costs(record: Record) -> str:
    """The cost of a step, an import and 20,000 steps, as a Markdown table."""
    found, microseconds = record["costs"], record["host_microseconds_per_step"]
    lines = ["| what | measured |", "|---|---|"]
    lines += [f"| an empty step, {name} | {value:.1f} µs |" for name, value in microseconds.items()]
    lines.append(f"| import of TensorFlow and Keras | {np.median(found['framework_import_seconds']):.2f} s |")
    lines.append(f"| import of gantape after them | {np.median(found['gantape_import_seconds']):.2f} s |")
    lines.append(f"| products of 2048×2048 matrices | {found['matrix_product_gflops']:.0f} GFLOP/s |")
    for mode, peaks in found["memory"].items():
        steps = f"{found['memory_steps']:,} steps of the MLP in {mode}"
        lines.append(f"| peak memory before, after a tenth, and after {steps} | {_megabytes(peaks)} MB |")
    return "\n".join(lines)


def shares(records: Mapping[str, Record], rate: float) -> str:
    """The share of the rate of matrix products that the products in a step reach, as a Markdown table."""
    lines = ["| workload | contender | steps/s | share of the machine's matrix products |", "|---|---|---:|---:|"]
    for name in ("dcgan", "mlp"):
        workload = records[name]["workloads"][name]
        for contender, share in _shares(records[name], name, rate).items():
            speed = workload["contenders"][contender]["median_steps_per_second"]
            lines.append(f"| {name} | {contender} | {speed:.4g} | {share:.0%} |")
    return "\n".join(lines)


def _shares(record: Record, name: str, rate: float) -> dict[str, float]:
    from benchmarks.workloads import WORKLOADS as KNOWN

    speeds = {
        contender: result["median_steps_per_second"]
        for contender, result in record["workloads"][name]["contenders"].items()
        if result["median_steps_per_second"] and contender.startswith(("guide", "gantape-", "torch-", "jax-"))
    }
    return {contender: speed * KNOWN[name].flop_per_step / 1e9 / rate for contender, speed in speeds.items()}


def _megabytes(peaks: Sequence[float]) -> str:
    return ", ".join(f"{peak:.0f}" for peak in (peaks[0], peaks[1], peaks[-1]))


def main(folder: Path) -> None:
    """Write all of it."""
    records = {name: json.loads((folder / name / "steps.json").read_text()) for name in (*WORKLOADS, "empty")}
    plot(records, DOCS / "speed.png")
    rate = records["empty"]["costs"]["matrix_product_gflops"]
    parts = (folder / "parts" / "parts.txt").read_text().rstrip()
    for name, text in (
        ("parts", parts),
        ("ratios", ratios(records)),
        ("whole_runs", whole_runs(records)),
        ("costs", costs(records["empty"])),
        ("shares", shares(records, rate)),
    ):
        (DOCS / f"speed_{name}.txt").write_text(text + "\n")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main(Path(sys.argv[1]))
