"""Folders of image files: how fast they are read, and how long training waits for them, beside Keras' own reading.

A folder of random crops of the two embedded photographs is written for each size and format. Each contender is a process of
its own, in alternation: arrays in memory; `gantape.data.image_folder` with no image decoded yet, and with all of them kept from
an earlier pass; `keras.utils.image_dataset_from_directory` as it is, and after `cache()`, which holds the decoded images in
memory, after a first pass. A process first reads a whole pass and does nothing with it, then trains `zoo.ImageGAN` on the same
data, by the same loop; the time that the loop waits for batches is measured. Files are in the memory of the operating system
from being written. Medians are shown.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

sys.path.insert(0, str(Path(__file__).parents[1]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import attrs
import keras
import numpy as np
import tensorflow as tf
import tyro
from PIL import Image
from sklearn.datasets import load_sample_image
from tqdm import tqdm

import gantape as gt
from gantape.zoo import ImageGAN

Contender = Literal["memory", "gantape, first", "gantape, later", "keras", "keras, cached"]
Format = Literal["jpg", "png"]
WARM_UP_STEPS = 16


@attrs.frozen
class Benchmark:
    """What to measure.

    Args:
        sizes: Height and width of the images.
        formats: The formats of the files.
        count: Images in a folder.
        batch_size: Images in a batch.
        width: The width of the GAN that is trained.
        mode: How its steps are compiled.
        seconds: The length of a measured training.
        rounds: Processes of each contender.
        output: The file for the table.
        child: A contender, a folder and a size, to be measured in this process.
    """

    sizes: tuple[int, ...] = (64, 128)
    formats: tuple[Format, ...] = ("jpg", "png")
    count: int = 10_000
    batch_size: int = 32
    width: int = 16
    mode: Literal["graph", "xla"] = "graph"
    seconds: float = 15.0
    rounds: int = 3
    output: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    child: Annotated[tuple[Contender, Path, int] | None, tyro.conf.arg(metavar="CONTENDER FOLDER SIZE")] = None

    def run(self) -> None:
        """Measure, and print the table."""
        if self.child:
            print(json.dumps(self.measure(*self.child)))
            return
        lines = [
            "| files | read by | images/s | CPU ms per image | memory, MB | CPU ms per step | waiting |",
            "|---|---|---|---|---|---|---|",
        ]
        with tempfile.TemporaryDirectory() as place:
            for size in self.sizes:
                for suffix in self.formats:
                    folder = Path(place, f"{size}-{suffix}")
                    make_folder(folder, self.count, size, suffix)
                    lines += [f"| {size}×{size}, {suffix} | {row} |" for row in self._rows(folder, size)]
                    print("\n".join(lines[-len(CONTENDERS) :]), flush=True)
                    shutil.rmtree(folder)
        text = "\n".join(lines) + "\n"
        print(text)
        if self.output:
            self.output.write_text(text)

    def measure(self, contender: Contender, folder: Path, size: int) -> dict[str, float]:
        """Images per second, their cost and memory, the cost of a training step, and the share of time that training waits."""
        keras.utils.set_random_seed(0)
        before = _most_memory()
        make = CONTENDERS[contender]
        data, one_pass = make(folder, size, self.batch_size)
        started, busy = time.perf_counter(), time.process_time()
        images = sum(len(batch) for batch in one_pass())
        seconds, busy = time.perf_counter() - started, time.process_time() - busy
        memory = _most_memory() - before
        if contender == "gantape, first":
            data, _ = make(folder, size, self.batch_size)
        timed = TimedBatches(data)
        task = ImageGAN(image_size=size, width=self.width)
        loop = gt.Loop(task, compiler=gt.StepCompiler(self.mode), progress=False)
        loop.run(timed, steps=WARM_UP_STEPS)
        waited, steps = timed.seconds, loop.state.step
        began, working = time.perf_counter(), time.process_time()
        loop.run(timed, minutes=self.seconds / 60.0)
        took = time.perf_counter() - began
        return {
            "images/s": images / seconds,
            "image": 1000.0 * busy / images,
            "step": 1000.0 * (time.process_time() - working) / (loop.state.step - steps),
            "waiting": (timed.seconds - waited) / took,
            "memory": memory,
        }

    def _rows(self, folder: Path, size: int) -> list[str]:
        found: dict[Contender, list[dict[str, float]]] = {contender: [] for contender in CONTENDERS}
        for _ in range(self.rounds):
            for contender, measured in found.items():
                measured.append(self._in_a_process(contender, folder, size))
        rows = []
        for contender, measured in found.items():
            median = {name: statistics.median(one[name] for one in measured) for name in measured[0]}
            reading = f"{median['images/s']:,.0f} | {median['image']:.3f} | {median['memory']:,.0f}"
            rows.append(f"{contender} | {reading} | {median['step']:,.0f} | {median['waiting']:.1%}")
        return rows

    def _in_a_process(self, contender: Contender, folder: Path, size: int) -> dict[str, float]:
        options = {"batch-size": self.batch_size, "width": self.width, "mode": self.mode, "seconds": self.seconds}
        given = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        command = [sys.executable, __file__, *given, "--child", contender, str(folder), str(size)]
        cache = os.environ | {"GANTAPE_CACHE": f"{folder}-cache"}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=cache)
        return json.loads(done.stdout.splitlines()[-1])


class TimedBatches(gt.data.Batches):
    """Batches of another source; measures the seconds that a loop waits for them."""

    def __init__(self, data: gt.data.Batches) -> None:
        self._data = data
        self.seconds = 0.0

    @property
    def batch_size(self) -> int:
        return self._data.batch_size

    @property
    def batches_per_epoch(self) -> int | None:
        return self._data.batches_per_epoch

    @property
    def prepare(self) -> Any:
        return self._data.prepare

    def open(self, seed: int, position: gt.data.Position) -> gt.data.Reader:
        return _TimedReader(self, self._data.open(seed, position))

    def examples_in_order(self) -> Iterator[Any]:
        return self._data.examples_in_order()

    def describe(self) -> dict[str, Any]:
        return self._data.describe()


class _TimedReader(gt.data.Reader):
    def __init__(self, owner: TimedBatches, reader: gt.data.Reader) -> None:
        self._owner = owner
        self._reader = reader

    def read(self, count: int) -> gt.data.BatchStack:
        started = time.perf_counter()
        found = self._reader.read(count)
        self._owner.seconds += time.perf_counter() - started
        return found


def make_folder(folder: Path, count: int, size: int, suffix: Format) -> None:
    """Write random crops of the embedded photographs, no two of them alike, in two classes."""
    photographs = [Image.fromarray(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]
    for label in ("0", "1"):
        (folder / label).mkdir(parents=True)
    for number in tqdm(range(count), desc=folder.name, leave=False, disable=None):
        random = np.random.default_rng((0, number))
        photograph = photographs[number % 2]
        side = int(random.integers(size, 2 * size))
        left, top = (int(random.integers(0, length - side)) for length in photograph.size)
        crop = photograph.resize((size, size), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
        crop.save(folder / str(number % 2) / f"{number:06}.{suffix}")


Made = tuple[gt.data.Batches, Callable[[], Any]]
"""The data, and a function that reads a pass over it."""


def _of_gantape(folder: Path, size: int, batch_size: int) -> Made:
    data = gt.data.image_folder(folder, batch_size=batch_size, size=size)
    return data, data.examples_in_order


def _first(folder: Path, size: int, batch_size: int) -> Made:
    shutil.rmtree(os.environ["GANTAPE_CACHE"], ignore_errors=True)
    return _of_gantape(folder, size, batch_size)


def _later(folder: Path, size: int, batch_size: int) -> Made:
    data, one_pass = _of_gantape(folder, size, batch_size)
    _read(one_pass)
    return data, one_pass


def _in_memory(folder: Path, size: int, batch_size: int) -> Made:
    data, _ = _of_gantape(folder, size, batch_size)
    arrays = np.concatenate(list(data.examples_in_order()))
    found = gt.data.from_arrays(arrays, batch_size=batch_size, prepare=gt.data.scale_pixels(-1.0, 1.0))
    return found, found.examples_in_order


def _of_keras(folder: Path, size: int, batch_size: int, *, cached: bool = False) -> Made:
    dataset = keras.utils.image_dataset_from_directory(
        folder, label_mode=None, image_size=(size, size), batch_size=batch_size, shuffle=True, seed=0, verbose=False
    )
    if cached:
        dataset = dataset.cache()
        _read(lambda: dataset)
        dataset = dataset.shuffle(len(dataset), seed=0).prefetch(tf.data.AUTOTUNE)
    return gt.data.from_dataset(dataset, prepare=lambda images: images / 127.5 - 1.0), lambda: dataset


def _cached_by_keras(folder: Path, size: int, batch_size: int) -> Made:
    return _of_keras(folder, size, batch_size, cached=True)


CONTENDERS: dict[Contender, Callable[[Path, int, int], Made]] = {
    "memory": _in_memory,
    "gantape, first": _first,
    "gantape, later": _later,
    "keras": _of_keras,
    "keras, cached": _cached_by_keras,
}


def _read(one_pass: Callable[[], Any]) -> None:
    for _ in one_pass():
        pass


def _most_memory() -> float:
    """The most memory that this process had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    tyro.cli(Benchmark, description=__doc__).run()
