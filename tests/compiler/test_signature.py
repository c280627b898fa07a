"""A program runs the batches that it was traced for, and the message for other batches says what is new."""

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from gantape.compiler.signature import Signature


def spec(shape, dtype="float32"):
    return tf.TensorSpec(shape, dtype)


def prepare_one(batch): ...


def prepare_other(batch): ...


def signature(batch, prepare=prepare_one, examples=None, due=("model",)):
    return Signature(due, batch, prepare, examples)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (spec([4, 2]), spec([8, 2]), "tensor 0 of the batch had shape (4, 2) and now has (8, 2)"),
        (spec([4]), spec([4], "int32"), "tensor 0 of the batch had type float32 and now has int32"),
        ((spec([4]), spec([4])), (spec([4]), spec([5])), "tensor 1 of the batch had shape (4,) and now has (5,)"),
        ((spec([4]), spec([4])), (spec([4]),), "a batch had 2 tensors and now has 1"),
        ((spec([4]),), [spec([4])], "another structure"),
    ],
)
def test_a_change_of_batches_is_told(old, new, words):
    assert words in "; ".join(signature(old).changes(signature(new)))
    assert not signature(old).fits(signature(new))


def test_a_change_of_preparation_is_told():
    (change,) = signature(spec([4])).changes(signature(spec([4]), prepare_other))
    assert "prepare_one" in change
    assert "prepare_other" in change


def test_a_change_of_what_is_held_in_memory_is_told():
    (change,) = signature(spec([4]), examples=100).changes(signature(spec([4]), examples=200))
    assert change == "batches were taken from 100 examples in memory and now from 200 examples in memory"
    (change,) = signature(spec([4]), examples=100).changes(signature(spec([4])))
    assert change.endswith("now from a stream")


def test_other_updates_are_another_program():
    assert not signature(spec([4])).fits(signature(spec([4]), due=("other",)))


batches = st.recursive(
    st.builds(spec, st.lists(st.integers(1, 3), max_size=2), st.sampled_from(["float32", "int32"])),
    lambda inner: st.tuples(inner, inner) | st.dictionaries(st.sampled_from("ab"), inner, min_size=1),
    max_leaves=3,
)


@given(batches, batches)
def test_a_program_fits_exactly_what_is_the_same(one, other):
    assert signature(one).fits(signature(one))
    assert signature(one).fits(signature(other)) == (repr(one) == repr(other))
