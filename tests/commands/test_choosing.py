"""The choice of a recipe for a folder of images: what follows from what, what is said, and what is left alone."""

import json
import sys
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger
from PIL import Image
from programs import run

from gantape.commands.choosing import FASTER_ON_GPU, FEW, MINUTES, Circumstances, choose, choose_for_folder, circumstances_of
from gantape.commands.recipes import FOLDER_RECIPES

USUAL = Circumstances(images=100, side=480, grey=False, minutes=5.0, gpu=False)


def flags(**changes: Any) -> dict[str, str]:
    return {decision.flag: decision.value for decision in choose(attrs.evolve(USUAL, **changes))}


def folder_of(folder: Path, images: int, size: tuple[int, int], mode: str = "RGB") -> Path:
    folder.mkdir()
    for place in range(images):
        pixels = np.random.default_rng(place).integers(0, 256, (size[1], size[0], 3), np.uint8)
        Image.fromarray(pixels).convert(mode).save(folder / f"{place}.png")
    return folder


def after(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[list[str], str]:
    """The flags of the command line after the choice, and the log."""
    lines: list[str] = []
    monkeypatch.setattr(sys, "argv", ["train_gan.py", *arguments])
    logger.enable("gantape")
    sink = logger.add(lambda line: lines.append(str(line)), format="{message}")
    choose_for_folder()
    logger.remove(sink)
    logger.disable("gantape")
    return sys.argv[1:], "".join(lines)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"--task": "image-gan", "--image-size": "32", "--batch-size": "64"}),
        ({"minutes": 30.0}, {"--task": "image-gan", "--image-size": "64", "--batch-size": "64"}),
        ({"minutes": 60.0}, {"--task": "fastgan", "--image-size": "128", "--batch-size": "16", "--width": "16"}),
        ({"minutes": 5.0, "gpu": True}, {"--task": "fastgan", "--image-size": "128", "--batch-size": "16", "--width": "16"}),
        ({"minutes": 2.0, "gpu": True}, {"--task": "image-gan", "--image-size": "64", "--batch-size": "64"}),
        ({"minutes": 90.0, "side": 40}, {"--task": "fastgan", "--image-size": "32", "--batch-size": "16", "--width": "16"}),
        ({"minutes": None}, {"--task": "image-gan", "--image-size": "32", "--batch-size": "64"}),
        ({"images": FEW}, {"--task": "image-gan", "--image-size": "32", "--batch-size": "64"}),
        (
            {"images": FEW, "minutes": 60.0},
            {"--task": "image-gan", "--image-size": "128", "--batch-size": "64", "--width": "32"},
        ),
        ({"images": 7}, {"--task": "image-gan", "--image-size": "32", "--batch-size": "7"}),
        ({"side": 20}, {"--task": "image-gan", "--image-size": "16", "--batch-size": "64"}),
        ({"grey": True}, {"--task": "image-gan", "--image-size": "32", "--batch-size": "64", "--channels": "1"}),
    ],
)
def test_the_choice_follows_from_images_size_and_time(changes: dict[str, Any], expected: dict[str, str]) -> None:
    assert flags(**changes) == expected


@given(
    images=st.integers(1, 10**6),
    side=st.integers(1, 5000),
    minutes=st.none() | st.floats(0.01, 1e5),
    gpu=st.booleans(),
    grey=st.booleans(),
)
def test_every_choice_can_be_trained(images: int, side: int, minutes: float | None, gpu: bool, grey: bool) -> None:
    found = flags(images=images, side=side, minutes=minutes, gpu=gpu, grey=grey)
    size, batch = int(found["--image-size"]), int(found["--batch-size"])
    assert found["--task"] in FOLDER_RECIPES
    assert size in (8, 16, *MINUTES)
    assert size <= max(side, 8)
    assert 1 <= batch <= images
    more = flags(images=images, side=side, minutes=None if minutes is None else minutes * FASTER_ON_GPU, gpu=gpu, grey=grey)
    assert int(more["--image-size"]) >= size


def test_flags_are_added_and_reasons_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(tmp_path / "few", 12, (90, 70))
    found, said = after(monkeypatch, "--data", str(folder), "--minutes", "20")
    assert found == ["--data", str(folder), "--minutes", "20", "--task=image-gan", "--image-size=64", "--batch-size=12"]
    assert "12 colour images of about 70 pixels, 20 minutes on a CPU" in said
    assert "--task image-gan --image-size 64 --batch-size 12" in said
    assert "fastgan, for few images, needs 60 minutes or more" in said
    assert "64 pixels are what the images allow" in said


def test_flags_that_are_given_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(tmp_path / "few", 3, (90, 70), "L")
    given_flags = ["--data", str(folder), "--image-size=16", "--batch-size", "2"]
    found, said = after(monkeypatch, *given_flags)
    assert found == [*given_flags, "--task=image-gan", "--channels=1"]
    assert "fastgan, for few images, begins at 32 pixels" in said
    assert "would take" not in said


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--data", "digits"),
        ("--data", "nowhere"),
        ("--data", ".", "--task", "image-gan"),
        ("--data=.", "--resume=runs/one"),
    ],
)
def test_nothing_is_chosen_without_a_folder_or_with_a_task(arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    assert after(monkeypatch, *arguments) == (list(arguments), "")


def test_what_is_no_image_is_not_measured(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "few", 2, (64, 48))
    (folder / "broken.png").write_bytes(b"nothing")
    (folder / "notes.txt").write_text("nothing")
    found = circumstances_of(folder, ["--steps", "10"])
    assert found == Circumstances(images=3, side=48, grey=False, minutes=None, gpu=found.gpu if found else False)
    (tmp_path / "empty").mkdir()
    assert circumstances_of(tmp_path / "empty", []) is None


@pytest.mark.slow
def test_a_folder_alone_is_trained_on_and_resumed_with_the_same_choice(tmp_path: Path) -> None:
    folder_of(tmp_path / "few", 12, (40, 40))
    small = ("--width", "2", "--widest", "4", "--latent-size", "4", "--mode", "graph", "--run-dir", "run")
    done = run("train_gan.py", "--data", "few", "--steps", "2", *small, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "chosen: --task image-gan --image-size 32 --batch-size 12" in done.stderr
    assert run("train_gan.py", "--resume", "run", "--steps", "3", folder=tmp_path).returncode == 0
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["steps"], record["data"]["image"]) == (3, [32, 32, 3])
