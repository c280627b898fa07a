"""Folders of images as people have them: hidden files, links, formats, broken files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loguru import logger
from PIL import ExifTags, Image

from gantape.data import image_folder
from gantape.errors import DataError, DataNotFoundError

RED = Image.new("RGB", (20, 20), (200, 10, 10))


@pytest.fixture
def log() -> Iterator[list[str]]:
    lines: list[str] = []
    logger.enable("gantape")
    sink = logger.add(lambda line: lines.append(str(line)), level="WARNING", format="{message}")
    yield lines
    logger.remove(sink)
    logger.disable("gantape")


def save(path: Path, image: Any = RED, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def pixel(folder: Path, image: Any, name: str, channels: int = 3, **options: Any) -> list[int]:
    save(folder / name, image, **options)
    (batch,) = image_folder(folder, batch_size=1, size=4, channels=channels).examples_in_order()
    found: list[int] = batch[0, 0, 0].tolist()
    return found


def test_hidden_folders_are_no_classes_and_links_are_followed(tmp_path: Path, log: list[str]) -> None:
    folder = tmp_path / "data"
    save(folder / "cat" / "a" / "0.PNG")
    save(folder / ".ipynb_checkpoints" / "0.png")
    save(folder / "__MACOSX" / "0.png")
    save(folder / "cat" / "._0.png")
    save(tmp_path / "elsewhere" / "1.png")
    (folder / "dog").symlink_to(tmp_path / "elsewhere")
    (folder / "cat" / "all").symlink_to(folder)
    (folder / "cat" / "gone.png").symlink_to(tmp_path / "nothing")
    (folder / "notes.txt").write_text("no image")
    (folder / "heron").mkdir()
    (folder / "heron" / "0.heic").write_bytes(b"")
    data = image_folder(folder, batch_size=1, size=4, labels=True)
    assert data.describe()["classes"] == ["cat", "dog"]
    assert [int(labels[0]) for _, labels in data.examples_in_order()] == [0, 1]
    message = log[0]
    for words in (
        "2 images",
        "2 hidden folders",
        "1 hidden files",
        "1 .txt files",
        "1 .heic files",
        "1 broken links",
        "1 folders",
    ):
        assert words in message
    assert "no classes: heron" in log[1]


def test_nothing_is_said_if_nothing_is_left_out(tmp_path: Path, log: list[str]) -> None:
    save(tmp_path / "a" / "0.png")
    image_folder(tmp_path, batch_size=1, size=4)
    assert log == []


@pytest.mark.parametrize("name", ["x.png", "x.webp", "x.tif", "x.TIFF", "x.bmp", "x.gif", "x.jpg", "x.jpeg"])
def test_formats_are_read_alike(tmp_path: Path, name: str) -> None:
    np.testing.assert_allclose(pixel(tmp_path, RED, name), [200, 10, 10], atol=6)


@pytest.mark.parametrize(
    ("image", "name", "channels", "expected"),
    [
        (Image.fromarray(np.full((9, 9), 32768, np.uint16)), "x.png", 1, [128]),
        (Image.new("L", (9, 9), 77), "x.png", 3, [77, 77, 77]),
        (Image.new("1", (9, 9), 1), "x.png", 1, [255]),
        (RED.convert("P", palette=Image.Palette.ADAPTIVE), "x.png", 3, [200, 10, 10]),
        (Image.new("RGBA", (9, 9), (0, 0, 0, 0)), "x.png", 3, [255, 255, 255]),
        (Image.new("LA", (9, 9), (0, 0)), "x.png", 1, [255]),
        (Image.new("CMYK", (9, 9), (0, 255, 255, 0)), "x.jpg", 3, [255, 0, 0]),
        (Image.new("RGB", (300, 1), (9, 9, 9)), "x.png", 3, [9, 9, 9]),
    ],
    ids=["16 bits", "grey", "1 bit", "palette", "transparent", "transparent grey", "CMYK", "a strip"],
)
def test_kinds_of_pixels_are_brought_to_bytes(tmp_path: Path, image: Any, name: str, channels: int, expected: Any) -> None:
    np.testing.assert_allclose(pixel(tmp_path, image, name, channels), expected, atol=2)


def test_photographs_are_upright_and_animations_their_first_picture(tmp_path: Path) -> None:
    photograph = Image.new("RGB", (40, 20), (0, 0, 255))
    photograph.paste((255, 0, 0), (0, 0, 20, 20))
    turned = Image.Exif()
    turned[0x112] = 6
    save(tmp_path / "photograph" / "x.png", photograph, exif=turned)
    (batch,) = image_folder(tmp_path / "photograph", batch_size=1, size=(8, 4)).examples_in_order()
    assert batch[0, 0].tolist() == [[255, 0, 0]] * 4
    assert batch[0, -1].tolist() == [[0, 0, 255]] * 4
    green = Image.new("RGB", (20, 20), (0, 255, 0))
    assert pixel(tmp_path / "animation", RED, "x.gif", save_all=True, append_images=[green]) == [200, 10, 10]


@pytest.mark.parametrize("name", ["b.jpg", "b.png", "b.webp", "b.tif", "b.bmp", "b.gif"])
@pytest.mark.parametrize("content", [b"", b"no image", None], ids=["empty", "text", "cut off"])
def test_damaged_images_are_left_out_and_counted(tmp_path: Path, log: list[str], name: str, content: bytes | None) -> None:
    save(tmp_path / "a.png")
    save(tmp_path / name, Image.effect_noise((64, 64), 90.0))
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2] if content is None else content)
    data = image_folder(tmp_path, batch_size=1, size=4)
    assert (data.examples, len(list(data.examples_in_order()))) == (1, 1)
    (line,) = log
    assert f"1 of 2 images in {tmp_path} cannot be read and are left out: {name} (" in line


@pytest.mark.parametrize("numbers", [np.float32([[0.5]]), np.int32([[70_000]]), np.int32([[-1]])])
def test_images_whose_numbers_are_no_pixels_are_left_out(tmp_path: Path, log: list[str], numbers: Any) -> None:
    save(tmp_path / "a.png")
    save(tmp_path / "b.tif", Image.fromarray(np.tile(numbers, (8, 8))))
    data = image_folder(tmp_path, batch_size=1, size=4)
    assert (data.examples, len(list(data.examples_in_order()))) == (1, 1)
    assert "1 of 2 images" in log[0]
    assert "b.tif (ValueError: " in log[0]


def test_some_damaged_images_are_named(tmp_path: Path, log: list[str]) -> None:
    save(tmp_path / "whole.png")
    for number in range(5):
        (tmp_path / f"{number}.png").write_bytes(b"no image")
    image_folder(tmp_path, batch_size=1, size=4)
    assert "5 of 6 images" in log[0]
    assert "0.png (no image of a known format), 1.png (no image of a known format), 2.png (" in log[0]
    assert "3.png" not in log[0]


def test_of_many_bytes_only_the_beginnings_are_read(tmp_path: Path, log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gantape.data.image_files.MOST_BYTES_DECODED", 100)
    save(tmp_path / "a.png", Image.effect_noise((64, 64), 90.0))
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "b.png").write_bytes(b"no image")
    data = image_folder(tmp_path, batch_size=1, size=4)
    assert "1 of 2 images" in log[0]
    with pytest.raises(DataError) as caught:
        list(data.examples_in_order())
    assert caught.value.where == str(tmp_path / "a.png")


def test_damaged_images_alone_are_no_data(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no image")
    with pytest.raises(DataNotFoundError, match="no image in it that can be read"):
        image_folder(tmp_path, batch_size=1, size=4)


def test_images_that_are_enlarged_or_cropped_by_half_are_counted(tmp_path: Path, log: list[str]) -> None:
    for place, size in enumerate([(8, 8), (20, 20), (100, 20), (20, 39), (20, 40)]):
        Image.new("RGB", size).save(tmp_path / f"{place}.png")
    image_folder(tmp_path, batch_size=1, size=16)
    small, cropped = log
    assert "1 of 5 measured images are smaller than 16×16 pixels" in small
    assert "2 of 5 measured images lose half" in cropped


def test_images_are_measured_upright_and_without_damaged_ones(tmp_path: Path, log: list[str]) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "sideways.jpg", exif=exif)
    (tmp_path / "broken.png").write_bytes(b"no image")
    image_folder(tmp_path, batch_size=1, size=(40, 20))
    (damaged,) = log
    assert "broken.png" in damaged
    image_folder(tmp_path, batch_size=1, size=(20, 40))
    assert "1 of 1 measured images are smaller" in log[2]
    assert "1 of 1 measured images lose half" in log[3]
