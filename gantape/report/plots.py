"""Plots of the history."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gantape.errors import MetricError
from gantape.history import History, Split


def plot_history(history: History, path: Path, *, columns: Sequence[str], label: str = "loss") -> None:
    """Plot columns of a history over the steps, dashed for validation. No window is opened, no global state is used.

    Args:
        history: The history.
        path: File of the picture; its suffix is the format. Folders are created.
        columns: The columns to plot.
        label: Label of the vertical axis.

    Raises:
        MetricError: If a column was never recorded.
    """
    splits: tuple[Split, ...] = ("train", "validation")
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel="steps", ylabel=label)
    for number, column in enumerate(columns):
        curves = {split: [row for row in history if row["split"] == split and column in row] for split in splits}
        if not any(curves.values()):
            raise MetricError(
                f'nothing was recorded as "{column}".',
                where="gantape.report.plot_history, argument `columns`",
                got=f"columns {history.columns}",
                do="name some of the columns.",
            )
        for split, rows in curves.items():
            if rows:
                axes.plot(
                    [float(row["step"]) for row in rows],
                    [float(row[column]) for row in rows],
                    label=column if split == "train" else f"{column}, {split}",
                    color=f"C{number}",
                    linestyle="-" if split == "train" else "--",
                    marker="." if len(rows) < 20 else "",
                )
    axes.grid(alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
