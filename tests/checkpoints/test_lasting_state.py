"""What lasts from step to step outside of variables: tables come back, and what cannot be saved is refused or said."""

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import points

import gantape as gt
from gantape.errors import GantapeWarning, TaskError

KEY = tf.constant("seen")
OUTSIDE: dict[str, Any] = {}


class Counts(gt.Task):
    """A line that counts its steps in a hash table."""

    dense: bool = False

    def build_table(self):
        if self.dense:
            return {"counts": tf.lookup.experimental.DenseHashTable(tf.string, tf.float32, 0.0, "", "-")}
        return [tf.lookup.experimental.MutableHashTable(tf.string, tf.float32, 0.0)]

    def build_weight(self):
        return keras.Variable([1.0, 1.0])

    def build_optimizer(self):
        return keras.optimizers.SGD(0.1)

    def table_in_use(self) -> Any:
        return self.table["counts"] if self.dense else self.table[0]

    def noise(self) -> Any:
        return 0.0

    def loss(self, batch, rng):
        table = self.table_in_use()
        count = tf.ensure_shape(table.lookup(KEY), []) + 1.0
        table.insert(KEY, count)
        return gt.Losses({"error": tf.reduce_mean((batch - self.weight + self.noise()) ** 2)}, logged={"count": count})

    def updates(self):
        return (gt.Update("line", self.loss, (self.weight,), self.optimizer),)


def train(task: gt.Task, run_dir: Path, mode: str) -> dict[str, Any]:
    data = points(8)
    return dict(gt.Loop(task, run_dir=run_dir, compiler=gt.StepCompiler(mode), progress=False).run(data, steps=3).last())


@pytest.mark.parametrize("mode", ["eager", "graph"])
@pytest.mark.parametrize("dense", [False, True])
def test_a_hash_table_that_a_part_holds_is_restored(tmp_path, mode, dense):
    train(Counts(dense=dense), tmp_path, mode)
    task = Counts(dense=dense)
    task.table_in_use().insert(tf.constant("other"), tf.constant(5.0))
    loop = gt.Loop.resume(tmp_path, task, progress=False)
    assert float(task.table_in_use().lookup(KEY)) == 3.0
    assert float(task.table_in_use().lookup(tf.constant("other"))) == 0.0
    loop.run(points(8), steps=1)
    assert float(task.table_in_use().lookup(KEY)) == 4.0


class Memory:
    """Remembers in an array."""

    def __init__(self):
        self.seen = {"values": np.zeros(3)}
        self.fixed = np.ones(2)


class Remembers(Counts):
    """Keeps an object with arrays among its parts."""

    def build_memory(self):
        return Memory()


@pytest.mark.parametrize("changes", [True, False])
def test_arrays_in_parts_that_change_are_refused(tmp_path, changes):
    task = Remembers()

    def remember(progress):
        if changes:
            task.memory.seen["values"] += 1.0

    loop = gt.Loop(task, run_dir=tmp_path, callbacks=[gt.Callback(remember, gt.every(steps=1))], progress=False)
    if not changes:
        loop.run(points(8), steps=2)
        return
    with pytest.raises(TaskError, match=r"array in a part has changed[\s\S]*memory/seen/values"):
        loop.run(points(8), steps=2)


class Elsewhere(Counts):
    """Counts in a table that no part holds."""

    def table_in_use(self):
        return OUTSIDE["table"]


class Translated(Counts):
    """Reads a table that never changes, which no part has to hold."""

    def noise(self):
        return tf.ensure_shape(OUTSIDE["fixed"].lookup(tf.constant(1, tf.int64)), [])


class GlobalSeed(Counts):
    """Draws from the seed that Keras has for all."""

    def noise(self):
        return keras.random.normal(())


class Unseeded(Counts):
    """Draws random numbers of TensorFlow."""

    def noise(self):
        return tf.random.normal([])


@pytest.mark.parametrize("mode", ["eager", "graph"])
@pytest.mark.parametrize("task", [Elsewhere, GlobalSeed])
def test_what_no_part_holds_is_refused(tmp_path, mode, task):
    OUTSIDE["table"] = tf.lookup.experimental.MutableHashTable(tf.string, tf.float32, 0.0)
    keras.random.normal(())
    with pytest.raises(TaskError, match="no part of the task holds"):
        train(task(), tmp_path, mode)


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_tables_that_never_change_are_not_refused(tmp_path, mode):
    OUTSIDE["fixed"] = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.constant([1], tf.int64), tf.constant([0.5])), default_value=0.0
    )
    assert np.isfinite(train(Translated(), tmp_path, mode)["loss"])


def test_random_numbers_without_a_state_that_can_be_saved_are_said(tmp_path):
    with pytest.warns(GantapeWarning, match="RandomStandardNormal"):
        train(Unseeded(), tmp_path, "graph")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gt.Loop(Unseeded(), progress=False).run(points(8), steps=1)


class InBranch(Counts):
    """Changes a table that no part holds in one branch, or in a loop in it."""

    looped: bool = False

    def noise(self):
        if OUTSIDE["on"] > 0.0:
            if self.looped:
                for _ in tf.range(2):
                    OUTSIDE["table"].insert(KEY, 1.0)
            else:
                OUTSIDE["table"].insert(KEY, 1.0)
        return 0.0


class ReadInBranch(Counts):
    """Reads a table that no part holds in one branch."""

    def noise(self):
        value = tf.constant(0.0)
        if OUTSIDE["on"] > 0.0:
            value = tf.ensure_shape(OUTSIDE["table"].lookup(KEY), [])
        return value


@pytest.mark.parametrize("looped", [False, True])
def test_a_table_that_changes_in_a_branch_only_is_refused(tmp_path, looped):
    OUTSIDE.update(table=tf.lookup.experimental.MutableHashTable(tf.string, tf.float32, 0.0), on=tf.Variable(1.0))
    holder = type("Holder", (InBranch,), {"build_switch": lambda self: OUTSIDE["on"]})
    with pytest.raises(TaskError, match="a hash table"):
        train(holder(looped=looped), tmp_path, "graph")


def test_a_table_that_is_read_in_a_branch_is_not_refused(tmp_path):
    OUTSIDE.update(table=tf.lookup.experimental.MutableHashTable(tf.string, tf.float32, 0.0), on=tf.Variable(1.0))
    holder = type("Holder", (ReadInBranch,), {"build_switch": lambda self: OUTSIDE["on"]})
    assert np.isfinite(train(holder(), tmp_path, "graph")["loss"])
