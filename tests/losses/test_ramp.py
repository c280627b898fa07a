"""A ramp has the value of its step, in training and in evaluation."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tiny import MODES

import gantape as gt
from gantape.errors import HyperparameterError

NUMBERS = st.floats(-10.0, 10.0, width=32)


@given(start=NUMBERS, end=NUMBERS, steps=st.integers(1, 50), delay=st.integers(0, 50), step=st.integers(0, 200))
def test_it_is_the_interpolation_of_numpy(start, end, steps, delay, step):
    ramp = gt.losses.Ramp(start, end, steps=steps, delay=delay)
    expected = np.interp(step, [delay, delay + steps], [start, end])
    assert float(ramp(step)) == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert float(ramp(tf.constant(step, tf.int64))) == float(ramp(step))


@pytest.mark.parametrize("arguments", [{"steps": 0}, {"steps": 1.5}, {"delay": -1}, {"end": float("inf")}, {"start": "0"}])
def test_wrong_numbers_are_refused(arguments):
    with pytest.raises(HyperparameterError):
        gt.losses.Ramp(**arguments)


class Ramped(gt.Task):
    def build_model(self):
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])

    def build_optimizer(self):
        return keras.optimizers.SGD(0.0)

    def build_ramp(self):
        return gt.losses.Ramp(0.0, 2.0, steps=4, delay=1)

    def updates(self):
        return (gt.Update("model", self.evaluate, [self.model], self.optimizer),)

    def evaluate(self, batch, rng):
        keras_ramp = keras.optimizers.schedules.PolynomialDecay(0.0, 4, 2.0)
        error = tf.reduce_mean(self.model(batch) ** 2)
        drawn = tf.reduce_mean(rng.uniform("numbers", [2]))
        return gt.Losses({"error": error}, logged={"ramp": self.ramp(rng.step), "keras": keras_ramp(rng.step), "drawn": drawn})


@pytest.mark.parametrize("mode", MODES)
def test_training_and_validation_see_the_steps_of_training(mode):
    data = gt.data.from_arrays(np.ones((8, 2), "float32"), batch_size=4)
    loop = gt.Loop(Ramped(), compiler=gt.StepCompiler(mode), progress=False)
    history = loop.run(data, validation=data, steps=6, record=gt.every(steps=1))
    assert history.values("ramp") == pytest.approx([0.0, 0.0, 0.5, 1.0, 1.5, 2.0])
    assert history.values("ramp", "validation") == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.0, 2.0])
    assert history.values("keras") == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.0, 2.0])
    assert len(set(history.values("drawn", "validation"))) == 1
    assert len(set(history.values("drawn"))) == 6
