"""What Hypothesis draws: states of runs, schedules, batches, scores."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import gantape as gt

seeds = st.integers(0, 2**31)
steps = st.integers(0, 10_000)
intervals = st.integers(1, 50)
call_sizes = st.lists(st.integers(1, 40), min_size=1, max_size=30)


def schedules() -> st.SearchStrategy[gt.When]:
    """Any schedule, unions included."""
    simple = st.one_of(
        intervals.map(lambda n: gt.every(steps=n)),
        intervals.map(lambda n: gt.every(epochs=n)),
        intervals.map(lambda n: gt.every(seconds=n)),
        st.lists(st.integers(1, 200), min_size=1, max_size=5).map(lambda named: gt.at(*named)),
        st.builds(gt.at_start),
        st.builds(gt.at_end),
    )
    return st.recursive(simple, lambda parts: st.tuples(parts, parts).map(lambda pair: pair[0] | pair[1]), max_leaves=4)


@st.composite
def successive_states(draw: Callable[..., Any]) -> tuple[gt.RunState, gt.RunState]:
    """Two states, the first not after the second."""
    step, epoch = draw(st.tuples(steps, st.integers(0, 50)))
    seconds = draw(st.floats(0, 1e5))
    ahead, epochs_ahead = draw(st.tuples(st.integers(0, 300), st.integers(0, 5)))
    later = seconds + draw(st.floats(0, 1e3))
    return gt.RunState(step, epoch, seconds), gt.RunState(step + ahead, epoch + epochs_ahead, later, draw(st.booleans()))


def scores(limit: float = 50.0) -> st.SearchStrategy[np.ndarray[Any, Any]]:
    """Scores of the shape `batch`, `batch 1` or `batch height width 1`, in float32."""
    sizes = st.integers(1, 5)
    shapes = st.one_of(st.tuples(sizes), st.tuples(sizes, st.just(1)), st.tuples(sizes, sizes, sizes, st.just(1)))
    return arrays.arrays(np.float32, shapes, elements=st.floats(-limit, limit, width=32))
