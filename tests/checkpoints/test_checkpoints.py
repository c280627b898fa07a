"""A checkpoint that is cut off or changed anywhere is noticed, and an older one is used."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import Classifier, labelled, make

import gantape as gt
from gantape.checkpoints.folder import CheckpointFolder
from gantape.errors import RunDirectoryError


def write(place: Path, step: int) -> dict[str, Any]:
    (place / "tensors").write_bytes(bytes(range(64)))
    return {"step": step, "value": math.inf}


def folder_with(path: Path, *steps: int, keep: int = 9) -> CheckpointFolder:
    folder = CheckpointFolder(path, "a run")
    for step in steps:
        folder.save(step, lambda place, step=step: write(place, step), keep)
    return folder


def names(path: Path) -> list[str]:
    return sorted(place.name for place in path.iterdir())


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "checkpoints", 3, 5, 5)
    place, state = folder.load()
    assert (place.name, state) == ("000003-step-5", {"step": 5, "value": math.inf})
    assert (place / "tensors").read_bytes() == bytes(range(64))
    assert folder.cost.saved == 3
    assert folder.cost.bytes > 64
    assert folder.cost.seconds > 0.0


def test_the_last_few_and_the_best_are_kept(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, 1)
    best, _ = folder.load()
    folder.mark_best(best, 0.5)
    folder_with(tmp_path, 2, 3, 4, keep=2)
    assert names(tmp_path) == ["000001-step-1", "000003-step-3", "000004-step-4", "best.json"]
    assert folder.best() == best


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "checkpoints"
    folder_with(path, 1, 2)
    return path


files = st.sampled_from(["manifest.json", "state.json", "tensors"])


@given(file=files, where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=60)
def test_a_flipped_bit_is_noticed_wherever_it_is(whole: Path, file: str, where: float, bit: int) -> None:
    changed(whole, file, lambda content: flip(content, int(where * len(content)), bit))


@given(file=files, share=st.floats(0, 1, exclude_max=True))
@settings(max_examples=40)
def test_a_file_that_is_cut_off_is_noticed_wherever_it_is(whole: Path, file: str, share: float) -> None:
    changed(whole, file, lambda content: content[: int(share * len(content))])


@pytest.mark.parametrize("file", ["manifest.json", "state.json", "tensors"])
def test_a_file_that_is_missing_is_noticed(whole: Path, file: str) -> None:
    changed(whole, file, lambda content: None)


def flip(content: bytes, place: int, bit: int) -> bytes:
    return content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]


def changed(whole: Path, file: str, change: Any) -> None:
    """Change a file of the newest checkpoint: the one before is loaded."""
    copy = whole.with_name("copy")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(whole, copy)
    path = copy / "000002-step-2" / file
    before = path.read_bytes()
    after = change(before)
    if after is None:
        path.unlink()
    else:
        path.write_bytes(after)
    place, state = CheckpointFolder(copy, "a run").load()
    harmless = file == "manifest.json" and after is not None and same_json(before, after)
    assert (place.name, state["step"]) == (("000002-step-2", 2) if harmless else ("000001-step-1", 1))


def same_json(before: bytes, after: bytes) -> bool:
    """A space for another, say."""
    try:
        return bool(json.loads(before) == json.loads(after))
    except ValueError:
        return False


def test_without_a_whole_one_there_is_an_error_that_names_them(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, 1)
    (tmp_path / "000001-step-1" / "tensors").unlink()
    with pytest.raises(RunDirectoryError, match="000001-step-1, tensors is not a file"):
        folder.load()
    with pytest.raises(RunDirectoryError, match="none at all"):
        CheckpointFolder(tmp_path / "nowhere", "a run").load()


def test_a_checkpoint_of_another_run_is_none(tmp_path: Path) -> None:
    folder_with(tmp_path, 1)
    with pytest.raises(RunDirectoryError, match="one of another run"):
        CheckpointFolder(tmp_path, "another run").load()


def test_checkpoints_come_when_they_are_due_and_at_the_end(tmp_path: Path) -> None:
    settings = gt.Checkpoints(every=gt.every(steps=5), keep=9)
    gt.Loop(make(Classifier), run_dir=tmp_path, checkpoints=settings).run(labelled(), steps=12)
    assert names(tmp_path / "checkpoints") == [
        "000001-step-1",
        "000002-step-5",
        "000003-step-10",
        "000004-step-12",
    ]
    record = json.loads((tmp_path / "run.json").read_text())["checkpoints"]
    assert record["saved"] == 4
    assert record["seconds"] > 0.0
    assert record["bytes"] == sum(
        path.stat().st_size for path in (tmp_path / "checkpoints/000004-step-12").iterdir() if path.name != "manifest.json"
    )


def test_the_best_row_has_its_checkpoint(tmp_path: Path) -> None:
    """Whatever the schedule, and however long ago it was."""
    settings = gt.Checkpoints(every=gt.every(seconds=1e6), keep=1, best=gt.Best("loss"))
    loop = gt.Loop(
        make(Classifier, learning_rate=0.5), compiler=gt.StepCompiler("eager"), run_dir=tmp_path, checkpoints=settings
    )
    history = loop.run(labelled(), validation=labelled(20), steps=60, record=gt.every(steps=6))
    losses = history.values("loss", "validation")
    best = [row["step"] for row in history if row["split"] == "validation"][losses.index(min(losses))]
    marked = json.loads((tmp_path / "checkpoints/best.json").read_text())
    assert marked["value"] == min(losses)
    assert marked["checkpoint"].endswith(f"-step-{best}")
    task = Classifier(learning_rate=0.5)
    assert gt.load_best(tmp_path, task).step == best
    assert gt.Loop(task).evaluate(labelled(20))["loss"] == pytest.approx(min(losses), rel=1e-6)


def test_a_best_by_a_column_that_no_row_has_is_warned_of(tmp_path: Path) -> None:
    settings = gt.Checkpoints(best=gt.Best("acuracy", split="train", largest=True))
    loop = gt.Loop(make(Classifier), compiler=gt.StepCompiler("eager"), run_dir=tmp_path, checkpoints=settings)
    with pytest.warns(gt.errors.GantapeWarning, match=r"no row has the column[\s\S]*accuracy"):
        loop.run(labelled(), steps=1)


def test_a_best_of_validation_without_validation_is_warned_of(tmp_path: Path) -> None:
    settings = gt.Checkpoints(best=gt.Best("loss"))
    loop = gt.Loop(make(Classifier), compiler=gt.StepCompiler("eager"), run_dir=tmp_path, checkpoints=settings)
    with pytest.warns(gt.errors.GantapeWarning, match=r"no row of this split[\s\S]*validation="):
        loop.run(labelled(), steps=1)


def test_without_a_best_there_is_none_to_load(tmp_path: Path) -> None:
    gt.Loop(make(Classifier), compiler=gt.StepCompiler("eager"), run_dir=tmp_path).run(labelled(), steps=1)
    with pytest.raises(RunDirectoryError, match="no checkpoint is marked"):
        gt.load_best(tmp_path, Classifier())


@pytest.mark.parametrize("every", [gt.every(epochs=1), gt.at(3), gt.at_end(), gt.every(steps=2) | gt.every(epochs=1)])
def test_any_schedule_says_when(tmp_path: Path, every: gt.When) -> None:
    loop = gt.Loop(
        make(Classifier), compiler=gt.StepCompiler("eager"), run_dir=tmp_path, checkpoints=gt.Checkpoints(every=every)
    )
    loop.run(labelled(24), steps=7)
    assert gt.Loop.resume(tmp_path, Classifier()).state.step == 7
