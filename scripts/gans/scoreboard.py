"""Cells as a table and a plot."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gans.cells import measurements
from gans.mixtures import PROTOCOLS, Mixture
from gans.rows import ROWS


def table(cells: Sequence[dict[str, Any]]) -> str:
    """Mean ± standard error over seeds, in Markdown, with what real examples reach at the same N."""
    mixtures = [line for mixture in PROTOCOLS for line in mixture_table(cells, mixture)]
    others = [cell for cell in cells if ROWS[cell["row"]].mixture is None]
    return "\n".join([*mixtures, *(long_table(others) if others else ()), *comparison(cells), *provenance(cells)])


def mixture_table(cells: Sequence[dict[str, Any]], mixture: Mixture) -> list[str]:
    """The games on a mixture, one to a line."""
    played = [cell for cell in cells if ROWS[cell["row"]].mixture == mixture]
    if not played:
        return []
    protocol = PROTOCOLS[mixture]
    lines = [
        f"| {mixture} | modes of {len(protocol.centres)} | good, % | reverse KL, nats | seeds | minutes |",
        "|---|---|---|---|---|---|",
    ]
    for row in dict.fromkeys(cell["row"] for cell in played):
        found = [cell for cell in played if cell["row"] == row]
        modes, divergence, good = (
            [result.value for result in results] for results in zip(*map(measurements, found), strict=True)
        )
        shown = ((modes, ".1f"), ([100.0 * share for share in good], ".1f"), (divergence, ".4f"))
        figures = [with_error(values, form, form) for values, form in shown]
        minutes = f"{np.mean([cell['minutes'] for cell in found]):.1f}"
        lines.append(f"| {' | '.join([row.removeprefix(f'{mixture}-'), *figures, str(len(found)), minutes])} |")
    modes, divergence, good = (result.floor or 0.0 for result in measurements(played[0]))
    lines.append(f"| *a perfect sampler* | {modes:.0f} | {100.0 * good:.1f} | {divergence:.4f} | | |")
    return [*lines, "", f"Published: {protocol.published}.", ""]


def long_table(cells: Sequence[dict[str, Any]]) -> list[str]:
    """Rows with many figures, one to a line."""
    lines = ["| row | seeds | steps | minutes | metric | figure | real | N |", "|---|---|---|---|---|---|---|---|"]
    for row in dict.fromkeys(cell["row"] for cell in cells):
        found = [cell for cell in cells if cell["row"] == row]
        steps = f"{np.mean([cell['steps'] for cell in found]):,.0f}"
        minutes = f"{np.mean([cell['minutes'] for cell in found]):.1f}"
        for number, results in enumerate(zip(*map(measurements, found), strict=True)):
            first = results[0]
            place = [row, str(len(found)), steps, minutes] if not number else ["", "", "", ""]
            figure = with_error([result.value for result in results])
            real = "" if first.floor is None else f"{np.mean([result.floor for result in results]):.4g}"
            lines.append(f"| {' | '.join([*place, first.name, figure, real, f'{first.count:,}'])} |")
        if ROWS[row].published:
            lines.append(f"| | | | | *published* | {ROWS[row].published} | | |")
    return [*lines, ""]


def with_error(values: Sequence[float], form: str = ".4g", error_form: str = ".2g") -> str:
    """Mean ± standard error of the mean; the mean alone if there is one value."""
    mean = f"{np.mean(values):{form}}"
    if len(values) < 2:
        return mean
    return f"{mean} ± {np.std(values, ddof=1) / np.sqrt(len(values)):{error_form}}"


def comparison(cells: Sequence[dict[str, Any]]) -> list[str]:
    """How many times nearer to the test digits the default comes than the guide's DCGAN in the same minutes."""
    distances = {
        row: [measurements(cell)[0].value for cell in cells if cell["row"] == row] for row in ("mnist-10", "mnist-10-guide")
    }
    ours, guides = distances.values()
    if not ours or not guides:
        return []
    return [
        f"Fréchet distance of the guide's DCGAN over the default's, in the same minutes: {np.mean(guides) / np.mean(ours):.1f}",
        "",
    ]


def provenance(cells: Sequence[dict[str, Any]]) -> list[str]:
    """Judges, commands and versions."""
    judges = sorted({cell["judge"] for cell in cells if cell["judge"]})
    commands = sorted({f"python {cell['command_line']}" for cell in cells})
    versions = sorted({", ".join(f"{name} {version}" for name, version in cell["versions"].items()) for cell in cells})
    return [*judges, "", *commands, "", *versions]


def plot(cells: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw each row's first distance or divergence over its floor, one dot for each seed, on a logarithmic axis."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = list(dict.fromkeys(cell["row"] for cell in cells))
    figure = Figure(figsize=(7, 1.0 + 0.4 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xscale="log", xlabel="Fréchet distance or reverse KL, as a multiple of what real examples reach")
    for place, row in enumerate(rows):
        for cell in (cell for cell in cells if cell["row"] == row):
            shown = next(result for result in measurements(cell) if result.name in ("Fréchet distance", "reverse KL"))
            axes.plot(shown.value / (shown.floor or 1.0), place, "o", color="tab:blue", alpha=0.6)
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(rows)), rows)
    axes.invert_yaxis()
    figure.savefig(path, dpi=80)
