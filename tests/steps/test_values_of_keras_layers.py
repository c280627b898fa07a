"""What layers of Keras derive or hold outside of variables, and that changes between calls, is that of the next call."""

import keras
import numpy as np

import gantape as gt

data = gt.data.from_arrays((np.ones((4, 2), "float32"), np.zeros((4, 1), "float32")), batch_size=4)


class Line(gt.SupervisedTask):
    """The mean square of what a model predicts, where nothing is learnt."""

    def build_optimizer(self):
        return keras.optimizers.SGD(0.0)

    def build_loss(self):
        return keras.losses.MeanSquaredError()


def test_a_regularizer_and_a_normalization_that_change_are_those_of_the_next_call():
    class Weighed(Line):
        def build_model(self):
            regularizer = keras.regularizers.L2(0.0)
            dense = keras.layers.Dense(1, kernel_initializer="ones", use_bias=False, kernel_regularizer=regularizer)
            return keras.Sequential([keras.Input((2,)), keras.layers.Normalization(mean=0.0, variance=1.0), dense])

    task = Weighed()
    loop = gt.Loop(task, progress=False)
    losses = [loop.run(data, steps=1).last()["loss"]]
    task.model.layers[1].kernel_regularizer.l2 = 0.5
    losses += [loop.run(data, steps=1).last()["loss"], loop.evaluate(data)["loss"]]
    task.model.layers[0].mean -= 1.0
    losses += [loop.run(data, steps=1).last()["loss"], loop.evaluate(data)["loss"]]
    assert losses == [4.0, 5.0, 5.0, 17.0, 17.0]


def test_a_vocabulary_that_is_adapted_anew_is_that_of_the_next_call():
    class Worded(Line):
        def build_model(self):
            words = keras.layers.StringLookup(vocabulary=["no"], output_mode="count", num_oov_indices=1)
            return keras.Sequential([keras.Input((1,), dtype="string"), words, keras.layers.Dense(1, use_bias=False)])

    task = Worded()
    task.model.layers[1].set_weights([np.array([[1.0], [2.0]], "float32")])
    words = gt.data.from_arrays((np.array([["yes"]] * 4), np.zeros((4, 1), "float32")), batch_size=4)
    loop = gt.Loop(task, progress=False)
    losses = [loop.run(words, steps=1).last()["loss"], loop.evaluate(words)["loss"]]
    task.model.layers[0].set_vocabulary(["yes"])
    losses += [loop.run(words, steps=1).last()["loss"], loop.evaluate(words)["loss"]]
    assert losses == [1.0, 1.0, 4.0, 4.0]
