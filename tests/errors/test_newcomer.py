"""The first program of a newcomer trains; with a mistake in it, it ends in one clear error before the first step."""

import traceback
from pathlib import Path
from typing import Any

import keras
import pytest
from newcomer import ADVERSARIAL, MISTAKES, SUPERVISED
from tiny import MODES

import gantape as gt
from gantape import errors


def run(source: str, mode: str, folder: Path, names: dict[str, Any]) -> None:
    """Run a program from a file, as Python does; what it defined before it failed is in `names`."""
    path = folder / "program.py"
    path.write_text(source.replace("MODE", repr(mode)))
    exec(compile(path.read_text(), str(path), "exec"), names)


def task_weights(task: gt.Task) -> list[Any]:
    models = [part for name in task.part_names() if isinstance(part := getattr(task, name), keras.Model)]
    return [array for model in models for array in model.get_weights()]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("program", "lines"), [(SUPERVISED, 15), (ADVERSARIAL, 25)])
def test_first_program_trains(program, lines, mode, tmp_path):
    names: dict[str, Any] = {"__name__": "program"}
    run(program, mode, tmp_path, names)
    assert len(program.splitlines()) <= lines
    assert names["history"].stopped_by == "3 steps"
    keras.utils.set_random_seed(0)
    untrained = task_weights(type(names["loop"].task)())
    assert not all((one == other).all() for one, other in zip(task_weights(names["loop"].task), untrained, strict=True))


@pytest.mark.parametrize(
    ("mistake", "mode"),
    [pytest.param(mistake, mode, id=f"{name}-{mode}") for name, mistake in MISTAKES.items() for mode in mistake.modes],
)
def test_a_mistake_ends_in_one_clear_error(mistake, mode, tmp_path):
    source = mistake.program.replace(mistake.old, mistake.new)
    assert source != mistake.program
    names: dict[str, Any] = {"__name__": "program"}

    with pytest.raises(errors.GantapeError) as caught:
        run(source, mode, tmp_path, names)

    error = caught.value
    printed = "".join(traceback.format_exception(error))
    assert type(error) is mistake.error, printed
    assert mistake.where in error.where
    assert mistake.says in str(error)
    assert all((error.what, error.where, error.got, error.do))
    assert "site-packages/tensorflow" not in printed
    assert "site-packages/keras" not in printed
    assert "program.py" in printed
    if mistake.before_the_loop:
        assert "loop" not in names or "images" not in source
    elif mode != "eager" or mistake.error not in (errors.GradientError, errors.LossError):
        loop = names["loop"]
        assert "history" not in names
        assert len(loop.history) == 0
        keras.utils.set_random_seed(0)
        fresh = task_weights(type(loop.task)())
        assert all((one == other).all() for one, other in zip(task_weights(loop.task), fresh, strict=True))
