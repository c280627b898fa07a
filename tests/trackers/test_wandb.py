"""Weights & Biases offline: what its files hold, and what happens without a login or a server."""

import json
import struct
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_tensorboard import draw
from tiny import Classifier, labelled, make

import gantape as gt
from gantape import trackers
from gantape.errors import GantapeWarning

wandb = pytest.importorskip("wandb")
RECORD = gt.every(steps=2) | gt.at_end()
BLOCK = 32_768


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where all runs of this process write."""
    folder = tmp_path_factory.mktemp("wandb")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_DIR", str(folder))
        yield folder


def loop_with(*callbacks: gt.Callback, **options: Any) -> gt.Loop:
    return gt.Loop(make(Classifier), compiler=gt.StepCompiler("eager"), callbacks=callbacks, progress=False, **options)


def records(folder: Path, run_dir: Path) -> list[Any]:
    """What was written of a run."""
    from wandb.proto import wandb_internal_pb2

    name = json.loads((run_dir / "trackers" / "wandb.json").read_text())["id"]
    files = sorted(folder.glob(f"wandb/offline-run-*/run-{name}.wandb"))
    return [record for path in files for record in _records(path, wandb_internal_pb2.Record.FromString)]


def _records(path: Path, parse: Callable[[bytes], Any]) -> list[Any]:
    """The records of a file, which another process may still be writing."""
    for _ in range(100):
        found = [parse(entry) for entry in entries(path.read_bytes())]
        if found and found[-1].WhichOneof("record_type") == "exit":
            return found
        time.sleep(0.1)
    raise TimeoutError


def entries(content: bytes) -> Iterator[bytes]:
    """The entries of a log in LevelDB's format: pieces of entries in blocks, each after a checksum, its length and its kind."""
    whole, middle, last = 1, 3, 4
    place, begun = 7, b""  # after the mark of a file of Weights & Biases
    while place + 7 <= len(content):
        if BLOCK - place % BLOCK < 7:
            place += BLOCK - place % BLOCK
        _, length, kind = struct.unpack_from("<IHB", content, place)
        piece = content[place + 7 : place + 7 + length]
        begun = begun + piece if kind in (middle, last) else piece
        if kind in (whole, last):
            yield begun
        place += 7 + length


def history(found: list[Any]) -> dict[str, list[tuple[int, Any]]]:
    """The values of each name, by step."""
    values = defaultdict(list)
    for record in found:
        if record.WhichOneof("record_type") == "history":
            items = {(item.key or "/".join(item.nested_key)): json.loads(item.value_json) for item in record.history.item}
            for name, value in items.items():
                values[name].append((items["trainer_step"], value))
    return values


def test_files_hold_metrics_settings_pictures_weights_and_files(folder: Path, tmp_path: Path) -> None:
    tracker = trackers.WandbTracker("shapes", mode="offline")
    loop = loop_with(trackers.track(tracker, weights=gt.at_end()), gt.Callback(draw, gt.at(2)), run_dir=tmp_path / "mine")
    rows = loop.run(labelled(), validation=labelled(16), steps=4, record=RECORD)
    found = records(folder, tmp_path / "mine")
    values = history(found)
    for split in ("train", "validation"):
        assert values[f"{split}/loss"] == [(row["step"], pytest.approx(row["loss"])) for row in rows if row["split"] == split]
    assert [values[f"samples/{part}"] for part in ("_type", "width", "height")] == [[(2, "image-file")], [(2, 4)], [(2, 3)]]
    assert values["weights/model/0000/kernel/_type"] == [(4, "histogram")]
    (run,) = [record.run for record in found if record.WhichOneof("record_type") == "run"]
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert (run.project, run.display_name, config["learning_rate"], config["task"]) == ("shapes", "mine", 0.05, "Classifier")
    (exit_code,) = [record.exit.exit_code for record in found if record.WhichOneof("record_type") == "exit"]
    assert exit_code == 0
    (run_folder,) = folder.glob(f"wandb/offline-run-*-{run.run_id}")
    assert (run_folder / "files" / "metrics.csv").read_text() == (tmp_path / "mine" / "metrics.csv").read_text()


def test_a_resumed_run_keeps_its_id(folder: Path, tmp_path: Path) -> None:
    def tracked() -> gt.Callback:
        return trackers.track(trackers.WandbTracker(mode="offline"))

    loop_with(tracked(), run_dir=tmp_path / "mine").run(labelled(), steps=4, record=RECORD)
    loop = gt.Loop.resume(tmp_path / "mine", make(Classifier), callbacks=[tracked()], progress=False)
    loop.run(labelled(), steps=2, record=RECORD)
    found = records(folder, tmp_path / "mine")
    assert len({record.run.run_id for record in found if record.WhichOneof("record_type") == "run"}) == 1
    assert [step for step, _ in history(found)["train/loss"]] == [2, 4, 6]


def test_without_a_login_a_warning_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with pytest.warns(GantapeWarning, match="wandb login"):
        done = loop_with(trackers.track(trackers.WandbTracker())).run(labelled(), steps=2)
    assert done.stopped_by == "2 steps"
