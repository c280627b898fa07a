"""Every wrong use ends in one error that explains itself, before it costs anything.

Each wrong use ends in one kind of `GantapeError` that says what, where, got and do, with no line of TensorFlow's or Keras' own
code in what is printed, and leaves a run that is on the disk as it was.
"""

import shutil
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from misuse import train
from tiny import Classifier, PointGan, labelled
from wrong_uses import WRONG

import gantape as gt
from gantape import errors
from gantape.loop.duration import Duration


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run in it."""
    folder = tmp_path_factory.mktemp("kept")
    train(run_dir=folder / "run", mode="eager")
    return folder


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock"}


def check(error: BaseException) -> None:
    """An error has its four parts and shows no code of libraries."""
    assert isinstance(error, gt.GantapeError)
    assert all((error.what, error.where, error.got, error.do))
    printed = "".join(traceback.format_exception(error))
    own = printed.split("The above exception was the direct cause")[-1]
    assert "site-packages/tensorflow" not in own
    assert "site-packages/keras" not in own


def test_there_are_enough() -> None:
    assert len(WRONG) >= 100


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_use_ends_in_one_clear_error(name: str, run: Path, tmp_path: Path) -> None:
    use, kind, says = WRONG[name]
    shutil.copytree(run / "run", tmp_path / "run")
    before = contents(tmp_path / "run")
    with pytest.raises(kind) as caught:
        use(tmp_path)
    check(caught.value)
    assert kind is errors.GantapeError or type(caught.value) is kind
    assert says in str(caught.value)
    assert contents(tmp_path / "run") == before


junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.lists(st.integers(), max_size=2),
    st.sampled_from([print, int, gt.Stop("x"), gt.at_end(), Path("x"), {}, (), np.zeros(3), np.float32(1.0), Classifier]),
)

OPEN_TO_ALL: dict[str, Callable[[Any, Any], Any]] = {
    "every": lambda one, other: gt.every(steps=one, seconds=other),
    "at": lambda one, other: gt.at(one, other),
    "Duration": lambda one, other: Duration.of(steps=one, minutes=other),
    "StepCompiler": lambda one, other: gt.StepCompiler(one, other),
    "StepCompiler, by name": lambda one, other: gt.StepCompiler(max_traces=one, autotune_cache=other),
    "Checkpoints": lambda one, other: gt.Checkpoints(one, other),
    "Callback": lambda one, other: gt.Callback(one, other),
    "from_arrays": lambda one, other: gt.data.from_arrays(one, batch_size=other),
    "from_dataset": lambda one, other: gt.data.from_dataset(one),
    "from_keras": lambda one, other: gt.callbacks.from_keras(one, other),
    "split": lambda one, other: labelled().split(validation=one, test=other),
    "MetricSet": lambda one, other: gt.MetricSet(one=one, other=other),
    "Task": lambda one, other: PointGan(latent_size=one, learning_rate=other),
    "Loop": lambda one, other: gt.Loop(one, compiler=other),
    "Loop, by name": lambda one, other: gt.Loop(Classifier(), run_dir=one, callbacks=other),
    "Loop, seed": lambda one, other: gt.Loop(Classifier(), seed=one, checkpoints=other),
}


@pytest.mark.parametrize("name", OPEN_TO_ALL)
def test_whatever_is_given_is_taken_or_explained(name: str) -> None:
    @given(one=junk, other=junk)
    def law(one: Any, other: Any) -> None:
        if name == "Task" and isinstance(one, int) and not isinstance(one, bool) and one > 100:
            one = 3  # a network of that size would be built
        try:
            OPEN_TO_ALL[name](one, other)
        except gt.GantapeError as error:
            check(error)

    law()
