"""Profiles of steps: what TensorFlow wrote is read back, and has exactly the steps that were asked for."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from loguru import logger
from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

import gantape as gt
from gantape.callbacks import profile_steps
from gantape.commands import train_classifier
from gantape.compiler.programs import NamedMode
from gantape.errors import RunDirectoryError, ScheduleError


@pytest.fixture
def said() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(line.record["message"]), level="INFO")  # type: ignore[attr-defined]
    logger.enable("gantape")
    yield lines
    logger.disable("gantape")
    logger.remove(sink)


class Line(gt.SupervisedTask):
    def build_model(self) -> Any:
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, activation="tanh"), keras.layers.Dense(1)])

    def build_optimizer(self) -> Any:
        return keras.optimizers.Adam(0.1)

    def build_loss(self) -> Any:
        return keras.losses.MeanSquaredError()


def train(*callbacks: gt.Callback, steps: int, mode: NamedMode = "graph", run_dir: Path | None = None) -> gt.Loop:
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(12, 2)).astype(np.float32)
    data = gt.data.from_arrays((x, x[:, :1]), batch_size=4)
    if run_dir is not None and run_dir.exists():
        loop = gt.Loop.resume(run_dir, Line(), callbacks=callbacks, progress=False)
    else:
        loop = gt.Loop(Line(), compiler=gt.StepCompiler(mode), callbacks=callbacks, run_dir=run_dir, progress=False)
    loop.run(data, steps=steps)
    return loop


def steps_in(profile: Path, *operations: str) -> int:
    """The steps in a profile, by an operation that each of them has once; by default the gradient of a hyperbolic tangent."""
    operations = operations or (":TanhGrad", "EagerLocalExecute: TanhGrad")
    space = XSpace()
    space.ParseFromString(profile.read_bytes())
    names = [
        plane.event_metadata[event.metadata_id].name for plane in space.planes for line in plane.lines for event in line.events
    ]
    return sum(name.endswith(operations) for name in names)


def marks_in(profile: Path) -> list[int]:
    """The numbers of the steps that are marked in a profile."""
    space = XSpace()
    space.ParseFromString(profile.read_bytes())
    return sorted(
        stat.int64_value
        for plane in space.planes
        for line in plane.lines
        for event in line.events
        for stat in event.stats
        if plane.stat_metadata[stat.metadata_id].name == "step_num"
    )


def profiles(folder: Path) -> list[Path]:
    return sorted(folder.glob("plugins/profile/*/*.xplane.pb"))


@pytest.mark.parametrize("mode", ["graph", "eager"])
def test_a_profile_has_the_steps_that_were_asked_for(mode: NamedMode, tmp_path: Path, said: list[str]) -> None:
    train(profile_steps(tmp_path, steps=7, after=3), steps=20, mode=mode)
    (profile,) = profiles(tmp_path)
    assert steps_in(profile) == 7
    assert marks_in(profile) == [3, 4, 5, 6, 7, 8, 9]
    assert f"7 steps are profiled: tensorboard --logdir {tmp_path}" in said


def test_a_flag_of_the_programs_profiles_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    flags = ["--data", "digits", "--steps", "26", "--mode", "graph", "--run-dir", "run", "--profile", "5"]
    monkeypatch.setattr(sys, "argv", ["gantape train-classifier", *flags])
    assert train_classifier.main() == 0
    (profile,) = profiles(tmp_path / "run" / "tensorboard")
    assert steps_in(profile, ":SoftmaxCrossEntropyWithLogits", ":SparseSoftmaxCrossEntropyWithLogits") == 5


def test_a_run_that_ends_early_keeps_what_was_profiled(tmp_path: Path, said: list[str]) -> None:
    train(profile_steps(tmp_path, steps=20, after=2), steps=5)
    (profile,) = profiles(tmp_path)
    assert steps_in(profile) == 3
    assert marks_in(profile) == [2, 3, 4]
    train(profile_steps(tmp_path / "none", steps=20, after=20), steps=5)
    assert not (tmp_path / "none").exists()
    assert "no steps are profiled: the run ended before step 21" in said


def test_a_resumed_run_is_profiled_from_where_it_resumes(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    train(steps=6, run_dir=run_dir)
    train(profile_steps(tmp_path, steps=2, after=2), steps=6, run_dir=run_dir)
    (profile,) = profiles(tmp_path)
    assert steps_in(profile) == 2


def test_training_is_the_same(tmp_path: Path) -> None:
    plain = train(steps=8)
    profiled = train(profile_steps(tmp_path, steps=2, after=2), steps=8)
    assert plain.history.values("loss") == profiled.history.values("loss")
    for one, other in zip(plain.task.variables, profiled.task.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_a_second_profile_at_the_same_time_is_a_warning(tmp_path: Path, said: list[str]) -> None:
    train(profile_steps(tmp_path / "a", steps=4, after=2), profile_steps(tmp_path / "b", steps=4, after=3), steps=8)
    assert len(profiles(tmp_path / "a")) == 1
    assert not profiles(tmp_path / "b")
    assert any(line.startswith("no steps are profiled: ") for line in said)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"after": 0}, {"steps": 1.5}, {"after": True}])
def test_numbers_of_steps_are_positive(wrong: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(ScheduleError, match="positive"):
        profile_steps(tmp_path, **wrong)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunDirectoryError, match="cannot be written"):
        train(profile_steps(tmp_path / "file" / "folder", steps=1, after=1), steps=3)
