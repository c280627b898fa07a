"""Runs the project's scripts in processes of their own."""

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]


def environment(home: Path) -> dict[str, str]:
    """One without MNIST, in which nothing can be downloaded either."""
    kept = {name: value for name, value in os.environ.items() if name not in ("GANTAPE_DATA", "TF_CPP_MIN_LOG_LEVEL")}
    nowhere = "http://127.0.0.1:9"
    return kept | {
        "PYTHONPATH": str(ROOT),
        "KERAS_HOME": str(home),
        "GANTAPE_CACHE": str(home / "judges"),
        "https_proxy": nowhere,
        "HTTPS_PROXY": nowhere,
        "COLUMNS": "100",
    }


def read_picture(path: Path) -> np.ndarray[Any, Any]:
    with Image.open(path) as image:
        return np.asarray(image)


def run(script: str, *arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / script), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)


def finish(script: str, *arguments: str | Path, folder: Path) -> str:
    """Run a script that has to succeed; what it printed."""
    done = run(script, *arguments, folder=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(run_dir: Path) -> list[dict[str, str]]:
    with (run_dir / "metrics.csv").open() as file:
        return list(csv.DictReader(file))
