"""Decoded images that are kept on disk: the same as without, whatever happens to the files and to the disk."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loguru import logger
from PIL import Image

from gantape.data import Position, decoded, folders, image_folder
from gantape.errors import DataError

EXAMPLES, SIZE = 11, 8
RECORD = 16 + SIZE * SIZE * 3


class Cache:
    """A cache of decoded images, and the number of images that were decoded."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.decodings = 0
        read = folders.read_image

        def counted(path: Path, channels: int) -> Any:
            self.decodings += 1
            return read(path, channels)

        monkeypatch.setenv("GANTAPE_CACHE", str(folder))
        monkeypatch.setenv("GANTAPE_IMAGE_CACHE_GB", "1")
        monkeypatch.setattr(folders, "read_image", counted)
        monkeypatch.setattr(decoded, "YOUNG", 0.0)

    @property
    def files(self) -> list[Path]:
        return sorted((self.folder / "images").glob("*"))

    def decoded_by(self, read: Any) -> int:
        before = self.decodings
        read()
        return self.decodings - before


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    return Cache(tmp_path / "cache", monkeypatch)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Noise of several sizes; the files of those of one size have one length."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(EXAMPLES):
        save(folder / f"{number:02}.bmp", number, SIZE if number % 3 else SIZE + number)
    return folder


@pytest.fixture
def log() -> Iterator[list[str]]:
    lines: list[str] = []
    logger.enable("gantape")
    sink = logger.add(lambda line: lines.append(str(line)), level="WARNING", format="{message}")
    yield lines
    logger.remove(sink)
    logger.disable("gantape")


def save(path: Path, seed: int, size: int) -> None:
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)).save(path)


def images(folder: Path) -> np.ndarray[Any, Any]:
    return np.concatenate(list(image_folder(folder, batch_size=4, size=SIZE).examples_in_order()))


def without_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray[Any, Any]:
    with monkeypatch.context() as patch:
        patch.setenv("GANTAPE_IMAGE_CACHE_GB", "0")
        return images(folder)


def test_an_image_is_decoded_once_and_is_the_same_bit_for_bit(cache, pictures, monkeypatch):
    expected = without_cache(pictures, monkeypatch)
    assert cache.files == []
    for decodings in (EXAMPLES, 0):
        before = cache.decodings
        np.testing.assert_array_equal(images(pictures), expected)
        assert cache.decodings - before == decodings
    data = image_folder(pictures, batch_size=4, size=SIZE)
    reader, rows = data.open(3, Position(2, 0)), data.rows(3, Position(2, 0), 2)
    np.testing.assert_array_equal(np.concatenate(list(reader.read(2).batches)), expected[rows])
    assert cache.files[0].stat().st_size == EXAMPLES * RECORD


def test_other_sizes_and_colours_are_other_images(cache, pictures):
    for options in ({"size": SIZE}, {"size": (SIZE, 4)}, {"size": SIZE, "channels": 1}):
        data = image_folder(pictures, batch_size=4, **options)
        assert cache.decoded_by(lambda data=data: list(data.examples_in_order())) == EXAMPLES
    assert len(cache.files) == 3


def test_a_changed_file_is_decoded_anew_even_within_an_epoch(cache, pictures, monkeypatch):
    images(pictures)
    changed = pictures / "04.bmp"
    before = changed.stat()
    save(changed, 99, SIZE)
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert changed.stat().st_size == before.st_size
    expected = without_cache(pictures, monkeypatch)
    first = cache.decodings
    np.testing.assert_array_equal(images(pictures), expected)
    assert cache.decodings - first == 1
    assert cache.decoded_by(lambda: images(pictures)) == 0


def test_a_file_that_changed_a_moment_ago_is_not_kept(cache, pictures, monkeypatch):
    monkeypatch.setattr(decoded, "YOUNG", 3600.0)
    assert [cache.decoded_by(lambda: images(pictures)) for _ in range(2)] == [EXAMPLES, EXAMPLES]


def test_files_that_were_added_or_removed_are_noticed(cache, pictures, monkeypatch):
    images(pictures)
    save(pictures / "00a.bmp", 50, SIZE)
    np.testing.assert_array_equal(images(pictures), without_cache(pictures, monkeypatch))
    data = image_folder(pictures, batch_size=4, size=SIZE)
    (pictures / "05.bmp").unlink()
    np.testing.assert_array_equal(images(pictures), without_cache(pictures, monkeypatch))
    with pytest.raises(DataError) as caught:
        list(data.examples_in_order())
    assert caught.value.where == str(pictures / "05.bmp")


