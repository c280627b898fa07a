"""What is meant as an array becomes one, whatever it came in; rows that cannot be read are named."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import gantape as gt
from gantape.data import Position
from gantape.data.conversion import as_arrays
from gantape.errors import DataError, GantapeError

NUMBERS = np.arange(12.0).reshape(6, 2)


class Table:
    """Stands for the tables and tensors of other libraries: pandas, PyTorch, JAX."""

    def __init__(self, values: Any) -> None:
        self._values = values

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self._values, dtype)


@given(arrays.arrays(st.sampled_from([np.float32, np.int64, np.uint8, np.bool_]), arrays.array_shapes(max_dims=3)))
def test_lists_tables_and_tensors_are_the_arrays_that_they_were_made_of(array: Any) -> None:
    for made in (array, array.tolist(), Table(array), tf.constant(array)):
        found = as_arrays({"a": (made, made)}, "here")["a"][1]
        if isinstance(made, list):
            found = found.astype(array.dtype)  # lists do not have one
        np.testing.assert_array_equal(found, array)


def test_numbers_without_a_type_of_their_own_have_that_of_keras() -> None:
    assert as_arrays(NUMBERS, "here").dtype == np.float64
    for made in (NUMBERS.tolist(), Table(NUMBERS), 0.5):
        assert as_arrays(made, "here").dtype == keras.config.floatx()
    assert as_arrays([1, 2], "here").dtype == np.int64
    assert as_arrays(["a", "bc"], "here").dtype.kind == "U"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([NUMBERS, NUMBERS], "numpy.stack"),
        ([[1, 2], [3]], "one shape"),
        ([[0.5] * 50_000, ["x"] * 50_000, [None]], "one shape"),
        (None, "NoneType"),
        ({1, 2}, "a set"),
        (iter([1]), "from_sequence"),
        (np.array(["2020-01-01"], "M8[s]"), "datetime64"),
        (Table(np.array([{}])), "dtype object"),
        (Table([[1], [2, 3]]), "one shape"),
        (tf.ragged.constant([[1], [2, 3]]), "RaggedTensor"),
        (keras.utils.PyDataset(), "from_pydataset"),
    ],
)
def test_what_is_no_array_is_named_shortly(value: Any, says: str) -> None:
    with pytest.raises(DataError, match=says) as caught:
        gt.data.from_arrays((NUMBERS, value), batch_size=2)
    assert "part 1" in caught.value.where
    assert len(str(caught.value)) < 1500


def test_rows_of_lists_are_arrays_of_numbers() -> None:
    rows = [{"pixels": [[0.5, 1.0], [0.0, float(row)]], "label": row} for row in range(6)]
    data = gt.data.from_sequence(rows, batch_size=3, read=lambda row: (row["pixels"], row["label"]))
    pixels, labels = next(data.examples_in_order())
    assert (pixels.shape, pixels.dtype, labels.tolist()) == ((3, 2, 2), keras.config.floatx(), [0, 1, 2])


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: None, "NoneType"),
        (lambda: (NUMBERS[0], NUMBERS), "float64.6, 2"),
        (lambda: (NUMBERS[0], NUMBERS[1].astype(np.float32)), "float32"),
        (lambda: NUMBERS[0], "where row 0 has"),
        (lambda: next(iter([])), "StopIteration"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(broken: Any, says: str) -> None:
    data = gt.data.from_sequence(range(8), batch_size=4, read=lambda row: broken() if row == 5 else (NUMBERS[0], NUMBERS[1]))
    reader = data.open(0, Position())
    with pytest.raises(DataError, match=says) as caught:
        reader.read(2)
    assert caught.value.where == "gantape.data.from_sequence, row 5"
    with pytest.raises(DataError, match="row 0"):
        gt.data.from_sequence(range(8), batch_size=4, read=lambda row: 1 / 0)


@given(st.lists(st.integers(0, 3000), min_size=4, max_size=4))
def test_no_message_is_long_and_none_loses_its_ends(lengths: list[int]) -> None:
    parts = [f"<{'x' * length}>" for length in lengths]
    error = GantapeError(parts[0], where=parts[1], got=parts[2], do=parts[3])
    assert len(str(error)) <= 1500
    found = [error.what, error.where, error.got, error.do]
    assert all(part[0] == "<" and part[-1] == ">" for part in found)
    if sum(map(len, parts)) <= 1400:
        assert found == parts
    assert all(len(part) >= min(len(whole), 300) for part, whole in zip(found, parts, strict=True))
