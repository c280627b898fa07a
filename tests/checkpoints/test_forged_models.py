"""A Keras file that someone else made runs no code."""

import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import pytest
from forgery import Bomb

ROOT = Path(__file__).parents[2]


def sample(run_dir: Path) -> subprocess.CompletedProcess[str]:
    """What `scripts/sample.py` makes of a run of someone else's."""
    (run_dir / "run.json").write_text(json.dumps({"task": "DCGAN", "status": "finished", "pixels": [-1.0, 1.0]}))
    command = [sys.executable, str(ROOT / "scripts/sample.py"), str(run_dir), "--count", "1"]
    return subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)


def forged_model(path: Path, mark: Path, how: str) -> None:
    """A `.keras` file that would leave a mark if its code were run."""
    if how == "a lambda":
        keras.Sequential(
            [keras.Input((4,)), keras.layers.Lambda(eval(f"lambda x: __import__('os').system('touch {mark}') or x"))]
        ).save(path)
        return
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]).save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    if how == "a function of another module":
        call = {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"}
        config["config"]["layers"][-1]["config"]["activation"] = call
    elif how == "a class of another module":
        config["config"]["layers"][-1] = {
            "module": "subprocess",
            "class_name": "Popen",
            "config": {"args": ["touch", str(mark)]},
            "registered_name": None,
        }
    else:
        members["model.weights.h5"] = pickle.dumps(Bomb(mark))
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("how", ["a lambda", "a class of another module"])
def test_a_model_of_someone_else_runs_no_code(tmp_path: Path, how: str) -> None:
    forged_model(tmp_path / "generator.keras", tmp_path / "mark", how)
    (tmp_path / "mark").unlink(missing_ok=True)  # the lambda ran when it was made here
    done = sample(tmp_path)
    assert done.returncode == 2, done.stderr
    assert "RunDirectoryError: the generator cannot be read." in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("how", ["a function of another module", "a pickle for weights"])
def test_keras_reads_a_forged_model_without_running_it(tmp_path: Path, how: str) -> None:
    forged_model(tmp_path / "generator.keras", tmp_path / "mark", how)
    with pytest.raises((ValueError, TypeError, OSError, KeyError)):
        keras.saving.load_model(tmp_path / "generator.keras", compile=False, safe_mode=True)
    assert not (tmp_path / "mark").exists()
