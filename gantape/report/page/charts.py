"""Panels of curves as charts of Plotly: plain data that its script, which is in the page, draws."""

import functools
import html
from typing import Any

from plotly.offline import get_plotlyjs

from gantape.report.page.curves import Curve, Panel

COLOURS = ("#3f7fe0", "#dd6b20", "#1f9d6c", "#9f66d6", "#dc4a68", "#1a97ab", "#a98510", "#7b8592")
"""By the number of a curve. Each has a contrast of at least 3 with the light and with the dark ground of a card."""

FEW_POINTS = 30
"""A curve with so many points or fewer shows each of them."""

HEIGHT = 240
"""Of a chart, in pixels."""

CLEAR = "rgba(0,0,0,0)"


@functools.cache
def library() -> str:
    """The script of Plotly."""
    return str(get_plotlyjs())


def chart(panel: Panel) -> dict[str, Any]:
    """A panel as the data and the layout that `Plotly.newPlot` draws.

    The title and the legend are the page's own, in which text wraps on a phone; so are the colours of letters and grid, which
    follow the reader's scheme.
    """
    return {"data": [_trace(curve.thin()) for curve in panel.curves], "layout": _layout(panel)}


def _trace(curve: Curve) -> dict[str, Any]:
    colour = COLOURS[curve.colour % len(COLOURS)]
    return {
        "type": "scatter",
        "mode": "lines+markers" if len(curve.steps) <= FEW_POINTS else "lines",
        "name": html.escape(curve.label, quote=False),
        "x": list(curve.steps),
        "y": [float(f"{value:.6g}") for value in curve.values],
        "line": {"color": colour, "width": 2, "dash": "dash" if curve.dashed else "solid"},
        "marker": {"size": 5},
        "hovertemplate": "%{y:.4~g}",
    }


def _layout(panel: Panel) -> dict[str, Any]:
    last = max((curve.steps[-1] for curve in panel.curves if curve.steps), default=1)
    axis = {"zeroline": False, "automargin": True, "tickfont": {"size": 12}}
    return {
        "height": HEIGHT,
        "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"family": "system-ui, sans-serif", "size": 12},
        "showlegend": False,
        "hovermode": "x unified",
        "xaxis": {
            **axis,
            "range": [-0.02 * last, 1.02 * last],
            "tickformat": ",d",
            "nticks": 6,
            "showgrid": False,
            "unifiedhovertitle": {"text": "step %{x:,d}"},
        },
        "yaxis": {
            **axis,
            "type": "log" if panel.is_log else "linear",
            "nticks": 6,
            "exponentformat": "power",
            "fixedrange": True,
            **_range_of_a_constant(panel),
        },
        # The step of the picture that is shown: the page's script moves it.
        "shapes": [
            {
                "type": "line",
                "visible": False,
                "xref": "x",
                "yref": "paper",
                "x0": last,
                "x1": last,
                "y0": 0,
                "y1": 1,
                "line": {"color": COLOURS[-1], "width": 1.5, "dash": "dot"},
            }
        ],
    }


def _range_of_a_constant(panel: Panel) -> dict[str, Any]:
    """From zero to twice the value, where there is only one: by itself, Plotly would show whole numbers around it."""
    values = {value for curve in panel.curves for value in curve.values}
    if len(values) != 1 or panel.is_log:
        return {}
    return {"range": sorted((0.0, 2.0 * values.pop() or 1.0))}
