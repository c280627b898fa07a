"""What is easily written when a loop by hand becomes a task, and is refused or explained."""

from typing import Any

import keras
import pytest
import tensorflow as tf
from misuse import moved
from tiny import PointGan, points

import gantape as gt
from gantape.errors import CompileError, TaskError


class Squares(gt.Task):
    """The squares of a model's outputs."""

    def build_model(self) -> Any:
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])

    def build_optimizer(self) -> Any:
        return keras.optimizers.SGD(0.1)

    def updates(self) -> Any:
        return (gt.Update("model", self.loss, [self.model], self.optimizer),)

    def loss(self, batch: Any, rng: gt.RandomStreams) -> gt.Losses:
        return gt.Losses({"squares": tf.reduce_mean(self.model(batch) ** 2)})


class Unwatched(Squares):
    """The gradient by a batch that no tape watches."""

    def loss(self, batch: Any, rng: gt.RandomStreams) -> gt.Losses:
        with tf.GradientTape() as tape:
            outputs = self.model(batch)
        return gt.Losses({"slope": tf.reduce_mean(tape.gradient(outputs, batch) ** 2)})


@pytest.mark.parametrize(
    "loss",
    [lambda batch: None, lambda: None, lambda batch, rng, extra: None, lambda batch, *, rng: None, 3.0],
    ids=["one", "none", "three", "by name", "a number"],
)
def test_a_loss_takes_a_batch_and_random_streams(loss: Any) -> None:
    with pytest.raises(TaskError, match=r"define it as loss\(self, batch, rng\)"):
        moved(loss=loss)


@pytest.mark.parametrize("loss", [lambda batch, rng: None, lambda *both: None, lambda batch, rng, extra=1: None])
def test_any_function_of_both_is_a_loss(loss: Any) -> None:
    assert moved(loss=loss).updates()[0].loss is loss


@pytest.mark.parametrize("variables", ["model", "variable"])
def test_a_single_model_is_put_into_a_list(variables: str) -> None:
    one: Any = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]) if variables == "model" else keras.Variable(1.0)
    with pytest.raises(TaskError, match=r"a list[\s\S]*\[self\.model\]"):
        moved(variables=one)


def test_a_variable_of_tensorflow_is_named_with_that_of_keras() -> None:
    with pytest.raises(TaskError, match=r"keras\.Variable instead of a tf\.Variable"):
        moved(variables=[tf.Variable(1.0)])


@pytest.mark.parametrize("base", [Squares, PointGan])
def test_a_task_has_no_init_of_its_own(base: type[Any]) -> None:
    def __init__(self: Any, width: int = 3) -> None:
        raise AssertionError

    with pytest.raises(TaskError, match=r"got:    __init__\(self: Any, width: int = 3\)[\s\S]*width: int = 32"):
        type("Mine", (base,), {"__init__": __init__})


def test_a_gradient_that_is_none_is_explained() -> None:
    with pytest.raises(CompileError, match=r"test_ported_mistakes\.py:\d+, in loss[\s\S]*tape\.watch"):
        gt.Loop(Unwatched(), compiler=gt.StepCompiler("graph")).run(points(), steps=1)
