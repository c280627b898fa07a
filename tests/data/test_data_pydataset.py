"""A `keras.utils.PyDataset`: batches by index, in an order of seed and epoch, with its calls at ends of epochs."""

from typing import Any

import keras
import numpy as np
import pytest

import gantape as gt
from gantape.data import Position
from gantape.testing import assert_resumes_exactly

POINTS = np.random.default_rng(0).normal(size=(14, 2)).astype(np.float32)


class Points(keras.utils.PyDataset):
    """Batches of 4, 4, 4 and 2 points; shuffled by a generator of its own after each epoch."""

    def __init__(self, length: int = 4) -> None:
        super().__init__()
        self.points, self.length = POINTS.copy(), length
        self.rng, self.calls = np.random.default_rng(0), ""

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Any:
        batch = self.points[4 * index : 4 * index + 4]
        return batch, batch[:, :1]

    def on_epoch_begin(self) -> None:
        self.calls += "b"

    def on_epoch_end(self) -> None:
        self.calls += "e"
        self.rng.shuffle(self.points)


class Line(gt.SupervisedTask):
    def build_model(self):
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])

    def build_optimizer(self):
        return keras.optimizers.SGD(0.1)

    def build_loss(self):
        return keras.losses.MeanSquaredError()


class Still(Points):
    def on_epoch_end(self) -> None:
        self.calls += "e"


def test_weights_are_those_of_fit_and_so_are_the_calls() -> None:
    # Keras calls `on_epoch_end` once before the first epoch too, so that nothing is to be shuffled in it here.
    task, ours, theirs = Line(), Still(), Still()
    model = keras.models.clone_model(task.model)
    model.set_weights(task.model.get_weights())
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(theirs, epochs=3, shuffle=False, verbose=0)
    loop = gt.Loop(task, compiler=gt.StepCompiler("eager"), progress=False)
    loop.run(gt.data.from_pydataset(ours, shuffle=False), epochs=3)
    for found, expected in zip(task.model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert ours.calls == "bebebe"
    assert (loop.state.epoch, loop.state.step, loop.state.examples) == (3, 12, 42)


def test_order_is_a_function_of_seed_and_epoch() -> None:
    def first(seed: int, epoch: int) -> list[float]:
        reader = gt.data.from_pydataset(Fixed()).open(seed, Position(epoch, 0))
        return [float(reader.read(1).batches[0][0, 0]) for _ in range(6)]

    assert first(0, 1) == first(0, 1)
    assert sorted(first(0, 1)) == sorted(first(3, 5)) == list(range(6))
    assert len({tuple(first(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9


class Fixed(Points):
    def __getitem__(self, index: int) -> Any:
        return np.full((2, 1), index, np.float32)

    @property
    def num_batches(self) -> int:
        return 6


def test_a_run_resumes_bit_for_bit() -> None:
    assert_resumes_exactly(
        Line,
        lambda: gt.data.from_pydataset(Points()),
        steps=14,
        stops=(4, 9),
        record=gt.every(steps=3),
        compiler=gt.StepCompiler("eager"),
    )


class Broken(Points):
    def __getitem__(self, index: int) -> Any:
        if index == 2:
            raise OSError("no such file")
        return super().__getitem__(index)


def test_wrong_uses_are_answered() -> None:
    with pytest.raises(gt.errors.DataError, match=r"batch 2\n  got:    OSError: no such file"):
        list(gt.data.from_pydataset(Broken()).examples_in_order())
    with pytest.raises(gt.errors.DataError, match="0 batches"):
        gt.data.from_pydataset(Points(0))
    for use in (
        lambda: gt.Loop(Line()).run(Points(), steps=1),
        lambda: gt.data.from_sequence(Points(), batch_size=1),
        lambda: gt.data.from_dataset(Points()),
    ):
        with pytest.raises(gt.errors.DataError, match="from_pydataset"):
            use()
    with pytest.raises(gt.errors.DataError, match="from_sequence"):
        gt.Loop(Line()).run((batch for batch in Points()), steps=1)
