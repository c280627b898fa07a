"""Plots of the documentation: one panel each, which shows what it is given, and the same file each time."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image

from docs import figures, plot_losses, plot_quality, show_speed
from gantape import losses


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Axes]:
    """The panels that were saved."""
    panels: list[Axes] = []

    def save(axes: Axes, path: Path) -> None:
        panels.append(axes)
        figures.save(axes, path)

    for module in (plot_losses, plot_quality, show_speed):
        monkeypatch.setattr(module, "save", save)
    return panels


def assert_one_panel_each(panels: list[Axes]) -> None:
    for axes in panels:
        figure = axes.get_figure(root=True)
        assert figure.axes == [axes]
        assert figure.get_figwidth() == figures.WIDTH
        assert figure.get_facecolor() == (1.0, 1.0, 1.0, 1.0)


def test_a_file_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one.svg", "other.svg"):
        axes = figures.new_axes(xlabel="x")
        axes.plot([0.0, 1.0], [1.0, 0.0])
        figures.save(axes, tmp_path / "plots" / name)
    assert (tmp_path / "plots/one.svg").read_bytes() == (tmp_path / "plots/other.svg").read_bytes()


def test_a_loss_has_a_plot_of_values_and_one_of_gradients(tmp_path: Path, drawn: list[Axes]) -> None:
    values, gradients = plot_losses.curve(losses.Hinge(), 0)
    assert np.allclose(values, np.maximum(0.0, 1.0 - plot_losses.SCORES) - 1.0, atol=1e-4)
    assert np.allclose(gradients[plot_losses.SCORES < 0.9], -1.0)
    assert np.allclose(gradients[plot_losses.SCORES > 1.1], 0.0)
    plot_losses.draw(tmp_path / "hinge", plot_losses.SCORES, "score", [("real", "C0", "-", values, gradients)])
    assert {path.name for path in tmp_path.iterdir()} == {"hinge_loss.svg", "hinge_gradient.svg"}
    assert_one_panel_each(drawn)
    shown = [axes.lines[-1].get_ydata() for axes in drawn]
    assert np.array_equal(shown[0], values)
    assert np.array_equal(shown[1], gradients)


def test_each_figure_of_a_judged_run_has_a_plot(tmp_path: Path, drawn: list[Axes]) -> None:
    rows = ["step,frechet_distance,inception_score", "100,2.0,5.0", "150,,", "200,1.0,7.0"]
    (tmp_path / "metrics.csv").write_text("\n".join(rows))
    plot_quality.main(tmp_path, tmp_path / "plots")
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {"curve_frechet_distance.png", "curve_inception_score.png"}
    assert_one_panel_each(drawn)
    assert [list(axes.lines[0].get_xdata()) for axes in drawn] == [[100, 200]] * 2
    assert [list(axes.lines[0].get_ydata()) for axes in drawn] == [[2.0, 1.0], [5.0, 7.0]]


def test_the_contenders_of_a_workload_are_in_the_order_of_their_speed(tmp_path: Path, drawn: list[Axes]) -> None:
    speeds = {"guide": [2.0, 3.0, 4.0], "gantape-graph": [5.0, 6.0, 9.0], "fit-1": [1.0], "jax-jit": []}
    contenders = {name: {"steps_per_second": found} for name, found in speeds.items()}
    record: dict[str, Any] = {"workloads": {"mlp": {"contenders": contenders}}}
    show_speed.plot(record, "mlp", tmp_path / "mlp.png")
    assert_one_panel_each(drawn)
    assert [label.get_text() for label in drawn[0].get_yticklabels()] == ["fit-1", "guide", "gantape-graph"]
    assert [bar.get_width() for bar in drawn[0].patches] == [1.0, 3.0, 6.0]
    with Image.open(tmp_path / "mlp.png") as picture:
        assert picture.width > 390


def test_a_plot_of_ratios_has_every_workload(tmp_path: Path, drawn: list[Axes]) -> None:
    row = {"workload": "ring", "subject": "gantape-xla", "against": "guide", "median": 2.0, "lowest": 1.5, "highest": 4.0}
    show_speed.plot_ratios([row, {**row, "subject": "shared-graph", "median": 9.0}], tmp_path / "ratios.svg")
    assert_one_panel_each(drawn)
    assert [label.get_text() for label in drawn[0].get_yticklabels()] == list(show_speed.WORKLOADS.values())
    dots = [line.get_xdata()[0] for line in drawn[0].lines if line.get_marker() == "o"]
    assert dots == [2.0]
