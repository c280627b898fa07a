"""Ejected programs compute what the loop computes, and tracing leaves nothing behind."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import pytest
import tensorflow as tf

import gantape as gt
from docs import eject_examples
from gantape import eject
from gantape.ejection import Ejected
from gantape.zoo import DigitClassifier

DOCS = Path(__file__).parents[2] / "docs"
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


def without_header(text: str) -> str:
    return text[text.index('"""', 3) :]


def checked(names: Iterable[str], tmp_path: Path) -> dict[str, Ejected]:
    """Programs of the docs, written anew, compared with those of the docs, and run without gantape."""
    found = {
        name: eject(*eject_examples.tasks()[eject_examples.PROGRAMS[name]](), tmp_path / f"{name}.py", check=2)
        for name in names
    }
    for name, made in found.items():
        assert made.check.equal, name
        assert without_header(made.text) == without_header((DOCS / f"by_hand/{name}.py").read_text()), name
    files = [str(tmp_path / f"{name}.py") for name in names]
    subprocess.run([sys.executable, "-c", BANNED, *files], check=True, capture_output=True, timeout=600)
    return found


def test_programs_of_the_docs_are_written_as_they_are_there_and_run_without_gantape(tmp_path: Path) -> None:
    """If not: python scripts/docs/eject_examples.py."""
    checked(["classifier", "vae"], tmp_path)


@pytest.mark.slow
def test_programs_of_gans_are_written_as_they_are_in_the_docs_and_run_without_gantape(tmp_path: Path) -> None:
    found = checked(["dcgan", "wgan_gp", "cyclegan"], tmp_path)
    assert "+        with tf.GradientTape(watch_accessed_variables=False) as tape_1:" in found["dcgan"].diff(found["wgan_gp"])


def test_an_error_names_the_line_and_leaves_everything_as_it_was() -> None:
    task = ReadsANumber(hidden_units=4)
    before = [variable.numpy() for variable in task.variables]
    functions = (tf.reduce_mean, tf.Tensor.__add__, tf.GradientTape, keras.layers.Layer.__call__, keras.losses.Loss.__call__)
    with pytest.raises(gt.errors.EjectError, match=r"test_eject.py, line \d+, in loss"):
        eject(task, LABELLED)
    after = (tf.reduce_mean, tf.Tensor.__add__, tf.GradientTape, keras.layers.Layer.__call__, keras.losses.Loss.__call__)
    assert functions == after
    assert all((old == new.numpy()).all() for old, new in zip(before, task.variables, strict=True))


class Doubled(keras.Operation):
    """An operation of a user's own."""

    def call(self, values: Any) -> Any:
        return 2.0 * values

    def compute_output_spec(self, values: Any) -> Any:
        return keras.KerasTensor(values.shape, values.dtype)


def test_an_operation_that_is_neither_a_layer_nor_of_keras_is_refused(tmp_path: Path) -> None:
    class Gated(DigitClassifier):
        def build_model(self) -> Any:
            images = keras.Input((28, 28, 1))
            return keras.Model(images, keras.layers.Dense(10)(Doubled()(keras.layers.Flatten()(images))))

    with pytest.raises(gt.errors.EjectError, match="no layer"):
        eject(Gated(), LABELLED, tmp_path / "gated.py")
