"""The tables and the plots of docs/speed.md, from the results of `scripts/benchmarks/benchmark_steps.py`.

The argument is the folder where `benchmark_steps.py --workloads NAME --output FOLDER/NAME` left its results, for each workload.
Without one, only the ratios are drawn and summed up, from the table in the repository.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from docs.figures import new_axes, save

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

AGAINST = {
    "guide": ("the guide's loop", "tab:gray"),
    "fit": ("fit() at its best", "tab:red"),
    "PyTorch": ("PyTorch at its best", "tab:orange"),
}
"""The ratios that are drawn, by the start of their contender's name."""

Record = Mapping[str, Any]


def colour(contender: str) -> str:
    """The colour of who trains."""
    return next(colour for colour, prefixes in KINDS.values() if contender.startswith(prefixes))


def plot(record: Record, name: str, path: Path) -> None:
    """Steps per second of every contender in a workload."""
    found = {
        contender: result["steps_per_second"]
        for contender, result in record["workloads"][name]["contenders"].items()
        if result["steps_per_second"]
    }
    order = sorted(found, key=lambda contender: float(np.median(found[contender])))
    axes = new_axes(1.2 + 0.22 * len(order), xlabel="steps per second")
    axes.set_title(WORKLOADS[name], fontsize=10)
    for place, contender in enumerate(order):
        speeds = found[contender]
        axes.barh(place, np.median(speeds), color=colour(contender))
        axes.plot([min(speeds), max(speeds)], [place, place], color="black", linewidth=1)
    axes.set_yticks(range(len(order)), order)
    bars = [Patch(color=colour, label=kind) for kind, (colour, _) in KINDS.items()]
    axes.get_figure(root=True).legend(handles=bars, loc="outside lower center", ncols=3, fontsize=9)
    save(axes, path)


def plot_ratios(rows: Sequence[Record], path: Path) -> None:
    """How many times as fast gantape is as the best of each contender, with the spread, for each workload."""
    axes = new_axes(3.6, xlabel="times as fast as")
    axes.set_xscale("log")
    axes.axvline(1.0, color="black", linewidth=0.8)
    places = {workload: place for place, workload in enumerate(WORKLOADS)}
    for offset, (kind, (_, style)) in zip((-0.22, 0.0, 0.22), AGAINST.items(), strict=True):
        for row in _ratios_to(rows, kind):
            spread = [[row["median"] - row["lowest"]], [row["highest"] - row["median"]]]
            axes.errorbar(row["median"], places[row["workload"]] + offset, xerr=spread, fmt="o", color=style, markersize=5)
    axes.set_yticks(range(len(WORKLOADS)), WORKLOADS.values())
    axes.set_xticks([1, 2, 5, 10, 30], ["1", "2", "5", "10", "30"])
    axes.minorticks_off()
    axes.invert_yaxis()
    dots = [Line2D([], [], color=style, marker="o", linestyle="", label=name) for name, style in AGAINST.values()]
    axes.get_figure(root=True).legend(handles=dots, loc="outside lower center", ncols=2, fontsize=9)
    save(axes, path)


def summary(rows: Sequence[Record]) -> str:
    """The ratios to each contender, from the lowest to the highest workload, in a sentence."""
    ranges = []
    for kind, name in {**{kind: name for kind, (name, _) in AGAINST.items()}, "hand-": "the same mode written by hand"}.items():
        found = [row["median"] for row in _ratios_to(rows, kind)]
        what = "times as many as" if ranges else "times as many steps per second as"
        ranges.append(f"{min(found):.1f} to {max(found):.1f} {what} {name}")
    return f"**On a CPU, gantape does {', '.join(ranges[:-1])}, and {ranges[-1]}.**"


def _ratios_to(rows: Sequence[Record], kind: str) -> list[Record]:
    """The ratios of gantape's modes to the contenders whose names begin with `kind`, in the workloads that are shown."""
    ours = [row for row in rows if row["workload"] in WORKLOADS and row["subject"].startswith("gantape-")]
    return [row for row in ours if row["against"].startswith(kind)]


def read_ratios(path: Path) -> list[Record]:
    """The rows of the table that `ratios` makes."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in path.read_text().splitlines()[2:]]
    return [
        {"workload": workload, "subject": subject, "against": against, "median": float(median)}
        | dict(zip(("lowest", "highest"), map(float, spread.split(" to ")), strict=True))
        for workload, subject, against, median, spread, _ in cells
    ]


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
    for name in WORKLOADS:
        plot(records[name], name, DOCS / "speed" / f"{name}.png")
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
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    rows = read_ratios(DOCS / "speed_ratios.txt")
    plot_ratios(rows, DOCS / "speed" / "ratios.svg")
    (DOCS / "speed_summary.txt").write_text(summary(rows) + "\n")
