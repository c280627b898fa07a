"""Checks, prints and calls of Python in a step: XLA is refused, with the line, where it would drop them."""

from typing import Any

import keras
import pytest
import tensorflow as tf
from tiny import Classifier, labelled, make

import gantape as gt
from gantape.compiler.autotune import Tuner
from gantape.compiler.failures import explain_failure
from gantape.compiler.trials import RunLength
from gantape.errors import CompileError

FILE = __file__.rsplit("/", 1)[-1]


def asserted(value: Any) -> Any:
    tf.debugging.assert_less(value, 1e9)
    return value


def asserted_in_a_branch(value: Any) -> Any:
    def low() -> Any:
        tf.debugging.assert_greater(value, -1.0)
        return value

    return tf.cond(value > 1e9, lambda: value, low)


@tf.function
def asserted_in_a_function(value: Any) -> Any:
    tf.debugging.Assert(value < 1e9, [value])
    return value


def checked(value: Any) -> Any:
    return tf.debugging.check_numerics(value, "loss")


def printed(value: Any) -> Any:
    tf.print("loss", value, output_stream="file:///dev/null")
    return value


def from_numpy(value: Any) -> Any:
    return value + tf.ensure_shape(tf.numpy_function(lambda number: number * 0, [value], tf.float32), [])


def from_python(value: Any) -> Any:
    return value + tf.ensure_shape(tf.py_function(lambda number: number * 0, [value], tf.float32), [])


LOSSES = (asserted, asserted_in_a_branch, asserted_in_a_function, checked, printed, from_numpy, from_python)


class Checked(Classifier):
    place: int = 0

    def build_loss(self):
        def loss(targets, predictions):
            return LOSSES[self.place](tf.reduce_mean(tf.abs(predictions)))

        return loss

    def build_metrics(self):
        return gt.MetricSet()


def trained(place: int, mode: Any, steps: int = 2) -> gt.Loop:
    loop = gt.Loop(make(Checked, place=place), compiler=gt.StepCompiler(mode))
    loop.run(labelled(), steps=steps)
    return loop


@pytest.mark.parametrize("place", range(len(LOSSES)), ids=lambda place: LOSSES[place].__name__)
def test_xla_is_refused_with_the_line(place: int) -> None:
    trained(place, "graph")
    for mode in ("xla", "xla-loop"):
        with pytest.raises(CompileError) as caught:
            trained(place, mode)
        assert FILE in caught.value.where
        assert 'mode="graph"' in caught.value.do


def test_auto_chooses_the_graph_and_says_why() -> None:
    task = make(Checked)
    step = gt.Step(task.updates(), seed=0, update_metrics=task.metrics.update)
    reader = gt.data.PeekableReader(labelled().open(0, gt.data.Position()))
    choice, _ = Tuner(gt.StepCompiler("auto"), step).choose(reader, 0, RunLength())
    assert choice.mode == "graph"
    assert "an assertion, which XLA leaves out" in choice.table()
    assert FILE in choice.table()


def test_an_error_without_a_line_of_the_user_says_so() -> None:
    try:
        tf.reshape(tf.zeros([3]), [2])
    except tf.errors.InvalidArgumentError as caught:
        error = caught.with_traceback(caught.__traceback__.tb_next)
    found = explain_failure(error, "graph", ("model",))
    assert "no line of your own code" in found.where
    assert "tensorflow" in found.where
    assert len(str(found)) < 1500


def test_an_error_of_a_layer_names_the_layer_and_the_problem() -> None:
    model = keras.Sequential([keras.Input((None,), dtype="int32"), keras.layers.Embedding(3, 2), keras.layers.GRU(2)])
    with pytest.raises(ValueError, match="ragged") as caught:
        tf.function(model).get_concrete_function(tf.RaggedTensorSpec([2, None], tf.int32))
    found = explain_failure(caught.value, "graph", ("model",))
    assert "GRU.call()" in found.got
    assert "ragged dimension" in found.got
    assert "error_handler" not in found.where
