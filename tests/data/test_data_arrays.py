"""Batches from arrays: the order is a pure function of (seed, epoch), whatever the sizes of the reads."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import seeds

import gantape as gt
from gantape.data import BatchStack, PeekableReader, Position

chunks = st.lists(st.integers(1, 7), min_size=1, max_size=12)
sources = st.builds(
    lambda examples, size: gt.data.from_arrays(np.arange(examples), batch_size=min(size, examples)),
    st.integers(1, 40),
    st.integers(1, 9),
)


def batches_of(stacks: Iterable[BatchStack]) -> list[list[int]]:
    return [stack.batch(place).numpy().tolist() for stack in stacks for place in range(stack.count)]


def first_batches(source: gt.data.ArrayBatches, seed: int, count: int, start: Position | None = None) -> list[list[int]]:
    reader = source.open(seed, start or Position())
    return batches_of(reader.read(1) for _ in range(count))


@given(examples=st.integers(1, 500), seed=seeds, epoch=st.integers(0, 1000))
def test_the_order_of_an_epoch_is_a_permutation_and_pure(examples: int, seed: int, epoch: int) -> None:
    order = gt.data.shuffled(examples, seed, epoch)
    assert sorted(order.tolist()) == list(range(examples))
    np.testing.assert_array_equal(order, gt.data.shuffled(examples, seed, epoch))


def test_other_seeds_and_epochs_have_other_orders() -> None:
    orders = {tuple(gt.data.shuffled(50, seed, epoch).tolist()) for seed in range(10) for epoch in range(10)}
    assert len(orders) == 100


def test_every_example_is_as_likely_at_every_place() -> None:
    counts = np.zeros((5, 5))
    for epoch in range(2000):
        counts[np.arange(5), gt.data.shuffled(5, 0, epoch)] += 1
    # Five standard deviations of a binomial count of 2000 draws at 1/5.
    assert np.abs(counts - 400.0).max() < 5.0 * np.sqrt(2000 * 0.2 * 0.8)


@given(source=sources, seed=seeds)
def test_an_epoch_has_every_example_once_but_for_the_rest(source: gt.data.ArrayBatches, seed: int) -> None:
    epoch = first_batches(source, seed, source.batches_per_epoch)
    read = [example for batch in epoch for example in batch]
    assert {len(batch) for batch in epoch} == {source.batch_size}
    assert len(set(read)) == len(read) == source.examples - source.examples % source.batch_size


@given(source=sources, seed=seeds, sizes=chunks)
def test_any_sizes_of_reads_give_the_same_batches(source: gt.data.ArrayBatches, seed: int, sizes: list[int]) -> None:
    reader = source.open(seed, Position())
    stacks = [reader.read(size) for size in sizes]
    assert batches_of(stacks) == first_batches(source, seed, sum(stack.count for stack in stacks))
    assert all(1 <= stack.count <= size for stack, size in zip(stacks, sizes, strict=True))


@given(source=sources, seed=seeds, sizes=chunks)
def test_positions_count_batches_and_epochs(source: gt.data.ArrayBatches, seed: int, sizes: list[int]) -> None:
    reader, read = source.open(seed, Position()), 0
    for size in sizes:
        stack = reader.read(size)
        read += stack.count
        assert (stack.next.epoch, stack.next.batch) == divmod(read, source.batches_per_epoch)
        assert stack.ends_epoch == (read % source.batches_per_epoch == 0)


@given(source=sources, seed=seeds, done=st.integers(0, 20), sizes=chunks)
def test_reopening_at_any_position_reads_on(source: gt.data.ArrayBatches, seed: int, done: int, sizes: list[int]) -> None:
    position = Position(*divmod(done, source.batches_per_epoch))
    reader = source.open(seed, position)
    continued = batches_of(reader.read(size) for size in sizes)
    assert continued == first_batches(source, seed, done + len(continued))[done:]


@given(source=sources, seed=seeds, moves=st.lists(st.tuples(st.booleans(), st.integers(1, 7)), min_size=1, max_size=12))
def test_looking_ahead_changes_nothing(source: gt.data.ArrayBatches, seed: int, moves: list[tuple[bool, int]]) -> None:
    ahead, read = PeekableReader(source.open(seed, Position())), 0
    for looks, size in moves:
        expected = first_batches(source, seed, read + size)[read:]
        stack = ahead.peek(size) if looks else ahead.read(size)
        found = batches_of([stack])
        assert 1 <= stack.count == len(found) <= size
        assert found == expected[: stack.count]
        assert (stack.next.epoch, stack.next.batch) == divmod(read + stack.count, source.batches_per_epoch)
        assert stack.count == size or stack.ends_epoch
        read += 0 if looks else stack.count


@given(source=sources)
def test_in_order_every_example_comes_once_the_last_batch_partial(source: gt.data.ArrayBatches) -> None:
    batches = [batch.tolist() for batch in source.examples_in_order()]
    assert [example for batch in batches for example in batch] == list(range(source.examples))
    assert all(len(batch) == source.batch_size for batch in batches[:-1])
    assert 1 <= len(batches[-1]) <= source.batch_size


parts = st.one_of(st.just(0), st.integers(1, 30), st.floats(0.01, 0.99))


@given(examples=st.integers(1, 100), validation=parts, test=parts)
def test_a_split_is_disjoint_and_complete(examples: int, validation: float, test: float) -> None:
    source = gt.data.from_arrays((np.arange(examples), np.arange(examples) % 7), batch_size=3)
    asked = [size if isinstance(size, int) else round(size * examples) for size in (validation, test) if size]
    assume(asked and min(asked) > 0 and sum(asked) < examples)
    split = source.split(validation=validation, test=test)
    assert [part.examples for part in split] == [examples - sum(asked), *asked]
    assert np.concatenate([part.arrays[0] for part in split]).tolist() == list(range(examples))
    assert all((part.arrays[0] % 7 == part.arrays[1]).all() for part in split)
    assert {part.batch_size for part in split} == {3}


@pytest.mark.parametrize(
    "make", [lambda x, y: (x, y), lambda x, y: {"image": x, "label": y}, lambda x, y: (x, {"label": (y,)})]
)
def test_the_structure_is_kept_and_bytes_stay_bytes(make: Callable[[Any, Any], Any]) -> None:
    images, labels = np.arange(24, dtype=np.uint8).reshape(6, 2, 2), np.arange(6, dtype=np.int32)
    source = gt.data.from_arrays(make(images, labels), batch_size=2, prepare=gt.data.scale_pixels())
    stack = source.open(0, Position()).read(3)
    chosen = gt.data.shuffled(6, 0, 0).reshape(3, 2)
    for place, rows in enumerate(chosen):
        expected, found = make(images[rows], labels[rows]), stack.batch(place)
        assert type(found) is type(expected)
        np.testing.assert_equal(tf.nest.map_structure(np.asarray, found), expected)
        assert [leaf.dtype for leaf in tf.nest.flatten(found)] == [np.uint8, np.int32]
    assert stack.prepare is source.prepare


def test_what_is_too_large_to_be_held_twice_is_copied_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    def read() -> BatchStack:
        return gt.data.from_arrays((np.arange(6), np.arange(6) * 10), batch_size=2).open(0, Position()).read(3)

    gathered = read()
    monkeypatch.setattr("gantape.data.arrays.MOST_BYTES_GATHERED", 1)
    copied = read()
    assert (gathered.examples is None, copied.examples is None) == (False, True)
    assert gathered.spec == copied.spec
    assert gathered.batch_size == copied.batch_size == 2
    for place in range(3):
        np.testing.assert_equal(
            tf.nest.map_structure(np.asarray, gathered.batch(place)), [*map(np.asarray, copied.batch(place))]
        )


def test_the_description_is_a_record_of_the_content() -> None:
    images = np.arange(24, dtype=np.uint8).reshape(6, 2, 2)

    def checksum(array: np.ndarray[Any, Any]) -> str:
        return gt.data.from_arrays(array, batch_size=2).describe()["checksum"]

    described = gt.data.from_arrays((images, np.zeros(6, np.float16)), batch_size=2, name="toys").describe()
    assert json.loads(json.dumps(described)) == described
    assert described["name"] == "toys"
    assert (described["examples"], described["batch_size"]) == (6, 2)
    assert described["arrays"] == ["uint8[2, 2]", "float16[]"]
    assert checksum(images) == checksum(np.asfortranarray(images)) == checksum(images.copy())
    others = [images + 1, images[::-1], images.reshape(6, 4), images.view(np.int8)]
    assert len({checksum(images), *map(checksum, others)}) == 5


ONES = np.ones(10)


@pytest.mark.parametrize(
    ("arrays", "batch_size", "where", "got"),
    [
        (ONES, 0, "argument `batch_size`", "0"),
        (ONES, 2.0, "argument `batch_size`", "2.0"),
        (ONES, True, "argument `batch_size`", "True"),
        ([ONES, ONES], 1, "argument `arrays`", "a list of 2, the first a ndarray"),
        ([[1, 2], [3]], 1, "argument `arrays`", "a list of 2, the first a list: ValueError: "),
        (iter([ONES]), 1, "argument `arrays`", "a list_iterator"),
        ("images", 1, "argument `arrays`", "string[]"),
        ((), 1, "argument `arrays`", "nothing"),
        (np.float32(3.0), 1, "argument `arrays`", "float32[]"),
        (np.array(3.0), 1, "argument `arrays`", "float64[]"),
        ((ONES, np.ones(9)), 1, "argument `arrays`", "lengths [10, 9]"),
        (np.zeros((0, 3)), 1, "argument `arrays`", "lengths [0]"),
        (np.array([{}, {}]), 1, "argument `arrays`", "a ndarray of dtype object"),
    ],
)
def test_what_cannot_be_batched_is_refused(arrays: Any, batch_size: Any, where: str, got: str) -> None:
    with pytest.raises(gt.errors.DataError) as caught:
        gt.data.from_arrays(arrays, batch_size=batch_size)
    assert caught.value.where == f"gantape.data.from_arrays, {where}"
    assert caught.value.got.startswith(got)


def test_fewer_examples_than_a_batch_are_refused_for_training() -> None:
    source = gt.data.from_arrays(np.arange(3), batch_size=4, name="toys")
    with pytest.raises(gt.errors.DataError, match="toys, argument `batch_size`\n  got:    3 examples, batch_size=4"):
        source.open(0, Position())
    assert [batch.tolist() for batch in source.examples_in_order()] == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("validation", "test"),
    [
        (0, 0),
        (10, 0),
        (5, 5),
        (11, 0),
        (-1, 0),
        (2.5, 0),
        (0.01, 0),
        (0.96, 0),
        (3, -0.5),
        (float("nan"), 0),
        (0, float("inf")),
    ],
)
def test_a_split_with_an_empty_part_is_refused(validation: float, test: float) -> None:
    with pytest.raises(gt.errors.DataError) as caught:
        gt.data.from_arrays(ONES, batch_size=1, name="toys").split(validation=validation, test=test)
    assert caught.value.where == "toys.split"
    assert caught.value.got == f"validation={validation}, test={test}, 10 examples"
