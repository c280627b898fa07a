"""Helpers of the tests of report.html: rows of a history, and the data on a page."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def row(step: int, split: str = "train", **values: float) -> dict[str, Any]:
    return {"step": step, "epoch": 0, "seconds": 0.1 * step, "split": split, **values}


def data_of(html: str, name: str = "charts") -> Any:
    """The data that the page's script reads."""
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', html)
    assert found is not None
    return json.loads(found.group(1))


def curves_of(html: str) -> dict[str, tuple[list[int], list[float]]]:
    """Steps and values of each curve on the page, by title and label."""
    titles = re.findall(r'class="card panel">\s*<figcaption><h3>(.*?)</h3>', html)
    return {
        f"{title}: {trace['name']}": (trace["x"], trace["y"])
        for title, chart in zip(titles, data_of(html), strict=True)
        for trace in chart["data"]
    }


def draw_samples(folder: Path, steps: list[int], side: int = 4) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for step in steps:
        pixels = np.random.default_rng(step).integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"step-{step:06d}.png")
