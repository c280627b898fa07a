"""Cells as a table and a plot."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gans.cells import measurements
from benchmarks.gans.mixtures import PROTOCOLS, Mixture
from benchmarks.gans.rows import ROWS
from gantape.evaluation import Measurement


def table(cells: Sequence[dict[str, Any]]) -> str:
    """Mean ± standard error over seeds, in Markdown, with the figures of real examples at the same N."""
    mixtures = [line for mixture in PROTOCOLS for line in mixture_table(cells, mixture)]
    others: dict[str, list[dict[str, Any]]] = {}
    for cell in cells:
        if ROWS[cell["row"]].mixture is None:
            others.setdefault(cell["row"].partition("-")[0], []).append(cell)
    figures = [line for alike in others.values() for line in figures_table(alike)]
    return "\n".join([*mixtures, *figures, *comparison(cells), *provenance(cells)])


def mixture_table(cells: Sequence[dict[str, Any]], mixture: Mixture) -> list[str]:
    """The losses on a mixture, one per line."""
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
        modes, divergence, good = ([result.value for result in results] for results in by_figure(found))
        shown = ((modes, ".1f"), ([100.0 * share for share in good], ".1f"), (divergence, ".4f"))
        figures = [with_error(values, form, form) for values, form in shown]
        minutes = f"{np.mean([cell['minutes'] for cell in found]):.1f}"
        lines.append(f"| {' | '.join([row.removeprefix(f'{mixture}-'), *figures, str(len(found)), minutes])} |")
    modes, divergence, good = (result.baseline or 0.0 for result in measurements(played[0]))
    lines.append(f"| *a perfect sampler* | {modes:.0f} | {100.0 * good:.1f} | {divergence:.4f} | | |")
    return [*lines, "", f"Published: {protocol.published}.", ""]


def figures_table(cells: Sequence[dict[str, Any]]) -> list[str]:
    """Rows about the same examples side by side, one figure per line."""
    rows = {row: [cell for cell in cells if cell["row"] == row] for row in dict.fromkeys(cell["row"] for cell in cells)}
    figures = {row: {results[0].name: results for results in by_figure(found)} for row, found in rows.items()}
    facts = {
        "seeds": [str(len(found)) for found in rows.values()],
        "steps": [f"{np.mean([cell['steps'] for cell in found]):,.0f}" for found in rows.values()],
        "minutes": [f"{np.mean([cell['minutes'] for cell in found]):.1f}" for found in rows.values()],
    }
    lines = [f"| | {' | '.join(rows)} | real | N |", "|---" * (len(rows) + 3) + "|"]
    lines += [f"| *{fact}* | {' | '.join(values)} | | |" for fact, values in facts.items()]
    for name in dict.fromkeys(name for found in figures.values() for name in found):
        shown = [found.get(name, ()) for found in figures.values()]
        every = [result for results in shown for result in results]
        baselines = [result.baseline for result in every if result.baseline is not None]
        real = f"{np.mean(baselines):.4g}" if baselines else ""
        values = [with_error([result.value for result in results]) if results else "" for results in shown]
        lines.append(f"| {' | '.join([name, *values, real, f'{every[0].count:,}'])} |")
    published = [f"Published, for {row}: {ROWS[row].published}." for row in rows if ROWS[row].published]
    return [*lines, "", *(line for text in published for line in (text, ""))]


def by_figure(cells: Sequence[dict[str, Any]]) -> list[tuple[Measurement, ...]]:
    """For every figure, that of each cell of a row."""
    return list(zip(*map(measurements, cells), strict=True))


def with_error(values: Sequence[float], form: str = ".4g", error_form: str = ".2g") -> str:
    """Mean ± standard error of the mean; the mean alone if there is one value."""
    mean = f"{np.mean(values):{form}}"
    if len(values) < 2:
        return mean
    return f"{mean} ± {np.std(values, ddof=1) / np.sqrt(len(values)):{error_form}}"


def comparison(cells: Sequence[dict[str, Any]]) -> list[str]:
    """The ratio of the guide's DCGAN's distance to the test digits to that of the default, after the same minutes."""
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
    return [*judges, "", "``` {.bash}", *commands, "```", "", *versions]


def plot(cells: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw each row's first distance or divergence over its baseline, one dot for each seed, on a logarithmic axis."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = list(dict.fromkeys(cell["row"] for cell in cells))
    figure = Figure(figsize=(5, 1.2 + 0.35 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xscale="log", xlabel="Fréchet distance or reverse KL,\nas a multiple of what real examples reach")
    for place, row in enumerate(rows):
        for cell in (cell for cell in cells if cell["row"] == row):
            shown = next(result for result in measurements(cell) if result.name in ("Fréchet distance", "reverse KL"))
            axes.plot(shown.value / (shown.baseline or 1.0), place, "o", color="tab:blue", alpha=0.6)
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(rows)), rows)
    axes.invert_yaxis()
    figure.savefig(path, dpi=160)
