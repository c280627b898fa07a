"""Ejected programs compute what the loop computes, and tracing leaves nothing behind."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import pytest
import tensorflow as tf

import gantape as gt
from gantape import eject
from gantape.zoo import DCGAN, WGANGP, DigitClassifier, VariationalAutoencoder

IMAGES = gt.data.digits(batch_size=8, labels=False, pixels=(-1.0, 1.0))
LABELLED = gt.data.digits(batch_size=8)
BANNED = """
import runpy, sys
sys.modules["gantape"] = None
for file in sys.argv[1:]:
    runpy.run_path(file)["train"](2)
"""


class ReadsANumber(DigitClassifier):
    """A classifier whose loss depends on Python's `if`."""

    def build_loss(self) -> Any:
        def loss(targets: Any, predictions: Any) -> Any:
            value = tf.reduce_mean(predictions)
            return value if value > 0.0 else -value

        return loss


def test_programs_equal_the_loop_and_run_without_gantape(tmp_path: Path) -> None:
    tasks = {
        "classifier": (DigitClassifier(hidden_units=4), LABELLED),
        "vae": (VariationalAutoencoder(hidden_units=4), gt.data.digits(batch_size=8, labels=False)),
        "dcgan": (DCGAN(width=4, hidden_units=4), IMAGES),
        "wgan_gp": (WGANGP(width=4), IMAGES),
    }
    found = {name: eject(task, data, tmp_path / f"{name}.py", check=2) for name, (task, data) in tasks.items()}
    assert {name for name, made in found.items() if made.check.equal} == set(tasks)
    assert "+        with tf.GradientTape(watch_accessed_variables=False) as tape_1:" in found["dcgan"].diff(found["wgan_gp"])
    files = [str(tmp_path / f"{name}.py") for name in tasks]
    subprocess.run([sys.executable, "-c", BANNED, *files], check=True, capture_output=True, timeout=300)


def test_an_error_names_the_line_and_leaves_everything_as_it_was() -> None:
    task = ReadsANumber(hidden_units=4)
    before = [variable.numpy() for variable in task.variables]
    functions = (tf.reduce_mean, tf.Tensor.__add__, tf.GradientTape, keras.layers.Layer.__call__, keras.losses.Loss.__call__)
    with pytest.raises(gt.errors.EjectError, match=r"test_eject.py, line \d+, in loss"):
        eject(task, LABELLED)
    after = (tf.reduce_mean, tf.Tensor.__add__, tf.GradientTape, keras.layers.Layer.__call__, keras.losses.Loss.__call__)
    assert functions == after
    assert all((old == new.numpy()).all() for old, new in zip(before, task.variables, strict=True))


def test_an_operation_that_is_no_layer_is_refused(tmp_path: Path) -> None:
    class Gated(DigitClassifier):
        def build_model(self) -> Any:
            images = keras.Input((28, 28, 1))
            hidden = keras.activations.glu(keras.layers.Dense(8)(keras.layers.Flatten()(images)))
            return keras.Model(images, keras.layers.Dense(10)(hidden))

    with pytest.raises(gt.errors.EjectError, match="no layer"):
        eject(Gated(), LABELLED, tmp_path / "gated.py")
