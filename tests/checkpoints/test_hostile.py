"""Files from someone else run no code, write nowhere else, and take no more memory than their size."""

import base64
import json
import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from forgery import Bomb, newest, seal, with_state
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import Classifier, labelled, make

import gantape as gt
from gantape._files import checksum
from gantape.data.npz import read_arrays
from gantape.errors import GantapeError, RunDirectoryError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a run."""
    folder = tmp_path_factory.mktemp("kept") / "run"
    task = make(Classifier)
    stopping = keras.callbacks.EarlyStopping("loss", patience=99, restore_best_weights=True)
    callbacks = gt.callbacks.from_keras(stopping, task.model)
    gt.Loop(task, compiler=gt.StepCompiler("eager"), run_dir=folder, callbacks=callbacks).run(labelled(), steps=17)
    return folder


@pytest.fixture
def run(kept: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(kept, tmp_path / "run"))


def resume(run_dir: Path, **options: Any) -> gt.Loop:
    return gt.Loop.resume(run_dir, Classifier(), **options)


def write_member(
    path: Path, name: str, header: dict[str, Any], content: bytes = b"", compression: int = zipfile.ZIP_DEFLATED
) -> None:
    text = (repr(header) + "\n").encode()
    with zipfile.ZipFile(path, "a", compression) as archive:
        archive.writestr(name, b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content)


def floats(*shape: int) -> dict[str, Any]:
    return {"descr": "<f8", "fortran_order": False, "shape": shape}


@pytest.mark.parametrize(
    ("header", "content", "says"),
    [
        (floats(10**12), b"", "claims 8000000000000 bytes, where at most"),
        (floats(2**62, 2**62, 16), b"", "where at most"),
        (floats(10**6), b"12345678", "claims 8000000 bytes and has 8"),
        (floats(300_000_000), b"", "where at most"),
        ({"descr": "|O", "fortran_order": False, "shape": (1,)}, b"", "Python objects"),
        ({"descr": "<f8", "fortran_order": False, "shape": (-1,)}, b"", "claims -8 bytes"),
    ],
    ids=["a million million", "overflow", "more than it has", "too large", "objects", "negative"],
)
def test_an_array_takes_no_more_memory_than_it_has(tmp_path: Path, header: Any, content: bytes, says: str) -> None:
    write_member(tmp_path / "a.npz", "x.npy", header, content)
    with pytest.raises(ValueError, match=says):
        read_arrays(tmp_path / "a.npz", ["x"])


def test_an_archive_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path: Path) -> None:
    write_member(tmp_path / "a.npz", "x.npy", floats(2**20), bytes(2**23))
    assert (tmp_path / "a.npz").stat().st_size < 2**14
    with pytest.raises(ValueError, match="where at most 1048576 are read"):
        read_arrays(tmp_path / "a.npz", ["x"], most_bytes=2**20)


def test_no_pickle_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "mnist.npz", x_train=np.array([Bomb(tmp_path / "mark")], object), y_train=np.zeros(1))
    (tmp_path / "whole.npz").write_bytes(pickle.dumps(Bomb(tmp_path / "mark")))
    monkeypatch.setenv("GANTAPE_DATA", str(tmp_path))
    for _ in range(2):
        with pytest.raises(gt.errors.DataError):
            gt.data.mnist(batch_size=1)
        shutil.copy(tmp_path / "whole.npz", tmp_path / "mnist.npz")
    assert not (tmp_path / "mark").exists()


def test_the_package_reads_no_pickle_and_evaluates_no_text() -> None:
    text = "\n".join(path.read_text() for path in [*(ROOT / "gantape").rglob("*.py"), *(ROOT / "scripts").rglob("*.py")])
    for word in (
        "import pickle",
        "allow_pickle=True",
        "eval(",
        "exec(",
        "enable_unsafe_deserialization",
        "safe_mode=False",
        "import yaml",
        "yaml.load",
    ):
        assert word not in text


@pytest.mark.parametrize("name", ["../../secret", "/etc/hostname", "..", "sub/../../../secret", ""])
def test_a_manifest_cannot_name_files_elsewhere(run: Path, name: str) -> None:
    (run.parent / "secret").write_text("mine")
    folder = newest(run)
    files = json.loads((folder / "manifest.json").read_text())["files"]
    seal(folder, files={**files, name: {"bytes": 4, "blake2b": checksum(run.parent / "secret")}})
    assert resume(run).state.step == 1  # the checkpoint before


@pytest.mark.parametrize("place", ["checkpoints", "samples", "run.json.new", "metrics.csv", ".lock", "checkpoints/best.json"])
def test_a_link_to_elsewhere_is_refused_and_nothing_is_written_there(run: Path, place: str) -> None:
    outside = run.parent / "outside"
    if place == "checkpoints":
        shutil.move(run / place, outside)
    else:
        outside.write_text("mine")
        (run / place).unlink(missing_ok=True)
    (run / place).symlink_to(outside)
    with pytest.raises(RunDirectoryError, match="links to elsewhere"):
        resume(run)
    if place != "checkpoints":
        assert outside.read_text() == "mine"


@pytest.mark.parametrize(
    "changes",
    [
        {"step": -1},
        {"step": 1e300},
        {"step": 10**400},
        {"step": "17"},
        {"epoch": None},
        {"seconds": float("nan")},
        {"batch": -4},
        {"batch": [0]},
        {"acted": {}},
        {"history": [1, 2]},
        {"history": [{"step": 1}]},
        {"history": [{"step": 1, "epoch": 0, "split": "train", "loss": {"a": 1}}]},
        {"history": "loss"},
        {"totals": [{"due": 3}]},
        {"totals": [{"due": ["model"], "batch": "", "sums": {"loss": "1"}, "steps": 1}]},
        {"learning_rates": {"optimizer/0001/learning_rate": "fast"}},
        {"learning_rates": 3},
        {"reader": 3},
        {"callbacks": 3},
        {"tensors": {}},
        {"tensors": {"model/0000/kernel": "float32[1000000000000, 4]"}},
    ],
    ids=str,
)
def test_a_forged_state_is_one_clear_error(run: Path, changes: dict[str, Any]) -> None:
    with_state(run, **changes)
    with pytest.raises(RunDirectoryError):
        resume(run)


@pytest.mark.parametrize(
    "memory",
    [
        {"best_weights": [{"dtype": "O", "shape": [1], "base64": base64.b64encode(bytes(8)).decode()}]},
        {"best_weights": [{"dtype": "float32", "shape": [10**12], "base64": ""}]},
        {"best_weights": {"shape": []}},
        {"wait": {"dtype": "no such", "shape": [], "base64": ""}},
    ],
    ids=["objects", "a million million", "nothing", "no type"],
)
def test_a_forged_memory_of_a_callback_is_one_clear_error(run: Path, memory: dict[str, Any]) -> None:
    with_state(run, callbacks={"EarlyStopping 1": {"callback": memory, "epoch_to_begin": None}})
    task = Classifier()
    stopping = keras.callbacks.EarlyStopping("loss", restore_best_weights=True)
    loop = gt.Loop.resume(run, task, callbacks=gt.callbacks.from_keras(stopping, task.model))
    with pytest.raises(RunDirectoryError, match="cannot be restored from its state"):
        loop.run(labelled(), steps=1)


def test_a_file_sets_no_path_and_no_method_of_a_callback(run: Path, tmp_path: Path) -> None:
    forged = {"filepath": str(tmp_path / "elsewhere.keras"), "monitor": "x", "on_epoch_end": 3, "new": 4, "best": 0.25}
    with_state(run, callbacks={"ModelCheckpoint 1": {"callback": forged, "epoch_to_begin": None, "step": 0}})
    task = Classifier()
    saving = keras.callbacks.ModelCheckpoint(str(tmp_path / "own.keras"), monitor="loss", save_best_only=True)
    loop = gt.Loop.resume(run, task, callbacks=gt.callbacks.from_keras(saving, task.model))
    loop.run(labelled(), steps=1)
    assert (Path(saving.filepath).name, saving.monitor, saving.best) == ("own.keras", "loss", 0.25)
    assert callable(saving.on_epoch_end)
    assert not hasattr(saving, "new")
    assert not (tmp_path / "elsewhere.keras").exists()


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=3), parts, max_size=3),
    max_leaves=5,
)
keys = (
    "step",
    "epoch",
    "seconds",
    "acted",
    "batch",
    "examples",
    "updates",
    "history",
    "totals",
    "callbacks",
    "tensors",
    "reader",
)


def test_whatever_a_state_says_is_taken_or_explained(run: Path) -> None:
    state = (newest(run) / "state.json").read_text()

    @given(key=st.sampled_from([*keys, "learning_rates"]), value=plain)
    @settings(max_examples=60)
    def law(key: str, value: Any) -> None:
        (newest(run) / "state.json").write_text(state)
        with_state(run, **{key: value})
        try:
            resume(run).run(labelled(), steps=1)
        except GantapeError:
            pass
        finally:
            for folder in sorted((run / "checkpoints").glob("*-step-*"))[1:]:
                shutil.rmtree(folder)

    law()


def test_forged_tensors_end_in_an_error_and_not_the_process(run: Path, tmp_path: Path) -> None:
    """Bits of the tensors' files are flipped, and the checksums made anew, in a process of their own."""
    program = (
        "import sys, json, random; from pathlib import Path\n"
        f"sys.path.insert(0, {str(ROOT / 'tests/helpers')!r})\n"
        "import gantape as gt; from tiny import Classifier; import forgery as forge\n"
        "run = Path(sys.argv[1]); folder = forge.newest(run); forge.with_state(run); dice = random.Random(0)\n"
        "task = Classifier()\n"
        "for name in ('tensors.index', 'tensors.data-00000-of-00001'):\n"
        "    content = (folder / name).read_bytes()\n"
        "    for _ in range(60):\n"
        "        place = dice.randrange(len(content))\n"
        "        (folder / name).write_bytes(forge.flip(content, place, dice.randrange(8))); forge.seal(folder)\n"
        "        try: gt.Loop.resume(run, task)\n"
        "        except gt.GantapeError: pass\n"
        "    (folder / name).write_bytes(content)\n"
        "print('alive')\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program, str(run)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "alive", done.stderr[-2000:]
