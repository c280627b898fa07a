"""The benchmark of image folders: each contender reads every image once, with the same pixels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import benchmark_image_folders as benchmark

COUNT, SIZE = 24, 32


def pixels(images: Any) -> np.ndarray[Any, Any]:
    """The images of a pass in an order that does not depend on how it was shuffled."""
    found = np.concatenate([np.asarray(batch) for batch in images]).reshape(COUNT, -1)
    return found[np.lexsort(found.T)]


def test_contenders_read_the_same_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANTAPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GANTAPE_IMAGE_CACHE_GB", "1")
    folder = tmp_path / "pictures"
    benchmark.make_folder(folder, COUNT, SIZE, "png")
    passes = {name: pixels(make(folder, SIZE, 8)[1]()) for name, make in benchmark.CONTENDERS.items()}
    expected = passes.pop("memory")
    assert len({image.tobytes() for image in expected}) == COUNT
    for name, found in passes.items():
        np.testing.assert_allclose(found, expected, err_msg=name)


def test_waiting_is_measured(tmp_path: Path) -> None:
    benchmark.make_folder(tmp_path, COUNT, SIZE, "png")
    data = benchmark.TimedBatches(benchmark.CONTENDERS["gantape, later"](tmp_path, SIZE, 8)[0])
    reader = data.open(0, benchmark.gt.data.Position())
    assert reader.read(2).count == 2
    first = data.seconds
    assert reader.read(1).count == 1
    assert 0.0 < first < data.seconds
