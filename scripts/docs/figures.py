"""One look for the plots of the documentation: one panel each, text that can be read on a phone, a white ground."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

WIDTH = 4.4
"""Inches; so a page that is 390 pixels wide shows text in about its own size."""


def new_axes(height: float = 3.3, *, xlabel: str = "", ylabel: str = "") -> Axes:
    """The only panel of a new figure, `height` inches high."""
    mpl.rcParams |= {"font.size": 10, "svg.fonttype": "none", "svg.hashsalt": "gantape", "legend.frameon": False}
    figure = Figure(figsize=(WIDTH, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel)
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def save(axes: Axes, path: Path) -> None:
    """Write the figure of a panel. The same figure gives the same file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"Date": None} if path.suffix == ".svg" else None
    axes.get_figure(root=True).savefig(path, dpi=160, metadata=metadata)
