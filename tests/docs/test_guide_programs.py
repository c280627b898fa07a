"""The programs of the guide's tutorials print and draw what their pages say."""

import re
from pathlib import Path

import numpy as np
import pytest
from programs import finish, read_picture


def losses(printed: str) -> list[float]:
    return [float(value) for value in re.findall(r"loss (\d+\.\d+)", printed)]


def test_the_first_loop_learns(tmp_path: Path) -> None:
    first, last = losses(finish("guide/first_loop.py", "--steps", "150", folder=tmp_path))
    assert last < 0.8 * first


def test_metrics_are_of_training_and_validation(tmp_path: Path) -> None:
    printed = finish("guide/metrics.py", "--epochs", "2", folder=tmp_path)
    rows = re.findall(r"epoch (\d), (train|validation): loss [\d.]+, accuracy ([\d.]+)", printed)
    assert [row[:2] for row in rows] == [("1", "train"), ("1", "validation"), ("2", "train"), ("2", "validation")]
    assert float(rows[2][2]) > float(rows[0][2])


def test_every_mode_computes_the_same_training(tmp_path: Path) -> None:
    printed = finish("guide/compiled_step.py", "--steps", "5", folder=tmp_path)
    assert re.findall(r"^(\S+): loss", printed, re.MULTILINE) == ["eager", "graph", "xla", "xla-loop"]
    np.testing.assert_allclose(losses(printed), losses(printed)[0], atol=1e-4)


def test_the_added_loss_is_a_term_of_the_whole(tmp_path: Path) -> None:
    printed = finish("guide/added_losses.py", "--steps", "20", folder=tmp_path)
    ((total, data, added),) = re.findall(r"loss ([\d.]+) = data ([\d.]+) \+ added ([\d.]+)", printed)
    assert float(added) > 0.0
    assert float(total) == pytest.approx(float(data) + float(added), abs=2e-4)


def test_the_dcgan_of_the_guide_draws(tmp_path: Path) -> None:
    printed = finish("guide/dcgan.py", "--steps", "1", "--folder", "pictures", folder=tmp_path)
    assert "step 1: discriminator 0." in printed
    assert read_picture(tmp_path / "pictures" / "step-000001.png").shape[:2] == (2 * 4 * 32, 2 * 4 * 32)
