"""Axis names: what fits a pattern, and what the error says when it does not."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

import gantape as gt
from gantape.shapes import axes_of, check_floating, check_shape, describe, dtype_name, match_shape, sizes_of

words = st.sampled_from(["batch", "height", "width", "channels", "latent"])
sizes = st.integers(0, 9)


@given(named=st.lists(st.tuples(words, sizes), max_size=6, unique_by=lambda pair: pair[0]))
def test_words_take_the_sizes_of_their_axes(named: list[tuple[str, int]]) -> None:
    pattern = " ".join(word for word, _ in named)
    assert match_shape(tuple(size for _, size in named), pattern) == dict(named)


@given(axes=st.lists(sizes, max_size=6).map(tuple))
def test_numbers_fit_their_own_size_alone(axes: tuple[int, ...]) -> None:
    pattern = " ".join(map(str, axes))
    assert match_shape(axes, pattern) == {}
    assert match_shape((None,) * len(axes), pattern) == {}
    for place, size in enumerate(axes):
        assert match_shape((*axes[:place], size + 1, *axes[place + 1 :]), pattern) is None


@given(one=sizes, other=sizes)
def test_the_same_word_means_the_same_size(one: int, other: int) -> None:
    assert (match_shape((one, other), "side side") is not None) == (one == other)
    assert (match_shape((other,), "batch", {"batch": one}) is not None) == (one == other)


@given(head=st.lists(sizes, max_size=3), middle=st.lists(sizes, max_size=3), tail=st.lists(sizes, max_size=3))
def test_the_gap_stands_for_any_number_of_axes(head: list[int], middle: list[int], tail: list[int]) -> None:
    pattern = " ".join([*map(str, head), "...", *map(str, tail)])
    assert match_shape((*head, *middle, *tail), pattern) == {}
    if len(head) + len(tail) > 0:
        assert match_shape((*head, *tail)[1:], pattern) is None


@given(axes=st.lists(sizes, max_size=5).map(tuple), more=st.integers(1, 3))
def test_another_number_of_axes_does_not_fit(axes: tuple[int, ...], more: int) -> None:
    pattern = " ".join(f"axis{place}" for place in range(len(axes)))
    assert match_shape(axes, pattern) is not None
    assert match_shape((*axes, *[1] * more), pattern) is None


def test_known_sizes_are_kept_and_not_changed() -> None:
    known = {"batch": 4}
    assert match_shape((4, 7), "batch latent", known) == {"batch": 4, "latent": 7}
    assert known == {"batch": 4}


def test_check_shape_returns_the_sizes() -> None:
    assert check_shape(tf.zeros([2, 5]), "batch latent", name="latents", where="here") == {"batch": 2, "latent": 5}


def test_axes_unknown_in_a_graph_fit() -> None:
    seen: list[object] = []

    @tf.function(input_signature=[tf.TensorSpec([None, 28])])
    def trace(tensor: tf.Tensor) -> tf.Tensor:
        seen.extend([axes_of(tensor), check_shape(tensor, "batch 28", name="rows", where="here")])
        return tensor

    trace(tf.zeros([3, 28]))
    assert seen == [(None, 28), {}]


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (np.zeros((2, 3), np.uint8), "shape (2, 3), dtype uint8"),
        (tf.zeros([2], tf.bfloat16), "shape (2,), dtype bfloat16"),
        (tf.TensorSpec([None, 3], tf.int32), "shape (None, 3), dtype int32"),
    ],
)
def test_tensors_of_any_library_are_described(tensor: object, text: str) -> None:
    assert describe(tensor) == text
    assert text.endswith(dtype_name(tensor))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_floating_point_numbers_pass(dtype: str) -> None:
    check_floating(tf.zeros([1], dtype), name="images", where="here", do="cast them.")


@pytest.mark.parametrize("dtype", ["uint8", "int32", "bool", "complex64"])
def test_other_numbers_are_refused(dtype: str) -> None:
    with pytest.raises(gt.errors.DtypeError) as caught:
        check_floating(tf.zeros([3], dtype), name="images", where="here", do="cast them.")
    error = caught.value
    assert (error.what, error.where, error.do) == ("images are not floating-point numbers.", "here", "cast them.")
    assert error.got == f"shape (3,), dtype {dtype}"


@pytest.mark.parametrize(
    ("shape", "pattern", "known", "do", "what", "advice"),
    [
        ((64, 28, 28), "batch 28 28 1", None, "", 'images do not fit "batch 28 28 1".', "images[..., None]"),
        ((4,), "batch latent channels", None, "", 'images do not fit "batch latent channels".', '"batch latent channels"'),
        ((4, 3), "batch 2", None, "mend it.", 'images do not fit "batch 2".', "mend it."),
        ((4, 3), "batch 3", {"batch": 5}, "", "images do not fit \"batch 3\" with {'batch': 5}.", '"batch 3"'),
        ((1,), "batch ... channels", None, "", 'images do not fit "batch ... channels".', '"batch ... channels"'),
    ],
)
def test_what_does_not_fit_is_refused(
    shape: tuple[int, ...], pattern: str, known: dict[str, int] | None, do: str, what: str, advice: str
) -> None:
    with pytest.raises(gt.errors.ShapeError) as caught:
        check_shape(np.zeros(shape, np.uint8), pattern, name="images", where="here", known=known, do=do)
    error = caught.value
    assert (error.what, error.where, error.got) == (what, "here", f"shape {shape}, dtype uint8")
    assert advice in error.do


def test_a_pattern_with_two_gaps_is_refused() -> None:
    with pytest.raises(gt.errors.ShapeError, match="at most one"):
        match_shape((1, 2), "... batch ...")


def test_a_tensor_of_unknown_rank_is_refused() -> None:
    with pytest.raises(gt.errors.ShapeError, match="unknown rank"):
        axes_of(tf.TensorSpec(None))


def test_sizes_are_numbers_where_they_are_known_and_tensors_elsewhere() -> None:
    seen = []

    @tf.function(input_signature=[tf.TensorSpec([None, 28, None])])
    def sizes(tensor: tf.Tensor) -> tf.Tensor:
        seen.extend(sizes_of(tensor))
        return tf.stack(sizes_of(tensor))

    assert sizes(tf.zeros([3, 28, 5])).numpy().tolist() == [3, 28, 5]
    assert seen[1] == 28
    assert [size.shape.rank for size in (seen[0], seen[2])] == [0, 0]
    assert sizes_of(tf.zeros([3, 28])) == [3, 28]
