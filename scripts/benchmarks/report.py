"""The results as text, JSON and a plot."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from benchmarks.costs import Costs, host_microseconds, share_of_matrix_products
from benchmarks.measurements import Findings
from benchmarks.targets import Ratio, ratios

SCHEMA = 1


def record(
    findings: Mapping[str, Findings], costs: Costs | None, machine: Mapping[str, Any], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """All results, as plain data."""
    workloads: dict[str, Any] = {}
    for name, found in findings.items():
        workloads[name] = attrs.asdict(found)
        for contender, result in found.contenders.items():
            workloads[name]["contenders"][contender]["median_steps_per_second"] = result.median or None
        if costs:
            workloads[name]["share_of_matrix_products"] = share_of_matrix_products(found, name, costs.matrix_product_gflops)
    return {
        "schema": SCHEMA,
        "machine": dict(machine),
        "settings": dict(settings),
        "workloads": workloads,
        "host_microseconds_per_step": host_microseconds(findings["empty"]) if "empty" in findings else {},
        "ratios": [attrs.asdict(ratio) | {"is_met": ratio.is_met} for ratio in ratios(findings)],
        "costs": attrs.asdict(costs) if costs else None,
    }


def table(findings: Mapping[str, Findings], costs: Costs | None) -> str:
    """Speeds, ratios and costs as text."""
    return "\n\n".join([*(_speeds(name, found) for name, found in findings.items()), _ratios(ratios(findings)), _costs(costs)])


def plot(rows: Sequence[Ratio], path: Path) -> None:
    """Draw the ratios on a logarithmic axis, with their spread and their targets."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8.0, 1.2 + 0.22 * len(rows)), layout="constrained")
    colours = {True: "tab:green", False: "tab:red", None: "tab:gray"}
    for place, row in enumerate(rows):
        spread = [[max(row.median - row.lowest, 0.0)], [max(row.highest - row.median, 0.0)]]
        axes.errorbar(row.median, place, xerr=spread, fmt="o", markersize=4, color=colours[row.is_met])
        if row.target is not None:
            axes.plot(row.target, place, marker="|", markersize=10, color="black")
    axes.set_yticks(range(len(rows)), [f"{row.workload}: {row.subject} / {row.against}" for row in rows], fontsize=7)
    axes.set(xscale="log", xlabel="times as fast (dot: median, line: spread, bar: target)")
    axes.axvline(1.0, color="lightgray", zorder=0)
    axes.invert_yaxis()
    figure.savefig(path, dpi=100)
    plt.close(figure)


def write(folder: Path, data: Any, text: str, rows: Sequence[Ratio]) -> None:
    """Write `steps.json`, `steps.txt` and `ratios.png`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "steps.json").write_text(json.dumps(data, indent=2) + "\n")
    (folder / "steps.txt").write_text(text + "\n")
    if rows:
        plot(rows, folder / "ratios.png")


def _speeds(name: str, found: Findings) -> str:
    lines = [f"{name:<22}{'steps/s':>10}{'lowest':>10}{'highest':>10}{'first step s':>14}{'peak MB':>9}{'waiting':>9}"]
    for contender, result in found.contenders.items():
        if not result.steps_per_second:
            lines.append(f"  {contender:<20}{result.note}")
            continue
        speeds = "".join(
            f"{value:>10.4g}" for value in (result.median, min(result.steps_per_second), max(result.steps_per_second))
        )
        waiting = "" if result.waiting_share is None else f"{result.waiting_share:.1%}"
        first, peak = result.first_step_seconds or float("nan"), result.peak_megabytes or float("nan")
        lines.append(f"  {contender:<20}{speeds}{first:>14.2f}{peak:>9.0f}{waiting:>9}")
    for mode, seconds in found.whole_runs.items():
        lines.append(f"  run of {found.whole_run_steps} steps, {mode}: {np.median(seconds):.2f} s")
    return "\n".join(lines)


def _ratios(rows: Sequence[Ratio]) -> str:
    lines = [f"{'ratio':<78}{'median':>8}{'lowest':>8}{'highest':>8}{'target':>8}"]
    for row in rows:
        names = f"{row.workload}: {row.subject} / {row.against}"
        target = "" if row.target is None else f"{row.target:>8.2f}{'  met' if row.is_met else '  MISSED'}"
        lines.append(f"{names:<78}{row.median:>8.2f}{row.lowest:>8.2f}{row.highest:>8.2f}{target}")
    return "\n".join(lines)


def _costs(costs: Costs | None) -> str:
    if costs is None:
        return "imports, memory and matrix products were not measured"
    lines = [
        f"import of TensorFlow and Keras {np.median(costs.framework_import_seconds):.2f} s,"
        f" of gantape after them {np.median(costs.gantape_import_seconds):.2f} s",
        f"products of 2048×2048 matrices: {costs.matrix_product_gflops:.0f} GFLOP/s",
    ]
    for mode, peaks in costs.memory.items():
        lines.append(f"peak memory over {costs.memory_steps} steps of the MLP in {mode}, MB: {' '.join(map(str, peaks))}")
    return "\n".join(lines)
