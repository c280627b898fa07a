"""The package that pip builds, installed elsewhere: it is whole, it trains, and it is typed."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from package import ROOT

PROGRAM = """
import sys

import keras
import numpy as np

import gantape as gt
from gantape.report import html_report
from gantape.types import LossFunction, Model, Optimizer


class Line(gt.SupervisedTask):
    def build_model(self) -> Model:
        model: Model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        return model

    def build_optimizer(self) -> Optimizer:
        optimizer: Optimizer = keras.optimizers.SGD(0.1)
        return optimizer

    def build_loss(self) -> LossFunction:
        loss: LossFunction = keras.losses.MeanSquaredError()
        return loss


x = np.ones((8, 1), np.float32)
loop = gt.Loop(Line(), run_dir="run", callbacks=[html_report()], progress=False)
history = loop.run(gt.data.from_arrays((x, x), batch_size=4), steps=4)
reveal: str = history.stopped_by
print(gt.__file__, reveal)
"""


ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel, which finds everything else where these tests find it."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, ROOT.parent], check=True)
    venv.create(folder / "env", symlinks=True)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder / "env")}))
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "--python", folder / "env", "install", "--no-deps", wheel], check=True)
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "env" / "bin" / "python"


def test_it_trains(python: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run([python, program], cwd=tmp_path, env=ENVIRONMENT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(python.parents[1]))
    assert done.stdout.endswith("4 steps\n")
    assert "plotly" in (tmp_path / "run" / "report.html").read_text().lower()


def test_its_programs_train_a_gan_and_sample_from_it(python: Path, tmp_path: Path) -> None:
    def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in ENVIRONMENT.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
        done = subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done

    flags = ("--data", "digits", "--steps", "2", "--mode", "eager", "--width", "2", "--run-dir", "run")
    trained = run(python.with_name("gantape"), "train-gan", *flags)
    assert "  more images  gantape sample run\n" in trained.stdout
    assert "  train on     gantape train-gan --resume run --steps 4\n" in trained.stdout
    assert "gantape sample run --seed 1" in (tmp_path / "run" / "report.html").read_text()
    sampled = run(python, "-m", "gantape", "sample", "run", "--count", "4")
    assert sampled.stdout == "run/samples-seed-0.png\n"
    assert (tmp_path / "run/samples-seed-0.png").is_file()
    # TensorFlow's messages at its start are not shown.
    assert all(re.match(r"\d\d:\d\d:\d\d INFO|\s*\d+%", line) for line in trained.stderr.splitlines())
    assert sampled.stderr == ""


def test_it_is_typed(python: Path, tmp_path: Path) -> None:
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(PROGRAM)
    wrong.write_text(PROGRAM.replace("reveal: str", "reveal: int"))
    settings = tmp_path / "mypy.ini"
    settings.write_text(
        "[mypy]\nstrict = True\n[mypy-keras.*,tensorflow.*]\nignore_missing_imports = True\nfollow_imports = skip\n"
    )
    mypy = [sys.executable, "-m", "mypy", "--config-file", settings, "--python-executable", python, "--no-incremental"]
    done = subprocess.run([*mypy, right, wrong], cwd=tmp_path, env=ENVIRONMENT, check=False, capture_output=True, text=True)
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert len(errors) == 1, done.stdout + done.stderr
    assert errors[0].startswith("wrong.py:")
    assert "[assignment]" in errors[0]
