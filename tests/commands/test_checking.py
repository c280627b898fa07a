"""`--check`: a dry run says what a run will be, fails as the run would, and leaves nothing."""

import json
import re
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import numpy as np
import pytest
from PIL import Image
from programs import finish

import gantape as gt
from gantape.commands import checking, train_classifier, train_gan
from gantape.commands.checking import Advice, DryRun, Enough, directory_of_check
from gantape.errors import DataError, DataNotFoundError, HyperparameterError, RunDirectoryError, TrackerError

SMALL = ("--width", "2", "--latent-size", "4")
ADVICE = Advice(3_000, "a few thousand steps")


@pytest.fixture(autouse=True)
def _few_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checking, "SECONDS_OF_STEPS", 0.1)
    monkeypatch.setattr(checking.tempfile, "gettempdir", lambda: str(tmp_path / "pictures"))
    (tmp_path / "pictures").mkdir()


def check(program: Any, *flags: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["gantape train-it", *flags, "--check"])
    return program.main()


def left_over(folder: Path) -> list[str]:
    """The files in a folder, without those that AutoGraph keeps in the folder for temporary files."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("__autograph")]
    return sorted(str(path.relative_to(folder)) for path in files)


def image_files(folder: Path, count: int = 8) -> Path:
    folder.mkdir()
    for number in range(count):
        pixels = np.full((20, 24, 3), 10 * number, np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def test_a_dry_run_of_a_gan_leaves_a_picture_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--data", "digits", "--steps", "500000", "--run-dir", "a/run", *SMALL)
    assert check(train_gan, *flags, monkeypatch=monkeypatch) == 0
    assert left_over(tmp_path) == ["pictures/gantape-check-dcgan.png"]
    assert not (tmp_path / "a").exists()
    lines = capsys.readouterr().out.splitlines()
    patterns = (
        r" +generator +[\d,]+ +[\d,]+ +4 +28 × 28 × 1 +generator",
        r"A step +[\d.,]+ ms, after [\d.]+ s of compiling, on the CPU .* compiled to a graph; .*",
        r"This run +500,000 steps: 22,000 passes over the data, about [\d.,]+ (minutes|hours)",
        r"Disk +about [\d.]+ MiB: 3 checkpoints of [\d.]+ MiB, .*; [\d.]+ GiB are free",
        r"Start +gantape train-it --data digits --steps 500000 --run-dir a/run --width 2 --latent-size 4",
    )
    for pattern in patterns:
        assert any(re.fullmatch(pattern, line) for line in lines), pattern
    with Image.open(tmp_path / "pictures/gantape-check-dcgan.png") as picture:
        assert picture.size == (8 * 32 * 2, 2 * 32 * 2 + checking.GAP + 8 * 32 * 2)


def test_a_dry_run_of_a_folder_shows_its_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image_files(tmp_path / "images")
    before = left_over(tmp_path)
    flags = ("--task", "image-gan", "--data", "images", "--image-size", "16", "--mode", "eager", *SMALL)
    assert check(train_gan, *flags, monkeypatch=monkeypatch) == 0
    assert left_over(tmp_path) == [*before, "pictures/gantape-check-image-gan.png"]
    with Image.open(tmp_path / "pictures/gantape-check-image-gan.png") as picture:
        shown = np.asarray(picture)
    grey = [int(shown[20, 20 + 40 * place].mean()) for place in range(8)]  # zoomed twice, with a margin
    assert grey == [10 * number for number in range(8)]


def test_a_dry_run_of_a_classifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(train_classifier, "--data", "digits", "--epochs", "2", "--mode", "eager", monkeypatch=monkeypatch) == 0
    assert left_over(tmp_path) == ["pictures/gantape-check-digit-classifier.png"]
    printed = capsys.readouterr().out
    assert re.search(r"^This run +2 epochs: about 38 steps, about ", printed, re.MULTILINE)
    assert re.search(r"^Picture +\S+: examples of the data$", printed, re.MULTILINE)


def test_a_dry_run_on_two_devices(tmp_path: Path) -> None:
    printed = finish(
        "train_gan.py", "--check", "--replicas", "2", "--data", "digits", "--mode", "graph", *SMALL, folder=tmp_path
    )
    assert re.search(r"^This run +5 minutes: about [\d,]+ steps", printed, re.MULTILINE)
    assert not list(tmp_path.glob(".gantape-check-*"))


@pytest.mark.parametrize(
    ("flags", "error", "words"),
    [
        (("--resume", "run"), HyperparameterError, "a dry run is a new run"),
        (("--run-dir", "run"), RunDirectoryError, "holds a run already"),
        (("--run-dir", "file/run"), RunDirectoryError, "cannot be written"),
        (("--data", "nowhere"), DataNotFoundError, "there is no such data"),
        (("--task", "image-gan", "--data", "broken", "--image-size", "16", *SMALL), DataError, "there are no images"),
        (("--task", "pix2pix", "--judge-every", "10"), HyperparameterError, "only samples can be judged"),
        (("--width", "0"), HyperparameterError, "positive"),
        (("--track", "wandb"), TrackerError, "pip install wandb"),
    ],
    ids=["resumed", "taken", "unwritable", "no data", "broken image", "not judged", "hyper-parameter", "tracker"],
)
def test_it_fails_as_the_run_would(
    flags: tuple[str, ...], error: type[Exception], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text(json.dumps({"task": "DCGAN", "arguments": ["--width", "2"]}))
    (tmp_path / "file").touch()
    image_files(tmp_path / "broken", 1)
    (tmp_path / "broken" / "0.png").write_bytes(b"no image")
    monkeypatch.setitem(sys.modules, "wandb", None)  # as if it was not installed
    before = left_over(tmp_path)
    data = () if "--data" in flags else ("--data", "digits")
    with pytest.raises(error, match=words):
        check(train_gan, *flags, *data, monkeypatch=monkeypatch)
    assert left_over(tmp_path) == before


def test_its_directory_is_on_the_disk_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    assert directory_of_check(tmp_path / "made" / "a" / "b").parent == tmp_path / "made"
    assert directory_of_check(tmp_path / "made").parent == tmp_path / "made"
    assert directory_of_check(Path("runs/later")).parent == tmp_path


DRY_RUN = DryRun(
    steps=40,
    mode="graph",
    step_seconds=0.05,
    compile_seconds=10.0,
    steps_per_epoch=100,
    checkpoint_bytes=10 * 2**20,
    report_bytes=4 * 2**20,
    picture_bytes=2**19,
    free_bytes=2**30,
    memory="1.0 GiB",
)


@pytest.mark.parametrize(
    ("length", "words", "disk"),
    [
        ({"minutes": 5.0}, "5 minutes: about 5,800 steps, 58 passes over the data", "45.0 MiB"),  # 290 s of steps, 11 pictures
        ({"steps": 1_000}, "1,000 steps: 10 passes over the data, about 60 seconds", "36.0 MiB"),
        ({"epochs": 2_000}, "2,000 epochs: about 200,000 steps, about 2.8 hours", "434.0 MiB"),
        ({"minutes": 0.1}, "0.1 minutes: about 0 steps, 0 passes over the data", "34.0 MiB"),
    ],
)
def test_lengths_and_disk_follow_from_what_was_measured(length: dict[str, Any], words: str, disk: str) -> None:
    options = SimpleNamespace(mode="graph", length=length)
    lines = DRY_RUN.lines(options, ADVICE)
    assert lines[0].startswith("A step         50 ms, after 10.0 s of compiling, ")
    assert lines[1] == f"This run       {words}"
    assert lines[2] == "Sensible       2.7 minutes or more on this machine: a few thousand steps"
    parts = "3 checkpoints of 10.0 MiB, the report, the networks"
    assert lines[3] == f"Disk           about {disk}: {parts}; 1.0 GiB are free"


def test_a_disk_that_is_too_small_and_a_busy_machine_are_said(tmp_path: Path) -> None:
    options = SimpleNamespace(mode="auto", length={"minutes": 5.0})
    lines = attrs.evolve(DRY_RUN, free_bytes=2**20).lines(options, ADVICE)
    assert lines[3].endswith("1.0 MiB are free, which is too little")
    assert lines[0].endswith('; mode "auto" measures others too, where they can pay off')
    busy = attrs.evolve(DRY_RUN, busy="other programs are running").lines(options, ADVICE)
    assert busy[1] == "Busy           other programs are running"
    (only,) = attrs.evolve(DRY_RUN, step_seconds=None).lines(options, ADVICE)
    assert only.startswith("A step         not timed: all were compiled, in 10 s, ")


def test_it_ends_when_steps_have_been_timed() -> None:
    action = Enough()
    slow, fast = (SimpleNamespace(steps_per_second=speed) for speed in (0.0, 2.0))
    assert [action(progress) for progress in (slow, slow, fast, fast)] == [None] * 4
    time.sleep(0.15)
    assert isinstance(action(fast), gt.Stop)
