"""A run on a `tf.data.Dataset` is resumed at the batch after the last one that it used."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tiny import PointGan, points

import gantape as gt
from gantape.data import PeekableReader, Position
from gantape.errors import DataError
from gantape.testing import assert_resumes_exactly


def dataset(seed: int | None = 3, **options: Any) -> gt.data.DatasetBatches:
    numbers = points().arrays
    source = tf.data.Dataset.from_tensor_slices(numbers).shuffle(40, seed=seed, **options).batch(4).prefetch(2)
    return gt.data.from_dataset(source)


@pytest.mark.parametrize("stops", [(5,), (16,), (9, 20, 33)], ids=["in an epoch", "at its end", "three times"])
def test_a_shuffled_dataset_goes_on_where_it_was(stops: tuple[int, ...]) -> None:
    """The order of the epochs after that, too, though each is shuffled anew."""
    assert_resumes_exactly(
        lambda: PointGan(),
        dataset,
        steps=40,
        stops=stops,
        compiler=gt.StepCompiler("eager"),
        record=gt.every(steps=10) | gt.at_end(),
    )


@pytest.mark.parametrize(("shown", "read"), [(0, 3), (6, 3), (20, 15), (16, 16), (1, 40)])
def test_what_was_shown_and_not_yet_read_is_saved(tmp_path: Path, shown: int, read: int) -> None:
    """As mode auto looks at batches before the first step; 16 batches are an epoch."""
    reader = PeekableReader(dataset().open(0, Position()))
    position = Position()
    for _ in range(read):
        reader.peek(max(shown, 1))
        position = reader.read(1).next
    facts = json.loads(json.dumps(reader.save(tmp_path / "data")))
    other = PeekableReader(dataset().open(0, position))
    other.restore(tmp_path / "data", facts)
    for _ in range(40):
        one, two = reader.read(1), other.read(1)
        np.testing.assert_array_equal(one.batches, two.batches)
        assert one.next == two.next


def generated() -> gt.data.DatasetBatches:
    signature = tf.TensorSpec([2], tf.float32)
    source = tf.data.Dataset.from_generator(lambda: iter(np.zeros((24, 2), np.float32)), output_signature=signature)
    return gt.data.from_dataset(source.batch(4))


def unseeded() -> gt.data.DatasetBatches:
    return dataset(seed=None)


@pytest.mark.parametrize(("data", "says"), [(generated, "PyFunc is stateful"), (unseeded, "shuffled differently each time")])
def test_a_dataset_that_cannot_be_resumed_is_refused_before_it_costs_anything(tmp_path: Path, data: Any, says: str) -> None:
    tf.random.set_seed(None)  # with a global seed, every shuffle has one
    loop = gt.Loop(PointGan(), compiler=gt.StepCompiler("eager"), run_dir=tmp_path / "run")
    with pytest.raises(DataError, match=says) as caught:
        loop.run(data(), steps=2)
    assert "checkpoints=None" in caught.value.do
    assert not (tmp_path / "run").exists()
    loop = gt.Loop(PointGan(), compiler=gt.StepCompiler("eager"), run_dir=tmp_path / "run", checkpoints=None)
    assert loop.run(data(), steps=2).last()["step"] == 2
    assert {path.name for path in (tmp_path / "run").iterdir()} == {".lock", "run.json", "metrics.csv"}
