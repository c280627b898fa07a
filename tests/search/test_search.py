"""Searches with the real Optuna: the space is what was asked for, trials know what the history knows, hopeless runs end."""

import os
import signal
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import pytest

import gantape as gt
from gantape import search
from gantape.errors import HyperparameterError, MetricError

optuna = pytest.importorskip("optuna", reason="optuna is not installed")
optuna.logging.set_verbosity(optuna.logging.WARNING)

EVERY = gt.every(steps=2) | gt.at_end()


class Line(gt.SupervisedTask):
    learning_rate: float = 0.1
    momentum: float | None = None
    units: int = 2
    loss_name: Literal["mse", "mae"] = "mse"
    penalty: gt.augment.Augmentation | None = None
    nesterov: bool = False

    def build_model(self) -> Any:
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(self.units), keras.layers.Dense(1)])

    def build_optimizer(self) -> Any:
        return keras.optimizers.SGD(self.learning_rate)

    def build_loss(self) -> Any:
        return keras.losses.MeanSquaredError()


X = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
DATA = gt.data.from_arrays((X, X[:, :1]), batch_size=4)


def train(trial: Any, *, steps: int = 8, column: str = "loss", callbacks: tuple[gt.Callback, ...] = ()) -> float:
    keras.utils.set_random_seed(0)
    task = Line(**search.suggest(trial, Line, {"learning_rate": (1e-4, 0.1)}))
    report = search.TrialReport(trial, column)
    loop = gt.Loop(task, compiler=gt.StepCompiler("eager"), callbacks=(*callbacks, gt.Callback(report, EVERY)), progress=False)
    return report.result(loop.run(DATA, validation=DATA, steps=steps, record=EVERY))


def test_the_space_is_what_was_asked_for() -> None:
    noise, none = gt.augment.InstanceNoise(0.1, steps=None), gt.augment.InstanceNoise(0.2, steps=None)
    trial = optuna.create_study().ask()
    space: search.Space = {
        "learning_rate": (1e-4, 1e-1),
        "momentum": (0, 1),
        "units": (2, 32),
        "loss_name": ["mse", "mae"],
        "penalty": [noise, none],
        "nesterov": [False, True],
    }
    found = search.suggest(trial, Line, space)
    distributions = optuna.distributions
    assert trial.distributions == {
        "learning_rate": distributions.FloatDistribution(1e-4, 1e-1, log=True),
        "momentum": distributions.FloatDistribution(0.0, 1.0),
        "units": distributions.IntDistribution(2, 32),
        "loss_name": distributions.CategoricalDistribution(["mse", "mae"]),
        "penalty": distributions.CategoricalDistribution([repr(noise), repr(none)]),
        "nesterov": distributions.CategoricalDistribution([False, True]),
    }
    assert found["penalty"] in (noise, none)
    assert {name: value for name, value in found.items() if name != "penalty"}.items() <= trial.params.items()
    assert Line(**found).hyperparameters == Line().hyperparameters | found


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({"learning_rat": (0.1, 0.2)}, "did you mean `learning_rate`"),
        ({"learning_rate": (0.2, 0.1)}, "no list of choices"),
        ({"learning_rate": 0.1}, "no list of choices"),
        ({"learning_rate": (0.1, 0.2, 0.3)}, "no list of choices"),
        ({"learning_rate": []}, "no list of choices"),
        ({"units": (0.5, 2.5)}, "no list of choices"),
        ({"units": (False, True)}, "no list of choices"),
        ({"units": (1, float("inf"))}, "no list of choices"),
        ({"loss_name": (1, 2)}, "no list of choices"),
    ],
)
def test_what_is_no_space_is_an_error(space: Any, words: str) -> None:
    with pytest.raises(HyperparameterError, match=words):
        search.suggest(optuna.create_study().ask(), Line, space)


def test_a_study_has_the_history_of_each_run() -> None:
    study = optuna.create_study(sampler=optuna.samplers.GridSampler({"learning_rate": [1e-3, 1e-1]}))
    seen: list[list[float]] = []
    note = gt.Callback(lambda progress: seen.append(progress.history.values("loss", "validation")), gt.at_end())
    study.optimize(lambda trial: train(trial, callbacks=(note,)), n_trials=2)
    for trial, losses in zip(study.trials, seen, strict=True):
        assert list(trial.intermediate_values) == [2, 4, 6, 8]
        assert list(trial.intermediate_values.values()) == losses
        assert trial.value == losses[-1]
    assert study.best_params == {"learning_rate": 1e-1}


def test_a_hopeless_run_ends_early() -> None:
    study = optuna.create_study(pruner=optuna.pruners.ThresholdPruner(upper=0.0, n_warmup_steps=3))
    steps: list[int] = []
    note = gt.Callback(lambda progress: steps.append(progress.step), gt.at_end())
    study.optimize(lambda trial: train(trial, callbacks=(note,)), n_trials=1)
    (trial,) = study.trials
    assert trial.state == optuna.trial.TrialState.PRUNED
    assert list(trial.intermediate_values) == [2, 4]
    assert steps == [4]


def test_a_run_that_is_over_is_not_pruned() -> None:
    study = optuna.create_study(pruner=optuna.pruners.ThresholdPruner(upper=0.0, n_warmup_steps=3))
    study.optimize(lambda trial: train(trial, steps=4), n_trials=1)
    assert study.trials[0].state == optuna.trial.TrialState.COMPLETE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_study(number: int) -> None:
    study = optuna.create_study()
    stop = gt.Callback(lambda progress: os.kill(os.getpid(), number), gt.at(2))
    with pytest.raises(KeyboardInterrupt):
        study.optimize(lambda trial: train(trial, callbacks=(stop,)), n_trials=3)
    assert [trial.state for trial in study.trials] == [optuna.trial.TrialState.FAIL]


def test_a_column_that_is_not_recorded_is_an_error() -> None:
    with pytest.raises(MetricError, match='nothing was recorded as "coverage"'):
        train(optuna.create_study().ask(), column="coverage")


def test_a_column_is_found_behind_other_rows_of_its_step(tmp_path: Path) -> None:
    def measure(progress: gt.Progress) -> None:
        progress.record("validation", {"figure": 1.0 / progress.step})
        progress.record("validation", {"other": 0.0})

    trial = optuna.create_study().ask()
    assert train(trial, column="figure", callbacks=(gt.Callback(measure, gt.every(steps=4)),)) == 1.0 / 8.0
    assert trial.study.trials[0].intermediate_values == {4: 0.25, 8: 0.125}
