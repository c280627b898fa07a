"""What layers hold outside of variables comes back, as with Keras' own saving."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tiny import Classifier, labelled, make

import gantape as gt
from gantape.checkpoints.own_state import own_state, restore_own_state
from gantape.errors import RunDirectoryError, TaskError

layers = keras.layers
NUMBERS = np.random.default_rng(0).normal(50.0, 7.0, (32, 3)).astype("float32")
WORDS = np.array([["a"], ["b"], ["b"], ["c"]])


class Standardize(layers.Layer):
    """Keeps what it has seen in attributes, and nothing in variables."""

    def __init__(self) -> None:
        super().__init__()
        self.mean_seen: Any = None

    def adapt(self, data: Any) -> None:
        self.mean_seen = data.mean(axis=0)

    def call(self, inputs: Any) -> Any:
        return inputs - (0.0 if self.mean_seen is None else self.mean_seen)


class Doubled(layers.Layer):
    """Derives a number from its variable when Keras loads it, and saves another itself."""

    def build(self, shape: Any) -> None:
        self.level = self.add_weight(shape=(), name="level")
        self.twice, self.calls = 0.0, 0

    def adapt(self, data: Any) -> None:
        self.level.assign(float(data.mean()))
        self.twice, self.calls = 2.0 * float(self.level), 7

    def save_own_variables(self, store: Any) -> None:
        store["level"] = self.level
        store["calls"] = np.int64(self.calls)

    def load_own_variables(self, store: Any) -> None:
        self.level.assign(store["level"])
        self.twice, self.calls = 2.0 * float(self.level), int(store["calls"])

    def call(self, inputs: Any) -> Any:
        return inputs * self.twice + self.calls


class Known(layers.Normalization):
    """Normalization that ignores what it is adapted to."""

    def __init__(self) -> None:
        super().__init__(mean=3.0, variance=2.0)

    def adapt(self, data: Any) -> None:
        del data


def built(layer: Any) -> Any:
    layer.build((None, 3))
    return layer


KINDS = {
    "normalization": (lambda: built(layers.Normalization()), NUMBERS),
    "normalization in 16 bits": (lambda: built(layers.Normalization(dtype="mixed_bfloat16")), NUMBERS),
    "normalization of known statistics": (lambda: built(Known()), NUMBERS),
    "boundaries": (lambda: layers.Discretization(num_bins=4), NUMBERS),
    "strings": (lambda: layers.StringLookup(), WORDS),
    "integers": (lambda: layers.IntegerLookup(), np.array([[5], [7], [5]])),
    "texts": (lambda: layers.TextVectorization(max_tokens=6, output_sequence_length=2), WORDS[:, 0]),
    "weights of words": (lambda: layers.TextVectorization(max_tokens=6, output_mode="tf_idf"), WORDS[:, 0]),
    "attributes": (lambda: Standardize(), NUMBERS),
    "own saving": (lambda: built(Doubled()), NUMBERS),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_computes_what_it_did(kind: str) -> None:
    create, data = KINDS[kind]
    one, other = create(), create()
    one.adapt(data)
    state = own_state({"part/layer": one})
    for _ in range(2):
        restore_own_state({"part/layer": other}, state, "here")
        for mine, theirs in zip(other.variables, one.variables, strict=True):
            mine.assign(theirs)
    np.testing.assert_array_equal(np.asarray(other(data)), np.asarray(one(data)))
    assert own_state({"part/layer": other}).keys() == state.keys()


def test_layers_of_variables_alone_need_nothing_more() -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2), layers.BatchNormalization(), layers.Dropout(0.5)])
    assert own_state({f"model/{place}": layer for place, layer in enumerate([model, *model.layers])}) == {}


def test_the_state_of_a_layer_that_the_task_does_not_have_is_refused() -> None:
    layer = Standardize()
    layer.adapt(NUMBERS)
    with pytest.raises(RunDirectoryError, match="which no part of the task has"):
        restore_own_state({}, own_state({"part": layer}), "here")


class Adapted(Classifier):
    """A classifier behind a layer that is adapted to the data after it is built."""

    def build_model(self):
        self_made = [layers.Normalization(), Standardize()]
        return keras.Sequential([keras.Input((4,)), *self_made, layers.Dense(3)])


def adapt(task: Any) -> Any:
    inputs = np.random.default_rng(2).normal(3.0, 2.0, (64, 4)).astype("float32")
    for layer in task.model.layers[:2]:
        layer.adapt(inputs)
    return task


def test_adapted_layers_are_restored_by_resume_and_by_the_best_checkpoint(tmp_path: Path) -> None:
    settings = gt.Checkpoints(best=gt.Best("loss"))
    loop = gt.Loop(adapt(make(Adapted)), run_dir=tmp_path, checkpoints=settings, progress=False)
    history = loop.run(labelled(), validation=labelled(), epochs=2)
    resumed = gt.Loop.resume(tmp_path, Adapted(), progress=False)
    assert resumed.evaluate(labelled()) == loop.evaluate(labelled())
    best = Adapted()
    gt.load_best(tmp_path, best)
    assert gt.Loop(best).evaluate(labelled())["loss"] == min(history.values("loss", "validation"))


def test_a_task_is_set_up_once_on_the_prepared_data(tmp_path: Path) -> None:
    calls = []

    class SetUp(Adapted):
        def set_up(self, batches: Any) -> None:
            inputs = np.concatenate([inputs for inputs, _ in batches])
            calls.append(inputs)
            for layer in self.model.layers[:2]:
                layer.adapt(inputs)

    numbers = np.arange(40.0, dtype="float32").reshape(10, 4)
    data = gt.data.from_arrays((numbers, np.arange(10) % 3), batch_size=4, prepare=lambda pair: (2.0 * pair[0], pair[1]))
    compiler = gt.StepCompiler("eager")
    loop = gt.Loop(make(SetUp), compiler=compiler, run_dir=tmp_path, progress=False)
    loop.run(data, steps=1)
    loop.run(data, steps=1)
    resumed = gt.Loop.resume(tmp_path, SetUp(), progress=False)
    assert resumed.evaluate(data) == loop.evaluate(data)
    resumed.run(data, steps=1)
    np.testing.assert_array_equal(calls, [2.0 * numbers])


def test_a_layer_without_variables_yet_is_refused_before_the_first_step(tmp_path: Path) -> None:
    class Late(Classifier):
        def build_extra(self):
            return layers.Dense(3)

        def build_loss(self):
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            return lambda targets, predictions: loss(targets, self.extra(predictions))

    loop = gt.Loop(make(Late), run_dir=tmp_path / "run", progress=False)
    with pytest.raises(TaskError, match="makes variables in its first call"):
        loop.run(labelled(), steps=1)
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_layer_that_cannot_be_saved_is_refused_before_the_first_step(tmp_path: Path) -> None:
    class Broken(Doubled):
        def save_own_variables(self, store: Any) -> None:
            store["calls"] = self.nothing

    class Unsaved(Classifier):
        def build_extra(self):
            return built(Broken())

    loop = gt.Loop(make(Unsaved), run_dir=tmp_path / "run", progress=False)
    with pytest.raises(TaskError, match=r"a part cannot be saved(.|\n)*extra"):
        loop.run(labelled(), steps=1)