def test_two_readers_at_once_with_other_lists_of_files_disturb_nobody(cache, pictures, monkeypatch):
    before = image_folder(pictures, batch_size=2, size=SIZE)
    expected_before = without_cache(pictures, monkeypatch)
    save(pictures / "000.bmp", 50, SIZE)
    after = image_folder(pictures, batch_size=2, size=SIZE)
    expected_after = without_cache(pictures, monkeypatch)
    for _ in range(3):
        pairs = list(zip(before.examples_in_order(), after.examples_in_order(), strict=True))
        np.testing.assert_array_equal(np.concatenate([one for one, _ in pairs]), expected_before)
        np.testing.assert_array_equal(np.concatenate([other for _, other in pairs]), expected_after)


@pytest.mark.parametrize("seed", range(5))
def test_damaged_files_are_not_believed(cache, pictures, seed):
    expected = images(pictures)
    (file,) = cache.files
    found = bytearray(file.read_bytes())
    random = np.random.default_rng(seed)
    hit = random.choice(len(found), 3, replace=False)
    for place in hit:
        found[place] ^= 1 << int(random.integers(8))
    cut = int(random.integers(len(found)))
    file.write_bytes(found[:cut])
    first = cache.decodings
    np.testing.assert_array_equal(images(pictures), expected)
    whole = set(range(cut // RECORD)) - {place // RECORD for place in hit.tolist()}
    assert cache.decodings - first == EXAMPLES - len(whole)
    assert cache.decoded_by(lambda: images(pictures)) == 0


def test_a_file_that_is_removed_in_the_middle_is_done_without(cache, pictures, monkeypatch):
    expected = without_cache(pictures, monkeypatch)
    data = image_folder(pictures, batch_size=1, size=SIZE)
    found = []
    for image in data.examples_in_order():
        for file in cache.files:
            file.unlink()
        found.append(image)
    np.testing.assert_array_equal(np.concatenate(found), expected)
    np.testing.assert_array_equal(np.concatenate(list(data.examples_in_order())), expected)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is one of Linux")
def test_a_full_disk_is_told_once_and_images_are_decoded(cache, pictures, monkeypatch, log):
    expected = without_cache(pictures, monkeypatch)
    data = image_folder(pictures, batch_size=4, size=SIZE)
    list(data.examples_in_order())
    (file,) = cache.files
    file.unlink()
    file.symlink_to("/dev/full")
    log.clear()
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate(list(data.examples_in_order())), expected)
    (told,) = log
    assert "No space left" in told


def test_a_cache_that_cannot_be_made_is_told(cache, pictures, monkeypatch, log):
    expected = without_cache(pictures, monkeypatch)
    cache.folder.write_text("no folder")
    np.testing.assert_array_equal(images(pictures), expected)
    assert "cannot be kept" in log[0]


def test_room_for_some_images_keeps_the_first(cache, pictures, monkeypatch):
    expected = without_cache(pictures, monkeypatch)
    monkeypatch.setenv("GANTAPE_IMAGE_CACHE_GB", str(5.5 * RECORD / 1e9))
    for decodings in (EXAMPLES, EXAMPLES - 5):
        before = cache.decodings
        np.testing.assert_array_equal(images(pictures), expected)
        assert cache.decodings - before == decodings
    assert cache.files[0].stat().st_size == 5 * RECORD


def test_what_was_not_used_for_longest_makes_room(cache, pictures, monkeypatch):
    monkeypatch.setenv("GANTAPE_IMAGE_CACHE_GB", str(2.5 * EXAMPLES * RECORD / 1e9))

    def kept(shape: tuple[int, int]) -> int:
        return cache.decoded_by(lambda: list(image_folder(pictures, batch_size=4, size=shape).examples_in_order()))

    for shape in ((8, 8), (4, 16), (8, 8), (16, 4)):  # of one number of pixels
        kept(shape)
        time.sleep(0.02)
    assert (kept((8, 8)), kept((16, 4)), kept((4, 16))) == (0, 0, EXAMPLES)
    assert len(cache.files) == 2


def test_the_size_of_the_cache_is_a_number(cache, pictures, monkeypatch):
    monkeypatch.setenv("GANTAPE_IMAGE_CACHE_GB", "much")
    with pytest.raises(DataError, match="GANTAPE_IMAGE_CACHE_GB"):
        images(pictures)


def test_a_reader_that_is_left_in_the_middle_leaves_no_thread(cache, pictures):
    others = set(threading.enumerate())
    batches = image_folder(pictures, batch_size=1, size=SIZE).examples_in_order()
    next(batches)
    started = [thread for thread in threading.enumerate() if thread not in others and thread.name.startswith("gantape-images")]
    assert started
    batches.close()
    for thread in started:
        thread.join(10.0)
        assert not thread.is_alive()
